//! What patients do not do, through the doors that users have: parameters by HTTP, sessions by MQTT, findings read back by HTTP,
//! found by the service's own workers. What is read back is what `homeward judge` says of the same case.

use std::time::Duration;

use chrono::{DateTime, Utc};
use home_unit::payload::Outcome;
use home_unit::test_unit::TestUnit;
use homeward::cli::judge::judge_lines;
use serde_json::{Value, json};

use super::on_every_ground;
use super::watching::value;
use crate::support::compliance::beats_until;
use crate::support::databases;
use crate::support::hub::Hub;
use crate::support::mosquitto::Mosquitto;

on_every_ground!(what_is_not_done_is_judged_as_the_command_does);

/// From nine to eleven each day. Two sessions in a row without one of the measures are told, and five days of seven are too few.
fn plan() -> Value {
    json!({
        "reason": "first parameters", "effective_from": "2026-11-21T09:00:00Z", "measures": ["spo2", "heart_rate"],
        "schedule": {"times": ["10:00"], "window_before_min": 60, "grace_min": 60},
        "rules": [
            {"id": "silence", "kind": "missed", "after": 1, "severity": "amber"},
            {"id": "halves", "kind": "incomplete", "measures": ["spo2", "heart_rate"], "sessions_in_row": 2,
             "severity": "amber"},
            {"id": "keeping", "kind": "adherence", "at_least": 6, "severity": "amber"},
        ],
    })
}

const BOTH: &[&str] = &["spo2", "heart_rate"];
const ONE: &[&str] = &["spo2"];

/// A patient from nine o'clock on, her unit, and everything it sent.
struct Story {
    hub: Hub,
    patient: String,
    unit: TestUnit,
    sent: Vec<Value>,
}

async fn admitted(mut hub: Hub) -> Story {
    let from = hub.now();
    let referral = json!({
        "nhs_number": "9434765919", "given_name": "Wilhelmina", "family_name": "Testperson", "birth_date": "1948-03-02",
        "sex": "female", "conditions": ["copd"], "phone": "0121 496 0000", "language": "en",
    });
    let patient = hub.call(201, "POST", "patients", Some(referral)).await;
    let patient = patient["id"].as_str().unwrap().to_owned();
    let admit = format!("patients/{patient}/admit");
    hub.call(200, "POST", &admit, Some(json!({ "from": from }))).await;
    hub.unit("HU-1").await;
    let holds = json!({ "patient_id": patient, "from": from });
    hub.call(201, "POST", "units/HU-1/assignments", Some(holds)).await;
    let path = format!("patients/{patient}/plan");
    let first = [("If-None-Match", "*")];
    hub.call_with(201, "PUT", &path, Some(plan()), &first).await;
    let unit = hub.connect("HU-1").await;
    Story {
        hub,
        patient,
        unit,
        sent: Vec::new(),
    }
}

impl Story {
    /// The clock stands there, and the service was up all the while.
    async fn reaches(&self, day_and_time: &str) -> DateTime<Utc> {
        let at = format!("2026-11-{day_and_time}:00Z").parse().unwrap();
        beats_until(self.hub.db(), at).await;
        self.hub.clock.set(at);
        at
    }

    /// The unit sends what it measured then, now.
    async fn sends(&mut self, day_and_time: &str, measures: &[&str]) {
        let completed_at = format!("2026-11-{day_and_time}:00Z");
        let reading = |measure: &&str| {
            let (value, unit) = if *measure == "spo2" {
                (97, "%")
            } else {
                (70, "/min")
            };
            json!({ "measure": measure, "value": value, "unit": unit, "taken_at": completed_at })
        };
        let id = format!("00000000-0000-4000-8000-{:012}", self.sent.len() + 1);
        let mut session = json!({
            "session_id": id, "completed_at": completed_at, "answers": [],
            "readings": measures.iter().map(reading).collect::<Vec<_>>(),
        });
        self.unit.send_raw(session.to_string()).unwrap();
        assert_eq!(self.unit.receipt(&id).await.unwrap().outcome, Outcome::Stored);
        session["unit_id"] = json!("HU-1");
        session["received_at"] = json!(self.hub.now());
        self.sent.push(session);
    }

    async fn alerts(&self, class: &str) -> Vec<Value> {
        let patient = &self.patient;
        let path = format!("alerts?state=all&class={class}&patient_id={patient}");
        self.hub.get(&path).await["items"].as_array().unwrap().clone()
    }

    /// Waits until the workers have brought it there: the newest alert first. The test's own limit is that of the runner.
    async fn is_told(&self, class: &str, wanted: &[&str]) {
        let mut told = Vec::new();
        let asking = async {
            while told != wanted {
                told = self.alerts(class).await.iter().map(tell).collect();
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_mins(1), asking).await;
        assert!(in_time.is_ok(), "{}: {told:?}, not {wanted:?}", self.hub.now());
    }

    /// The same record as `judge` is given it.
    fn by_the_command(&self) -> Value {
        let mut plan = plan();
        plan["version"] = json!(1);
        let case = json!({
            "plans": [plan], "sessions": self.sent, "admitted_from": "2026-11-21T09:00:00Z", "now": self.hub.now(),
        });
        let mut output = Vec::new();
        judge_lines(case.to_string().as_bytes(), &mut output).unwrap();
        let answer: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(answer["problems"], json!([]), "{answer}");
        answer
    }

    /// What stands on the alerts, in the order of times.
    async fn findings(&self) -> Value {
        let alerts = self.alerts("compliance").await;
        let all = alerts
            .iter()
            .flat_map(|alert| alert["findings"].as_array().unwrap().clone());
        let mut current: Vec<Value> = all.filter(|finding| finding["state"] == "current").collect();
        for finding in &mut current {
            assert_eq!(finding["set_by"]["name"], "hub", "{finding}");
            let own = |key: &str| matches!(key, "id" | "set_by" | "set_at");
            finding.as_object_mut().unwrap().retain(|key, _| !own(key));
        }
        current.sort_by_key(|finding| finding["at"].to_string());
        current.into()
    }

    async fn due(&self) -> Value {
        let path = format!(
            "patients/{}/due-times?from=2026-11-21T00:00:00Z&to=2026-11-29T00:00:00Z",
            self.patient
        );
        let due = self.hub.get(&path).await;
        let due = due["items"].as_array().unwrap().iter().rev();
        due.map(|due| json!({ "due": due["due"], "state": due["state"], "session_id": due["session_id"] }))
            .collect()
    }
}

/// `severity state: rule day and time of each finding`; what stands no longer is said to.
fn tell(alert: &Value) -> String {
    let findings = alert["findings"].as_array().unwrap().iter().map(|finding| {
        let gone = if finding["state"] == "current" {
            ""
        } else {
            "no longer "
        };
        let at = finding["at"].as_str().unwrap().get(8..16).unwrap();
        format!("{gone}{} {at}", finding["rule"].as_str().unwrap())
    });
    let findings: Vec<String> = findings.collect();
    let ended = alert["outcome"].as_str();
    format!(
        "{} {}: {}",
        alert["severity"].as_str().unwrap(),
        ended.unwrap_or_else(|| alert["state"].as_str().unwrap()),
        findings.join(", ")
    )
}

async fn what_is_not_done_is_judged_as_the_command_does(hub: Hub) {
    let mut story = admitted(hub).await;
    story.reaches("21T10:00").await;
    story.sends("21T10:00", BOTH).await;

    story.reaches("22T11:00").await;
    let first = "amber new: silence 22T10:00";
    story.is_told("compliance", &[first]).await;
    story.reaches("22T12:01").await;
    let silent = "amber new: unit_silent 22T12:00";
    story.is_told("technical", &[silent]).await;

    // Who comes again has ended both, and nobody need ring.
    story.reaches("23T10:00").await;
    story.sends("23T10:00", ONE).await;
    let first = "amber cleared_by_itself: silence 22T10:00";
    story.is_told("compliance", &[first]).await;
    let heard = "amber cleared_by_itself: no longer unit_silent 22T12:00";
    story.is_told("technical", &[heard]).await;

    story.reaches("24T10:00").await;
    story.sends("24T10:00", ONE).await;
    story
        .is_told("compliance", &["amber new: halves 24T10:00", first])
        .await;
    story.reaches("25T11:00").await;
    let second = "amber new: halves 24T10:00, silence 25T10:00";
    story.is_told("compliance", &[second, first]).await;
    story.reaches("26T10:00").await;
    story.sends("26T10:00", BOTH).await;
    let second = "amber cleared_by_itself: halves 24T10:00, silence 25T10:00";
    story.is_told("compliance", &[second, first]).await;

    // One that was done in time and comes late takes back what was found meanwhile.
    story.reaches("27T11:00").await;
    let third = "amber new: silence 27T10:00";
    story.is_told("compliance", &[third, second, first]).await;
    story.reaches("27T12:00").await;
    story.sends("27T10:05", BOTH).await;
    let third = "amber cleared_by_itself: no longer silence 27T10:00";
    story.is_told("compliance", &[third, second, first]).await;

    // Five of the seven whole days were kept.
    story.reaches("28T10:00").await;
    story.sends("28T10:00", BOTH).await;
    story.reaches("29T00:00").await;
    let fourth = "amber new: keeping 29T00:00";
    story.is_told("compliance", &[fourth, third, second, first]).await;

    let expected = story.by_the_command();
    assert_eq!(story.findings().await, expected["compliance"]);
    assert_eq!(story.due().await, expected["due"]);
    let served = expected["due"].as_array().unwrap().iter();
    assert_eq!(served.filter(|due| due["state"] == "served").count(), 6);
    // A unit that was silent for a day while its patient did not measure may have been found so more than once.
    let metrics = story.hub.page("/metrics").await.1;
    for (class, why, least, most) in [
        ("compliance", "session_came", 3.0, 3.0),
        ("compliance", "discharged", 0.0, 0.0),
        ("technical", "cause_gone", 1.0, 3.0),
        ("clinical", "in_order", 0.0, 0.0),
    ] {
        let series = format!("homeward_alerts_cleared_total{{class=\"{class}\",why=\"{why}\"}}");
        let told = value(&metrics, &series);
        assert!((least..=most).contains(&told), "{series} {told}");
    }
    story.unit.disconnect().await;
    story.hub.stop().await;
}
