//! A session is identified by unit and id: stored once, judged once, receipted as often as it is sent.

use homeward::domain::alert::About;
use homeward::domain::finding::Class;
use serde_json::json;

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, plan, session, spo2};
use crate::support::ward::{Payload, Ward, at, frame, key, receipts};

on_both_databases!(
    what_is_sent_again_is_stored_and_alerted_once,
    other_content_under_the_same_id_is_a_conflict,
    two_units_may_use_one_id,
    a_session_of_nobody_is_known_when_it_comes_again,
    an_empty_batch_does_nothing,
    many_send_the_same_at_one_moment,
);

async fn what_is_sent_again_is_stored_and_alerted_once(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let red = session(1, now).breathes(85.0).takes("mood", 3, "1");
    // The same content otherwise written: order of keys, nulls, zeros, another offset, another `sent_at`, an unknown key.
    let mut other = serde_json::to_value(&red).unwrap();
    other["sent_at"] = json!("2026-11-21T09:00:30+00:00");
    other["completed_at"] = json!("2026-11-21T10:00:00.000+01:00");
    other["request_id"] = json!(null);
    other["firmware"] = json!("2.1");
    let other = other.to_string().replace("85.0", "85.00");
    let owed = ward
        .take_in(
            &[frame("HU-1", &red, now), frame("HU-1", other.as_str(), now)],
            now,
        )
        .await;
    assert_eq!(receipts(&owed), ["1 stored", "1 duplicate"]);
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    let later = at("21T09:01");
    let owed = ward.send("HU-1", other.as_str(), later).await;
    assert_eq!(receipts(&owed), ["1 duplicate"]);
    assert_eq!(owed[0].received_at, later);
    assert_eq!(
        owed[0].problems[0].code, "unknown_measure",
        "problems are repeated"
    );
    assert_eq!(ward.history(patient).await.len(), 1);
    assert_eq!(
        ward.session(&key("HU-1", 1)).await.unwrap().document.text,
        serde_json::to_string(&red).unwrap()
    );
    assert_eq!(ward.open(About::Patient(patient), Class::Clinical).await, alert);
    assert_eq!(
        ward.findings(patient).await,
        ["1 limits.spo2.red_low red", "1 suspect amber unknown_measure"]
    );
    // Nor does it open what was closed.
    ward.close(&alert, later).await;
    ward.send("HU-1", &red, later).await;
    assert!(
        ward.alerts()
            .await
            .iter()
            .all(|alert| !alert.is_open() || alert.class == Class::Technical)
    );
}

async fn other_content_under_the_same_id_is_a_conflict(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let (first, second) = (session(1, now).breathes(97.0), session(1, now).breathes(80.0));
    let owed = ward
        .take_in(
            &[
                frame("HU-1", &first, now),
                frame("HU-1", &second, now),
                frame("HU-1", &first, now),
            ],
            now,
        )
        .await;
    assert_eq!(receipts(&owed), ["1 stored", "1 rejected", "1 duplicate"]);
    let owed = ward.send("HU-1", &second, now).await;
    assert_eq!(receipts(&owed), ["1 rejected"]);
    assert_eq!(
        ward.findings(patient).await,
        ["session_conflict red session_conflict"]
    );
    let cases = ward.quarantine().await;
    assert_eq!(cases.len(), 1);
    assert_eq!((cases[0].0.seen, &cases[0].1), (2, &Payload::from(&second).0));
}

async fn two_units_may_use_one_id(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    ward.unit("HU-2").await;
    ward.assign("HU-2", patient, "01T08:00", None, at("01T08:00"))
        .await;
    let now = at("21T09:00");
    let owed = ward
        .take_in(
            &[
                frame("HU-1", session(1, now).breathes(97.0), now),
                frame("HU-2", session(1, now).breathes(96.0), now),
            ],
            now,
        )
        .await;
    assert_eq!(receipts(&owed), ["1 stored", "1 stored"]);
    assert_eq!(ward.history(patient).await.len(), 2);
}

async fn a_session_of_nobody_is_known_when_it_comes_again(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.unit("HU-1").await;
    let now = at("21T09:00");
    let owed = ward
        .take_in(
            &[
                frame("HU-1", session(1, now).breathes(97.0), now),
                frame("HU-1", session(1, now).breathes(97.0), now),
            ],
            now,
        )
        .await;
    assert_eq!(receipts(&owed), ["1 stored", "1 duplicate"]);
    let owed = ward.send("HU-1", session(1, now).breathes(97.0), now).await;
    assert_eq!(receipts(&owed), ["1 duplicate"]);
    assert_eq!(ward.findings_of(&key("HU-1", 1)).await.len(), 1);
}

async fn an_empty_batch_does_nothing(database: TestDatabase) {
    let ward = Ward::over(database);
    assert_eq!(ward.take_in(&[], at("21T09:00")).await, []);
}

/// Eight processes, four sessions, two of a patient and two of nobody: each is stored by one of them.
async fn many_send_the_same_at_one_moment(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    ward.unit("HU-2").await;
    let now = at("21T09:00");
    let mut tasks = tokio::task::JoinSet::new();
    for process in 0..8 {
        let other = Ward::on(&ward.db, 100 + process);
        tasks.spawn(async move {
            let batch = [
                frame("HU-2", session(3, now).breathes(80.0), now),
                frame("HU-1", session(1, now).breathes(80.0), now),
                frame("HU-2", session(4, now).breathes(80.0), now),
                frame("HU-1", session(2, now).breathes(80.0), now),
            ];
            // As a lane does: what may pass is tried again.
            loop {
                match other.try_take_in(&batch, now).await {
                    Ok(owed) => return receipts(&owed),
                    Err(fault) => assert!(fault.is_passing(), "{fault}"),
                }
            }
        });
    }
    let all: Vec<String> = tasks.join_all().await.concat();
    for number in 1..=4 {
        let count = |what: &str| {
            all.iter()
                .filter(|told| **told == format!("{number} {what}"))
                .count()
        };
        assert_eq!((count("stored"), count("duplicate")), (1, 7));
    }
    assert_eq!(ward.history(patient).await.len(), 2);
    assert_eq!(
        ward.findings(patient).await,
        ["1 limits.spo2.red_low red", "2 limits.spo2.red_low red"]
    );
    assert_eq!(ward.alerts().await.len(), 2);
}
