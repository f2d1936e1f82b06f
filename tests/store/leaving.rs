//! What leaves the house or waits at its door: events, notices, quarantine, heartbeats.

use chrono::TimeDelta;
use homeward::domain::alert::About;
use homeward::domain::finding::Severity;
use homeward::domain::ids::{OutboxId, QuarantineId};
use homeward::store::event::NewEvent;
use homeward::store::heartbeat::{self, Outage, Process};
use homeward::store::outbox::{self, NewNotice, NoticeKind};
use homeward::store::quarantine::{self, Case, NewQuarantine, Settled};
use homeward::store::{self, Db, Tx};
use uuid::Uuid;

use super::fixture::{actor, alert, at, id, people, unit};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    events_are_read_in_order,
    a_notice_is_written_once,
    a_notice_is_leased_sent_and_tried_again,
    the_same_bytes_are_one_case,
    a_case_is_settled_once,
    a_gap_in_all_heartbeats_is_an_outage,
);

async fn events_are_read_in_order(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let event = |number| {
        NewEvent::alert(
            &alert(number, About::Patient(id(1)), Severity::Red, at("09:00")),
            at("09:01"),
        )
    };
    let events: Vec<NewEvent> = (1..=5).map(event).collect();
    store::event::insert(&mut tx, &events).await.unwrap();
    tx.commit().await.unwrap();
    settled(&database.db, 5).await;
    let mut tx = database.db.begin().await.unwrap();
    let first = store::event::after(&mut tx, 0, 3).await.unwrap();
    let second = store::event::after(&mut tx, first[2].seq, 3).await.unwrap();
    let read: Vec<NewEvent> = first
        .iter()
        .chain(&second)
        .map(|event| event.event.clone())
        .collect();
    assert_eq!(read, events);
    assert!(store::event::last(&mut tx).await.unwrap() <= second[1].seq);
    assert_eq!(store::event::forget(&mut tx, at("09:01")).await.unwrap(), 0);
    assert_eq!(store::event::forget(&mut tx, at("09:02")).await.unwrap(), 5);
    assert_eq!(store::event::last(&mut tx).await.unwrap(), 0);
}

/// Transaction numbers are the whole server's: on PostgreSQL events wait for writers in other tests' databases too.
pub(super) async fn settled(db: &Db, count: usize) {
    for _ in 0..100_000 {
        let mut tx = db.read().await.unwrap();
        if store::event::after(&mut tx, 0, 100).await.unwrap().len() == count {
            return;
        }
    }
    panic!("the events are never shown");
}

fn notice(number: u128, kind: NoticeKind, due: &str) -> NewNotice {
    NewNotice {
        id: id(number),
        unique_key: format!("key {number}"),
        kind,
        recipient: "HU-1".to_owned(),
        payload: "{}".to_owned(),
        created_at: at("09:00"),
        due_at: at(due),
        expires_at: None,
    }
}

async fn a_notice_is_written_once(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    let first = notice(1, NoticeKind::Mail, "09:00");
    let again = NewNotice {
        id: id(2),
        ..first.clone()
    };
    assert_eq!(outbox::insert(&mut tx, &[first]).await.unwrap(), [id(1)]);
    let new = outbox::insert(&mut tx, &[again, notice(3, NoticeKind::Mail, "09:00")])
        .await
        .unwrap();
    assert_eq!(new, [id(3)]);
}

async fn claim(tx: &mut Tx, now: &str) -> Vec<(OutboxId, i64)> {
    let kinds = [NoticeKind::Mail, NoticeKind::UnitPlan];
    let lease = at(now) + TimeDelta::minutes(5);
    let claimed = outbox::claim(tx, &kinds, at(now), lease, 2).await.unwrap();
    claimed
        .into_iter()
        .map(|notice| (notice.id, notice.attempts))
        .collect()
}

async fn a_notice_is_leased_sent_and_tried_again(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    let notices = [
        notice(1, NoticeKind::Mail, "09:02"),
        notice(2, NoticeKind::Mail, "09:01"),
        notice(3, NoticeKind::UnitPlan, "09:03"),
        notice(4, NoticeKind::UnitRequest, "09:00"),
        notice(5, NoticeKind::Mail, "10:00"),
        NewNotice {
            expires_at: Some(at("09:05")),
            ..notice(6, NoticeKind::Mail, "09:00")
        },
    ];
    outbox::insert(&mut tx, &notices).await.unwrap();
    assert_eq!(
        outbox::waiting(&mut tx, at("09:06")).await.unwrap(),
        (5, Some(at("09:00")))
    );
    assert_eq!(
        claim(&mut tx, "09:06").await,
        [(id(2), 1), (id(1), 1)],
        "longest due first"
    );
    assert_eq!(
        claim(&mut tx, "09:07").await,
        [(id(3), 1)],
        "the others are held or not due"
    );
    assert!(outbox::sent(&mut tx, id(2), at("09:08")).await.unwrap());
    assert!(!outbox::sent(&mut tx, id(2), at("09:09")).await.unwrap());
    assert!(outbox::failed(&mut tx, id(1), "451", at("09:30")).await.unwrap());
    assert!(!outbox::failed(&mut tx, id(2), "451", at("09:30")).await.unwrap());
    assert_eq!(
        claim(&mut tx, "09:12").await,
        [(id(3), 2)],
        "whoever held it is gone"
    );
    assert_eq!(claim(&mut tx, "09:30").await, [(id(3), 3), (id(1), 2)]);
    assert_eq!(
        outbox::forget(&mut tx, at("09:10")).await.unwrap(),
        2,
        "one was sent, one has expired"
    );
}

fn message(number: u128, payload: &[u8], received: &str) -> NewQuarantine {
    NewQuarantine {
        id: id(number),
        received_at: at(received),
        topic: "homeward/v1/units/HU-1/session".to_owned(),
        unit_id: Some(unit("HU-1")),
        session_id: None,
        patient_id: Some(id(1)),
        reason: "not_json".to_owned(),
        problems: "[]".to_owned(),
        payload: payload.to_vec(),
        says: None,
    }
}

async fn the_same_bytes_are_one_case(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let bytes = [0, 159, 146, 150, b'\'', b'"'];
    let new = quarantine::insert(
        &mut tx,
        &[message(1, &bytes, "09:00"), message(2, &bytes, "09:01")],
    )
    .await
    .unwrap();
    assert_eq!(new, [id(1)]);
    let other_topic = NewQuarantine {
        topic: "other".to_owned(),
        ..message(4, &bytes, "09:03")
    };
    let batch = [message(3, &bytes, "09:02"), other_topic, message(5, b"", "09:04")];
    let mut new = quarantine::insert(&mut tx, &batch).await.unwrap();
    new.sort();
    assert_eq!(new, [id(4), id(5)]);
    let case = quarantine::get(&mut tx, id(1)).await.unwrap().unwrap();
    assert_eq!(
        (case.seen, case.received_at, case.last_seen_at),
        (3, at("09:00"), at("09:02"))
    );
    assert_eq!(
        (case.payload_len, case.unit_id, case.state),
        (6, Some(unit("HU-1")), Case::Waiting)
    );
    assert_eq!(
        quarantine::payload(&mut tx, id(1)).await.unwrap(),
        Some(bytes.to_vec())
    );
    assert_eq!(quarantine::payload(&mut tx, id(2)).await.unwrap(), None);
    let first = quarantine::list(&mut tx, None, None, 2).await.unwrap();
    let second = quarantine::list(&mut tx, None, first.next.as_ref(), 2)
        .await
        .unwrap();
    let ids: Vec<QuarantineId> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|case| case.id)
        .collect();
    assert_eq!(ids, [5, 4, 1].map(id));
}

async fn a_case_is_settled_once(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    quarantine::insert(&mut tx, &[message(1, b"a", "09:00"), message(2, b"b", "09:00")])
        .await
        .unwrap();
    let settled = Settled {
        by: actor(7, "Nurse"),
        at: at("10:00"),
        reason: "a test".to_owned(),
    };
    let dismissed = Case::Dismissed(settled.clone());
    assert!(quarantine::settle(&mut tx, id(1), &dismissed).await.unwrap());
    assert!(
        !quarantine::settle(&mut tx, id(1), &Case::Replayed(settled))
            .await
            .unwrap()
    );
    assert_eq!(
        quarantine::get(&mut tx, id(1)).await.unwrap().unwrap().state,
        dismissed
    );
    assert_eq!(
        quarantine::list(&mut tx, Some("waiting"), None, 5)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    let counts = quarantine::counts(&mut tx).await.unwrap();
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [("dismissed".to_owned(), 1), ("waiting".to_owned(), 1)]
    );
}

async fn a_gap_in_all_heartbeats_is_an_outage(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    let process = |number| Process {
        id: Uuid::from_u128(number),
        kind: "serve".to_owned(),
        started_at: at("09:00"),
    };
    assert_eq!(heartbeat::newest(&mut tx).await.unwrap(), None);
    for (number, time) in [(1, "09:00"), (2, "09:01"), (1, "09:03"), (2, "09:04:59")] {
        heartbeat::beat(&mut tx, &process(number), at(time))
            .await
            .unwrap();
    }
    let outages = heartbeat::outages(&mut tx, at("00:00"), at("23:00"))
        .await
        .unwrap();
    assert_eq!(
        outages,
        [],
        "each was silent for longer than two minutes, never both"
    );
    heartbeat::beat(&mut tx, &process(1), at("09:07")).await.unwrap();
    heartbeat::beat(&mut tx, &process(2), at("09:07")).await.unwrap();
    let outage = Outage {
        from: at("09:04:59"),
        to: at("09:07"),
    };
    assert_eq!(
        heartbeat::outages(&mut tx, at("09:06"), at("23:00"))
            .await
            .unwrap(),
        [outage]
    );
    assert_eq!(
        heartbeat::outages(&mut tx, at("09:07"), at("23:00"))
            .await
            .unwrap(),
        []
    );
    heartbeat::beat(&mut tx, &process(1), at("09:06")).await.unwrap();
    assert_eq!(
        heartbeat::newest(&mut tx).await.unwrap(),
        Some(at("09:07")),
        "a clock set back takes nothing back"
    );
    assert_eq!(
        heartbeat::forget(&mut tx, at("12:00")).await.unwrap(),
        0,
        "the last beat of all stays"
    );
}
