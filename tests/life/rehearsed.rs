//! A nurse sees that a limit makes ambers of what is usual for her patient, tries a wider one out on her last fortnight, puts
//! it, and the mornings that follow raise what was predicted: no more, no less.

use chrono::{DateTime, TimeDelta, Utc};
use home_unit::payload::{Outcome, Reading, Session};
use home_unit::test_unit::TestUnit;
use serde_json::{Value, json};
use uuid::Uuid;

use super::on_every_ground;
use crate::support::databases;
use crate::support::hub::Hub;
use crate::support::mosquitto::Mosquitto;

on_every_ground!(what_a_rehearsal_predicts_is_what_the_next_sessions_raise);

const FORTNIGHT: i64 = 14;

/// A fortnight's mornings: saturation, weight and whether the ankles are swollen. Two of them follow each other before the
/// stretch that is tried out, and one after it, so that what rules look back on is the same.
const MORNINGS: [(u32, f64, &str); 14] = [
    (91, 80.0, "no"),
    (93, 80.2, "no"),
    (91, 80.4, "no"),
    (94, 82.3, "yes"),
    (91, 81.0, "no"),
    (89, 80.6, "no"),
    (92, 80.3, "no"),
    (91, 80.0, "yes"),
    (95, 80.1, "no"),
    (91, 82.6, "no"),
    (87, 81.4, "no"),
    (90, 80.8, "no"),
    (91, 80.4, "no"),
    (96, 80.2, "no"),
];

fn plan(amber_low: u32) -> Value {
    json!({
        "measures": ["spo2", "weight"],
        "rules": [
            {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": 90, "amber_low": amber_low},
            {"id": "gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 2, "within_days": 3,
             "severity": "amber"},
            {"id": "ankles", "kind": "answer", "question": "ankles_swollen", "any_of": ["yes"], "severity": "context"},
            {"id": "both", "kind": "combination", "all_of": [["gain", "limits.spo2.amber_low"], "ankles"], "severity": "red"},
        ],
        "questions": [{"id": "ankles_swollen", "type": "yes_no", "text": {"en": "Are your ankles more swollen?"}}],
    })
}

async fn sends(hub: &Hub, unit: &mut TestUnit, day: i64, at: DateTime<Utc>) {
    let morning = MORNINGS[usize::try_from(day.rem_euclid(FORTNIGHT)).unwrap()];
    let (percent, kilograms, swollen) = morning;
    let number = u128::try_from(1000 + day).unwrap();
    let session = Session::new(Uuid::from_u128(number), at)
        .reading(Reading::new("spo2", percent, "%", at))
        .reading(Reading::new("weight", kilograms, "kg", at))
        .answer("ankles_swollen", swollen);
    unit.send(&session).unwrap();
    let receipt = unit.receipt(session.session_id).await.unwrap();
    assert_eq!(receipt.outcome, Outcome::Stored, "{:?} at {}", receipt, hub.now());
}

/// `day rule.side severity numbers` of each finding, days counted from the first.
fn told<'a>(findings: impl Iterator<Item = &'a Value>, first: DateTime<Utc>) -> Vec<String> {
    let mut told: Vec<String> = findings
        .map(|found| {
            let at: DateTime<Utc> = found["at"].as_str().unwrap().parse().unwrap();
            let day = (at - first).num_days();
            format!(
                "{day:02} {} {} {} {}",
                found["rule"], found["side"], found["severity"], found["numbers"]
            )
        })
        .collect();
    told.sort();
    told
}

async fn what_a_rehearsal_predicts_is_what_the_next_sessions_raise(mut hub: Hub) {
    let patient = hub.patient("9434765919", "HU-1", Some(plan(92))).await;
    let mut unit = hub.connect("HU-1").await;
    let today = hub.now();
    // A month that has been, the last morning today.
    for day in -2 * FORTNIGHT + 1..=0 {
        sends(&hub, &mut unit, day, today + TimeDelta::days(day)).await;
    }
    let path = format!("patients/{patient}/plan");
    let mut wider = plan(91);
    wider["reason"] = json!("91 is usual for her");
    wider["effective_from"] = json!(today + TimeDelta::hours(1));
    let asked = json!({ "plan": wider, "days": FORTNIGHT });
    let preview = hub
        .call(200, "POST", &format!("{path}/preview"), Some(asked))
        .await;
    let whole = &preview["whole"]["alert_days"];
    assert!(
        whole["proposed"].as_u64() < whole["in_force"].as_u64() && whole["proposed"] != 0,
        "it reduces the days with an alert, and leaves some: {whole}"
    );
    let all = preview["findings"].as_array().unwrap();
    let first = today - TimeDelta::days(FORTNIGHT - 1);
    let predicted = told(all.iter().filter(|found| found["change"] != "gone"), first);
    let by_day = preview["by_day"].as_array().unwrap().clone();

    let seen = hub.get(&path).await;
    let version = format!("\"{}\"", seen["version"]);
    hub.call_with(200, "PUT", &path, Some(wider), &[("If-Match", &version)])
        .await;

    for alert in open(&hub, &patient).await {
        close(&hub, &alert).await;
    }
    // The same mornings, lived.
    let mut on_alerts: Vec<String> = Vec::new();
    for day in 1..=FORTNIGHT {
        hub.clock.advance(std::time::Duration::from_hours(24));
        let at = today + TimeDelta::days(day);
        sends(&hub, &mut unit, day, at).await;
        // What is open each morning is dealt with, so that the next one opens its own.
        for alert in open(&hub, &patient).await {
            on_alerts.push(format!("{} {}", day - 1, alert["severity"]));
            close(&hub, &alert).await;
        }
    }
    let sessions = hub
        .get(&format!("patients/{patient}/sessions?limit={FORTNIGHT}"))
        .await;
    let lived: Vec<Value> = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|session| session["findings"].as_array().unwrap().clone())
        .collect();
    assert_eq!(told(lived.iter(), today + TimeDelta::days(1)), predicted);
    assert!(!predicted.is_empty());
    // And the days with an alert are those that were predicted, each as bad as was said.
    let predicted_days: Vec<String> = by_day
        .iter()
        .filter(|day| !day["proposed"].is_null() && day["proposed"] != "context")
        .map(|day| {
            let date: chrono::NaiveDate = day["day"].as_str().unwrap().parse().unwrap();
            let number = (date - first.date_naive()).num_days();
            format!("{number} {}", day["proposed"])
        })
        .collect();
    assert_eq!(on_alerts, predicted_days);
    unit.disconnect().await;
    hub.stop().await;
}

/// What is open about her readings.
async fn open(hub: &Hub, patient: &str) -> Vec<Value> {
    let alerts = hub
        .get(&format!("alerts?patient_id={patient}&class=clinical"))
        .await;
    alerts["items"].as_array().unwrap().clone()
}

/// Claims it and closes it with an outcome.
async fn close(hub: &Hub, alert: &Value) {
    let id = alert["id"].as_str().unwrap();
    let tag = format!("\"{}\"", alert["version"]);
    let claim = format!("alerts/{id}/claim");
    let claimed = hub
        .call_with(200, "POST", &claim, None, &[("If-Match", &tag)])
        .await;
    let tag = format!("\"{}\"", claimed["version"]);
    let body = json!({ "outcome": "known_and_expected", "note": null });
    let close = format!("alerts/{id}/close");
    hub.call_with(200, "POST", &close, Some(body), &[("If-Match", &tag)])
        .await;
}
