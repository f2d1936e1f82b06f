//! A unit whose clock was wrong: its sessions wait in quarantine until a person says by how much.

use homeward::desk::quarantine::{How, Replayed};
use homeward::domain::alert::About;
use homeward::domain::finding::Class;
use homeward::store;
use homeward::store::quarantine::Case;
use serde_json::{Value, json};

use crate::support::at_the_desk::{by, outcome};
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, gain, plan, session, spo2};
use crate::support::ward::{Payload, Ward, at, key, nurse, receipts};

on_both_databases!(
    a_clock_that_is_ahead_is_set_right,
    a_clock_that_began_anew_in_1970_is_set_right,
    waiting_does_not_make_a_wrong_clock_right,
    a_session_that_came_in_meanwhile_keeps_its_times_and_says_so,
    a_shift_that_leads_nowhere_is_refused,
    what_is_judged_again_reads_the_moved_times,
);

const HOUR: i64 = 3600;

/// By an hour: the unit thinks that it is ten when it is nine.
async fn a_clock_that_is_ahead_is_set_right(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2(), gain()])).await;
    ward.send("HU-1", session(1, at("20T09:00")).weighs(80.0), at("20T09:00"))
        .await;
    let said = session(2, at("21T10:00"))
        .weighs(82.5)
        .breathes(85.0)
        .ankles("yes");
    let owed = ward.send("HU-1", &said, at("21T09:00")).await;
    assert_eq!(receipts(&owed), ["2 rejected"]);
    let case = ward.last_case().await;
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    let now = at("21T09:30");
    let as_sent = ward.replay(case.id, How::default(), now).await.unwrap();
    assert_eq!(outcome(&as_sent), "clock_fault");
    let how = How {
        reason: Some("summer time was never taken off".to_owned()),
        ..by(-HOUR)
    };
    let tried = ward.replay(case.id, how, now).await.unwrap();
    assert_eq!(outcome(&tried), "stored");

    let stored = ward.session(&key("HU-1", 2)).await.unwrap();
    assert_eq!(
        (stored.started_at, stored.completed_at, stored.received_at),
        (Some(at("21T08:57")), at("21T09:00"), now)
    );
    assert_eq!(stored.series[0].taken_at, at("21T08:59"));
    assert_eq!(stored.document.shift_seconds, -HOUR);
    assert_eq!(
        stored.document.text.as_bytes(),
        Payload::from(&said).0,
        "as it was sent"
    );
    let mut tx = ward.db.read().await.unwrap();
    let shifts = store::shift::of_sessions(&mut tx, &[key("HU-1", 2)])
        .await
        .unwrap();
    drop(tx);
    assert_eq!(shifts.len(), 1);
    assert_eq!(
        (
            shifts[0].seconds,
            shifts[0].reason.as_str(),
            &shifts[0].by,
            shifts[0].at
        ),
        (-HOUR, "summer time was never taken off", &nurse(), now)
    );
    assert_eq!(
        ward.findings(patient).await,
        ["2 gain amber", "2 limits.spo2.red_low red"]
    );
    assert_eq!(ward.on_alert(&alert).await, ["(quarantined red clock_fault)"]);
    // Had its receipt been lost, the unit would send it again, and later it would even be believed.
    for (later, wanted) in [("21T09:40", "2 rejected"), ("21T10:05", "2 duplicate")] {
        let owed = ward.send("HU-1", said.bytes(at(later)).unwrap(), at(later)).await;
        assert_eq!(receipts(&owed), [wanted]);
    }
    assert_eq!(ward.history(patient).await.len(), 2);
    let case = ward.case(case.id).await;
    assert!(matches!(case.state, Case::Replayed(..)));
    assert_eq!(case.seen, 2);
    assert_eq!(
        ward.findings(patient).await,
        ["2 gain amber", "2 limits.spo2.red_low red"]
    );
}

async fn a_clock_that_began_anew_in_1970_is_set_right(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let payload = json!({
        "session_id": "00000000-0000-0000-0000-000000000001", "completed_at": "1970-01-01T00:04:00Z",
        "sent_at": "1970-01-01T00:05:00Z",
        "readings": [{ "measure": "spo2", "value": 85, "unit": "%", "taken_at": "1970-01-01T00:03:00Z" }],
        "answers": [{ "question": "ankles", "answer": "yes", "answered_at": "1970-01-01T00:03:30Z" }],
    });
    let now = at("21T09:05");
    ward.send("HU-1", payload, now).await;
    let case = ward.last_case().await;
    let seconds = now.timestamp() - 300;
    let tried = ward.replay(case.id, by(seconds), now).await.unwrap();
    assert_eq!(outcome(&tried), "stored");
    let stored = ward.session(&key("HU-1", 1)).await.unwrap();
    assert_eq!(
        (stored.started_at, stored.completed_at, stored.series[0].taken_at),
        (None, at("21T09:04"), at("21T09:03"))
    );
    assert_eq!(ward.findings(patient).await, ["1 limits.spo2.red_low red"]);
}

/// Replayed as it was sent, hours later, a session of an hour ahead would be dated an hour after it was received.
async fn waiting_does_not_make_a_wrong_clock_right(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    ward.send("HU-1", session(1, at("21T10:00")).breathes(97.0), at("21T09:00"))
        .await;
    let case = ward.last_case().await;
    for (seconds, wanted) in [
        (0, "clock_fault"),
        (-HOUR / 2, "clock_fault"),
        (HOUR, "clock_fault"),
        (10 * 60 - HOUR, "stored"),
    ] {
        let tried = ward.replay(case.id, by(seconds), at("22T09:00")).await.unwrap();
        assert_eq!(outcome(&tried), wanted, "{seconds}");
        if let Replayed::Refused { problems, .. } = tried.came_of_it {
            assert_eq!(
                (problems[0].at.as_str(), problems[0].detail.as_str()),
                (
                    "/completed_at",
                    "lies more than 10 minutes after the session was received"
                )
            );
        }
    }
    assert_eq!(ward.history(patient).await[0].completed_at, at("21T09:10"));
}

async fn a_session_that_came_in_meanwhile_keeps_its_times_and_says_so(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let said = session(1, at("21T10:00")).breathes(85.0);
    ward.send("HU-1", &said, at("21T09:00")).await;
    let case = ward.last_case().await;
    // Its receipt was lost; sent again when its time has come, nothing tells it from a right one.
    let owed = ward.send("HU-1", &said, at("21T09:55")).await;
    assert_eq!(receipts(&owed), ["1 stored"]);
    let tried = ward.replay(case.id, by(-HOUR), at("21T10:30")).await.unwrap();
    assert_eq!(outcome(&tried), "duplicate");
    let Replayed::TakenIn { problems, .. } = tried.came_of_it else {
        panic!()
    };
    assert_eq!(problems[0].code, "not_shifted");
    assert_eq!(ward.history(patient).await[0].completed_at, at("21T10:00"));
    let Case::Replayed(_, taken_in) = ward.case(case.id).await.state else {
        panic!()
    };
    assert_eq!((taken_in.duplicate, taken_in.shift_seconds), (true, 0));
    assert_eq!(
        ward.findings(patient).await,
        ["1 limits.spo2.red_low red"],
        "nothing waits in quarantine"
    );
}

async fn a_shift_that_leads_nowhere_is_refused(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let payload = |number: u128, taken_at: &str| -> Value {
        json!({
            "session_id": uuid::Uuid::from_u128(number), "completed_at": "2026-11-21T10:00:00Z", "answers": [],
            "readings": [{ "measure": "spo2", "value": 85, "unit": "%", "taken_at": taken_at }],
        })
    };
    let now = at("21T09:00");
    ward.send("HU-1", payload(1, "0001-01-01T00:00:00Z"), now).await;
    let case = ward.last_case().await;
    let tried = ward.replay(case.id, by(-HOUR), now).await.unwrap();
    let Replayed::Refused { problems, .. } = tried.came_of_it else {
        panic!()
    };
    assert_eq!(problems[0].detail, "holds a time that cannot be moved so far");
    // Too far back: where the clock is believed no more.
    let tried = ward.replay(case.id, by(-401 * 24 * HOUR), now).await.unwrap();
    assert_eq!(outcome(&tried), "clock_fault");
    assert_eq!(ward.history(patient).await.len(), 0);
    assert_eq!(ward.case(case.id).await.tries, 2);
}

/// The document keeps the wrong times: every later look at it must move them.
async fn what_is_judged_again_reads_the_moved_times(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    let days = 24 * HOUR;
    // The unit's clock is 500 days behind.
    let behind = |number, day: &str, kg| session(number, at(day) - chrono::TimeDelta::days(500)).weighs(kg);
    for (number, day, kg) in [(1, "18T09:00", 80.0), (2, "20T09:00", 82.5)] {
        ward.send("HU-1", behind(number, day, kg), at(day)).await;
    }
    for (case, _) in ward.quarantine().await {
        let tried = ward
            .replay(case.id, by(500 * days), at("21T09:00"))
            .await
            .unwrap();
        assert_eq!(outcome(&tried), "stored");
    }
    assert_eq!(ward.findings(patient).await, ["2 gain amber"]);
    // What comes late from before has both judged again, from their documents.
    ward.send("HU-1", session(3, at("17T09:00")).weighs(77.5), at("21T10:00"))
        .await;
    assert_eq!(
        ward.findings(patient).await,
        ["1 gain amber late", "2 gain amber"]
    );
    let version = crate::support::unit_says::from("17T00:00", plan(&[]));
    ward.put_plan(patient, version, at("21T11:00")).await;
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
}
