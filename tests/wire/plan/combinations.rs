//! Terms, sides and the three forms of a combination.

use homeward::domain::finding::Side;
use homeward::domain::rule::{Named, RuleKind, Term};

use super::{CONTRACT, faults, faults_of, one, plan, with_rules};

const TERMS: [(&str, &str, &str); 20] = [
    (
        "\"all_of\": [\"weight_gain\", \"nothing\"]",
        "unknown_rule",
        "/rules/3/all_of/1",
    ),
    (
        "\"all_of\": [[\"weight_gain\", \"nothing\"]]",
        "unknown_rule",
        "/rules/3/all_of/0/1",
    ),
    (
        "\"all_of\": [\"weight_and_symptom\"]",
        "combination_names_combination",
        "/rules/3/all_of/0",
    ),
    (
        "\"all_of\": [\"limits.systolic_bp.high\"]",
        "unknown_side",
        "/rules/3/all_of/0",
    ),
    (
        "\"all_of\": [\"limits.spo2.amber_low\"]",
        "unknown_rule",
        "/rules/3/all_of/0",
    ),
    (
        "\"all_of\": [\"ankles.amber_low\"]",
        "unknown_side",
        "/rules/3/all_of/0",
    ),
    ("\"all_of\": []", "empty", "/rules/3/all_of"),
    ("\"all_of\": [[]]", "empty", "/rules/3/all_of/0"),
    (
        "\"all_of\": [\"ankles\", \"ankles\"]",
        "duplicate",
        "/rules/3/all_of/1",
    ),
    ("\"all_of\": [3]", "wrong_type", "/rules/3/all_of/0"),
    (
        "\"all_of\": [\"ankles\"], \"any_of\": [\"ankles\"]",
        "more_than_one_form",
        "/rules/3",
    ),
    (
        "\"any_of\": [\"ankles\"], \"at_least\": 1",
        "more_than_one_form",
        "/rules/3",
    ),
    ("\"at_least\": 1", "missing", "/rules/3/of"),
    ("\"of\": [\"ankles\"]", "missing", "/rules/3/at_least"),
    ("\"within_hours\": 24", "missing", "/rules/3"),
    (
        "\"at_least\": 0, \"of\": [\"ankles\"]",
        "at_least_out_of_range",
        "/rules/3/at_least",
    ),
    (
        "\"at_least\": 2, \"of\": [\"ankles\"]",
        "at_least_out_of_range",
        "/rules/3/at_least",
    ),
    (
        "\"at_least\": -1, \"of\": [\"ankles\"]",
        "at_least_out_of_range",
        "/rules/3/at_least",
    ),
    (
        "\"any_of\": [\"ankles\"], \"within_hours\": 0",
        "not_positive",
        "/rules/3/within_hours",
    ),
    (
        "\"any_of\": [\"ankles\"], \"within_hours\": 9601",
        "too_long",
        "/rules/3/within_hours",
    ),
];

#[test]
fn a_combination_names_other_rules_in_one_form() {
    let terms = "\"all_of\": [\"weight_gain\", [\"ankles\"]]";
    for (replacement, code, at) in TERMS {
        assert_eq!(faults(terms, replacement), one(code, at), "{replacement}");
    }
    assert_eq!(
        faults("\"severity\": \"red\"", "\"severity\": \"context\""),
        one("combination_is_context", "/rules/3/severity")
    );
    let side_not_set = CONTRACT.replacen("\"red_low\": 80, ", "", 1).replacen(
        terms,
        "\"any_of\": [\"limits.systolic_bp.red_low\"]",
        1,
    );
    assert_eq!(faults_of(&side_not_set), one("unknown_side", "/rules/3/any_of/0"));

    let combination = |replacement: &str| {
        let plan = plan(&CONTRACT.replacen(terms, replacement, 1));
        let RuleKind::Combination(combination) = plan.rules[3].kind.clone() else {
            panic!("a combination")
        };
        combination
    };
    let sides = combination(
        "\"at_least\": 2, \"of\": [\"limits.systolic_bp.amber_low\", \"limits.systolic_bp\", [\"ankles\", \"weight_gain\"]], \"within_hours\": 9600",
    );
    let named = |rule: &str, side| Named {
        rule: rule.to_owned(),
        side,
    };
    assert_eq!(
        (sides.need, sides.within_hours, sides.terms),
        (
            2,
            Some(9600),
            vec![
                Term(vec![named("limits.systolic_bp", Some(Side::AmberLow))]),
                Term(vec![named("limits.systolic_bp", None)]),
                Term(vec![named("ankles", None), named("weight_gain", None)]),
            ]
        )
    );
    assert_eq!(combination("\"any_of\": [\"ankles\", \"weight_gain\"]").need, 1);
    // A combination may stand above what it names.
    let above = with_rules(
        r#"{"id": "first", "kind": "combination", "any_of": ["limits.systolic_bp.red_high"], "severity": "amber"}"#,
    );
    assert_eq!(plan(&above).rules[0].id, "first");
}
