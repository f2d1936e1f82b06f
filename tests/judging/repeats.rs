//! A standing rule that a person has dealt with goes on being found and opens no alert for so many days.

use homeward::domain::alert::{About, Outcome};
use homeward::domain::finding::Class;
use homeward::domain::ids::PatientId;
use serde_json::{Value, json};

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, plan, session, spo2};
use crate::support::ward::{Ward, at};

on_both_databases!(
    a_person_s_word_holds_for_so_many_days,
    only_a_person_s_word_does,
    another_severity_or_rule_is_another_matter,
);

/// Amber below 92 and red below 90, of which the same is told of once in three days.
fn standing() -> Value {
    let mut rule = spo2();
    rule["repeat_after_days"] = json!(3);
    rule
}

async fn says(ward: &Ward, day: u128, percent: f64) {
    let taken = at(&format!("{day:02}T09:00"));
    ward.send("HU-1", session(day, taken).breathes(percent), taken)
        .await;
}

async fn opened(ward: &Ward, patient: PatientId) -> Vec<String> {
    let alerts = ward.alerts_of(patient).await;
    let days = alerts
        .iter()
        .map(|alert| format!("{} {}", alert.opened_at.format("%d"), alert.severity.word()));
    days.collect()
}

async fn a_person_s_word_holds_for_so_many_days(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[standing()])).await;
    says(&ward, 10, 91.0).await;
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    ward.close(&alert, at("10T10:00")).await;
    for day in 11..=13 {
        says(&ward, day, 91.0).await;
    }
    assert_eq!(opened(&ward, patient).await, ["10 amber"]);
    assert_eq!(ward.findings(patient).await.len(), 4, "it is found all the same");
    says(&ward, 14, 91.0).await;
    assert_eq!(opened(&ward, patient).await, ["10 amber", "14 amber"]);
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(ward.on_alert(&alert).await, ["14 limits.spo2.amber_low amber"]);
    // It joins one that is open, and what stands on that one counts from its closing on.
    says(&ward, 15, 91.0).await;
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!((alert.version, ward.on_alert(&alert).await.len()), (2, 2));
    ward.close(&alert, at("15T10:00")).await;
    says(&ward, 18, 91.0).await;
    says(&ward, 19, 91.0).await;
    assert_eq!(opened(&ward, patient).await, ["10 amber", "14 amber", "19 amber"]);
}

async fn only_a_person_s_word_does(database: TestDatabase) {
    let ward = Ward::over(database);
    let mut body = plan(&[standing()]);
    body["amber_auto_close"] = json!(true);
    let patient = ward.patient_with("HU-1", body).await;
    says(&ward, 10, 91.0).await;
    says(&ward, 11, 97.0).await;
    let alert = ward.cleared(About::Patient(patient), Class::Clinical).await;
    assert!(
        matches!(&alert.state, homeward::domain::alert::AlertState::Closed(closing)
        if closing.outcome == Outcome::ClearedByItself)
    );
    says(&ward, 12, 91.0).await;
    assert_eq!(opened(&ward, patient).await, ["10 amber", "12 amber"]);
}

async fn another_severity_or_rule_is_another_matter(database: TestDatabase) {
    let ward = Ward::over(database);
    let swollen = json!({ "id": "swollen", "kind": "answer", "question": "ankles", "any_of": ["yes"], "severity": "amber" });
    let patient = ward.patient_with("HU-1", plan(&[standing(), swollen])).await;
    says(&ward, 10, 91.0).await;
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    ward.close(&alert, at("10T10:00")).await;
    says(&ward, 11, 89.0).await;
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(ward.on_alert(&alert).await, ["11 limits.spo2.red_low red"]);
    ward.close(&alert, at("11T10:00")).await;
    let taken = at("12T09:00");
    ward.send("HU-1", session(12, taken).breathes(91.0).ankles("yes"), taken)
        .await;
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(
        ward.on_alert(&alert).await,
        ["12 limits.spo2.amber_low amber", "12 swollen amber"],
        "an alert that opens anyway says everything"
    );
}
