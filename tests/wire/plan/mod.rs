//! A plan body is accepted in full or refused in full: each fault alone, at its place, and all of them together.

mod combinations;
mod compliance;
mod frame;
mod kinds;
mod limits;
mod questions;
mod rules;
mod whole;

use homeward::domain::plan::Plan;
use homeward::wire::plan::parse;

use super::told;

/// The contract's example, word for word.
const CONTRACT: &str = r#"{
  "reason": "discharge letter 19 Nov", "effective_from": "2026-11-21T00:00:00+00:00", "until": null, "review_on": "2027-02-21", "timezone": "Europe/London",
  "schedule": {"times": ["09:00"], "days": ["mon","tue","wed","thu","fri","sat","sun"], "window_before_min": 120, "grace_min": 180},
  "measures": ["weight", "blood_pressure", "spo2"], "max_silence_hours": 26, "amber_auto_close": false,
  "rules": [
    {"id": "limits.systolic_bp", "kind": "limits", "measure": "systolic_bp", "red_low": 80, "amber_low": 90, "amber_high": 160, "red_high": 170},
    {"id": "weight_gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 2.0, "within_days": 3, "severity": "amber"},
    {"id": "ankles", "kind": "answer", "question": "ankles_swollen", "any_of": ["yes"], "severity": "context"},
    {"id": "weight_and_symptom", "kind": "combination", "all_of": ["weight_gain", ["ankles"]], "severity": "red"}
  ],
  "questions": [{"id": "ankles_swollen", "type": "yes_no", "text": {"en": "Are your ankles more swollen than usual?"}}]
}"#;

const LEAST: &str =
    r#"{"reason": "first", "effective_from": "2026-11-21T00:00:00Z", "measures": [], "rules": []}"#;

fn plan(body: &str) -> Plan {
    parse(body, 1).unwrap_or_else(|problems| panic!("{problems:?} in {body}"))
}

/// Code and place of all faults of the contract's plan with one part changed.
fn faults(part: &str, replacement: &str) -> Vec<(String, String)> {
    assert!(CONTRACT.contains(part), "{part} stands in the plan");
    faults_of(&CONTRACT.replacen(part, replacement, 1))
}

fn faults_of(body: &str) -> Vec<(String, String)> {
    let problems = parse(body, 1).expect_err(body);
    assert!(problems.iter().all(|problem| !problem.detail.is_empty()));
    told(&problems)
        .into_iter()
        .map(|(code, at)| (code.to_owned(), at.to_owned()))
        .collect()
}

fn with_rules(rules: &str) -> String {
    CONTRACT.replacen("\"rules\": [", &format!("\"rules\": [{rules}, "), 1)
}

fn one(code: &str, at: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), at.to_owned())]
}
