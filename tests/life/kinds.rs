//! Every kind of rule through the doors that users have: parameters by HTTP, sessions by MQTT, findings read back by HTTP. What
//! is read back is what `homeward judge` says of the same case, number for number and word for word.

use chrono::TimeDelta;
use home_unit::payload::Outcome;
use homeward::cli::judge::judge_lines;
use serde_json::{Value, json};

use super::on_every_ground;
use crate::support::databases;
use crate::support::hub::Hub;
use crate::support::mosquitto::Mosquitto;
use crate::support::ward::nhs_number;

on_every_ground!(every_kind_is_judged_as_the_command_does);

/// Parameters, and a session for each of so many hours ago: readings as measure, value, unit and context, then answers.
struct Story {
    kind: &'static str,
    rules: Value,
    sessions: Vec<(i64, Value, Value)>,
}

fn story<const N: usize>(kind: &'static str, rules: Value, sessions: [(i64, Value); N]) -> Story {
    let sessions = sessions.map(|(hours, readings)| (hours, readings, json!([])));
    Story {
        kind,
        rules,
        sessions: sessions.into(),
    }
}

fn asked<const N: usize>(kind: &'static str, rules: Value, sessions: [(i64, Value, Value); N]) -> Story {
    Story {
        kind,
        rules,
        sessions: sessions.into(),
    }
}

fn weight(kg: f64) -> Value {
    json!([["weight", kg, "kg", null]])
}

fn spo2(percent: u32) -> Value {
    json!([["spo2", percent, "%", null]])
}

fn swollen(answer: &str) -> Value {
    json!([{"question": "ankles", "answer": answer}])
}

fn low() -> Value {
    json!({"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": 90, "amber_low": 92})
}

/// Kinds that look at one measure.
fn of_readings() -> Vec<Story> {
    vec![
        story(
            "limits",
            json!([low()]),
            [
                (24, spo2(91)),
                (0, json!([["spo2", 88, "%", null], ["spo2", 99, "%", null]])),
            ],
        ),
        story(
            "change",
            json!([{"id": "gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 2, "within_days": 3,
                "severity": "amber"}]),
            [
                (72, weight(81.9)),
                (48, weight(82.4)),
                (24, weight(83.0)),
                (0, weight(84.2)),
            ],
        ),
        story(
            "persistence",
            json!([{"id": "low", "kind": "persistence", "measure": "spo2", "low": 92, "at_least": 2, "of_last": 3,
                "within_days": 7, "severity": "red"}]),
            [(48, spo2(91)), (24, spo2(95)), (0, spo2(90))],
        ),
        story(
            "mean",
            json!([{"id": "week", "kind": "mean", "measure": "systolic_bp", "high": 135, "over_days": 7, "min_readings": 3,
                "min_days": 3, "severity": "amber"}]),
            [(72, 141), (48, 134), (0, 131)]
                .map(|(hours, value)| (hours, json!([["systolic_bp", value, "mm[Hg]", null]]))),
        ),
        story(
            "count",
            json!([{"id": "lows", "kind": "count", "measure": "glucose", "low": 4, "at_least": 2, "within_hours": 24,
                "severity": "amber"}]),
            [(24, 70), (6, 90), (0, 65)]
                .map(|(hours, value)| (hours, json!([["glucose", value, "mg/dL", "fasting"]]))),
        ),
        story(
            "baseline",
            json!([{"id": "usual", "kind": "baseline", "measure": "peak_flow", "direction": "low", "min_readings": 3,
                "severity": "amber"}]),
            [(96, 400), (72, 410), (48, 395), (24, 405), (0, 370)]
                .map(|(hours, value)| (hours, json!([["peak_flow", value, "L/min", null]]))),
        ),
        story(
            "target",
            json!([{"id": "dry", "kind": "target", "measure": "weight", "value": 80, "low_by": 2, "high_by": 2,
                "severity": "amber"}]),
            [
                (24, weight(81.5)),
                (0, json!([["weight", 13, "[stone_av]", null]])),
            ],
        ),
        story(
            "trend",
            json!([{"id": "rising", "kind": "trend", "measure": "weight", "direction": "rise", "short_days": 2,
                "long_days": 3, "by": 0.2, "severity": "context"}]),
            [
                (72, weight(80.0)),
                (48, weight(80.7)),
                (24, weight(81.3)),
                (0, weight(82.0)),
            ],
        ),
    ]
}

/// Kinds that look at answers, at several measures or at other rules; and readings that are not believed.
fn of_sessions() -> Vec<Story> {
    let ankles = json!({"id": "swollen", "kind": "answer", "question": "ankles", "any_of": ["yes"], "severity": "context"});
    let news = json!([
        ["respiratory_rate", 21, "/min", "alert"],
        ["spo2", 93, "%", "on_air"],
        ["systolic_bp", 120, "mm[Hg]", null],
        ["diastolic_bp", 60, "mm[Hg]", null],
        ["heart_rate", 95, "/min", null],
        ["temperature", 99.5, "[degF]", null],
    ]);
    vec![
        asked(
            "answer",
            json!([{"id": "silent", "kind": "answer", "question": "ankles", "any_of": ["not_answered", "yes"],
                "severity": "amber"}]),
            [
                (24, spo2(97), swollen("no")),
                (0, spo2(97), swollen("not_answered")),
            ],
        ),
        asked(
            "score",
            json!([{"id": "sum", "kind": "score", "weights": {"ankles": {"yes": 1.5}, "breath": {"worse": 2, "same": 1}},
                "at_least": 2.5, "severity": "red"}]),
            [(
                0,
                json!([]),
                json!([{"question": "ankles", "answer": "yes"}, {"question": "breath", "answer": "same"}]),
            )],
        ),
        story(
            "news2",
            json!([{"id": "news", "kind": "news2", "scale": 1}]),
            [(0, news)],
        ),
        asked(
            "combination",
            json!([low(), ankles, {"id": "both", "kind": "combination", "all_of": ["limits.spo2.amber_low", ["swollen"]],
                "within_hours": 48, "severity": "red"}]),
            [(48, json!([]), swollen("yes")), (0, spo2(89), swollen("no"))],
        ),
        story(
            "suspect",
            json!([low()]),
            [
                (24, weight(80.0)),
                (
                    0,
                    json!([
                        ["weight", 95, "kg", null],
                        ["spo2", 20, "%", null],
                        ["mood", 1, "1", null]
                    ]),
                ),
            ],
        ),
    ]
}

impl Story {
    fn plan(&self) -> Value {
        json!({
            "measures": [], "rules": self.rules,
            "questions": [
                {"id": "ankles", "type": "yes_no", "text": {"en": "Are your ankles more swollen than usual?"}},
                {"id": "breath", "type": "choice", "text": {"en": "Is your breathing better or worse?"}, "options": [
                    {"code": "same", "text": {"en": "the same"}}, {"code": "worse", "text": {"en": "worse"}},
                ]},
            ],
        })
    }

    /// As they are on the wire, oldest first.
    fn payloads(&self, hub: &Hub) -> Vec<Value> {
        let payload = |(number, (hours, readings, answers)): (u32, &(i64, Value, Value))| {
            let completed_at = hub.now() - TimeDelta::hours(*hours);
            let readings: Vec<Value> = readings
                .as_array()
                .unwrap()
                .iter()
                .map(|reading| {
                    json!({
                        "measure": reading[0], "value": reading[1], "unit": reading[2], "context": reading[3],
                        "taken_at": completed_at - TimeDelta::seconds(30),
                    })
                })
                .collect();
            json!({
                "session_id": format!("00000000-0000-4000-8000-{number:012}"), "completed_at": completed_at,
                "readings": readings, "answers": answers,
            })
        };
        (1..).zip(&self.sessions).map(payload).collect()
    }
}

async fn every_kind_is_judged_as_the_command_does(mut hub: Hub) {
    let signature = hub.now().format("Set by hub on %-d %B %Y.").to_string();
    for (number, story) in (0..).zip(of_readings().into_iter().chain(of_sessions())) {
        let unit_id = format!("HU-{}", story.kind);
        let patient = hub
            .patient(nhs_number(number).as_str(), &unit_id, Some(story.plan()))
            .await;
        let payloads = story.payloads(&hub);
        let mut unit = hub.connect(&unit_id).await;
        // The newest first, and the oldest once more: order and repetition do not matter.
        let order = payloads.iter().rev().map(|payload| (payload, Outcome::Stored));
        for (payload, outcome) in order.chain([(&payloads[0], Outcome::Duplicate)]) {
            unit.send_raw(payload.to_string()).unwrap();
            let id = payload["session_id"].as_str().unwrap();
            assert_eq!(unit.receipt(id).await.unwrap().outcome, outcome, "{}", story.kind);
        }
        unit.disconnect().await;

        let case = case(&hub, &patient, &unit_id, &payloads).await;
        let expected = by_the_command(&case);
        assert!(
            kinds(&expected).contains(&json!(story.kind)),
            "{}: {expected}",
            story.kind
        );
        let (shown, readings) = by_the_api(&hub, &patient, &signature).await;
        assert_eq!(shown, expected, "{}", story.kind);

        // A reading is taken out: what rested on it goes, at both doors.
        let newest = payloads.last().unwrap();
        if let Some(reading) = readings.first() {
            let path = format!("readings/{reading}/exclude");
            hub.call(200, "POST", &path, Some(json!({"reason": "the wrong finger"})))
                .await;
            let mut without = case;
            without["decisions"] = json!([{
                "unit_id": unit_id, "session_id": newest["session_id"], "index": 0, "decided_at": hub.now(),
                "decision": "exclude",
            }]);
            let expected = by_the_command(&without);
            let (shown, _) = by_the_api(&hub, &patient, &signature).await;
            assert_eq!(shown, expected, "{} with a reading excluded", story.kind);
        }
    }
    hub.stop().await;
}

/// The same record as `judge` is given it: the plan as the API shows it, everything received now.
async fn case(hub: &Hub, patient: &str, unit_id: &str, payloads: &[Value]) -> Value {
    let mut plan = hub.get(&format!("patients/{patient}/plan")).await;
    // Beside the body stands what the service knows of it.
    let body = [
        "version",
        "reason",
        "effective_from",
        "measures",
        "rules",
        "questions",
    ];
    plan.as_object_mut()
        .unwrap()
        .retain(|key, _| body.contains(&key.as_str()));
    let enveloped = payloads.iter().cloned().map(|mut payload| {
        payload["unit_id"] = json!(unit_id);
        payload["received_at"] = json!(hub.now());
        payload
    });
    json!({"plans": [plan], "sessions": enveloped.collect::<Vec<_>>()})
}

/// Readings with their states, and findings, of each session, oldest first.
fn by_the_command(case: &Value) -> Value {
    let mut output = Vec::new();
    judge_lines(case.to_string().as_bytes(), &mut output).unwrap();
    let answer: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(answer["problems"], json!([]), "{answer}");
    let sessions = answer["sessions"].as_array().unwrap().iter();
    sessions
        .map(|session| json!([session["readings"], in_order(session["findings"].clone())]))
        .collect()
}

/// The same as the API shows it, and the ids of the newest session's readings.
async fn by_the_api(hub: &Hub, patient: &str, signature: &str) -> (Value, Vec<String>) {
    let page = hub.get(&format!("patients/{patient}/sessions")).await;
    let sessions = page["items"].as_array().unwrap();
    let shown = sessions.iter().rev().map(|session| {
        let readings = session["readings"].as_array().unwrap().iter();
        let readings: Value = readings
            .map(|reading| {
                // Beside what a person excluded stand her words.
                let excluded = reading["state"] == "excluded";
                let reason = if excluded {
                    Value::Null
                } else {
                    reading["reason"].clone()
                };
                let kept =
                    ["index", "measure", "value", "state"].map(|key| (key.to_owned(), reading[key].clone()));
                let kept = kept.into_iter().chain([("reason".to_owned(), reason)]);
                Value::Object(kept.collect())
            })
            .collect();
        let findings = session["findings"].as_array().unwrap().iter().cloned();
        let findings: Value = findings.map(|finding| unsigned(finding, signature)).collect();
        json!([readings, in_order(findings)])
    });
    let ids = sessions[0]["readings"].as_array().unwrap().iter();
    let ids = ids.map(|reading| reading["id"].as_str().unwrap().to_owned());
    (shown.collect(), ids.collect())
}

/// Without its id and without who set the limit, which a clinical one must say.
fn unsigned(mut finding: Value, signature: &str) -> Value {
    assert_eq!(finding["set_by"]["name"], "hub", "{finding}");
    if finding["class"] == "clinical" {
        let sentence = finding["sentence"].as_str().unwrap();
        let said = sentence
            .strip_suffix(signature)
            .unwrap_or_else(|| panic!("{sentence}"));
        finding["sentence"] = json!(said.trim_end());
    }
    let own = |key: &str| matches!(key, "id" | "set_by" | "set_at");
    finding.as_object_mut().unwrap().retain(|key, _| !own(key));
    finding
}

fn in_order(mut findings: Value) -> Value {
    let place = |finding: &Value| ["class", "rule", "side", "readings"].map(|key| finding[key].to_string());
    findings.as_array_mut().unwrap().sort_by_key(place);
    findings
}

fn kinds(sessions: &Value) -> Vec<Value> {
    let sessions = sessions.as_array().unwrap().iter();
    let findings = sessions.flat_map(|session| session[1].as_array().unwrap().clone());
    findings.map(|finding| finding["kind"].clone()).collect()
}
