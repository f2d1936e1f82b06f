//! What leaves the house or waits at its door: notices, quarantine, heartbeats.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use homeward::domain::ids::{OutboxId, QuarantineId};
use homeward::store::Tx;
use homeward::store::heartbeat::{self, Outage, Process};
use homeward::store::outbox::{self, NewNotice, NoticeKind};
use homeward::store::quarantine::{self, Case, Filter, NewQuarantine, Settled, Standing, TakenIn};
use homeward::store::replay;
use uuid::Uuid;

use super::fixture::{actor, at, id, key, people, unit};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_notice_is_written_once,
    a_notice_is_leased_sent_and_tried_again,
    the_same_bytes_are_one_case,
    a_case_is_settled_once,
    messages_are_found_by_state_reason_and_unit,
    a_gap_in_all_heartbeats_is_an_outage,
);

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
    outbox::insert(&mut tx, &[first]).await.unwrap();
    outbox::insert(&mut tx, &[again, notice(3, NoticeKind::Mail, "09:00")])
        .await
        .unwrap();
    let written: BTreeSet<(OutboxId, i64)> = claim(&mut tx, "09:00").await.into_iter().collect();
    assert_eq!(written, BTreeSet::from([(id(1), 1), (id(3), 1)]));
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
        outbox::forget(&mut tx, at("09:10"), 9).await.unwrap(),
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
    let open = Filter::default();
    let first = quarantine::list(&mut tx, &open, None, 2).await.unwrap();
    let second = quarantine::list(&mut tx, &open, first.next.as_ref(), 2)
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
    let messages = [1, 2, 3].map(|number| message(number, &[u8::try_from(number).unwrap()], "09:00"));
    quarantine::insert(&mut tx, &messages).await.unwrap();
    let settled = Settled {
        by: actor(7, "Nurse"),
        at: at("10:00"),
        reason: "a test".to_owned(),
    };
    assert!(replay::dismiss(&mut tx, id(1), &settled).await.unwrap());
    assert!(!replay::dismiss(&mut tx, id(1), &settled).await.unwrap());
    assert!(!replay::dismiss(&mut tx, id(9), &settled).await.unwrap());
    let who = (&settled.by, settled.at);
    let taken = TakenIn {
        key: key("HU-2", 5),
        duplicate: true,
        shift_seconds: -60,
    };
    let refused = (id(3), "unregistered", "[]".to_owned());
    replay::tried(&mut tx, std::slice::from_ref(&refused), who)
        .await
        .unwrap();
    replay::tried(&mut tx, &[refused], who).await.unwrap();
    replay::taken_in(&mut tx, &[(id(2), taken.clone(), "a test")], who)
        .await
        .unwrap();
    assert_eq!(
        replay::lock(&mut tx, &[1, 2, 3, 4].map(id))
            .await
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>(),
        [id(3)]
    );
    let get = async |tx: &mut Tx, number| quarantine::get(tx, id(number)).await.unwrap().unwrap();
    assert_eq!(get(&mut tx, 1).await.state, Case::Dismissed(settled.clone()));
    assert_eq!(get(&mut tx, 2).await.state, Case::Replayed(settled, taken));
    let waits = get(&mut tx, 3).await;
    assert_eq!(
        (waits.tries, waits.state, waits.last_try.unwrap().reason),
        (2, Case::Waiting, "unregistered".to_owned())
    );
    let counts = quarantine::counts(&mut tx).await.unwrap();
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [("dismissed", 1), ("replayed", 1), ("waiting", 1)].map(|(state, count)| (state.to_owned(), count))
    );
}

async fn messages_are_found_by_state_reason_and_unit(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let of = |number, reason: &str, name: Option<&str>, received| NewQuarantine {
        reason: reason.to_owned(),
        unit_id: name.map(unit),
        ..message(number, &[u8::try_from(number).unwrap()], received)
    };
    let messages = [
        of(1, "not_json", Some("HU-1"), "09:00"),
        of(2, "clock_fault", Some("HU-1"), "09:01"),
        of(3, "clock_fault", Some("HU-2"), "09:02"),
        of(4, "bad_field", None, "09:03"),
        of(5, "clock_fault", Some("HU-1"), "09:04"),
    ];
    quarantine::insert(&mut tx, &messages).await.unwrap();
    let settled = Settled {
        by: actor(7, "Nurse"),
        at: at("10:00"),
        reason: "a test".to_owned(),
    };
    replay::dismiss(&mut tx, id(5), &settled).await.unwrap();
    let filter = |standing, reason: Option<&str>, name: Option<&str>| Filter {
        standing,
        reason: reason.map(str::to_owned),
        unit_id: name.map(unit),
    };
    for (filter, wanted) in [
        (filter(Standing::Open, None, None), &[4, 3, 2, 1][..]),
        (filter(Standing::Open, Some("clock_fault"), None), &[3, 2]),
        (filter(Standing::Open, Some("clock_fault"), Some("HU-1")), &[2]),
        (filter(Standing::Open, None, Some("HU-1")), &[2, 1]),
        (filter(Standing::Dismissed, None, None), &[5]),
        (filter(Standing::Replayed, None, None), &[]),
        (filter(Standing::All, None, Some("HU-1")), &[5, 2, 1]),
        (filter(Standing::All, Some("poison"), None), &[]),
    ] {
        let page = quarantine::list(&mut tx, &filter, None, 10).await.unwrap();
        let found: Vec<QuarantineId> = page.items.into_iter().map(|case| case.id).collect();
        let wanted: Vec<QuarantineId> = wanted.iter().map(|number| id(*number)).collect();
        assert_eq!(found, wanted, "{filter:?}");
        if filter.standing == Standing::Open {
            let (mut after, mut found) = (None, Vec::new());
            while let Some(next) = replay::open_from(&mut tx, &filter, after, 1).await.unwrap().pop() {
                found.push(next.1);
                after = Some(next);
            }
            found.reverse();
            assert_eq!(found, wanted, "{filter:?}, oldest first");
        }
    }
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
