//! Nothing is told twice and nothing left out, whatever the writers do; and who stood where nobody can stand is told so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use homeward::domain::ids::QuarantineId;
use homeward::store::event::{self, EventKind, NewEvent};
use homeward::store::quarantine::Case;
use homeward::store::stream::{Event, Place, adopt, after, held_back, last};
use homeward::store::{Db, Tx};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::fixture::{at, id, key, tamper};
use crate::support::databases::{self, TestDatabase, on_both_databases};

on_both_databases!(
    events_are_read_in_order,
    sessions_share_rows_and_are_told_one_by_one,
    what_is_told_of_a_session_is_whole,
    a_place_that_is_not_known_is_no_place,
    many_writers_and_a_reader_that_comes_and_goes,
);

fn numbered(number: u128) -> NewEvent {
    NewEvent::quarantine(QuarantineId(Uuid::from_u128(number)), &Case::Waiting, at("09:00"))
}

fn number(event: &Event) -> u128 {
    event.event.subject_id.parse::<Uuid>().unwrap().as_u128()
}

async fn write(tx: &mut Tx, numbers: &[u128]) {
    let events: Vec<NewEvent> = numbers.iter().map(|number| numbered(*number)).collect();
    event::insert(tx, &events).await.unwrap();
}

async fn wrote(db: &Db, numbers: &[u128]) {
    let mut tx = db.begin().await.unwrap();
    write(&mut tx, numbers).await;
    tx.commit().await.unwrap();
}

/// Every event after the place, once there are so many: on PostgreSQL they wait for writers in other tests' databases too.
async fn read(db: &Db, place: Option<Place>, count: usize) -> Vec<Event> {
    let reading = async {
        loop {
            let mut tx = db.read().await.unwrap();
            let events = after(&mut tx, place, 1000).await.unwrap().expect("a place");
            if events.len() >= count {
                return events;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), reading)
        .await
        .expect("the events are shown in time")
}

fn numbers(events: &[Event]) -> Vec<u128> {
    events.iter().map(number).collect()
}

async fn events_are_read_in_order(database: TestDatabase) {
    let db = &database.db;
    assert_eq!(last(&mut db.read().await.unwrap()).await.unwrap(), None);
    wrote(db, &[1, 2, 3, 4, 5]).await;
    let all = read(db, None, 5).await;
    assert_eq!(all[0].event, numbered(1), "as it was written");
    assert_eq!(numbers(&all), [1, 2, 3, 4, 5]);
    let mut tx = db.read().await.unwrap();
    assert_eq!(last(&mut tx).await.unwrap(), Some(all[4].place));
    let two = after(&mut tx, Some(all[1].place), 2).await.unwrap().unwrap();
    assert_eq!(numbers(&two), [3, 4]);
    let none = after(&mut tx, Some(all[4].place), 2).await.unwrap().unwrap();
    assert_eq!(numbers(&none), [], "to be at the end is to be somewhere");
    assert_eq!(held_back(&mut tx).await.unwrap(), None);
    for event in &all {
        assert_eq!(event.place.to_string().parse(), Ok(event.place));
    }
}

/// Only a part of it is kept.
async fn what_is_told_of_a_session_is_whole(database: TestDatabase) {
    let db = &database.db;
    let times = (at("09:00"), at("09:01"));
    let sessions: Vec<NewEvent> = (1..=30)
        .map(|number| NewEvent::session(id(7), &key("HU-1", number), times, at("09:02")))
        .collect();
    let mut tx = db.begin().await.unwrap();
    event::insert(&mut tx, &sessions).await.unwrap();
    tx.commit().await.unwrap();
    let all = read(db, None, sessions.len()).await;
    for (number, told) in (1..).zip(&all) {
        let session_id = key("HU-1", number).session_id;
        assert_eq!(told.event.subject_id, format!("HU-1/{session_id}"));
        let body: serde_json::Value = serde_json::from_str(&told.event.body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "patient_id": Uuid::from_u128(7), "unit_id": "HU-1", "session_id": session_id,
                "completed_at": "2026-11-21T09:00:00Z", "received_at": "2026-11-21T09:01:00Z",
            })
        );
    }
}

/// Written several to a row, between others; whoever leaves off in the middle of a row goes on there.
async fn sessions_share_rows_and_are_told_one_by_one(database: TestDatabase) {
    let db = &database.db;
    let session = |number: u128| NewEvent {
        kind: EventKind::Session,
        patient_id: None,
        unit_id: None,
        subject_id: Uuid::from_u128(number).to_string(),
        body: format!("{{\"session_id\":{number}}}"),
        at: at("09:00"),
    };
    let mut written = vec![numbered(1)];
    written.extend((2..22).map(session));
    written.extend([numbered(22), session(23)]);
    let mut tx = db.begin().await.unwrap();
    event::insert(&mut tx, &written).await.unwrap();
    tx.commit().await.unwrap();
    let all = read(db, None, written.len()).await;
    let told: Vec<&NewEvent> = all.iter().map(|told| &told.event).collect();
    assert_eq!(told, written.iter().collect::<Vec<_>>());
    assert!(all.is_sorted_by(|one, next| one.place < next.place));
    let mut tx = db.read().await.unwrap();
    for (index, told) in all.iter().enumerate() {
        assert_eq!(told.place.to_string().parse(), Ok(told.place));
        let rest = after(&mut tx, Some(told.place), 100).await.unwrap().unwrap();
        assert_eq!(rest, all[index + 1..]);
    }
    let page = after(&mut tx, Some(all[3].place), 1).await.unwrap().unwrap();
    assert!(!page.is_empty() && page.len() < 20, "a page ends with a row");
    assert_eq!(page, all[4..4 + page.len()]);
    let beyond = all[3].place.to_string();
    let (row, _) = beyond.rsplit_once('-').unwrap();
    let beyond = format!("{row}-99").parse().unwrap();
    assert_eq!(
        after(&mut tx, Some(beyond), 9).await.unwrap(),
        None,
        "no such part"
    );
    assert_eq!(last(&mut tx).await.unwrap(), all.last().map(|told| told.place));
}

async fn a_place_that_is_not_known_is_no_place(database: TestDatabase) {
    let db = &database.db;
    wrote(db, &[1, 2, 3]).await;
    let all = read(db, None, 3).await;
    let mut tx = db.begin().await.unwrap();
    let is_known = async |tx: &mut Tx, place: Place| after(tx, Some(place), 10).await.unwrap().is_some();
    let last_place = all[2].place.to_string();
    let numbers = last_place.split('-').take(2).collect::<Vec<_>>().join("-");
    // Of the future, of another history, of a past that was forgotten.
    for other in ["999999999-999999999-00000000-0", &format!("{numbers}-00000000-0")] {
        assert!(!is_known(&mut tx, other.parse().unwrap()).await, "{other}");
    }
    assert!(is_known(&mut tx, all[0].place).await);
    tamper(
        &mut tx,
        "delete from event where seq = (select min(seq) from event)",
    )
    .await;
    assert!(!is_known(&mut tx, all[0].place).await);
    assert!(is_known(&mut tx, all[1].place).await);
    let forget = async |tx: &mut Tx, before, most| event::forget(tx, before, most).await.unwrap();
    assert_eq!(forget(&mut tx, at("09:00"), 9).await, 0, "none is as old");
    assert_eq!(forget(&mut tx, at("09:01"), 9).await, 1);
    assert_eq!(forget(&mut tx, at("09:01"), 9).await, 0, "the last one stays");
    assert!(!is_known(&mut tx, all[1].place).await && is_known(&mut tx, all[2].place).await);
    tamper(&mut tx, "delete from event").await;
    assert!(!is_known(&mut tx, all[2].place).await);
    assert_eq!(last(&mut tx).await.unwrap(), None);
    // What a restore does: the numbers are given again.
    tamper(
        &mut tx,
        match db {
            Db::Sqlite { .. } => "delete from sqlite_sequence where name = 'event'",
            Db::Postgres { .. } => "alter sequence event_seq_seq restart with 1",
        },
    )
    .await;
    write(&mut tx, &[11, 12, 13]).await;
    tx.commit().await.unwrap();
    read(db, None, 3).await;
    let mut tx = db.read().await.unwrap();
    assert!(!is_known(&mut tx, all[2].place).await);
    for text in [
        "",
        "1",
        "1-2",
        "1-2-3",
        "1-2-xyz-0",
        "1-2-3-x",
        "1-2-3-4-5",
        "-1-2-3-4",
        "a-b-c-d",
        "1--2-3-4",
    ] {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}

/// The trap: the second transaction takes the middle number and commits last.
#[tokio::test]
async fn a_number_that_becomes_visible_late_is_not_passed_over() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let db = &database.db;
    let mut older = db.begin().await.unwrap();
    write(&mut older, &[1]).await;
    let mut younger = db.begin().await.unwrap();
    write(&mut younger, &[2]).await;
    write(&mut older, &[3]).await;
    let mut reader = db.read().await.unwrap();
    assert_eq!(after(&mut reader, None, 10).await.unwrap(), Some(vec![]));
    older.commit().await.unwrap();
    let first = read(db, None, 2).await;
    assert_eq!(numbers(&first), [1, 3]);
    younger.commit().await.unwrap();
    let second = read(db, Some(first[1].place), 1).await;
    assert_eq!(
        numbers(&second),
        [2],
        "though its number is less than the last one read"
    );
    assert_eq!(numbers(&read(db, None, 3).await), [1, 3, 2]);
}

#[tokio::test]
async fn what_may_still_be_overtaken_waits_and_says_so() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let db = &database.db;
    let mut older = db.begin().await.unwrap();
    write(&mut older, &[1]).await;
    wrote(db, &[2]).await;
    let mut reader = db.read().await.unwrap();
    assert_eq!(
        last(&mut reader).await.unwrap(),
        None,
        "1 may still come before it"
    );
    assert_eq!(held_back(&mut reader).await.unwrap(), Some(at("09:00")));
    older.rollback().await.unwrap();
    assert_eq!(numbers(&read(db, None, 1).await), [2]);
}

#[tokio::test]
async fn events_of_another_server_come_before_all_that_is_new() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let db = &database.db;
    wrote(db, &[1, 2]).await;
    let before = read(db, None, 2).await;
    let mut tx = db.begin().await.unwrap();
    // A dump of a server that has lived longer.
    tamper(&mut tx, "update event set tx = tx + 1000000000").await;
    tx.commit().await.unwrap();
    assert_eq!(
        last(&mut db.read().await.unwrap()).await.unwrap(),
        None,
        "never to be shown"
    );
    let mut tx = db.begin().await.unwrap();
    assert_eq!(adopt(&mut tx).await.unwrap(), 2);
    tx.commit().await.unwrap();
    wrote(db, &[3]).await;
    assert_eq!(numbers(&read(db, None, 3).await), [1, 2, 3]);
    let mut tx = db.begin().await.unwrap();
    assert_eq!(after(&mut tx, Some(before[1].place), 10).await.unwrap(), None);
    assert_eq!(adopt(&mut tx).await.unwrap(), 0, "what is ours stays");
}

/// Each event is read once: by one who reads a few at a time, loses the connection and comes again with an id as text.
async fn many_writers_and_a_reader_that_comes_and_goes(database: TestDatabase) {
    const WRITERS: u128 = 6;
    const ACTS: u128 = 40;
    let db = database.db.clone();
    // Written by a committed transaction, with the transaction's own number.
    let committed = Arc::new(std::sync::Mutex::new(BTreeMap::new()));
    let ended = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (db, committed, ended) = (db.clone(), Arc::clone(&committed), Arc::clone(&ended));
        writers.spawn(async move {
            let mut random = StdRng::seed_from_u64(u64::try_from(writer).unwrap());
            for act in 0..ACTS {
                let mut tx = db.begin().await.unwrap();
                let mut mine = Vec::new();
                for part in 0..random.random_range(1..4_u128) {
                    let event = (writer * ACTS + act) * 10 + part;
                    write(&mut tx, &[event]).await;
                    mine.push(event);
                    for _ in 0..random.random_range(0..20) {
                        tokio::task::yield_now().await;
                    }
                }
                if random.random_range(0..5) == 0 {
                    tx.rollback().await.unwrap();
                } else {
                    tx.commit().await.unwrap();
                    committed.lock().unwrap().insert(mine[0], mine);
                }
            }
            ended.fetch_add(1, Ordering::SeqCst);
        });
    }
    let reading = async {
        let (mut read, mut id, mut connections) = (Vec::new(), None::<String>, 0);
        let mut random = StdRng::seed_from_u64(99);
        loop {
            connections += 1;
            let mut place = id.as_ref().map(|id| id.parse::<Place>().unwrap());
            for _ in 0..random.random_range(1..6) {
                let is_over = ended.load(Ordering::SeqCst) == usize::try_from(WRITERS).unwrap();
                let mut tx = db.read().await.unwrap();
                let limit = random.random_range(1..8);
                let events = after(&mut tx, place, limit).await.unwrap().expect("a place");
                drop(tx);
                // The connection may be lost before all of it was taken.
                let taken = random.random_range(0..=events.len());
                for event in &events[..taken] {
                    read.push(number(event));
                    place = Some(event.place);
                }
                let all: usize = committed.lock().unwrap().values().map(Vec::len).sum();
                if is_over && read.len() >= all {
                    return (read, connections);
                }
                tokio::task::yield_now().await;
            }
            id = place.map(|place| place.to_string());
        }
    };
    let (read, connections) = tokio::time::timeout(Duration::from_mins(1), reading)
        .await
        .expect("everything is read in time");
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    assert!(connections > 10, "{connections}");
    let committed = committed.lock().unwrap().clone();
    let mut expected: Vec<u128> = committed.values().flatten().copied().collect();
    let mut sorted = read.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(
        sorted, expected,
        "each once, none left out, none of what was undone"
    );
    for act in committed.values() {
        let first = read.iter().position(|event| *event == act[0]).unwrap();
        assert_eq!(
            read[first..first + act.len()],
            act[..],
            "a transaction's events stand together"
        );
    }
}
