//! Two sets of rules become one: the tighter of each is proposed, nothing is lost, and every choice is shown.

use std::sync::Arc;

use homeward::domain::rule::{Rule, RuleKind};
use homeward::engine::merge::{Merged, Pick, merge};
use homeward::wire::plan::parse;
use serde_json::{Value, json};

fn rules(rules: &[Value]) -> Vec<Arc<Rule>> {
    let questions = json!([{"id": "pain", "type": "yes_no", "text": {"en": "Pain?"}}, {"id": "cough", "type": "yes_no", "text": {"en": "Cough?"}}]);
    let body = json!({"reason": "test", "effective_from": "2026-11-01T00:00:00Z", "measures": [], "rules": rules, "questions": questions});
    parse(&body.to_string(), 1)
        .unwrap_or_else(|faults| panic!("{faults:?}"))
        .rules
}

fn merged(one: &[Value], other: &[Value]) -> Vec<Merged> {
    merge(&[("first", &rules(one)), ("second", &rules(other))])
}

/// Which of two rules of one name is proposed, and why.
fn chosen(one: &Value, other: &Value) -> (usize, String) {
    let merged = merged(std::slice::from_ref(one), std::slice::from_ref(other));
    assert_eq!(merged.len(), 1, "{merged:?}");
    assert_eq!(merged[0].choices, [(0, 0), (1, 0)]);
    let Pick::Whole { set, place: 0 } = merged[0].pick else {
        panic!("{merged:?}")
    };
    (set, merged[0].why.clone().unwrap())
}

fn with(rule: &Value, changes: &Value) -> Value {
    let mut rule = rule.clone();
    for (key, value) in changes.as_object().unwrap() {
        rule[key] = value.clone();
    }
    rule
}

#[test]
fn of_limits_each_bound_is_the_tighter_one() {
    let limits = |bounds: &Value| {
        with(
            &json!({"id": "limits.spo2", "kind": "limits", "measure": "spo2"}),
            bounds,
        )
    };
    let bounds = |one: Value, other: Value| {
        let merged = merged(&[limits(&one)], &[limits(&other)]);
        assert_eq!(
            (merged.len(), merged[0].choices.as_slice()),
            (1, &[(0, 0), (1, 0)][..])
        );
        let Pick::Bounds(limits) = merged[0].pick else {
            panic!("{merged:?}")
        };
        [
            limits.red_low,
            limits.amber_low,
            limits.amber_high,
            limits.red_high,
        ]
        .map(|bound| bound.map_or_else(|| "-".to_owned(), |bound| bound.to_string()))
        .join(" ")
    };
    assert_eq!(
        bounds(
            json!({"red_low": 90, "amber_low": 92}),
            json!({"red_low": 85, "amber_low": 94})
        ),
        "90 94 - -"
    );
    assert_eq!(
        bounds(
            json!({"red_high": 99}),
            json!({"amber_low": 90, "red_high": 98.5})
        ),
        "- 90 - 98.5"
    );
    assert_eq!(
        bounds(json!({"red_low": 90}), json!({"amber_low": 88})),
        "90 - - -",
        "red has overtaken amber"
    );
    assert_eq!(
        bounds(json!({"amber_high": 99}), json!({"red_high": 99})),
        "- - - 99"
    );
    let same = limits(&json!({"red_low": 90}));
    let agreed = merged(std::slice::from_ref(&same), std::slice::from_ref(&same));
    assert_eq!(
        (agreed.len(), agreed[0].choices.len(), &agreed[0].why),
        (1, 0, &None),
        "there is nothing to decide"
    );
}

#[test]
fn every_kind_knows_its_tighter_side() {
    let amber = |rule: Value| with(&rule, &json!({"id": "one", "severity": "amber"}));
    let change = amber(
        json!({"kind": "change", "measure": "weight", "direction": "rise", "by": 2.0, "within_days": 3}),
    );
    let trend = amber(
        json!({"kind": "trend", "measure": "weight", "direction": "fall", "short_days": 3, "long_days": 9, "by": 1}),
    );
    let persistence = amber(
        json!({"kind": "persistence", "measure": "spo2", "low": 90, "at_least": 2, "of_last": 3, "within_days": 7}),
    );
    let count =
        amber(json!({"kind": "count", "measure": "glucose", "high": 15, "at_least": 2, "within_hours": 100}));
    let mean = amber(
        json!({"kind": "mean", "measure": "glucose", "low": 5, "high": 9, "over_days": 7, "min_readings": 4, "min_days": 4}),
    );
    let baseline = amber(json!({"kind": "baseline", "measure": "spo2", "direction": "low", "k": 2}));
    let target =
        amber(json!({"kind": "target", "measure": "weight", "value": 80, "low_by": 2, "high_by": 2}));
    let answer = amber(json!({"kind": "answer", "question": "pain", "any_of": ["yes"]}));
    let score = amber(json!({"kind": "score", "weights": {"pain": {"yes": 3}}, "at_least": 3}));
    let news2 = json!({"id": "one", "kind": "news2", "scale": 1});
    let adherence = amber(json!({"id": "adherence", "kind": "adherence", "at_least": 4}));
    for (rule, tighter, what) in [
        (&change, json!({"by": 1.5}), "by"),
        (&change, json!({"within_days": 4}), "within_days"),
        (&trend, json!({"by": 0.5}), "by"),
        (&persistence, json!({"low": 91}), "low"),
        (&persistence, json!({"at_least": 1}), "at_least"),
        (&count, json!({"high": 14}), "high"),
        (&count, json!({"within_hours": 168}), "within_hours"),
        (&mean, json!({"high": 8}), "high"),
        (&mean, json!({"min_days": 3}), "min_days"),
        (&baseline, json!({"k": 1.645}), "k"),
        (&target, json!({"low_by": 1}), "low_by"),
        (&answer, json!({"any_of": ["yes", "not_answered"]}), "any_of"),
        (&answer, json!({"severity": "red"}), "severity"),
        (&score, json!({"at_least": 2}), "at_least"),
        (&news2, json!({"red_at": 6}), "red_at"),
        (
            &with(&news2, &json!({"single_three": "none"})),
            json!({"single_three": "amber"}),
            "single_three",
        ),
        (
            &with(&adherence, &json!({"id": "adherence"})),
            json!({"at_least": 5}),
            "at_least",
        ),
    ] {
        let tight = with(rule, &tighter);
        let why = format!("tighter in {what}");
        assert_eq!(chosen(rule, &tight), (1, why.clone()), "{tight}");
        assert_eq!(chosen(&tight, rule), (0, why), "{tight}");
    }
    // What speaks against it is said.
    let mixed = with(&change, &json!({"by": 1.5, "within_days": 2}));
    assert_eq!(
        chosen(&change, &mixed),
        (1, "tighter in by, but wider in within_days".to_owned())
    );
    let red_and_wide = with(&change, &json!({"by": 3, "severity": "red"}));
    assert_eq!(
        chosen(&change, &red_and_wide),
        (1, "tighter in severity, but wider in by".to_owned())
    );
    let repeated = with(&change, &json!({"repeat_after_days": 7}));
    assert_eq!(
        chosen(&change, &repeated).0,
        0,
        "the first, where nothing makes one tighter"
    );
}

#[test]
fn two_rules_that_only_share_a_name_are_both_kept() {
    let about = |question: &str| json!({"id": "sign", "kind": "answer", "question": question, "any_of": ["yes"], "severity": "amber"});
    let merged = merged(&[about("pain")], &[about("cough")]);
    let told: Vec<(&str, &[(usize, usize)])> = merged
        .iter()
        .map(|one| (one.id.as_str(), one.choices.as_slice()))
        .collect();
    assert_eq!(told, [("sign", &[][..]), ("second_sign", &[(0, 0), (1, 0)][..])]);
    assert!(matches!(merged[1].pick, Pick::Whole { set: 1, place: 0 }));
}

#[test]
fn three_sets_are_merged_two_by_two() {
    let low = |bound: f64| {
        rules(&[json!({"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": bound})])
    };
    let sets = [low(88.0), low(90.0), low(89.0)];
    let merged = merge(&[("a", &sets[0]), ("b", &sets[1]), ("c", &sets[2])]);
    assert_eq!(merged[0].choices, [(0, 0), (1, 0), (2, 0)]);
    let Pick::Bounds(limits) = merged[0].pick else {
        panic!("{merged:?}")
    };
    assert_eq!(limits.red_low.unwrap().to_string(), "90");
    let first = sets[0].first().unwrap();
    assert!(matches!(first.kind, RuleKind::Limits(_)));
}
