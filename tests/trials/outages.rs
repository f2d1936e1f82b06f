//! The broker drops what it has acknowledged, or is restarted; the database is restarted: units go on sending until they
//! have their receipts, and in the end everything is there once.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use home_unit::load::Witnessed;
use home_unit::load::bytes::Copy;
use home_unit::load::recipe::Recipe;
use home_unit::load::spec::{Shares, Timetable};
use home_unit::payload::Outcome;
use homeward::broker::Link;
use homeward::store::{Connections, Db};
use rumqttc::v5::mqttbytes::v5::PubAckReason;

use super::books::Books;
use super::homes::{Manner, Sending, pool};
use super::house::{House, NOW, at_every_house};
use crate::broker::rig::{Limits, Make, until};
use crate::broker::unit::{SignIn, soon};
use crate::support::databases::{self, TestDatabase};
use crate::support::ward::at;

at_every_house!(
    the_receipt_decides_and_not_the_brokers_answer,
    a_broker_that_is_killed_in_mid_stream_loses_nothing,
    two_devices_that_send_the_same_sessions_store_each_once,
);

/// Enough of everything, completed in the fortnight before `NOW`.
fn recipe(house: &House, sessions: u64) -> Arc<Recipe> {
    let start = (at(NOW) - TimeDelta::days(15)).timestamp_millis();
    let time = Timetable::Steps {
        start,
        step: 3_600_000,
    };
    let shares = Shares {
        duplicates: 0.05,
        conflicts: 0.03,
        malformed: 0.0,
        late: 0.0,
        breaches: 0.1,
    };
    Arc::new(Recipe::new(7, house.units.clone(), sessions, time, shares).unwrap())
}

fn manner() -> Manner {
    Manner {
        who: pool(),
        window: 60,
        rate: None,
        resend: TimeDelta::milliseconds(300),
        longest: TimeDelta::seconds(1),
        patience: Duration::from_mins(2),
        released: None,
    }
}

/// So slow that the outage falls into the stream however quick the machine is.
fn at_leisure() -> Manner {
    Manner {
        rate: Some(250.0),
        ..manner()
    }
}

/// A queue of 30 for a service that is away. The broker answers "success" to 200 sessions; most of them are gone.
async fn the_receipt_decides_and_not_the_brokers_answer(database: TestDatabase, make: Make) {
    let limits = Limits {
        queue: Some(30),
        ..Limits::default()
    };
    let Some(outside) = make.start_with(&limits).await else {
        return;
    };
    let mut house = House::build(database, &outside, 1).await;
    // So that the broker keeps messages for it.
    house.open().await;
    house.close().await;

    let recipe = recipe(&house, 200);
    let mut unit = SignIn::new(outside.address(), "HU-0").connect().await;
    for index in 0..200 {
        let bytes = recipe.bytes(&recipe.spec(index), Copy::First);
        let answer = unit.publish("homeward/v1/units/HU-0/session", bytes).await;
        assert_eq!(answer, PubAckReason::Success, "the broker says that it has it");
    }
    let mut ear = SignIn::new(outside.address(), "ear").connect().await;
    ear.subscribe("homeward/v1/units/HU-0/receipt").await;
    house.open().await;
    // This one is last in the queue: with its receipt everything that was kept has been dealt with.
    let marker = Recipe::new(8, house.units.clone(), 1, recipe.time(), Shares::default()).unwrap();
    unit.publish(
        "homeward/v1/units/HU-0/session",
        marker.bytes(&marker.spec(0), Copy::First),
    )
    .await;
    let mut receipted = Vec::new();
    loop {
        let receipt: serde_json::Value = serde_json::from_slice(&ear.message().await.payload).unwrap();
        assert_eq!(receipt["outcome"], "stored");
        let id = receipt["session_id"].as_str().unwrap().parse().unwrap();
        if marker.find(id).is_some() {
            break;
        }
        receipted.push(recipe.find(id).unwrap());
    }
    let kept = receipted.len();
    assert!(
        (1..200).contains(&kept),
        "{kept} of 200 were kept, and none dropped"
    );
    assert_eq!(
        house.stored().await,
        kept + 1,
        "a receipt for each that is stored, and for no other"
    );

    // A unit does not go by the broker's answers. It sends again what has no receipt. Few at a time, or the broker would
    // drop receipts too.
    let few = Manner {
        window: 20,
        ..manner()
    };
    let mut sending = Sending::start(outside.address(), &recipe, few);
    let mut first = [None; 200];
    while let Some(seen) = sending.seen.recv().await {
        if let Witnessed::Receipted(index, outcome) = seen {
            let index = usize::try_from(index).unwrap();
            first[index].get_or_insert(outcome);
        }
    }
    let summary = sending.summary();
    // Those that had come through the first time are known: this sender had not heard of it.
    assert_eq!(summary.missing, 0, "{summary:#?}");
    let known = |outcome| first.iter().filter(|one| **one == Some(outcome)).count();
    assert_eq!(
        (known(Outcome::Duplicate), known(Outcome::Stored)),
        (kept, 200 - kept)
    );
    house.close().await;
    assert_eq!(house.stored().await, 201);
}

/// Killed three times, each time with nothing written down: sessions on their way, and the service's subscription, are gone.
async fn a_broker_that_is_killed_in_mid_stream_loses_nothing(database: TestDatabase, make: Make) {
    let Some(mut outside) = make.start().await else {
        return;
    };
    let mut house = House::build(database, &outside, 12).await;
    house.open().await;
    let recipe = recipe(&house, 1_200);
    let mut sending = Sending::start(outside.address(), &recipe, at_leisure());
    let link = house.link();
    let mut receipts = 0;
    for _ in 0..3 {
        let enough = receipts + 150;
        while receipts < enough {
            let seen = soon(sending.seen.recv())
                .await
                .expect("the stream outlasts the kills");
            receipts += usize::from(matches!(seen, Witnessed::Receipted(..)));
        }
        outside.kill().await;
        until(&link, |link| !link.inbound && !link.outbound).await;
        outside.start_again().await;
        until(&link, Link::is_up).await;
    }
    while sending.seen.recv().await.is_some() {}
    let summary = sending.summary();
    assert_eq!(summary.failure(), None, "{summary:#?}");
    house.close().await;
    let books = Books::read(&house.ward.db).await;
    books.assert_hold_exactly(&recipe);
    books.assert_raised_once();
}

/// A unit's credential on two devices that both hold its sessions: each session is stored once and alerts once, and the
/// unit hears once that it was stored and once that it was known, on whichever device it listens.
async fn two_devices_that_send_the_same_sessions_store_each_once(database: TestDatabase, make: Make) {
    let Some(outside) = make.start().await else { return };
    let mut house = House::build(database, &outside, 6).await;
    house.open().await;
    let recipe = recipe(&house, 300);
    let mut devices = [0, 1].map(|_| Sending::start(outside.address(), &recipe, manner()));
    let [first, second] = &mut devices;
    let mut stored = std::collections::HashMap::new();
    let listening = async {
        while let Some(seen) = first.seen.recv().await {
            if let Witnessed::Receipted(index, Outcome::Stored) = seen {
                *stored.entry(index).or_insert(0) += 1;
            }
        }
    };
    let also = async { while second.seen.recv().await.is_some() {} };
    tokio::join!(listening, also);
    assert!(stored.values().all(|times| *times == 1), "{stored:?}");
    for device in devices {
        let summary = device.summary();
        assert_eq!((summary.missing, summary.unsent), (0, 0), "{summary:#?}");
    }
    house.close().await;
    let books = Books::read(&house.ward.db).await;
    books.assert_hold_exactly(&recipe);
    books.assert_told_once();
    books.assert_raised_once();
}

/// PostgreSQL goes without a goodbye and comes back, three times, under load. Nothing becomes poison by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_restarted_under_load_loses_nothing() {
    let Some(cluster) = databases::Cluster::start() else {
        return;
    };
    let database = cluster.database().await;
    let Some(outside) = Make::Mosquitto.start().await else {
        return;
    };
    let mut house = House::build(database, &outside, 12).await;
    house.open().await;
    let recipe = recipe(&house, 1_200);
    let mut sending = Sending::start(outside.address(), &recipe, at_leisure());
    let pulse = house.pulse();
    let mut receipts = 0;
    for _ in 0..3 {
        let enough = receipts + 150;
        while receipts < enough {
            let seen = soon(sending.seen.recv())
                .await
                .expect("the stream outlasts the restarts");
            receipts += usize::from(matches!(seen, Witnessed::Receipted(..)));
        }
        cluster.stop_at_once();
        soon(pulse.wait_for(|beat| beat.failing.is_some())).await;
        cluster.start_again();
        soon(pulse.wait_for(|beat| beat.failing.is_none())).await;
    }
    while sending.seen.recv().await.is_some() {}
    let summary = sending.summary();
    assert_eq!(summary.failure(), None, "{summary:#?}");
    assert!(house.link().borrow().is_up());
    house.close().await;
    let books = Books::read(&house.ward.db).await;
    books.assert_hold_exactly(&recipe);
    books.assert_raised_once();
    let conflicts = house.ward.quarantine().await.len() as u64;
    assert_eq!(conflicts, recipe.planned().conflicts, "nothing became poison");
}

/// Another program holds SQLite's lock, as a backup does that is not ours, for longer than anybody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_holds_for_long_loses_nothing() {
    let Some(outside) = Make::Mqtt5.start().await else {
        return;
    };
    let database = databases::sqlite().await;
    let url = database.url.clone();
    let mut house = House::build(database, &outside, 12).await;
    house.open().await;
    let stranger = Db::connect(&url, Connections::default()).await.unwrap();
    let recipe = recipe(&house, 1_200);
    let mut sending = Sending::start(outside.address(), &recipe, at_leisure());
    let pulse = house.pulse();
    let mut receipts = 0;
    while receipts < 150 {
        let seen = soon(sending.seen.recv())
            .await
            .expect("the stream outlasts the lock");
        receipts += usize::from(matches!(seen, Witnessed::Receipted(..)));
    }
    // Nothing says whose turn it is: on a slow disk the service may have the lock again each time that the other looks.
    let held = loop {
        match stranger.begin().await {
            Ok(held) => break held,
            Err(fault) => assert!(fault.is_retryable(), "{fault}"),
        }
    };
    soon(pulse.wait_for(|beat| beat.failing.is_some())).await;
    held.rollback().await.unwrap();
    stranger.close().await;
    while sending.seen.recv().await.is_some() {}
    let summary = sending.summary();
    assert_eq!(summary.failure(), None, "{summary:#?}");
    house.close().await;
    let books = Books::read(&house.ward.db).await;
    books.assert_hold_exactly(&recipe);
    books.assert_raised_once();
}
