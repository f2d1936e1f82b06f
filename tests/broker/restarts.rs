//! The broker goes and comes back, with what it had and without.

use std::collections::BTreeSet;

use homeward::broker::Link;

use super::rig::{Make, SESSION, against_both, serve, text, until};
use super::unit::{SignIn, soon};
use crate::support::mosquitto::Mosquitto;

against_both!(
    a_broker_that_forgot_us_is_told_everything_anew,
    what_the_broker_itself_refuses_hurts_nobody_else,
);

/// Killed without having written anything down. Packet ids begin anew, so an acknowledgement for what came before would
/// be one for what has not been stored yet.
async fn a_broker_that_forgot_us_is_told_everything_anew(make: Make) {
    let Some(mut outside) = make.start().await else {
        return;
    };
    let mut broker = outside.serve().await;
    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, ["m0".into(), "m1".into()]).await;
    let before = [
        soon(broker.inlet.next()).await.unwrap(),
        soon(broker.inlet.next()).await.unwrap(),
    ];
    outside.kill().await;
    until(&broker.link, |link| !link.inbound).await;
    outside.start_again().await;
    until(&broker.link, Link::is_up).await;

    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, ["m10".into(), "m11".into()]).await;
    let mut new = Vec::new();
    while new.len() < 2 {
        new.push(soon(broker.inlet.next()).await.unwrap());
    }
    assert_eq!(new.iter().map(text).collect::<Vec<_>>(), ["m10", "m11"]);
    assert_eq!(
        broker.acker.ack(before.map(|frame| frame.ticket)),
        0,
        "the broker that these came from is gone"
    );
    // The service dies before it has stored the new ones.
    drop(broker);
    drop(new);
    let mut broker = outside.serve().await;
    let mut again = BTreeSet::new();
    while again.len() < 2 {
        let frame = soon(broker.inlet.next()).await.unwrap();
        again.insert(text(&frame));
        broker.acker.ack([frame.ticket]);
    }
    assert_eq!(again, BTreeSet::from(["m10".to_owned(), "m11".to_owned()]));
}

/// Larger than the broker takes: no receipt is possible, and its sender is cut off. Everybody else goes on.
async fn what_the_broker_itself_refuses_hurts_nobody_else(make: Make) {
    let limits = super::rig::Limits {
        packet: Some(4096),
        ..super::rig::Limits::default()
    };
    let Some(outside) = make.start_with(&limits).await else {
        return;
    };
    let mut broker = outside.serve().await;
    let mut other = SignIn::new(outside.address(), "HU-2").connect().await;
    let unit = outside.unit().connect().await;
    unit.send(SESSION, vec![b'x'; 20_000]);
    other
        .publish("homeward/v1/units/HU-2/session", "the next of another")
        .await;
    let frame = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(text(&frame), "the next of another");
    broker.acker.ack([frame.ticket]);
    let mut unit = outside.unit().connect().await;
    unit.publish(SESSION, "its own next").await;
    let frame = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(text(&frame), "its own next");
    broker.acker.ack([frame.ticket]);
    assert_eq!(broker.link.borrow().reconnects, 0);
}

/// Ended in order, with its sessions on disk: what waits for us is there again, and what we acknowledged is not.
#[tokio::test]
async fn a_broker_that_remembers_delivers_what_was_not_acknowledged() {
    let Some(mut mosquitto) = Mosquitto::start("persistence true\npersistence_location FOLDER/\n") else {
        return;
    };
    let settings = super::rig::external(mosquitto.addr());
    let mut broker = serve(settings.clone()).await.unwrap();
    let mut unit = SignIn::new(mosquitto.addr(), "HU-1").connect().await;
    unit.publish_all(SESSION, (0..20).map(|n| n.to_string())).await;
    let mut held = Vec::new();
    while held.len() < 20 {
        held.push(soon(broker.inlet.next()).await.unwrap());
    }
    let unstored = held.split_off(12);
    assert_eq!(broker.acker.ack(held.into_iter().map(|frame| frame.ticket)), 12);
    // A marker that comes back proves that the broker has read the twelve acknowledgements before it ends.
    unit.publish(SESSION, "marker").await;
    let marker = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(text(&marker), "marker");
    broker.stop().await;
    drop((unstored, marker));
    unit.publish_all(SESSION, (20..30).map(|n| n.to_string())).await;
    mosquitto.end();
    mosquitto.start_again();

    let mut broker = serve(settings).await.unwrap();
    let mut wanted: BTreeSet<String> = (12..30).map(|n| n.to_string()).collect();
    wanted.insert("marker".to_owned());
    let mut got = BTreeSet::new();
    while got.len() < wanted.len() {
        let frame = soon(broker.inlet.next()).await.unwrap();
        got.insert(text(&frame));
        broker.acker.ack([frame.ticket]);
    }
    assert_eq!(got, wanted);
}
