//! The ways in which messages are lost or a service is stopped for good, each seen with plain use of a client library.

use std::collections::BTreeSet;
use std::time::Duration;

use homeward::broker::Link;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rumqttc::v5::mqttbytes::v5::PubAckReason;

use super::rig::{Make, SESSION, against_both, serve, text, until};
use super::unit::{SignIn, soon};

against_both!(
    a_late_acknowledgement_acknowledges_nothing_newer,
    an_oversized_message_is_passed_over,
    receive_maximum_is_honoured,
    what_is_beyond_the_hard_cap_waits_at_the_broker,
    a_backlog_beyond_the_hard_cap_does_not_keep_the_service_from_starting,
    who_catches_up_with_the_hard_cap_is_sent_nothing_twice,
    a_message_given_back_comes_again,
    crashes_and_partial_acknowledgements_lose_nothing,
    members_of_a_group_share_and_stand_in_for_each_other,
    a_member_that_dies_leaves_nothing_waiting_for_it,
    what_a_unit_left_retained_is_marked_so,
    acknowledged_before_the_goodbye_is_not_delivered_again,
);

/// T14: the session is destroyed while a batch is being committed, and the old batch's packet ids are those of
/// new messages when it wants to acknowledge. Without tickets bound to their connection m10 and m11 are gone.
async fn a_late_acknowledgement_acknowledges_nothing_newer(make: Make) {
    let Some(outside) = make.start().await else { return };
    let mut broker = outside.serve().await;
    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, ["m0".into(), "m1".into()]).await;
    let old = [
        soon(broker.inlet.next()).await.unwrap(),
        soon(broker.inlet.next()).await.unwrap(),
    ];

    let intruder = SignIn::new(outside.address(), "homeward.in").connect().await;
    until(&broker.link, |link| !link.inbound || link.generation > 1).await;
    intruder.leave().await;
    let link = until(&broker.link, |link| link.inbound && link.generation > 1).await;

    unit.publish_all(SESSION, ["m10".into(), "m11".into()]).await;
    let mut new = Vec::new();
    while new.len() < 2 {
        let frame = soon(broker.inlet.next()).await.unwrap();
        // A broker may keep m0 and m1 for us over the takeover; that is no loss.
        if text(&frame).starts_with("m1") && text(&frame) != "m1" {
            new.push(frame);
        }
    }
    assert_eq!(broker.acker.ack(old.map(|frame| frame.ticket)), 0, "{link:?}");

    // The service dies before it stored m10 and m11.
    drop(broker);
    drop(new);
    let mut broker = outside.serve().await;
    let mut again = BTreeSet::new();
    while again.len() < 2 {
        let frame = soon(broker.inlet.next()).await.unwrap();
        if ["m10", "m11"].contains(&text(&frame).as_str()) {
            again.insert(text(&frame));
        }
        broker.acker.ack([frame.ticket]);
    }
}

/// T6: one message beyond the client's limit used to end every connection it was delivered on.
async fn an_oversized_message_is_passed_over(make: Make) {
    let Some(outside) = make.start().await else { return };
    let mut settings = outside.settings();
    settings.max_packet_size = 15_000;
    let mut broker = serve(settings).await.unwrap();
    let mut unit = outside.unit().connect().await;
    assert_eq!(
        unit.publish(SESSION, vec![b'x'; 20_000]).await,
        PubAckReason::Success
    );
    unit.publish(SESSION, "the next").await;
    let next = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(text(&next), "the next");
    broker.acker.ack([next.ticket]);
    assert_eq!(
        broker.link.borrow().generation,
        1,
        "no connection was lost over it"
    );
}

async fn receive_maximum_is_honoured(make: Make) {
    let Some(outside) = make.start().await else { return };
    let mut settings = outside.settings();
    settings.receive_maximum = 3;
    let mut broker = serve(settings).await.unwrap();
    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, (0..10).map(|n| n.to_string())).await;
    // Not acknowledged, so not counted: it arrives although the window is full.
    unit.send_unacknowledged(SESSION, "marker");
    let mut window = Vec::new();
    let mut marked = false;
    while window.len() < 3 || !marked {
        let frame = soon(broker.inlet.next()).await.unwrap();
        if text(&frame) == "marker" {
            marked = true;
        } else {
            window.push(frame);
        }
    }
    assert_eq!(window.iter().map(text).collect::<Vec<_>>(), ["0", "1", "2"]);
    assert!(
        broker.inlet.try_next().is_none(),
        "the broker sent more than we said we take"
    );
    assert_eq!(broker.acker.ack(window.into_iter().map(|frame| frame.ticket)), 3);
    for n in 3..10 {
        let frame = soon(broker.inlet.next()).await.unwrap();
        assert_eq!(text(&frame), n.to_string(), "in order");
        broker.acker.ack([frame.ticket]);
    }
    assert_eq!(broker.acker.held(), 0);
}

async fn what_is_beyond_the_hard_cap_waits_at_the_broker(make: Make) {
    let Some(outside) = make.start().await else { return };
    let mut settings = outside.settings();
    (settings.receive_maximum, settings.hard_cap) = (100, 5);
    let mut broker = serve(settings).await.unwrap();
    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, (0..40).map(|n| n.to_string())).await;

    until(&broker.link, |link| link.hard_cap_reached == 1).await;
    assert_eq!(
        broker.acker.held(),
        5,
        "what is beyond the cap is not kept in memory"
    );
    let mut stored = Vec::new();
    let mut held = Vec::new();
    while stored.len() < 40 {
        // A slow reader: takes all it is given before it stores any of it.
        held.push(soon(broker.inlet.next()).await.unwrap());
        held.extend(std::iter::from_fn(|| broker.inlet.try_next()));
        assert!(broker.acker.held() <= 5);
        if broker.acker.held() == held.len() {
            stored.extend(held.iter().map(text));
            broker.acker.ack(held.drain(..).map(|frame| frame.ticket));
        }
    }
    assert_eq!(
        stored,
        (0..40).map(|n| n.to_string()).collect::<Vec<_>>(),
        "each once, in order"
    );
    unit.publish(SESSION, "the next").await;
    let next = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(text(&next), "the next");
    // A message that is let go of is given back, and the connection with it.
    broker.acker.ack([next.ticket]);
    let link = broker.link.borrow().clone();
    assert_eq!((link.generation, link.reconnects), (1, 0), "{link:?}");
}

/// A broker may deliver all that it kept before it answers the subscription.
async fn a_backlog_beyond_the_hard_cap_does_not_keep_the_service_from_starting(make: Make) {
    let Some(outside) = make.start().await else { return };
    let mut settings = outside.settings();
    (settings.receive_maximum, settings.hard_cap) = (100, 5);
    serve(settings.clone()).await.unwrap().stop().await;
    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, (0..40).map(|n| n.to_string())).await;

    let mut broker = serve(settings).await.unwrap();
    for n in 0..40 {
        assert!(broker.acker.held() <= 5);
        let frame = soon(broker.inlet.next()).await.unwrap();
        assert_eq!(text(&frame), n.to_string(), "each once, in order");
        broker.acker.ack([frame.ticket]);
    }
    let link = until(&broker.link, Link::is_up).await;
    assert_eq!((link.generation, link.reconnects), (1, 0), "{link:?}");
}

async fn who_catches_up_with_the_hard_cap_is_sent_nothing_twice(make: Make) {
    let Some(outside) = make.start().await else { return };
    let mut settings = outside.settings();
    (settings.receive_maximum, settings.hard_cap) = (100, 5);
    let mut broker = serve(settings).await.unwrap();
    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, (0..60).map(|n| n.to_string())).await;
    for n in 0..60 {
        let frame = soon(broker.inlet.next()).await.unwrap();
        assert_eq!(text(&frame), n.to_string());
        broker.acker.ack([frame.ticket]);
    }
    let link = broker.link.borrow().clone();
    assert_eq!((link.generation, link.reconnects), (1, 0), "{link:?}");
}

async fn a_message_given_back_comes_again(make: Make) {
    let Some(outside) = make.start().await else { return };
    let mut broker = outside.serve().await;
    let mut unit = outside.unit().connect().await;
    unit.publish(SESSION, "once more").await;
    drop(soon(broker.inlet.next()).await.unwrap());
    let again = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(text(&again), "once more");
    assert_eq!(broker.acker.ack([again.ticket]), 1);
    assert_eq!(broker.link.borrow().generation, 2);
}

/// T13: whatever was not acknowledged when the service died is delivered to the next one, though only some of each batch
/// was acknowledged, and that out of order.
async fn crashes_and_partial_acknowledgements_lose_nothing(make: Make) {
    const MESSAGES: usize = 5_000;
    const CRASHES: usize = 60;
    let Some(outside) = make.start().await else { return };
    let mut random = StdRng::seed_from_u64(14);
    let mut settings = outside.settings();
    settings.receive_maximum = 50;
    let mut broker = serve(settings.clone()).await.unwrap();
    let mut unit = outside.unit().connect().await;
    // Meanwhile, so that a life begins with what is left over and goes on with what is new.
    let publishing = tokio::spawn(async move {
        for hundred in 0..MESSAGES / 100 {
            let numbers = hundred * 100..(hundred + 1) * 100;
            unit.publish_all(SESSION, numbers.map(|n| n.to_string())).await;
        }
    });

    let mut stored = BTreeSet::new();
    for life in 0..=CRASHES {
        let last = life == CRASHES;
        let lives_for = if last {
            usize::MAX
        } else {
            random.random_range(1..140)
        };
        let mut batch = Vec::new();
        for _ in 0..lives_for {
            if stored.len() == MESSAGES {
                break;
            }
            batch.push(soon(broker.inlet.next()).await.unwrap());
            if random.random_bool(0.2) || last {
                // Some of the batch, out of order; only what is stored is acknowledged.
                let keep = if last {
                    0
                } else {
                    random.random_range(0..=batch.len())
                };
                let mut done = batch.split_off(keep);
                done.reverse();
                stored.extend(done.iter().map(text));
                broker.acker.ack(done.into_iter().map(|frame| frame.ticket));
            }
        }
        if last {
            break;
        }
        drop(broker);
        drop(batch);
        broker = serve(settings.clone()).await.unwrap();
    }
    publishing.await.unwrap();
    assert_eq!(stored, (0..MESSAGES).map(|n| n.to_string()).collect());
    assert_eq!(broker.acker.held(), 0);
}

async fn members_of_a_group_share_and_stand_in_for_each_other(make: Make) {
    let Some(outside) = make.start().await else { return };
    let member = |name: &str| {
        let mut settings = outside.settings();
        name.clone_into(&mut settings.client_id);
        settings.group = Some("ingest".to_owned());
        settings
    };
    let mut one = serve(member("one")).await.unwrap();
    let mut two = serve(member("two")).await.unwrap();
    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, (0..40).map(|n| n.to_string())).await;
    let mut shares = [0, 0];
    let mut seen = Vec::new();
    while seen.len() < 40 {
        let (frame, member, acker) = tokio::select! {
            frame = soon(one.inlet.next()) => (frame.unwrap(), 0, &one.acker),
            frame = soon(two.inlet.next()) => (frame.unwrap(), 1, &two.acker),
        };
        shares[member] += 1;
        seen.push(text(&frame));
        acker.ack([frame.ticket]);
    }
    assert!(shares.iter().all(|&share| share > 0), "{shares:?}");
    assert_eq!(
        seen.iter().collect::<BTreeSet<_>>().len(),
        40,
        "each of them once"
    );

    two.stop().await;
    unit.publish_all(SESSION, (40..60).map(|n| n.to_string())).await;
    for _ in 40..60 {
        let frame = soon(one.inlet.next()).await.unwrap();
        one.acker.ack([frame.ticket]);
    }
}

/// What was on its way to a member that died is dropped by some brokers and handed on by others: the unit, which has no
/// receipt, sends it again. Nothing that comes after the death waits for the dead.
async fn a_member_that_dies_leaves_nothing_waiting_for_it(make: Make) {
    let Some(outside) = make.start().await else { return };
    let member = |name: &str| {
        let mut settings = outside.settings();
        name.clone_into(&mut settings.client_id);
        settings.group = Some("ingest".to_owned());
        settings
    };
    let mut survivor = serve(member("survivor")).await.unwrap();
    let mut dies = serve(member("dies")).await.unwrap();
    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, (0..40).map(|n| n.to_string())).await;
    // It holds its share and has stored nothing.
    let share = soon(dies.inlet.next()).await.unwrap();
    drop(dies);
    drop(share);

    let mut unstored: BTreeSet<String> = (0..40).map(|n| n.to_string()).collect();
    while !unstored.is_empty() {
        match tokio::time::timeout(Duration::from_millis(300), survivor.inlet.next()).await {
            Ok(frame) => {
                let frame = frame.unwrap();
                unstored.remove(&text(&frame));
                survivor.acker.ack([frame.ticket]);
            }
            // The unit's patience is over.
            Err(_) => unit.publish_all(SESSION, unstored.iter().cloned()).await,
        }
    }
    unit.publish_all(SESSION, (40..100).map(|n| n.to_string())).await;
    let mut late: BTreeSet<String> = (40..100).map(|n| n.to_string()).collect();
    while !late.is_empty() {
        let frame = soon(survivor.inlet.next()).await.unwrap();
        late.remove(&text(&frame));
        survivor.acker.ack([frame.ticket]);
    }
}

async fn what_a_unit_left_retained_is_marked_so(make: Make) {
    let Some(outside) = make.start().await else { return };
    let status = "homeward/v1/units/HU-1/status";
    let unit = outside.unit().with_will(status, "gone").connect().await;
    let mut watcher = SignIn::new(outside.address(), "watcher").connect().await;
    watcher.subscribe(status).await;
    // Cut off without a goodbye: the broker publishes the will.
    drop(unit);
    watcher.message().await;

    let mut broker = outside.serve().await;
    let left = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(
        (text(&left).as_str(), left.retained, left.topic.as_str()),
        ("gone", true, status)
    );
    broker.acker.ack([left.ticket]);
    watcher.publish(status, "back").await;
    let live = soon(broker.inlet.next()).await.unwrap();
    assert_eq!((text(&live).as_str(), live.retained), ("back", false));
    broker.acker.ack([live.ticket]);
    broker.stop().await;

    // The subscription was kept, so the retained message is not sent another time.
    let mut broker = outside.serve().await;
    watcher.publish(SESSION, "marker").await;
    assert_eq!(text(&soon(broker.inlet.next()).await.unwrap()), "marker");
}

async fn acknowledged_before_the_goodbye_is_not_delivered_again(make: Make) {
    let Some(outside) = make.start().await else { return };
    let mut broker = outside.serve().await;
    let mut unit = outside.unit().connect().await;
    unit.publish_all(SESSION, (0..50).map(|n| n.to_string())).await;
    let mut tickets = Vec::new();
    while tickets.len() < 50 {
        tickets.push(soon(broker.inlet.next()).await.unwrap().ticket);
    }
    assert_eq!(broker.acker.ack(tickets), 50);
    broker.stop().await;

    let mut broker = outside.serve().await;
    unit.publish(SESSION, "marker").await;
    assert_eq!(text(&soon(broker.inlet.next()).await.unwrap()), "marker");
}
