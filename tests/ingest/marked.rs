//! Everything under *Not rejected* in contract.md: one bad reading never hides the others, and nobody's session is kept too.

use homeward::domain::alert::About;
use homeward::domain::finding::{Class, Severity};
use serde_json::{Value, json};

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, plan, session, spo2};
use crate::support::ward::{Ward, at, frame, key, receipts, unit};

on_both_databases!(
    one_bad_reading_never_hides_the_others,
    a_session_of_nobody_is_stored_and_told,
    a_reading_that_cannot_be_believed_asks_for_a_retest,
);

async fn one_bad_reading_never_hides_the_others(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let mut odd = session(1, now)
        .takes("mood", 3, "1")
        .takes("weight", 84.2, "furlong")
        .takes("weight", Value::Null, "kg")
        .takes("weight", "NaN", "kg")
        .takes("spo2", 85, "%")
        .takes("glucose", 5.0, "mmol/L");
    odd.readings[5].comparator = Some("~".to_owned());
    let payload = serde_json::to_value(&odd).unwrap();
    let owed = ward.send("HU-1", payload.clone(), now).await;
    assert_eq!(receipts(&owed), ["1 stored"]);
    let problems: Vec<(&str, &str)> = owed[0]
        .problems
        .iter()
        .map(|problem| (problem.at.as_str(), problem.code.as_str()))
        .collect();
    assert_eq!(
        problems,
        [
            ("/readings/0/measure", "unknown_measure"),
            ("/readings/1/unit", "unknown_unit"),
            ("/readings/2/value", "not_finite"),
            ("/readings/3/value", "not_finite"),
            ("/readings/5/comparator", "bad_comparator"),
        ]
    );
    assert_eq!(
        ward.states(patient).await,
        [
            "unknown_measure",
            "unknown_unit",
            "not_finite",
            "not_finite",
            "accepted",
            "accepted"
        ]
    );
    assert_eq!(
        ward.findings(patient).await,
        [
            "1 limits.spo2.red_low red",
            "1 suspect amber not_finite",
            "1 suspect amber not_finite",
            "1 suspect amber unknown_measure",
            "1 suspect amber unknown_unit",
        ]
    );
    assert_eq!(
        ward.open(About::Patient(patient), Class::Clinical).await.severity,
        Severity::Red
    );
    assert_eq!(
        ward.open(About::Patient(patient), Class::Technical)
            .await
            .severity,
        Severity::Amber
    );
    let stored = ward.session(&key("HU-1", 1)).await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&stored.document.text).unwrap(),
        payload,
        "as sent"
    );
    assert_eq!(ward.quarantine().await, []);
}

async fn a_session_of_nobody_is_stored_and_told(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2()]))).await;
    ward.unit("HU-1").await;
    ward.assign("HU-1", patient, "10T12:00", Some("20T12:00"), at("10T12:00"))
        .await;
    let now = at("21T09:00");
    let batch = [
        frame("HU-1", session(1, at("10T11:59")).breathes(80.0), now),
        frame("HU-1", session(2, at("10T12:00")).breathes(97.0), now),
        frame("HU-1", session(3, at("20T12:00")).breathes(80.0), now),
    ];
    let owed = ward.take_in(&batch, now).await;
    assert_eq!(receipts(&owed), ["1 stored", "2 stored", "3 stored"]);
    assert_eq!(
        ward.history(patient).await.len(),
        1,
        "from is included, to is not"
    );
    let alert = ward.open(About::Unit(unit("HU-1")), Class::Technical).await;
    assert_eq!(alert.severity, Severity::Amber);
    assert_eq!(
        ward.on_alert(&alert).await,
        ["1 unassigned amber late", "3 unassigned amber"]
    );
    assert_eq!(ward.session(&key("HU-1", 1)).await.unwrap().patient_id, None);
    assert_eq!(ward.alerts().await.len(), 1, "nothing is judged of nobody");
}

async fn a_reading_that_cannot_be_believed_asks_for_a_retest(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    ward.send(
        "HU-1",
        session(1, now).breathes(20.0).breathes(10.0).pressure(80, 90),
        now,
    )
    .await;
    // Too late, believed, and itself a retest.
    ward.send("HU-1", session(2, now).breathes(20.0), at("21T09:31"))
        .await;
    ward.send("HU-1", session(3, now).breathes(93.0), now).await;
    let mut retest = session(4, now).breathes(20.0);
    retest.trigger = Some(home_unit::payload::Trigger::Retest);
    ward.send("HU-1", retest, now).await;
    let mut tx = ward.db.begin().await.unwrap();
    let kinds = [homeward::store::outbox::NoticeKind::UnitRequest];
    let notices = homeward::store::outbox::claim(&mut tx, &kinds, now, at("21T09:10"), 10)
        .await
        .unwrap();
    let [notice] = notices.as_slice() else {
        panic!("{notices:?}")
    };
    assert_eq!(notice.recipient, "HU-1");
    assert_eq!(notice.expires_at, Some(at("21T09:30")));
    let request: Value = serde_json::from_str(&notice.payload).unwrap();
    assert_eq!(request["kind"], json!("retest"));
    assert_eq!(
        request["measures"],
        json!(["systolic_bp", "diastolic_bp", "spo2"])
    );
}
