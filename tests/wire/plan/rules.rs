//! Changes and answers, ids and kinds.

use homeward::domain::number::Milli;
use homeward::domain::rule::RuleKind;

use super::{CONTRACT, faults, faults_of, one, plan, with_rules};

const CHANGES: [(&str, &str, &str, &str); 17] = [
    ("\"by\": 2.0", "\"by\": 0", "not_positive", "/rules/1/by"),
    ("\"by\": 2.0", "\"by\": -2", "not_positive", "/rules/1/by"),
    (
        "\"by\": 2.0",
        "\"by\": 1.3605",
        "too_many_decimals",
        "/rules/1/by",
    ),
    (
        "\"by\": 2.0",
        "\"by\": 2.0000000000000000000001",
        "too_many_decimals",
        "/rules/1/by",
    ),
    (
        "\"within_days\": 3",
        "\"within_days\": 401",
        "too_long",
        "/rules/1/within_days",
    ),
    (
        "\"within_days\": 3",
        "\"within_days\": 0",
        "not_positive",
        "/rules/1/within_days",
    ),
    (
        "\"within_days\": 3",
        "\"within_days\": 2.5",
        "wrong_type",
        "/rules/1/within_days",
    ),
    ("\"within_days\": 3, ", "", "missing", "/rules/1/within_days"),
    ("\"rise\"", "\"up\"", "unknown_word", "/rules/1/direction"),
    (
        "\"rise\"",
        "\"rise\", \"reference\": \"median\"",
        "unknown_word",
        "/rules/1/reference",
    ),
    (
        "\"severity\": \"amber\"",
        "\"severity\": \"green\"",
        "unknown_word",
        "/rules/1/severity",
    ),
    (
        "\"within_days\": 3, \"severity\": \"amber\"",
        "\"within_days\": 3",
        "missing",
        "/rules/1/severity",
    ),
    (
        "\"measure\": \"weight\"",
        "\"measure\": \"girth\"",
        "unknown_measure",
        "/rules/1/measure",
    ),
    (
        "\"kind\": \"change\"",
        "\"kind\": \"change\", \"low\": 4",
        "unknown_key",
        "/rules/1/low",
    ),
    (
        "\"weight_gain\", \"kind\"",
        "\"weight.gain\", \"kind\"",
        "bad_id",
        "/rules/1/id",
    ),
    (
        "\"weight_gain\", \"kind\"",
        "\"unassigned\", \"kind\"",
        "reserved_id",
        "/rules/1/id",
    ),
    (
        "\"weight_gain\", \"kind\"",
        "\"missed\", \"kind\"",
        "reserved_id",
        "/rules/1/id",
    ),
];

#[test]
fn a_change_is_refused_unless_it_is_positive_and_within_400_days() {
    for (part, replacement, code, at) in CHANGES {
        let told = faults(part, replacement);
        assert_eq!(
            told[0],
            (code.to_owned(), at.to_owned()),
            "{replacement} gave {told:?}"
        );
    }
    plan(&CONTRACT.replacen("2.0", "1.36", 1).replacen(
        "\"within_days\": 3",
        "\"within_days\": 400, \"reference\": \"previous\"",
        1,
    ));
    let exact = plan(&CONTRACT.replacen("2.0", "1.3600000000000000000000000000", 1));
    let RuleKind::Change(change) = &exact.rules[1].kind else {
        panic!("a change")
    };
    assert_eq!(change.by, Milli::new(1360));
}

#[test]
fn an_answer_rule_names_a_question_of_the_plan_and_its_codes() {
    for (part, replacement, code, at) in [
        (
            "\"question\": \"ankles_swollen\"",
            "\"question\": \"ankles\"",
            "unknown_question",
            "/rules/2/question",
        ),
        ("[\"yes\"]", "[\"maybe\"]", "unknown_answer", "/rules/2/any_of/0"),
        (
            "[\"yes\"]",
            "[\"yes\", \"YES\"]",
            "unknown_answer",
            "/rules/2/any_of/1",
        ),
        ("[\"yes\"]", "[]", "empty", "/rules/2/any_of"),
        ("[\"yes\"]", "\"yes\"", "wrong_type", "/rules/2/any_of"),
        (
            "[\"yes\"]",
            "[\"yes\", \"yes\"]",
            "duplicate",
            "/rules/2/any_of/1",
        ),
        (
            "\"yes_no\"",
            "\"number\"",
            "question_is_number",
            "/rules/2/question",
        ),
    ] {
        assert_eq!(faults(part, replacement), one(code, at), "{replacement}");
    }
    plan(&CONTRACT.replacen("[\"yes\"]", "[\"no\", \"not_answered\"]", 1));
}

#[test]
fn ids_come_once_and_kinds_are_known() {
    let twice = with_rules(
        r#"{"id": "ankles", "kind": "change", "measure": "weight", "direction": "rise", "by": 1, "within_days": 1, "severity": "amber"}"#,
    );
    assert_eq!(faults_of(&twice), one("duplicate_id", "/rules/3/id"));
    let limits_twice = with_rules(
        r#"{"id": "limits.systolic_bp", "kind": "limits", "measure": "systolic_bp", "red_low": 70}"#,
    );
    assert_eq!(faults_of(&limits_twice), one("duplicate_id", "/rules/1/id"));
    assert_eq!(
        faults_of(&with_rules(r#"{"id": "x", "kind": "hunch"}"#)),
        one("unknown_kind", "/rules/0/kind")
    );
    assert_eq!(
        faults_of(&with_rules(r#"{"id": "x"}"#)),
        one("missing", "/rules/0/kind")
    );
    assert_eq!(faults_of(&with_rules("\"x\"")), one("wrong_type", "/rules/0"));
    let nameless = with_rules(
        r#"{"kind": "answer", "question": "ankles_swollen", "any_of": ["yes"], "severity": "amber"}"#,
    );
    assert_eq!(faults_of(&nameless), one("missing", "/rules/0/id"));
}
