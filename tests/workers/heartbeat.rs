use futures_util::FutureExt as _;
use homeward::broker::Link;
use homeward::ingest::pulse::Pulse;
use homeward::workers::heartbeat::{Heartbeat, Identity};
use tokio::sync::watch;

use crate::support::databases;
use crate::support::ward::at;

/// It would otherwise run round for as long as the process lives.
#[tokio::test]
async fn a_heartbeat_sleeps_until_the_connection_changes_again() {
    let database = databases::sqlite().await;
    let (connection, heartbeat) = beating(&database);
    connection.send_modify(|link| link.inbound = true);
    heartbeat.step(at("21T09:00")).await.unwrap();
    assert!(
        heartbeat.woken().now_or_never().is_none(),
        "that was before it looked"
    );
    let mut sleeping = Box::pin(heartbeat.woken());
    assert!(sleeping.as_mut().now_or_never().is_none());
    connection.send_modify(|link| link.inbound = false);
    assert!(sleeping.now_or_never().is_some());
}

/// A process would otherwise call itself ready a second later than it is: its first word is written while it connects.
#[tokio::test]
async fn a_connection_that_comes_while_a_heartbeat_writes_wakes_it_at_once() {
    let database = databases::sqlite().await;
    let (connection, heartbeat) = beating(&database);
    // It waits for the writer, having looked at the connection.
    let writer = database.db.begin().await.unwrap();
    let mut stepping = Box::pin(heartbeat.step(at("21T09:00")));
    assert!(stepping.as_mut().now_or_never().is_none());
    connection.send_modify(|link| link.inbound = true);
    drop(writer);
    assert_eq!(stepping.await.unwrap(), 1);
    assert!(heartbeat.woken().now_or_never().is_some());
}

fn beating(database: &databases::TestDatabase) -> (watch::Sender<Link>, Heartbeat) {
    let (connection, link) = watch::channel(Link::default());
    let identity = Identity {
        id: uuid::Uuid::from_u128(1),
        name: "homeward".to_owned(),
        started_at: at("21T09:00"),
    };
    let heartbeat = Heartbeat::new(database.db.clone(), identity, link, Pulse::default());
    (connection, heartbeat)
}
