//! Every reason for quarantine, replayed: taken in by the way of all messages, or refused again with nothing lost.

use std::sync::Arc;

use homeward::desk::Refusal;
use homeward::desk::quarantine::{How, MOST_AT_ONCE, Replayed};
use homeward::domain::alert::About;
use homeward::domain::finding::Class;
use homeward::domain::ids::QuarantineId;
use homeward::ingest::arrival::Arrival;
use homeward::store::quarantine::Case;
use homeward::store::{self, Db};
use serde_json::json;
use uuid::Uuid;

use crate::ingest::rejected::bad;
use crate::ingest::through_mqtt::refuse_session;
use crate::support::at_the_desk::{by, of, outcome};
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, gain, plan, session, spo2};
use crate::support::ward::{Payload, Ward, at, frame, key, nurse, receipts, unit};

on_both_databases!(
    what_is_still_wrong_is_refused_again_and_stays,
    a_unit_that_was_registered_afterwards_gets_its_sessions,
    a_message_on_a_wrong_topic_is_given_to_its_unit,
    a_unit_that_nobody_has_is_stored_without_a_patient,
    a_conflict_is_explained_and_can_be_dismissed,
    a_conflict_may_be_another_units,
    what_the_store_refuses_takes_no_other_with_it,
    a_status_can_only_be_dismissed,
    a_message_is_dealt_with_once,
    a_replay_is_no_word_from_the_unit,
    two_that_say_the_same_are_stored_once,
    what_cannot_be_is_refused_before_anything_is_touched,
);

async fn what_is_still_wrong_is_refused_again_and_stays(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    let (arrived, now) = (at("21T09:00"), at("21T09:30"));
    let mut told = Vec::new();
    for (reason, payload) in bad() {
        let bytes = payload.0.clone();
        ward.send("HU-1", payload, arrived).await;
        let case = ward.last_case().await;
        let before = ward.open(About::Patient(patient), Class::Technical).await;
        for tries in 1..=2 {
            let tried = ward.replay(case.id, How::default(), now).await.unwrap();
            assert_eq!(outcome(&tried), reason);
            let Replayed::Refused { problems, .. } = tried.came_of_it else {
                panic!("{reason}")
            };
            let again = ward.case(case.id).await;
            let last = again.last_try.unwrap();
            assert_eq!(
                (again.state, again.tries, last.reason.as_str()),
                (Case::Waiting, tries, reason)
            );
            assert_eq!((last.by, last.at), (nurse(), now));
            assert_eq!(last.problems, json!(problems).to_string());
            assert_eq!((again.seen, again.reason.as_str()), (1, reason));
        }
        assert_eq!(
            ward.open(About::Patient(patient), Class::Technical).await,
            before,
            "it waits as it did"
        );
        assert_eq!(ward.quarantine().await.pop().unwrap().1, bytes);
        told.push(format!("quarantined red {reason}"));
    }
    assert_eq!(ward.quarantine().await.len(), bad().len());
    told.sort();
    assert_eq!(ward.findings(patient).await, told);
    assert_eq!(ward.history(patient).await.len(), 0);
    let tries: Vec<_> = ward.recorded().await;
    assert_eq!(tries.len(), 2 * bad().len());
    assert!(tries.iter().all(|(act, detail)| act == "quarantine.replay"
        && detail["outcome"] == "rejected"
        && detail["refused_as"] == detail["code"]));
}

async fn a_unit_that_was_registered_afterwards_gets_its_sessions(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2()]))).await;
    let taken = at("21T09:00");
    let said = session(1, taken).breathes(85.0);
    ward.send("HU-9", &said, taken).await;
    let case = ward.last_case().await;
    let alert = ward.open(About::Service, Class::Technical).await;
    let tried = ward
        .replay(case.id, How::default(), at("21T10:00"))
        .await
        .unwrap();
    assert_eq!(outcome(&tried), "unregistered");
    ward.unit("HU-9").await;
    ward.assign("HU-9", patient, "20T08:00", None, at("21T11:00"))
        .await;
    let now = at("21T12:00");
    let tried = ward.replay(case.id, How::default(), now).await.unwrap();
    assert_eq!(
        tried.came_of_it,
        Replayed::TakenIn {
            key: key("HU-9", 1),
            patient: Some(patient),
            duplicate: false,
            problems: Vec::new(),
        }
    );
    let stored = ward.session(&key("HU-9", 1)).await.unwrap();
    assert_eq!(
        (stored.patient_id, stored.completed_at, stored.received_at),
        (Some(patient), taken, now)
    );
    assert_eq!(ward.findings(patient).await, ["1 limits.spo2.red_low red"]);
    ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(
        ward.on_alert(&alert).await,
        ["(quarantined amber unregistered)"],
        "what was waiting waits no more"
    );
    let settled = ward.case(case.id).await;
    let Case::Replayed(settled, taken_in) = settled.state else {
        panic!("{settled:?}")
    };
    assert_eq!((settled.by, settled.at), (nurse(), now));
    assert_eq!(
        (taken_in.key, taken_in.duplicate, taken_in.shift_seconds),
        (key("HU-9", 1), false, 0)
    );
    // A receipt of rejection that was lost: the unit sends again, later.
    let owed = ward
        .send("HU-9", said.bytes(at("21T12:30")).unwrap(), at("21T12:30"))
        .await;
    assert_eq!(receipts(&owed), ["1 duplicate"]);
    assert_eq!(ward.history(patient).await.len(), 1);
    let recorded = ward.recorded().await;
    assert_eq!(
        recorded[1].1,
        json!({ "code": "unregistered", "reason": "replayed from quarantine", "shift_seconds": 0, "outcome": "stored",
            "unit_id": "HU-9", "session_id": Uuid::from_u128(1) })
    );
}

async fn a_message_on_a_wrong_topic_is_given_to_its_unit(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let topics = [
        "homeward/v1/units/no unit/session",
        "homeward/v1/units/HU-8/session",
        "elsewhere",
    ];
    for (number, topic) in (1..).zip(topics) {
        let bytes = Payload::from(session(number, now).breathes(97.0)).0;
        ward.take_in(&[Arrival::of(topic, bytes.into(), false, now)], now)
            .await;
        let case = ward.last_case().await;
        let nowhere = ward.replay(case.id, of("HU-7"), now).await.unwrap();
        assert_eq!(outcome(&nowhere), "unregistered", "{topic}");
        let tried = ward.replay(case.id, of("HU-1"), now).await.unwrap();
        assert_eq!(outcome(&tried), "stored", "{topic}");
        assert_eq!(
            ward.session(&key("HU-1", number)).await.unwrap().patient_id,
            Some(patient)
        );
    }
    assert_eq!(ward.quarantine().await.len(), 3, "no new case came of it");
    // Each ended with its cause, before the next came.
    let mut told = Vec::new();
    for alert in ward.alerts().await {
        assert_eq!((&alert.about, alert.is_open()), (&About::Service, false));
        told.extend(ward.on_alert(&alert).await);
    }
    assert_eq!(
        told,
        [
            "(quarantined amber bad_field)",
            "(quarantined amber unregistered)",
            "(quarantined amber bad_field)"
        ]
    );
}

async fn a_unit_that_nobody_has_is_stored_without_a_patient(database: TestDatabase) {
    let ward = Ward::over(database);
    let now = at("21T09:00");
    ward.send("HU-9", session(1, now).breathes(85.0), now).await;
    let case = ward.last_case().await;
    ward.unit("HU-9").await;
    let tried = ward.replay(case.id, How::default(), now).await.unwrap();
    assert_eq!(outcome(&tried), "stored");
    assert_eq!(ward.session(&key("HU-9", 1)).await.unwrap().patient_id, None);
    let alert = ward.open(About::Unit(unit("HU-9")), Class::Technical).await;
    assert_eq!(ward.on_alert(&alert).await, ["1 unassigned amber"]);
}

async fn a_conflict_is_explained_and_can_be_dismissed(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    let taken = at("21T08:00");
    ward.send("HU-1", session(1, taken).weighs(80.0), taken).await;
    ward.send("HU-1", session(1, taken).weighs(81.0), taken).await;
    let case = ward.last_case().await;
    let tried = ward
        .replay(case.id, How::default(), at("21T09:00"))
        .await
        .unwrap();
    let Replayed::Refused { problems, .. } = &tried.came_of_it else {
        panic!("{tried:?}")
    };
    assert_eq!(problems[0].code, "session_conflict");
    assert_eq!(
        problems[0].detail,
        "a session with this id and other content is stored already"
    );
    assert_eq!(
        ward.findings(patient).await,
        ["session_conflict red session_conflict"]
    );
    let empty = ward.dismiss(case.id, "  ", at("21T09:10")).await.unwrap_err();
    assert!(matches!(empty, Refusal::Invalid(_)), "{empty}");
    let dismissed = ward
        .dismiss(case.id, "the scale was read twice", at("21T09:10"))
        .await
        .unwrap();
    assert!(matches!(dismissed.state, Case::Dismissed(_)));
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    assert_eq!(
        ward.on_alert(&alert).await,
        ["(session_conflict red session_conflict)"]
    );
    // Sent once more it is the same case, and stays dismissed.
    ward.send("HU-1", session(1, taken).weighs(81.0), at("21T09:20"))
        .await;
    let case = ward.case(case.id).await;
    assert_eq!((case.seen, case.state), (2, dismissed.state));
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
    assert_eq!(
        ward.recorded().await[1],
        (
            "quarantine.dismiss".to_owned(),
            json!({ "code": "session_conflict", "reason": "the scale was read twice" })
        )
    );
}

/// Two units that an installer gave one name.
async fn a_conflict_may_be_another_units(database: TestDatabase) {
    let ward = Ward::over(database);
    let (first, second) = (
        ward.patient_with("HU-1", plan(&[gain()])).await,
        ward.patient_with("HU-2", plan(&[gain()])).await,
    );
    let taken = at("21T08:00");
    ward.send("HU-1", session(1, taken).weighs(80.0), taken).await;
    ward.send("HU-1", session(1, taken).weighs(61.0), taken).await;
    let case = ward.last_case().await;
    let tried = ward.replay(case.id, of("HU-2"), taken).await.unwrap();
    assert_eq!(outcome(&tried), "stored");
    assert_eq!(
        (ward.history(first).await.len(), ward.history(second).await.len()),
        (1, 1)
    );
    assert_eq!(ward.findings(first).await, Vec::<String>::new());
}

async fn what_the_store_refuses_takes_no_other_with_it(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2()]))).await;
    let now = at("21T09:00");
    for number in 1..=6 {
        let taken = at(&format!("21T08:0{number}"));
        ward.send("HU-9", session(number, taken).breathes(85.0), now)
            .await;
    }
    ward.unit("HU-9").await;
    ward.assign("HU-9", patient, "20T08:00", None, now).await;
    refuse_session(&ward, 4).await;
    let ids: Vec<QuarantineId> = ward.quarantine().await.iter().map(|(case, _)| case.id).collect();
    let tried = ward.replay_some(&ids, How::default(), now).await;
    let mut outcomes: Vec<_> = tried.iter().map(outcome).collect();
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        ["poison", "stored", "stored", "stored", "stored", "stored"]
    );
    assert_eq!(ward.history(patient).await.len(), 5);
    let refused = tried.iter().find(|one| outcome(one) == "poison").unwrap();
    let case = ward.case(refused.id).await;
    assert_eq!(case.session_id, Some(Uuid::from_u128(4)));
    assert_eq!(
        (case.state, case.tries, case.last_try.unwrap().reason.as_str()),
        (Case::Waiting, 1, "poison")
    );
    assert_eq!(ward.findings(patient).await.len(), 5);
    let heal = match &ward.db {
        Db::Sqlite { .. } => "drop trigger refused",
        Db::Postgres { .. } => "drop trigger refused on session",
    };
    ward.change(vec![heal.to_owned()]).await;
    let tried = ward.replay(refused.id, How::default(), now).await.unwrap();
    assert_eq!(outcome(&tried), "stored");
    assert_eq!(ward.findings(patient).await.len(), 6);
    let alert = ward.cleared(About::Service, Class::Technical).await;
    assert_eq!(
        ward.on_alert(&alert).await,
        ["(quarantined amber unregistered)"; 6]
    );
}

async fn a_status_can_only_be_dismissed(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let now = at("21T09:00");
    let topic = "homeward/v1/units/HU-1/status";
    ward.take_in(
        &[Arrival::of(topic, Arc::from(b"offline".as_slice()), false, now)],
        now,
    )
    .await;
    let case = ward.last_case().await;
    for how in [How::default(), of("HU-1")] {
        let tried = ward.replay(case.id, how, now).await.unwrap();
        let Replayed::Refused { problems, .. } = tried.came_of_it else {
            panic!("it was taken in")
        };
        assert!(problems[0].detail.contains("dismissed"), "{problems:?}");
    }
    ward.dismiss(case.id, "old firmware", now).await.unwrap();
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
}

async fn a_message_is_dealt_with_once(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.unit("HU-1").await;
    let now = at("21T09:00");
    for number in [1, 2] {
        ward.send("HU-9", session(number, now).breathes(97.0), now).await;
    }
    let cases = ward.quarantine().await;
    let (replayed, dismissed) = (cases[0].0.id, cases[1].0.id);
    ward.replay(replayed, of("HU-1"), now).await.unwrap();
    ward.dismiss(dismissed, "a test", now).await.unwrap();
    for (id, what) in [(replayed, "replayed"), (dismissed, "dismissed")] {
        let wanted = format!("the message was {what} by Nurse Example at 2026-11-21T09:00:00Z already");
        let again = ward.replay(id, of("HU-1"), now).await.unwrap_err();
        assert_eq!(again.to_string(), wanted);
        let again = ward.dismiss(id, "a test", now).await.unwrap_err();
        assert_eq!(again.to_string(), wanted);
    }
    let missing = QuarantineId(Uuid::from_u128(1));
    let nothing = ward.replay(missing, How::default(), now).await.unwrap_err();
    assert!(matches!(nothing, Refusal::NotFound(_)));
    let nothing = ward.dismiss(missing, "a test", now).await.unwrap_err();
    assert!(matches!(nothing, Refusal::NotFound(_)));
    assert_eq!(
        ward.replay_some(&[replayed, missing, dismissed], How::default(), now)
            .await,
        []
    );
    assert_eq!(ward.recorded().await.len(), 2);
}

async fn a_replay_is_no_word_from_the_unit(database: TestDatabase) {
    let ward = Ward::over(database);
    let now = at("21T09:00");
    ward.send("HU-9", session(1, now).breathes(97.0), now).await;
    ward.unit("HU-9").await;
    let case = ward.last_case().await;
    ward.replay(case.id, How::default(), at("21T10:00"))
        .await
        .unwrap();
    let mut tx = ward.db.read().await.unwrap();
    let status = store::unit::status_of(&mut tx, &[unit("HU-9")]).await.unwrap();
    assert!(status.is_empty(), "{status:?}");
}

async fn two_that_say_the_same_are_stored_once(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let said = session(1, now).breathes(85.0);
    let mut other = session(1, now).breathes(85.0);
    other.trigger = Some(home_unit::payload::Trigger::Patient);
    let batch = [
        frame("HU-8", &said, now),
        frame("HU-9", &said, now),
        frame("HU-7", &other, now),
    ];
    ward.take_in(&batch, now).await;
    let ids: Vec<QuarantineId> = ward.quarantine().await.iter().map(|(case, _)| case.id).collect();
    let tried = ward.replay_some(&ids, of("HU-1"), now).await;
    let outcomes: Vec<_> = tried.iter().map(outcome).collect();
    assert_eq!(outcomes, ["stored", "duplicate", "session_conflict"]);
    assert_eq!(receipts(&ward.send("HU-1", &said, now).await), ["1 duplicate"]);
    assert_eq!(ward.history(patient).await.len(), 1);
}

async fn what_cannot_be_is_refused_before_anything_is_touched(database: TestDatabase) {
    let ward = Ward::over(database);
    let now = at("21T09:00");
    ward.send("HU-9", session(1, now).breathes(97.0), now).await;
    let id = ward.last_case().await.id;
    for how in [
        by(101 * 366 * 86_400),
        by(i64::MIN),
        How {
            reason: Some(String::new()),
            ..How::default()
        },
    ] {
        let refused = ward.replay(id, how, now).await.unwrap_err();
        assert!(matches!(refused, Refusal::Invalid(_)), "{refused}");
    }
    let mut act = ward.act(now).await;
    let many: Vec<QuarantineId> = (0..=u128::try_from(MOST_AT_ONCE).unwrap())
        .map(|number| QuarantineId(Uuid::from_u128(number)))
        .collect();
    let refused = homeward::desk::quarantine::replay_some(&mut act, &many, How::default())
        .await
        .unwrap_err();
    assert!(matches!(refused, Refusal::Invalid(_)), "{refused}");
    assert_eq!(ward.case(id).await.tries, 0);
}
