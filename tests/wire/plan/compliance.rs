//! Missed, incomplete and adherence: their defaults, their bounds, and one of each.

use homeward::domain::finding::Severity;
use homeward::domain::measure::Measure;
use homeward::domain::rule::{Adherence, Incomplete, Missed, RuleKind};

use super::{faults_of, one, plan, with_rules};

fn first(rule: &str) -> RuleKind {
    plan(&with_rules(rule)).rules[0].kind.clone()
}

#[test]
fn what_is_left_out_has_its_default() {
    let missed = r#"{"id": "missed", "kind": "missed", "severity": "red"}"#;
    assert_eq!(
        first(missed),
        RuleKind::Missed(Missed {
            after: 1,
            severity: Severity::Red
        })
    );
    let incomplete =
        r#"{"id": "gaps", "kind": "incomplete", "measures": ["weight", "spo2"], "severity": "amber"}"#;
    assert_eq!(
        first(incomplete),
        RuleKind::Incomplete(Incomplete {
            measures: vec![Measure::Weight, Measure::Spo2],
            sessions_in_row: 2,
            severity: Severity::Amber
        })
    );
    let adherence = r#"{"id": "keeping", "kind": "adherence", "at_least": 7, "severity": "context"}"#;
    assert_eq!(
        first(adherence),
        RuleKind::Adherence(Adherence {
            at_least: 7,
            severity: Severity::Context
        })
    );
    let all = with_rules(&format!(
        r#"{{"id": "late", "kind": "missed", "after": 3, "severity": "amber"}}, {adherence}, {incomplete}"#
    ));
    assert_eq!(plan(&all).rules.len(), 7);
}

#[test]
fn each_fault_has_its_place() {
    for (rule, code, at) in [
        (
            r#"{"id": "m", "kind": "missed", "after": 0, "severity": "amber"}"#,
            "not_positive",
            "/rules/0/after",
        ),
        (
            r#"{"id": "m", "kind": "missed", "after": 9601, "severity": "amber"}"#,
            "too_long",
            "/rules/0/after",
        ),
        (r#"{"id": "m", "kind": "missed"}"#, "missing", "/rules/0/severity"),
        (
            r#"{"id": "m", "kind": "missed", "severity": "amber", "repeat_after_days": 3}"#,
            "unknown_key",
            "/rules/0/repeat_after_days",
        ),
        (
            r#"{"id": "suspect", "kind": "missed", "severity": "amber"}"#,
            "reserved_id",
            "/rules/0/id",
        ),
        (
            r#"{"id": "i", "kind": "incomplete", "severity": "amber"}"#,
            "missing",
            "/rules/0/measures",
        ),
        (
            r#"{"id": "i", "kind": "incomplete", "measures": [], "severity": "amber"}"#,
            "empty",
            "/rules/0/measures",
        ),
        (
            r#"{"id": "i", "kind": "incomplete", "measures": ["blood_pressure"], "severity": "amber"}"#,
            "unknown_measure",
            "/rules/0/measures/0",
        ),
        (
            r#"{"id": "i", "kind": "incomplete", "measures": ["weight", "weight"], "severity": "amber"}"#,
            "duplicate",
            "/rules/0/measures/1",
        ),
        (
            r#"{"id": "i", "kind": "incomplete", "measures": ["weight"], "sessions_in_row": 0, "severity": "amber"}"#,
            "not_positive",
            "/rules/0/sessions_in_row",
        ),
        (
            r#"{"id": "a", "kind": "adherence", "severity": "amber"}"#,
            "missing",
            "/rules/0/at_least",
        ),
        (
            r#"{"id": "a", "kind": "adherence", "at_least": 0, "severity": "amber"}"#,
            "at_least_out_of_range",
            "/rules/0/at_least",
        ),
        (
            r#"{"id": "a", "kind": "adherence", "at_least": 8, "severity": "amber"}"#,
            "at_least_out_of_range",
            "/rules/0/at_least",
        ),
        (
            r#"{"id": "a", "kind": "missed", "severity": "amber"}, {"id": "b", "kind": "missed", "severity": "red"}"#,
            "more_than_one",
            "/rules/1/kind",
        ),
        (
            r#"{"id": "m", "kind": "missed", "severity": "amber"}, {"id": "c", "kind": "combination", "any_of": ["m"], "severity": "red"}"#,
            "combination_names_compliance",
            "/rules/1/any_of/0",
        ),
    ] {
        assert_eq!(faults_of(&with_rules(rule)), one(code, at), "{rule}");
    }
}
