//! Every reason for which engine.md refuses a plan, put through the door by itself: 422, and a pointer to the fault. And what
//! looks like one and is none.

use serde_json::{Value, json};

use super::hub::{Hub, plan, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    each_bad_plan_is_refused_at_its_place,
    what_lies_on_the_bound_is_taken,
    history_is_rewritten_only_with_a_reason_and_shown_as_such,
);

/// A plan that is sound: its rules are at 0 and 1.
fn sound() -> Value {
    plan("2026-11-01T00:00:00Z", 90.0)
}

/// The same with one more rule, at 2.
fn with(rule: Value) -> Value {
    let mut body = sound();
    body["rules"].as_array_mut().unwrap().push(rule);
    body
}

/// The same with a key somewhere else.
fn but(at: &str, value: Value) -> Value {
    let mut body = sound();
    let (parent, key) = at.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[key] = value;
    body
}

fn limits(measure: &str, bounds: &Value) -> Value {
    let mut rule = json!({"id": format!("limits.{measure}"), "kind": "limits", "measure": measure});
    for (key, bound) in bounds.as_object().unwrap() {
        rule[key] = bound.clone();
    }
    rule
}

fn change(key: &str, value: Value) -> Value {
    let mut rule = json!({"id": "loss", "kind": "change", "measure": "weight", "direction": "fall", "by": 3, "within_days": 28,
        "severity": "amber"});
    rule[key] = value;
    rule
}

fn mean(key: &str, value: Value) -> Value {
    let mut rule = json!({"id": "week", "kind": "mean", "measure": "systolic_bp", "high": 135, "over_days": 7,
        "min_readings": 3, "min_days": 2, "severity": "amber"});
    rule[key] = value;
    rule
}

fn combination(rest: &Value) -> Value {
    let mut rule = json!({"id": "both", "kind": "combination", "severity": "red"});
    for (key, value) in rest.as_object().unwrap() {
        rule[key] = value.clone();
    }
    rule
}

fn answer(question: &str) -> Value {
    json!({"id": "asked", "kind": "answer", "question": question, "any_of": ["yes"], "severity": "amber"})
}

fn many(count: usize, one: impl Fn(usize) -> Value) -> Value {
    (0..count).map(one).collect()
}

fn numbered_answer(number: usize) -> Value {
    let mut rule = answer("ankles_swollen");
    rule["id"] = json!(format!("asked_{number}"));
    rule
}

fn numbered_question(number: usize) -> Value {
    let id = if number == 0 {
        "ankles_swollen".to_owned()
    } else {
        format!("q{number}")
    };
    json!({"id": id, "type": "yes_no", "text": {"en": "Well?"}})
}

fn time(number: usize) -> Value {
    json!(format!("{:02}:{:02}", number % 24, number / 24))
}

/// Body, and the place of its first fault.
type Bad = Vec<(Value, &'static str)>;

fn bad_rules() -> Bad {
    vec![
        // Bounds do not ascend.
        (but("/rules/0/red_low", json!(92)), "/rules/0/amber_low"),
        (but("/rules/0/red_low", json!(93)), "/rules/0/amber_low"),
        (
            with(limits("glucose", &json!({"red_low": 3, "amber_high": 3}))),
            "/rules/2/amber_high",
        ),
        (with(limits("glucose", &json!({}))), "/rules/2"),
        // What nobody knows.
        (but("/measures", json!(["girth"])), "/measures/0"),
        (with(change("measure", json!("girth"))), "/rules/2/measure"),
        (
            with(change("measure", json!("blood_pressure"))),
            "/rules/2/measure",
        ),
        (with(answer("who")), "/rules/2/question"),
        (
            with(combination(&json!({"all_of": ["ghost"]}))),
            "/rules/2/all_of/0",
        ),
        (
            with(combination(&json!({"all_of": ["limits.spo2.amber_high"]}))),
            "/rules/2/all_of/0",
        ),
        (
            with(combination(&json!({"any_of": ["weight_gain.red_low"]}))),
            "/rules/2/any_of/0",
        ),
        (with(change("kind", json!("vibe"))), "/rules/2/kind"),
        (with(change("unit", json!("kg"))), "/rules/2/unit"),
        (but("/timezone", json!("Europe/Birmingham")), "/timezone"),
        // Ids.
        (with(change("id", json!("weight_gain"))), "/rules/2/id"),
        (with(change("id", json!("Loss"))), "/rules/2/id"),
        (with(change("id", json!("a.b"))), "/rules/2/id"),
        (with(change("id", json!("x".repeat(65)))), "/rules/2/id"),
        (but("/rules/0/id", json!("limits.weight")), "/rules/0/id"),
        (but("/questions/0/id", json!("1st")), "/questions/0/id"),
        // Nothing that a well person has is left.
        (
            with(limits("systolic_bp", &json!({"amber_low": 140.001}))),
            "/rules/2",
        ),
        (
            with(limits("systolic_bp", &json!({"red_high": 99.999}))),
            "/rules/2",
        ),
        (
            with(limits("diastolic_bp", &json!({"amber_high": 59}))),
            "/rules/2",
        ),
        (with(limits("heart_rate", &json!({"amber_low": 91}))), "/rules/2"),
        (but("/rules/0/amber_low", json!(98.5)), "/rules/0"),
        (
            with(limits("temperature", &json!({"amber_high": 35.9}))),
            "/rules/2",
        ),
        (with(limits("glucose", &json!({"amber_low": 10.1}))), "/rules/2"),
        (
            with(limits("respiratory_rate", &json!({"red_high": 11}))),
            "/rules/2",
        ),
        // Windows of years, and amounts that are none.
        (with(change("within_days", json!(401))), "/rules/2/within_days"),
        (with(change("within_days", json!(0))), "/rules/2/within_days"),
        (with(mean("over_days", json!(3650))), "/rules/2/over_days"),
        (
            with(combination(
                &json!({"all_of": ["weight_gain"], "within_hours": 9601}),
            )),
            "/rules/2/within_hours",
        ),
        (with(change("by", json!(0))), "/rules/2/by"),
        (with(change("by", json!(-2))), "/rules/2/by"),
        (with(change("by", json!(2.0005))), "/rules/2/by"),
        // More than there are.
        (
            with(combination(
                &json!({"at_least": 3, "of": ["weight_gain", "limits.spo2"]}),
            )),
            "/rules/2/at_least",
        ),
        (
            with(combination(&json!({"at_least": 0, "of": ["weight_gain"]}))),
            "/rules/2/at_least",
        ),
        (with(mean("min_readings", Value::Null)), "/rules/2/min_readings"),
        (with(mean("min_days", Value::Null)), "/rules/2/min_days"),
    ]
}

fn bad_wholes() -> Bad {
    let mut with_a_number = with(answer("walked"));
    with_a_number["questions"] = json!([{"id": "walked", "type": "number", "text": {"en": "How far?"}}]);
    let mut scored = with(
        json!({"id": "sum", "kind": "score", "weights": {"walked": {"1": 1}}, "at_least": 1, "severity": "red"}),
    );
    scored["questions"] = with_a_number["questions"].clone();
    let mut two_combined = with(combination(&json!({"all_of": ["weight_gain"]})));
    let mut of_it = combination(&json!({"all_of": ["both"]}));
    of_it["id"] = json!("more");
    two_combined["rules"].as_array_mut().unwrap().push(of_it);
    vec![
        // Combinations of combinations, and quiet ones.
        (two_combined, "/rules/3/all_of/0"),
        (
            with(combination(
                &json!({"all_of": ["weight_gain"], "severity": "context"}),
            )),
            "/rules/2/severity",
        ),
        (
            with(combination(
                &json!({"all_of": ["weight_gain"], "any_of": ["weight_gain"]}),
            )),
            "/rules/2",
        ),
        (with_a_number, "/rules/2/question"),
        (scored, "/rules/2/weights/walked"),
        (but("/rules", many(500, numbered_answer)), "/rules"),
        (but("/rules", many(101, numbered_answer)), "/rules"),
        (but("/questions", many(65, numbered_question)), "/questions"),
        (
            but("/schedule", json!({"times": many(25, time)})),
            "/schedule/times",
        ),
        // The frame.
        (but("/reason", json!("  ")), "/reason"),
        (but("/effective_from", json!("2026-11-01")), "/effective_from"),
        (but("/until", json!("2026-11-01T00:00:00Z")), "/until"),
        (but("/colour", json!("red")), "/colour"),
    ]
}

async fn each_bad_plan_is_refused_at_its_place(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    for (body, place) in bad_rules().into_iter().chain(bad_wholes()) {
        let reply = hub.put(&path).by(&story.admin).on(1).json(&body).send().await;
        let told = reply.json();
        let shown: String = told.to_string().chars().take(600).collect();
        assert_eq!(reply.status, 422, "{place}: {shown}");
        let first = &told["errors"][0];
        assert_eq!(first["at"], place, "{shown}");
        assert!(!first["detail"].as_str().unwrap().is_empty());
    }
    let versions = hub.get(&format!("{path}/versions")).by(&story.admin).ok().await;
    assert_eq!(
        versions["items"].as_array().unwrap().len(),
        1,
        "none of them was kept"
    );
}

async fn what_lies_on_the_bound_is_taken(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let good = [
        with(limits("systolic_bp", &json!({"amber_low": 140}))),
        with(limits("temperature", &json!({"amber_high": 36}))),
        with(limits("weight", &json!({"red_low": 0.001, "red_high": 0.002}))),
        with(change("within_days", json!(400))),
        with(change("by", json!(0.001))),
        with(mean("min_days", json!(7))),
        with(combination(
            &json!({"at_least": 2, "of": ["weight_gain", ["limits.spo2.red_low", "limits.spo2"]], "within_hours": 9600}),
        )),
        but("/rules", many(100, numbered_answer)),
        but("/questions", many(64, numbered_question)),
        but("/schedule", json!({"times": many(24, time)})),
        but("/rules", json!([])),
        but("/measures", json!(["blood_pressure"])),
    ];
    for (seen, body) in (1..).zip(&good) {
        let reply = hub.put(&path).by(&story.admin).on(seen).json(body).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}

async fn history_is_rewritten_only_with_a_reason_and_shown_as_such(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.session("HU-1", 1, json!([spo2(93.0, "2026-11-05T09:00:00Z")]))
        .await;
    hub.session("HU-1", 2, json!([spo2(91.0, "2026-11-05T10:00:00Z")]))
        .await;
    let path = format!("/api/v1/patients/{}", story.patient);
    let mut stricter = plan("2026-11-02T00:00:00Z", 92.0);
    stricter["rules"][0]["amber_low"] = json!(94);
    for reason in [Value::Null, json!(""), json!(5)] {
        let mut body = stricter.clone();
        body["reason"] = reason;
        let reply = hub
            .put(&format!("{path}/plan"))
            .by(&story.admin)
            .on(1)
            .json(&body)
            .send()
            .await;
        assert_eq!(
            (reply.status, &reply.json()["errors"][0]["at"]),
            (422, &json!("/reason"))
        );
    }
    hub.put(&format!("{path}/plan"))
        .by(&story.admin)
        .on(1)
        .json(&stricter)
        .ok()
        .await;
    let sessions = hub
        .get(&format!("{path}/sessions?superseded=true"))
        .by(&story.admin)
        .ok()
        .await;
    let told = |place: usize| {
        let findings = sessions["items"][place]["findings"].as_array().unwrap().iter();
        let mut told: Vec<Value> = findings
            .map(|finding| {
                json!([
                    finding["side"],
                    finding["state"],
                    finding["late"],
                    finding["plan_version"]
                ])
            })
            .collect();
        told.sort_by_key(Value::to_string);
        json!(told)
    };
    // 91 was amber when it came, and is red by the limits put afterwards; 93 was nothing.
    assert_eq!(
        told(0),
        json!([
            ["amber_low", "superseded", true, 1],
            ["red_low", "current", true, 2]
        ])
    );
    assert_eq!(told(1), json!([["amber_low", "current", true, 2]]));
}
