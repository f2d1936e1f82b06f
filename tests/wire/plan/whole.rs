//! Whole bodies: the contract's own, one at every limit, one with everything wrong, and broken ones.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, TimeZone, Utc};
use homeward::domain::finding::Severity;
use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::question::QuestionKind;
use homeward::domain::rule::{Direction, Limits, Named, Reference, Rule, RuleKind, Term};
use homeward::wire::plan::parse;
use proptest::prelude::*;

use super::{CONTRACT, faults_of, one, plan};

#[test]
fn the_contracts_example_is_read_in_full() {
    let plan = parse(CONTRACT, 3).unwrap();
    assert_eq!(
        (plan.version, plan.reason.as_str()),
        (3, "discharge letter 19 Nov")
    );
    assert_eq!(
        plan.effective_from,
        Utc.with_ymd_and_hms(2026, 11, 21, 0, 0, 0).unwrap()
    );
    assert_eq!(
        (plan.until, plan.review_on),
        (None, NaiveDate::from_ymd_opt(2027, 2, 21))
    );
    assert_eq!(
        (plan.timezone, plan.max_silence_hours, plan.amber_auto_close),
        (chrono_tz::Europe::London, 26, false)
    );
    let schedule = plan.schedule.unwrap();
    assert_eq!(
        (schedule.times, schedule.days.len()),
        (vec![NaiveTime::from_hms_opt(9, 0, 0).unwrap()], 7)
    );
    assert_eq!((schedule.window_before_min, schedule.grace_min), (120, 180));
    assert_eq!(plan.measures[..], ["weight", "blood_pressure", "spo2"]);
    let ids: Vec<&str> = plan.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "limits.systolic_bp",
            "weight_gain",
            "ankles",
            "weight_and_symptom"
        ]
    );
    let rules: Vec<Rule> = plan.rules.into_iter().map(Arc::unwrap_or_clone).collect();
    let [limits, change, answer, combination] = <[_; 4]>::try_from(rules).unwrap();
    assert_eq!(
        limits.kind,
        RuleKind::Limits(Limits {
            measure: Measure::SystolicBp,
            red_low: Some(Milli::whole(80)),
            amber_low: Some(Milli::whole(90)),
            amber_high: Some(Milli::whole(160)),
            red_high: Some(Milli::whole(170)),
        })
    );
    let RuleKind::Change(change) = change.kind else {
        panic!("a change")
    };
    assert_eq!(
        (change.by, change.within_days, change.severity),
        (Milli::whole(2), 3, Severity::Amber)
    );
    assert_eq!(
        (change.direction, change.reference),
        (Direction::Rise, Reference::Lowest)
    );
    let RuleKind::Answer(answer) = answer.kind else {
        panic!("an answer")
    };
    assert_eq!(
        (answer.question.as_str(), answer.any_of, answer.severity),
        ("ankles_swollen", vec!["yes".to_owned()], Severity::Context)
    );
    let RuleKind::Combination(combination) = combination.kind else {
        panic!("a combination")
    };
    let named = |rule: &str| {
        Term(vec![Named {
            rule: rule.to_owned(),
            side: None,
        }])
    };
    assert_eq!(
        (combination.need, combination.terms),
        (2, vec![named("weight_gain"), named("ankles")])
    );
    assert_eq!(
        (combination.within_hours, combination.severity),
        (None, Severity::Red)
    );
    assert_eq!(
        (plan.questions[0].kind, plan.questions[0].text["en"].len()),
        (QuestionKind::YesNo, 40)
    );
}

#[test]
fn a_plan_has_its_limits() {
    let rule = |at: usize| {
        format!(
            r#"{{"id": "r{at}", "kind": "answer", "question": "q", "any_of": ["yes"], "severity": "context"}}"#
        )
    };
    let question = |at: usize| format!(r#"{{"id": "q{at}", "type": "yes_no", "text": {{"en": "?"}}}}"#);
    let body = |rules: usize, questions: usize, times: usize| {
        let rules: Vec<String> = (0..rules).map(rule).collect();
        let questions: Vec<String> = (1..questions)
            .map(question)
            .chain([question(0).replace("q0", "q")])
            .collect();
        let times: Vec<String> = (0..times)
            .map(|at| format!("\"{:02}:{:02}\"", at % 24, at / 24))
            .collect();
        format!(
            r#"{{"reason": "x", "effective_from": "2026-11-21T00:00:00Z", "measures": [], "rules": [{}], "questions": [{}], "schedule": {{"times": [{}]}}}}"#,
            rules.join(","),
            questions.join(","),
            times.join(","),
        )
    };
    let full = plan(&body(100, 64, 24));
    assert_eq!(
        (
            full.rules.len(),
            full.questions.len(),
            full.schedule.unwrap().times.len()
        ),
        (100, 64, 24)
    );
    assert_eq!(faults_of(&body(101, 64, 24)), one("too_many_rules", "/rules"));
    assert_eq!(
        faults_of(&body(0, 65, 24)),
        one("too_many_questions", "/questions")
    );
    assert_eq!(
        faults_of(&body(100, 64, 25)),
        one("too_many_times", "/schedule/times")
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let body = r#"{
      "reason": "", "effective_from": "soon", "measures": ["girth"], "surprise": 1,
      "rules": [
        {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "amber_low": 90, "red_low": 92},
        {"id": "Gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 0, "within_days": 500, "severity": "amber"},
        {"id": "c", "kind": "combination", "all_of": ["limits.spo2", "Gain", "ghost"], "severity": "context"},
        {"id": "a", "kind": "answer", "question": "q", "any_of": ["perhaps"], "severity": "red"}
      ],
      "questions": [{"id": "q", "type": "yes_no", "text": {}}]
    }"#;
    let mut told = faults_of(body);
    told.sort();
    let mut expected: Vec<(String, String)> = [
        ("unknown_key", "/surprise"),
        ("empty", "/reason"),
        ("bad_time", "/effective_from"),
        ("unknown_measure", "/measures/0"),
        ("not_ascending", "/rules/0/amber_low"),
        ("bad_id", "/rules/1/id"),
        ("not_positive", "/rules/1/by"),
        ("too_long", "/rules/1/within_days"),
        ("unknown_rule", "/rules/2/all_of/2"),
        ("combination_is_context", "/rules/2/severity"),
        ("empty", "/questions/0/text"),
    ]
    .map(|(code, at)| (code.to_owned(), at.to_owned()))
    .to_vec();
    expected.sort();
    assert_eq!(told, expected);
}

proptest! {
    #[test]
    fn a_body_broken_anywhere_is_read_or_refused_with_a_reason(
        at in 0..CONTRACT.len(), length in 0..40_usize, put in "[\\[\\]{}\",:0-9a-z_\\\\.+-]{0,12}",
    ) {
        let end = (at + length).min(CONTRACT.len());
        let broken = format!("{}{put}{}", &CONTRACT[..at], &CONTRACT[end..]);
        if let Err(problems) = parse(&broken, 1) {
            prop_assert!(!problems.is_empty());
        }
    }
}
