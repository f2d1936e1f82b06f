//! Everything under *Rejected* in contract.md: kept whole, receipted, told to a person, and the good session beside it stored.

use homeward::domain::alert::About;
use homeward::domain::finding::{Class, FindingState, Severity};
use homeward::domain::time::Instant;
use homeward::ingest::arrival::Arrival;
use homeward::store::quarantine::Case;
use homeward::store::{self};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, gain, plan, session, spo2};
use crate::support::ward::{Payload, Ward, at, frame, key, receipts, unit};

on_both_databases!(
    every_bad_session_of_a_patient_is_kept_whole_and_red,
    bad_bytes_without_an_id_get_no_receipt,
    an_unassigned_units_bad_session_is_amber,
    a_unit_that_nobody_registered_is_set_aside,
    a_topic_of_no_unit_is_set_aside,
    the_same_bad_bytes_are_one_case_and_one_finding,
    a_refused_session_that_is_sent_again_later_is_the_same_case,
    a_conflict_is_the_patients_of_its_own_time,
    a_status_that_is_no_object_is_set_aside_as_amber,
    the_clock_is_believed_to_the_second,
);

/// Payloads of session 9 with the reason for which each is refused.
pub(crate) fn bad() -> Vec<(&'static str, Payload)> {
    let now = "2026-11-21T09:00:00+00:00";
    let id = Uuid::from_u128(9).to_string();
    let with = |key: &str, value: Value| {
        let mut whole = json!({ "session_id": id, "completed_at": now, "readings": [], "answers": [] });
        whole[key] = value;
        Payload::from(whole)
    };
    let without = |key: &str| {
        let mut whole = json!({ "session_id": id, "completed_at": now, "readings": [], "answers": [] });
        whole.as_object_mut().unwrap().remove(key);
        Payload::from(whole)
    };
    let reading = json!({ "measure": "spo2", "value": 93, "unit": "%", "taken_at": now });
    let reading_without = |key: &str| {
        let mut reading = reading.clone();
        reading.as_object_mut().unwrap().remove(key);
        with("readings", json!([reading]))
    };
    let mut not_utf8 =
        format!(r#"{{"session_id":"{id}","completed_at":"{now}","readings":[],"answers":["#).into_bytes();
    not_utf8.extend([0xff, 0xfe]);
    let broken_off = format!(r#"{{"session_id":"{id}","completed_at":"{now}","readings":[{{"measure":"we"#);
    vec![
        ("not_json", Payload::from(broken_off.as_str())),
        ("not_json", Payload::from(not_utf8)),
        ("bad_field", without("completed_at")),
        ("bad_field", without("readings")),
        ("bad_field", without("answers")),
        ("bad_field", with("completed_at", json!("yesterday"))),
        ("bad_field", with("readings", json!({}))),
        ("bad_field", with("readings", json!([93]))),
        ("bad_field", reading_without("measure")),
        ("bad_field", reading_without("value")),
        ("bad_field", reading_without("unit")),
        ("bad_field", reading_without("taken_at")),
        ("bad_field", with("answers", json!([{ "question": "ankles" }]))),
        (
            "bad_field",
            with("answers", json!([{ "question": "an\u{0}kles", "answer": "yes" }])),
        ),
        ("bad_field", with("note", json!("unknown keys too: \u{0}"))),
        ("too_many", with("readings", json!(vec![reading.clone(); 257]))),
        (
            "too_many",
            with(
                "answers",
                json!(vec![json!({ "question": "q", "answer": "yes" }); 65]),
            ),
        ),
        ("too_large", with("note", json!("x".repeat(256 * 1024)))),
        (
            "clock_fault",
            with("completed_at", json!("2026-11-21T09:10:01+00:00")),
        ),
        (
            "clock_fault",
            with("completed_at", json!("2025-10-17T08:59:59+00:00")),
        ),
    ]
}

async fn every_bad_session_of_a_patient_is_kept_whole_and_red(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    let now = at("21T09:00");
    for (number, (reason, payload)) in (100..).zip(bad()) {
        let bytes = payload.0.clone();
        let batch = [
            frame("HU-1", session(number, now).weighs(80.0), now),
            frame("HU-1", payload, now),
            frame("HU-1", session(number + 100, now).weighs(80.0), now),
        ];
        let owed = ward.take_in(&batch, now).await;
        let told = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        assert_eq!(
            receipts(&owed),
            [
                format!("{number} stored"),
                "9 rejected".to_owned(),
                format!("{} stored", number + 100)
            ],
            "{told}"
        );
        let problems = &owed[1].problems;
        assert!(
            problems.iter().any(|problem| problem.code == reason),
            "{told}: {problems:?}"
        );
        assert_eq!(owed[1].received_at, now);
        let (case, kept) = ward.quarantine().await.pop().unwrap();
        assert_eq!(kept, bytes, "{told}");
        assert_eq!(
            (case.reason.as_str(), case.seen, case.state),
            (reason, 1, Case::Waiting)
        );
        assert_eq!(
            (case.unit_id, case.patient_id),
            (Some(unit("HU-1")), Some(patient))
        );
        assert_eq!(case.session_id, Some(Uuid::from_u128(9)));
        assert_eq!(
            serde_json::from_str::<Value>(&case.problems).unwrap(),
            json!(problems)
        );
        assert_eq!(ward.session(&key("HU-1", 9)).await, None);
    }
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    assert_eq!(alert.severity, Severity::Red);
    let mut wanted: Vec<String> = bad()
        .iter()
        .map(|(reason, _)| format!("quarantined red {reason}"))
        .collect();
    wanted.sort();
    assert_eq!(ward.on_alert(&alert).await, wanted);
    assert_eq!(ward.findings(patient).await, wanted);
    assert_eq!(
        ward.alerts().await.len(),
        1,
        "what nobody judged raised nothing else"
    );
}

async fn bad_bytes_without_an_id_get_no_receipt(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let now = at("21T09:00");
    let id = Uuid::from_u128(9);
    for bytes in [
        Vec::new(),
        b"\x00\xff".to_vec(),
        b"[1, 2]".to_vec(),
        b"84.2".to_vec(),
        json!({ "completed_at": now, "readings": [], "answers": [] })
            .to_string()
            .into_bytes(),
        json!({ "session_id": "no uuid", "completed_at": now, "readings": [], "answers": [] })
            .to_string()
            .into_bytes(),
        format!(
            r#"{{"session_id":"{id}","session_id":"{id}","completed_at":"{now}","readings":[],"answers":[]}}"#
        )
        .into_bytes(),
    ] {
        assert_eq!(ward.send("HU-1", bytes.clone(), now).await, [], "{bytes:?}");
        let (case, kept) = ward.quarantine().await.pop().unwrap();
        assert_eq!(
            (kept, case.session_id, case.patient_id),
            (bytes, None, Some(patient))
        );
    }
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    assert_eq!(ward.on_alert(&alert).await.len(), 7);
}

async fn an_unassigned_units_bad_session_is_amber(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.unit("HU-1").await;
    let now = at("21T09:00");
    ward.send("HU-1", "{", now).await;
    let alert = ward.open(About::Unit(unit("HU-1")), Class::Technical).await;
    assert_eq!(alert.severity, Severity::Amber);
    assert_eq!(ward.on_alert(&alert).await, ["quarantined amber not_json"]);
    assert_eq!(ward.quarantine().await[0].0.patient_id, None);
}

async fn a_unit_that_nobody_registered_is_set_aside(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let stranger = Payload::from(session(1, now).breathes(80.0));
    let bytes = stranger.0.clone();
    let owed = ward
        .take_in(
            &[
                frame("HU-2", stranger, now),
                frame("HU-1", session(2, now).breathes(97.0), now),
            ],
            now,
        )
        .await;
    assert_eq!(receipts(&owed), ["1 rejected", "2 stored"]);
    assert_eq!(owed[0].problems[0].code, "unregistered");
    let (case, kept) = ward.quarantine().await.pop().unwrap();
    assert_eq!(
        (kept, case.reason.as_str(), case.unit_id),
        (bytes, "unregistered", Some(unit("HU-2")))
    );
    let alert = ward.open(About::Service, Class::Technical).await;
    assert_eq!(alert.severity, Severity::Amber);
    assert_eq!(ward.on_alert(&alert).await, ["quarantined amber unregistered"]);
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
}

async fn a_topic_of_no_unit_is_set_aside(database: TestDatabase) {
    let ward = Ward::over(database);
    let now = at("21T09:00");
    let topics = [
        "homeward/v1/units/no unit/session",
        "homeward/v1/units//session",
        "homeward/v1/units/HU-1/receipt",
        "elsewhere",
    ];
    for topic in topics {
        let payload = Payload::from(session(1, now).weighs(80.0)).0;
        let arrival = Arrival::of(topic, payload.into(), false, now);
        assert_eq!(ward.take_in(&[arrival], now).await, [], "{topic}");
    }
    let kept: Vec<String> = ward
        .quarantine()
        .await
        .into_iter()
        .map(|(case, _)| case.topic)
        .collect();
    assert_eq!(kept, topics);
    let alert = ward.open(About::Service, Class::Technical).await;
    assert_eq!(ward.on_alert(&alert).await, ["quarantined amber bad_field"; 4]);
}

async fn the_same_bad_bytes_are_one_case_and_one_finding(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let bad = |now: Instant| frame("HU-1", json!({ "session_id": Uuid::from_u128(9) }), now);
    let now = at("21T09:00");
    let owed = ward.take_in(&[bad(now), bad(now)], now).await;
    assert_eq!(receipts(&owed), ["9 rejected"; 2]);
    let first = ward.open(About::Patient(patient), Class::Technical).await;
    let later = at("21T09:05");
    let owed = ward.take_in(&[bad(later)], later).await;
    assert_eq!(
        receipts(&owed),
        ["9 rejected"],
        "a receipt that was lost is repeated"
    );
    let cases = ward.quarantine().await;
    assert_eq!(cases.len(), 1);
    assert_eq!((cases[0].0.seen, cases[0].0.last_seen_at), (3, later));
    assert_eq!(
        ward.open(About::Patient(patient), Class::Technical).await,
        first,
        "nothing new was found"
    );
    assert_eq!(ward.on_alert(&first).await.len(), 1);
    // Closed is closed, however often it is sent again.
    ward.close(&first, later).await;
    ward.take_in(&[bad(at("21T09:10"))], at("21T09:10")).await;
    assert_eq!(ward.alerts().await.len(), 1);
}

/// A unit whose receipt was lost sends again, each time with another `sent_at`.
async fn a_refused_session_that_is_sent_again_later_is_the_same_case(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let taken = at("21T08:00");
    ward.send("HU-1", session(1, taken).weighs(80.0), taken).await;
    let kinds = [
        ("HU-1", session(1, taken).weighs(81.0), "session_conflict"),
        ("HU-1", session(2, at("22T08:00")).weighs(80.0), "clock_fault"),
        ("HU-9", session(3, taken).weighs(80.0), "unregistered"),
    ];
    for second in 0..3 {
        let now = at(&format!("21T09:00:0{second}"));
        for (unit_id, session, _) in &kinds {
            let owed = ward.send(unit_id, session.bytes(now).unwrap(), now).await;
            assert_eq!(owed[0].outcome, homeward::wire::receipt::Outcome::Rejected);
        }
    }
    let cases = ward.quarantine().await;
    let told: Vec<_> = cases
        .iter()
        .map(|(case, _)| (case.reason.as_str(), case.seen))
        .collect();
    assert_eq!(told, kinds.each_ref().map(|(_, _, reason)| (*reason, 3)));
    let first = kinds[0].1.bytes(at("21T09:00")).unwrap();
    assert_eq!(cases[0].1, first, "as it came first");
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    assert_eq!((alert.version, ward.on_alert(&alert).await.len()), (2, 2));
    // Another session that says the same is another case.
    let other = session(4, at("22T08:00")).weighs(80.0);
    ward.send("HU-1", &other, at("21T09:01")).await;
    assert_eq!(ward.quarantine().await.len(), 4);
}

async fn a_conflict_is_the_patients_of_its_own_time(database: TestDatabase) {
    let ward = Ward::over(database);
    let (first, second) = (ward.patient(None).await, ward.patient(None).await);
    ward.unit("HU-1").await;
    ward.assign("HU-1", first, "01T08:00", Some("20T12:00"), at("01T08:00"))
        .await;
    ward.assign("HU-1", second, "20T12:00", None, at("01T08:00"))
        .await;
    ward.put_plan(first, plan(&[gain()]), at("02T08:00")).await;
    ward.put_plan(second, plan(&[gain()]), at("02T08:00")).await;
    let now = at("21T09:00");
    let taken = at("20T09:00");
    ward.send("HU-1", session(1, taken).weighs(80.0), now).await;
    let owed = ward.send("HU-1", session(1, taken).weighs(81.0), now).await;
    assert_eq!(receipts(&owed), ["1 rejected"]);
    assert_eq!(owed[0].problems[0].code, "session_conflict");
    assert_eq!(
        ward.findings(first).await,
        ["session_conflict red session_conflict"]
    );
    assert_eq!(ward.findings(second).await, Vec::<String>::new());
    assert_eq!(ward.quarantine().await[0].0.patient_id, Some(first));
    assert_eq!(
        ward.open(About::Patient(first), Class::Technical).await.severity,
        Severity::Red
    );
    let stored = ward.session(&key("HU-1", 1)).await.unwrap();
    assert_eq!(
        stored.series[0].value.map(|value| value.to_string()),
        Some("80".to_owned()),
        "the first stands"
    );
    // A session dated by a wrong clock says nothing of whose it is: whoever has the unit now is told.
    ward.send("HU-1", session(2, at("21T09:11")).weighs(80.0), now)
        .await;
    assert_eq!(ward.findings(second).await, ["quarantined red clock_fault"]);
}

async fn a_status_that_is_no_object_is_set_aside_as_amber(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let now = at("21T09:00");
    let status = |payload: &str| {
        let bytes = payload.as_bytes().to_vec();
        Arrival::of("homeward/v1/units/HU-1/status", bytes.into(), false, now)
    };
    let huge = format!("{{\"note\":\"{}\"}}", "x".repeat(256 * 1024));
    ward.take_in(&[status("offline"), status("[]"), status(&huge), status("")], now)
        .await;
    let mut reasons: Vec<String> = ward
        .quarantine()
        .await
        .into_iter()
        .map(|(case, _)| case.reason)
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        ["bad_field", "not_json", "too_large"],
        "an empty one only clears what was retained"
    );
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    assert_eq!(alert.severity, Severity::Amber, "no readings are waiting in it");
}

async fn the_clock_is_believed_to_the_second(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.patient_with("HU-1", plan(&[])).await;
    let now = at("21T09:00");
    let ahead = ward
        .send("HU-1", session(1, at("21T09:10")).weighs(80.0), now)
        .await;
    let old = ward
        .send(
            "HU-1",
            session(2, now - chrono::TimeDelta::days(400)).weighs(80.0),
            now,
        )
        .await;
    assert_eq!(
        [receipts(&ahead), receipts(&old)].concat(),
        ["1 stored", "2 stored"]
    );
}

#[tokio::test]
async fn a_finding_in_quarantine_names_no_value() {
    let ward = Ward::over(crate::support::databases::sqlite().await);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    ward.send("HU-1", session(1, at("21T09:11")).weighs(61.7), at("21T09:00"))
        .await;
    let mut tx = ward.db.read().await.unwrap();
    let findings = store::finding::list(&mut tx, patient, None, 5)
        .await
        .unwrap()
        .items;
    let [row] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!(row.state, FindingState::Current);
    assert_eq!(
        row.finding.sentence,
        "A message from unit HU-1 was set aside in quarantine because the unit's clock is wrong; readings may be waiting in it."
    );
}
