//! One reading's whole life, through the doors that users have, on each database and with each kind of broker.

mod compliance;
mod held_up;
mod kinds;
mod privacy;
mod quarantine;
mod rehearsed;
mod replayed;
mod watching;

use chrono::{DateTime, TimeDelta, Utc};
use home_unit::payload::{Outcome, Reading, Session, Status};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::databases;
use crate::support::hub::Hub;
use crate::support::mosquitto::Mosquitto;

/// Writes a test once and runs it on both databases and both kinds of broker.
macro_rules! on_every_ground {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_embedded() {
                super::$name(Hub::start(databases::sqlite().await, None).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_mosquitto() {
                if let Some(mosquitto) = Mosquitto::start("") {
                    super::$name(Hub::start(databases::sqlite().await, Some(mosquitto)).await).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres_embedded() {
                if let Some(database) = databases::postgres().await {
                    super::$name(Hub::start(database, None).await).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres_mosquitto() {
                if let (Some(database), Some(mosquitto)) = (databases::postgres().await, Mosquitto::start("")) {
                    super::$name(Hub::start(database, Some(mosquitto)).await).await;
                }
            }
        }
    )+};
}

pub(super) use on_every_ground;

on_every_ground!(
    a_reading_becomes_an_alert_that_explains_itself,
    bad_neighbours_do_not_hide_a_good_session,
    a_receipt_names_the_session_as_its_unit_did,
    a_unit_gets_its_plan_and_its_retest,
    what_was_sent_while_the_service_was_away_arrives,
);

fn saturation_plan() -> Value {
    json!({
        "measures": ["spo2", "weight"],
        "schedule": { "times": ["09:00"] },
        "rules": [
            {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": 90, "amber_low": 92},
            {"id": "weight_gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 2, "within_days": 3,
             "severity": "amber"},
        ],
    })
}

fn session(number: u128, at: DateTime<Utc>) -> Session {
    Session::new(Uuid::from_u128(number), at)
}

fn saturation(number: u128, at: DateTime<Utc>, percent: f64) -> Session {
    session(number, at).reading(Reading::new("spo2", percent, "%", at))
}

async fn a_reading_becomes_an_alert_that_explains_itself(mut hub: Hub) {
    let patient = hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    let sent = saturation(1, hub.now(), 88.0);
    unit.send(&sent).unwrap();
    let receipt = unit.receipt(sent.session_id).await.unwrap();
    assert_eq!(receipt.outcome, Outcome::Stored);
    assert!(receipt.problems.is_empty());

    let alerts = hub.get("alerts?class=clinical").await;
    let alert = &alerts["items"][0];
    assert_eq!(alerts["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&alert["severity"], &alert["class"], &alert["state"]),
        (&json!("red"), &json!("clinical"), &json!("new"))
    );
    assert_eq!(alert["patient_id"], json!(patient));
    let finding = &alert["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["side"]),
        (&json!("limits.spo2"), &json!("red_low"))
    );
    assert_eq!(
        (&finding["numbers"]["value"], &finding["numbers"]["bound"]),
        (&json!(88), &json!(90))
    );
    let sentence = finding["sentence"].as_str().unwrap();
    for part in ["88", "90", "hub"] {
        assert!(sentence.contains(part), "{part} is not in: {sentence}");
    }

    let sessions = hub.get(&format!("patients/{patient}/sessions")).await;
    let stored = &sessions["items"][0];
    assert_eq!(stored["session_id"], json!(sent.session_id));
    assert_eq!(stored["readings"][0]["state"], json!("accepted"));
    assert_eq!(stored["findings"][0]["id"], finding["id"]);
    assert_eq!(finding["readings"][0], stored["readings"][0]["id"]);

    // Sent again it is stored once and alerts once.
    unit.send(&sent).unwrap();
    assert_eq!(
        unit.receipt(sent.session_id).await.unwrap().outcome,
        Outcome::Duplicate
    );
    let again = hub.get("alerts?class=clinical").await;
    assert_eq!(again["items"][0]["version"], alert["version"]);
    assert_eq!(
        hub.get(&format!("patients/{patient}/sessions")).await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    // Taken, and ended with an outcome.
    let id = alert["id"].as_str().unwrap();
    let tag = |alert: &Value| format!("\"{}\"", alert["version"]);
    let claimed = hub
        .call_with(
            200,
            "POST",
            &format!("alerts/{id}/claim"),
            None,
            &[("If-Match", &tag(alert))],
        )
        .await;
    let body = json!({ "outcome": "advice_given", "note": null });
    let closed = hub
        .call_with(
            200,
            "POST",
            &format!("alerts/{id}/close"),
            Some(body),
            &[("If-Match", &tag(&claimed))],
        )
        .await;
    assert_eq!(
        (&closed["state"], &closed["outcome"]),
        (&json!("closed"), &json!("advice_given"))
    );
    // Compliance is judged as time passes: of thirty days without a session there may be an alert already.
    for class in ["clinical", "technical"] {
        let open = hub.get(&format!("alerts?class={class}")).await;
        assert_eq!(open["items"], json!([]), "{class}");
    }
    let (status, _) = hub.page("/readyz").await;
    assert_eq!(status, 200);
    unit.disconnect().await;
    hub.stop().await;
}

async fn bad_neighbours_do_not_hide_a_good_session(mut hub: Hub) {
    let patient = hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    unit.send_raw("{ this is not json").unwrap();
    unit.send_raw([0xff, 0xfe]).unwrap();
    let early = session(7, hub.now() + TimeDelta::hours(2));
    unit.send(&early).unwrap();
    unit.send_raw(format!(
        "{{\"session_id\": \"{}\", \"padding\": \"{}\"}}",
        Uuid::from_u128(8),
        "x".repeat(300_000)
    ))
    .unwrap();
    let good = saturation(2, hub.now(), 95.0).reading(Reading::new("spo2", Value::Null, "%", hub.now()));
    unit.send(&good).unwrap();

    assert_eq!(
        unit.receipt(early.session_id).await.unwrap().outcome,
        Outcome::Rejected
    );
    assert_eq!(
        unit.receipt(Uuid::from_u128(8)).await.unwrap().outcome,
        Outcome::Rejected
    );
    let receipt = unit.receipt(good.session_id).await.unwrap();
    assert_eq!(receipt.outcome, Outcome::Stored);
    assert_eq!(receipt.problems.len(), 1);
    assert_eq!(receipt.problems[0].code, "not_finite");
    let conflict = saturation(2, hub.now(), 70.0);
    unit.send(&conflict).unwrap();
    assert_eq!(
        unit.receipt(good.session_id).await.unwrap().outcome,
        Outcome::Rejected
    );

    let quarantine = hub.get("quarantine").await;
    let mut reasons: Vec<&str> = quarantine["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["reason"].as_str().unwrap())
        .collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            "clock_fault",
            "not_json",
            "not_json",
            "session_conflict",
            "too_large"
        ]
    );
    let alerts = hub.get("alerts?class=technical").await;
    assert_eq!(alerts["items"].as_array().unwrap().len(), 1, "{alerts}");
    assert_eq!(alerts["items"][0]["severity"], json!("red"));
    let stored = hub.get(&format!("patients/{patient}/sessions")).await;
    let states: Vec<&str> = stored["items"][0]["readings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["accepted", "suspect"]);
    unit.disconnect().await;
    hub.stop().await;
}

async fn a_receipt_names_the_session_as_its_unit_did(mut hub: Hub) {
    hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    let spelt = "0193A0C2-7B7E-7CC3-9A51-0E2F6F1F4C11";
    let payload = |value: f64| {
        json!({
            "session_id": spelt, "completed_at": hub.now().to_rfc3339(), "answers": [],
            "readings": [{"measure": "spo2", "value": value, "unit": "%", "taken_at": hub.now().to_rfc3339()}],
        })
        .to_string()
    };
    for (value, outcome) in [
        (95.0, Outcome::Stored),
        (95.0, Outcome::Duplicate),
        (94.0, Outcome::Rejected),
    ] {
        unit.send_raw(payload(value)).unwrap();
        assert_eq!(unit.receipt(spelt).await.unwrap().outcome, outcome);
    }
    unit.disconnect().await;
    hub.stop().await;
}

async fn a_unit_gets_its_plan_and_its_retest(mut hub: Hub) {
    let patient = hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    let plan = unit.plan().await.unwrap().unwrap();
    assert_eq!(
        (plan.version, plan.measures.as_slice()),
        (1, ["spo2".to_owned(), "weight".to_owned()].as_slice())
    );
    unit.send_status(&status(true, hub.now())).unwrap();

    let heavy = |number, kg: f64, hub: &Hub| {
        session(number, hub.now()).reading(Reading::new("weight", kg, "kg", hub.now()))
    };
    for (number, kg) in [(1, 80.0), (2, 80.4)] {
        let sent = heavy(number, kg, &hub);
        unit.send(&sent).unwrap();
        assert_eq!(
            unit.receipt(sent.session_id).await.unwrap().outcome,
            Outcome::Stored
        );
        hub.clock.advance(std::time::Duration::from_hours(12));
    }
    let doubtful = heavy(3, 180.4, &hub);
    unit.send(&doubtful).unwrap();
    assert_eq!(
        unit.receipt(doubtful.session_id).await.unwrap().outcome,
        Outcome::Stored
    );
    let request = unit.next_request().await.unwrap();
    assert_eq!(request.measures, Some(vec!["weight".to_owned()]));
    let retest = Session {
        trigger: Some(home_unit::payload::Trigger::Retest),
        request_id: Some(request.request_id.clone()),
        ..heavy(4, 80.6, &hub)
    };
    unit.send(&retest).unwrap();
    assert_eq!(
        unit.receipt(retest.session_id).await.unwrap().outcome,
        Outcome::Stored
    );
    let sessions = hub.get(&format!("patients/{patient}/sessions")).await;
    let state_of = |number: u128| {
        let items = sessions["items"].as_array().unwrap();
        let one = items
            .iter()
            .find(|one| one["session_id"] == json!(Uuid::from_u128(number)))
            .unwrap();
        one["readings"][0]["state"].clone()
    };
    assert_eq!((state_of(3), state_of(4)), (json!("suspect"), json!("accepted")));
    let unit_seen = hub.get("units/HU-1").await;
    assert_eq!(unit_seen["online"], json!(true), "{unit_seen}");
    unit.disconnect().await;
    hub.stop().await;
}

async fn what_was_sent_while_the_service_was_away_arrives(mut hub: Hub) {
    if hub.is_embedded() {
        // The broker goes with the service: a unit keeps its session until there is somebody to give it to.
        return embedded_messages_outlive_a_restart(hub).await;
    }
    let patient = hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    hub.stop().await;
    let sent = saturation(1, hub.now(), 91.0);
    unit.send(&sent).unwrap();
    hub.start_again().await;
    assert_eq!(
        unit.receipt(sent.session_id).await.unwrap().outcome,
        Outcome::Stored
    );
    let alerts = hub
        .get(&format!("alerts?class=clinical&patient_id={patient}"))
        .await;
    assert_eq!(alerts["items"][0]["severity"], json!("amber"));
    unit.disconnect().await;
    hub.stop().await;
}

async fn embedded_messages_outlive_a_restart(mut hub: Hub) {
    hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    hub.stop().await;
    hub.start_again().await;
    let mut unit = hub.connect("HU-1").await;
    // Retained before the restart.
    assert_eq!(unit.plan().await.unwrap().unwrap().version, 1);
    let sent = saturation(1, hub.now(), 91.0);
    unit.send(&sent).unwrap();
    assert_eq!(
        unit.receipt(sent.session_id).await.unwrap().outcome,
        Outcome::Stored
    );
    unit.disconnect().await;
    hub.stop().await;
}

fn status(online: bool, at: DateTime<Utc>) -> Status {
    Status {
        online,
        at,
        sent_at: Some(at),
        battery_pct: Some(80),
        firmware: None,
        queued: Some(0),
    }
}
