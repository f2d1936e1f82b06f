//! One open alert a patient and class; its version moves with state, severity, claim or a new finding, and with nothing else.

use std::time::Duration;

use homeward::domain::alert::{About, AlertState};
use homeward::domain::finding::{Class, Severity};
use homeward::store;
use homeward::store::event::EventKind;
use homeward::store::stream::Event;

use crate::store::fixture::alert;
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, ankles, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, frame, nurse};

on_both_databases!(
    findings_merge_and_severity_rises,
    a_claim_is_kept_when_findings_join,
    a_closed_alert_stays_closed_and_news_opens_another,
    context_raises_nothing,
    classes_and_patients_have_alerts_of_their_own,
    each_change_of_an_alert_is_told_to_the_stream,
    a_person_who_closes_and_a_batch_that_merges_do_not_lose_each_other,
    an_alert_that_was_opened_without_her_lock_is_joined,
    who_is_remembered_without_an_alert_has_one_by_her_next_session,
);

async fn findings_merge_and_severity_rises(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let about = About::Patient(patient);
    let mut versions = Vec::new();
    for (number, percent) in [(1, 91.0), (2, 97.0), (3, 89.0), (4, 91.0)] {
        let taken = at(&format!("{}T09:00", 16 + number));
        ward.send("HU-1", session(number, taken).breathes(percent), taken)
            .await;
        let alert = ward.open(about.clone(), Class::Clinical).await;
        versions.push((alert.version, alert.severity));
        assert_eq!(alert.opened_at, at("17T09:00"));
    }
    let (amber, red) = (Severity::Amber, Severity::Red);
    assert_eq!(
        versions,
        [(1, amber), (1, amber), (2, red), (3, red)],
        "red stays red until a person lowers it"
    );
    let alert = ward.open(about, Class::Clinical).await;
    assert_eq!(alert.updated_at, at("20T09:00"));
    assert_eq!(
        ward.on_alert(&alert).await,
        [
            "1 limits.spo2.amber_low amber",
            "3 limits.spo2.red_low red",
            "4 limits.spo2.amber_low amber"
        ]
    );
}

/// Nothing of ours does that. That she has none open is only remembered; the table decides.
async fn an_alert_that_was_opened_without_her_lock_is_joined(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let breathes =
        |number, day: &str, percent| session(number, at(&format!("{day}T09:00"))).breathes(percent);
    for (number, day) in [(1, "17"), (2, "18")] {
        ward.send("HU-1", breathes(number, day, 97.0), at("18T10:00"))
            .await;
    }
    let about = About::Patient(patient);
    let stranger = alert(7, about.clone(), Severity::Amber, at("18T11:00"));
    let mut tx = ward.db.begin().await.unwrap();
    store::alert::insert(&mut tx, &[stranger]).await.unwrap();
    tx.commit().await.unwrap();
    ward.send("HU-1", breathes(3, "19", 85.0), at("19T09:00")).await;
    let open = ward.open(about, Class::Clinical).await;
    assert_eq!((open.version, open.severity), (2, Severity::Red));
    assert_eq!(ward.on_alert(&open).await, ["3 limits.spo2.red_low red"]);
    assert_eq!(ward.alerts().await.len(), 1);
}

async fn who_is_remembered_without_an_alert_has_one_by_her_next_session(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let about = About::Patient(patient);
    // Known, then with her first alert, with more on it, with none again by a person, and with another.
    for (number, percent, versions) in [
        (1, 97.0, &[][..]),
        (2, 85.0, &[1]),
        (3, 84.0, &[2]),
        (4, 97.0, &[2]),
        (5, 97.0, &[4]),
        (6, 83.0, &[4, 1]),
        (7, 82.0, &[4, 2]),
    ] {
        let taken = at(&format!("{:02}T09:00", 10 + number));
        if number == 5 {
            let open = ward.open(about.clone(), Class::Clinical).await;
            ward.close(&open, taken).await;
        }
        ward.send("HU-1", session(number, taken).breathes(percent), taken)
            .await;
        let mut alerts = ward.alerts_of(patient).await;
        alerts.sort_by_key(|alert| alert.opened_at);
        let stand: Vec<i64> = alerts.iter().map(|alert| alert.version).collect();
        assert_eq!(stand, versions, "after session {number}");
    }
}

async fn a_claim_is_kept_when_findings_join(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    ward.send("HU-1", session(1, at("17T09:00")).breathes(91.0), at("17T09:00"))
        .await;
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    ward.claim(&alert).await;
    ward.send("HU-1", session(2, at("18T09:00")).breathes(89.0), at("18T09:00"))
        .await;
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert!(matches!(&alert.state, AlertState::Claimed(claim) if claim.by == nurse()));
    assert_eq!((alert.severity, alert.version), (Severity::Red, 3));
}

async fn a_closed_alert_stays_closed_and_news_opens_another(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    for (number, day, kg) in [(1, "17", 80.0), (2, "18", 82.0)] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).weighs(kg), taken).await;
    }
    let first = ward.open(About::Patient(patient), Class::Clinical).await;
    ward.close(&first, at("18T10:00")).await;
    // A late lower weight changes the numbers of what was dealt with: that is no reason to ring again.
    ward.send("HU-1", session(3, at("16T09:00")).weighs(79.0), at("18T11:00"))
        .await;
    assert_eq!(ward.findings(patient).await, ["2 gain amber"]);
    assert!(ward.alerts().await.iter().all(|alert| !alert.is_open()));
    ward.send("HU-1", session(4, at("19T09:00")).weighs(82.0), at("19T09:00"))
        .await;
    let second = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_ne!(second.id, first.id);
    assert_eq!(ward.on_alert(&second).await, ["4 gain amber"]);
    assert_eq!(ward.on_alert(&first).await, ["2 gain amber"]);
}

async fn context_raises_nothing(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[ankles()])).await;
    ward.send("HU-1", session(1, at("17T09:00")).ankles("yes"), at("17T09:00"))
        .await;
    assert_eq!(ward.findings(patient).await, ["1 swollen context"]);
    assert_eq!(ward.alerts().await, []);
    ward.send(
        "HU-1",
        session(2, at("18T09:00")).ankles("perhaps"),
        at("18T09:00"),
    )
    .await;
    assert_eq!(
        ward.findings(patient).await,
        ["1 swollen context", "2 unknown_answer amber"]
    );
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    assert_eq!(ward.on_alert(&alert).await, ["2 unknown_answer amber"]);
}

async fn classes_and_patients_have_alerts_of_their_own(database: TestDatabase) {
    let ward = Ward::over(database);
    let first = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let second = ward.patient_with("HU-2", plan(&[spo2()])).await;
    ward.unit("HU-3").await;
    let now = at("17T09:00");
    let batch = [
        frame(
            "HU-1",
            session(1, now).breathes(89.0).takes("weight", 900, "kg"),
            now,
        ),
        frame("HU-2", session(2, now).breathes(91.0), now),
        frame("HU-3", session(3, now).breathes(91.0), now),
        frame("HU-9", session(4, now).breathes(91.0), now),
        frame("HU-2", "{", now),
    ];
    ward.take_in(&batch, now).await;
    let mut told = Vec::new();
    for alert in ward.alerts().await {
        let about = match &alert.about {
            About::Patient(patient) if *patient == first => "first".to_owned(),
            About::Patient(patient) if *patient == second => "second".to_owned(),
            About::Patient(_) => "nobody".to_owned(),
            About::Unit(unit) => unit.to_string(),
            About::Service => "service".to_owned(),
        };
        let severity = alert.severity.word();
        told.push(format!(
            "{about} {} {severity}: {}",
            alert.class.word(),
            ward.on_alert(&alert).await.join(", ")
        ));
    }
    told.sort();
    assert_eq!(
        told,
        [
            "HU-3 technical amber: 3 unassigned amber",
            "first clinical red: 1 limits.spo2.red_low red",
            "first technical amber: 1 suspect amber out_of_range",
            "second clinical amber: 2 limits.spo2.amber_low amber",
            "second technical red: quarantined red not_json",
            "service technical amber: quarantined amber unregistered",
        ]
    );
}

async fn each_change_of_an_alert_is_told_to_the_stream(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    for (number, percent) in [(1, 91.0), (2, 97.0), (3, 89.0)] {
        let taken = at(&format!("{}T09:00", 16 + number));
        ward.send("HU-1", session(number, taken).breathes(percent), taken)
            .await;
        ward.send("HU-1", session(number, taken).breathes(percent), taken)
            .await;
    }
    let events = stream(&ward, 5).await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.event.kind, event.event.patient_id == Some(patient)))
        .collect();
    let (session, alert) = ((EventKind::Session, true), (EventKind::Alert, true));
    assert_eq!(told, [session, alert, session, session, alert]);
    assert!(
        events
            .iter()
            .all(|event| !event.event.body.contains("89") && !event.event.body.contains("Ada"))
    );
}

async fn a_person_who_closes_and_a_batch_that_merges_do_not_lose_each_other(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    ward.send("HU-1", session(1, at("17T09:00")).breathes(91.0), at("17T09:00"))
        .await;
    let seen = ward.open(About::Patient(patient), Class::Clinical).await;
    ward.send("HU-1", session(2, at("18T09:00")).breathes(89.0), at("18T09:00"))
        .await;
    // The page was loaded before the red one came: closing what was seen must not close what was not.
    let claimed = seen.clone().claim(nurse(), at("18T09:01")).unwrap();
    let mut tx = ward.db.begin().await.unwrap();
    assert!(
        !store::alert::update(&mut tx, &claimed, seen.version)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!((alert.severity, alert.state), (Severity::Red, AlertState::New));
}

/// Events are shown once no transaction is open that could still come before them: on PostgreSQL that may be another
/// test's.
async fn stream(ward: &Ward, count: usize) -> Vec<Event> {
    let all = async {
        loop {
            let mut tx = ward.db.read().await.unwrap();
            let events = store::stream::after(&mut tx, None, 100).await.unwrap().unwrap();
            if events.len() >= count {
                return events;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all)
        .await
        .expect("the events appear")
}
