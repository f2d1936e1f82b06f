//! Which changes of parameters a second person has to look at: each kind of red number from both sides of the fifth.

use std::sync::Arc;

use homeward::domain::patient::Condition;
use homeward::domain::plan::{Plan, Span, reigning, to_reign};
use homeward::domain::rule::Rule;
use homeward::engine::guard::marks;
use homeward::wire::plan::parse;
use serde_json::{Value, json};

use super::build::at;

fn plan(rules: &[Value]) -> Plan {
    let questions = json!([{"id": "pain", "type": "choice", "text": {"en": "Pain?"},
        "options": [{"code": "some", "text": {"en": "Some"}}, {"code": "much", "text": {"en": "Much"}}]}]);
    let body = json!({"reason": "test", "effective_from": "2026-11-01T00:00:00Z", "measures": [], "rules": rules,
        "questions": questions});
    parse(&body.to_string(), 1).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// `code at from to` of what following `before` by `after` marks.
fn followed(before: &[Value], after: &[Value]) -> Vec<String> {
    told(&[&plan(before)], &[], after)
}

fn told(before: &[&Plan], templates: &[(Condition, Vec<Arc<Rule>>)], after: &[Value]) -> Vec<String> {
    marks(before, templates, &plan(after))
        .into_iter()
        .map(|mark| {
            assert!(!mark.detail.is_empty());
            let number = |number: Option<homeward::domain::number::Milli>| {
                number.map_or_else(|| "-".to_owned(), |number| number.to_string())
            };
            format!(
                "{} {} {} {}",
                mark.what.code(),
                mark.at,
                number(mark.from),
                number(mark.to)
            )
        })
        .collect()
}

fn spo2(red_low: f64) -> Value {
    json!({"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": red_low, "amber_low": 96})
}

fn pulse(red_low: f64, red_high: f64) -> Value {
    json!({"id": "limits.heart_rate", "kind": "limits", "measure": "heart_rate", "red_low": red_low, "red_high": red_high})
}

#[test]
fn a_red_limit_may_move_by_a_fifth_of_itself_and_inward_by_any_amount() {
    assert_eq!(
        followed(&[pulse(50.0, 110.0)], &[pulse(40.0, 132.0)]),
        Vec::<String>::new()
    );
    assert_eq!(
        followed(&[pulse(50.0, 110.0)], &[spo2(90.0), pulse(39.999, 132.001)]),
        [
            "widened /rules/1/red_low 50 39.999",
            "widened /rules/1/red_high 110 132.001"
        ]
    );
    assert_eq!(
        followed(&[pulse(20.0, 200.0)], &[pulse(59.0, 91.0)]),
        Vec::<String>::new()
    );
    // Amber ones may move as they like.
    let amber =
        |low: f64| json!({"id": "limits.glucose", "kind": "limits", "measure": "glucose", "amber_low": low});
    assert_eq!(followed(&[amber(9.0)], &[amber(2.0)]), Vec::<String>::new());
    assert_eq!(followed(&[amber(9.0)], &[]), Vec::<String>::new());
}

#[test]
fn a_red_bound_or_rule_that_is_gone_is_wider() {
    let only_high =
        json!({"id": "limits.heart_rate", "kind": "limits", "measure": "heart_rate", "red_high": 110});
    assert_eq!(
        followed(&[pulse(50.0, 110.0)], std::slice::from_ref(&only_high)),
        ["removed /rules/0/red_low 50 -"]
    );
    let amber =
        json!({"id": "limits.heart_rate", "kind": "limits", "measure": "heart_rate", "amber_high": 100});
    assert_eq!(
        followed(&[pulse(50.0, 110.0)], &[amber]),
        ["removed /rules/0/red_low 50 -", "removed /rules/0/red_high 110 -"]
    );
    assert_eq!(
        followed(&[pulse(50.0, 110.0), spo2(90.0)], &[]),
        ["removed /rules - -", "removed /rules - -"]
    );
    // What was not there is not missed.
    assert_eq!(
        followed(&[only_high], &[pulse(50.0, 110.0)]),
        Vec::<String>::new()
    );
    let pain = |codes: Value, severity: &str| json!({"id": "pain", "kind": "answer", "question": "pain", "any_of": codes, "severity": severity});
    let before = [pain(json!(["some", "much"]), "red")];
    assert_eq!(followed(&before, &before), Vec::<String>::new());
    assert_eq!(
        followed(&before, &[pain(json!(["much"]), "red")]),
        ["removed /rules/0/any_of - -"]
    );
    assert_eq!(
        followed(&before, &[pain(json!(["some", "much"]), "amber")]),
        ["no_longer_red /rules/0/severity - -"]
    );
}

#[test]
fn every_kind_of_red_number_has_an_outside() {
    let kinds = [
        (
            json!({"kind": "change", "measure": "weight", "direction": "fall", "within_days": 3}),
            "by",
            2.0,
            2.4,
        ),
        (
            json!({"kind": "trend", "measure": "weight", "direction": "rise", "short_days": 3, "long_days": 9}),
            "by",
            1.0,
            1.2,
        ),
        (
            json!({"kind": "persistence", "measure": "spo2", "at_least": 2, "of_last": 3, "within_days": 7}),
            "low",
            90.0,
            72.0,
        ),
        (
            json!({"kind": "count", "measure": "glucose", "at_least": 2, "within_hours": 168}),
            "high",
            15.0,
            18.0,
        ),
        (
            json!({"kind": "mean", "measure": "glucose", "over_days": 7, "min_readings": 2, "min_days": 2}),
            "low",
            5.0,
            4.0,
        ),
        (
            json!({"kind": "baseline", "measure": "spo2", "direction": "low"}),
            "k",
            2.0,
            2.4,
        ),
        (
            json!({"kind": "score", "weights": {"pain": {"much": 9}}}),
            "at_least",
            5.0,
            6.0,
        ),
    ];
    for (mut rule, key, was, most) in kinds {
        rule["id"] = json!("one");
        rule["severity"] = json!("red");
        let with = |value: f64| {
            let mut rule = rule.clone();
            rule[key] = json!(value);
            [rule]
        };
        assert_eq!(followed(&with(was), &with(most)), Vec::<String>::new(), "{rule}");
        let beyond = ((most + if most < was { -0.001 } else { 0.001 }) * 1000.0).round() / 1000.0;
        assert_eq!(
            followed(&with(was), &with(beyond)),
            [format!("widened /rules/0/{key} {was} {beyond}")]
        );
        let mut amber = with(was);
        amber[0]["severity"] = json!("amber");
        assert_eq!(followed(&amber, &with(beyond)), Vec::<String>::new(), "{rule}");
    }
    let dry = |value: f64, by: f64| {
        [
            json!({"id": "dry", "kind": "target", "measure": "weight", "value": value, "high_by": by, "severity": "red"}),
        ]
    };
    assert_eq!(followed(&dry(80.0, 2.0), &dry(90.0, 2.0)), Vec::<String>::new());
    assert_eq!(
        followed(&dry(80.0, 2.0), &dry(80.0, 18.5)),
        ["widened /rules/0/high_by 82 98.5"]
    );
    let score = |red_at: u8| [json!({"id": "news2", "kind": "news2", "scale": 1, "red_at": red_at})];
    assert_eq!(followed(&score(7), &score(8)), Vec::<String>::new());
    assert_eq!(followed(&score(7), &score(9)), ["widened /rules/0/red_at 7 9"]);
}

#[test]
fn a_limit_beyond_the_template_is_marked_where_it_is_new() {
    let template = [
        (Condition::HeartFailure, plan(&[spo2(90.0)]).rules),
        (Condition::Copd, plan(&[spo2(88.0)]).rules),
    ];
    let beyond = "beyond_template /rules/0/red_low 90 89";
    assert_eq!(told(&[], &template, &[spo2(90.0)]), Vec::<String>::new());
    assert_eq!(
        told(&[], &template, &[spo2(89.0)]),
        [beyond],
        "of two templates the tighter one"
    );
    assert_eq!(
        told(&[], &template, &[spo2(87.0)]).len(),
        1,
        "a place is marked once"
    );
    let stands = plan(&[spo2(89.0)]);
    assert_eq!(
        told(&[&stands], &template, &[spo2(89.0)]),
        Vec::<String>::new(),
        "it stood so"
    );
    assert_eq!(told(&[&stands], &template, &[spo2(88.5)]).len(), 1);
    assert_eq!(told(&[&plan(&[])], &template, &[spo2(89.0)]), [beyond]);
    assert_eq!(
        told(&[], &template, &[pulse(1.0, 300.0)]),
        Vec::<String>::new(),
        "no template draws that line"
    );
}

#[test]
fn scale_2_is_marked_once_it_comes() {
    let scale_1 = json!({"id": "news2", "kind": "news2", "scale": 1});
    let scale_2 = json!({"id": "news2", "kind": "news2", "scale": 2, "scale_2_approved_by": "Dr Roe"});
    let after = std::slice::from_ref(&scale_2);
    assert_eq!(
        followed(&[scale_1], after),
        ["scale_2_not_confirmed /rules/0/scale 1 2"]
    );
    assert_eq!(followed(&[], after), ["scale_2_not_confirmed /rules/0/scale - 2"]);
    assert_eq!(followed(after, after), Vec::<String>::new());
}

#[test]
fn a_version_is_held_against_each_that_it_follows() {
    let (begins, now) = (plan(&[pulse(50.0, 110.0)]), plan(&[pulse(50.0, 100.0)]));
    assert_eq!(
        told(&[&begins, &now], &[], &[pulse(50.0, 125.0)]),
        ["widened /rules/0/red_high 100 125"]
    );
    assert_eq!(told(&[&begins], &[], &[pulse(50.0, 125.0)]), Vec::<String>::new());
}

#[test]
fn what_reigns_says_what_comes_next() {
    let span = |version, from: &str, until: Option<&str>| Span {
        version,
        effective_from: at(from),
        until: until.map(at),
    };
    let versions = [
        span(1, "2026-11-01T00:00:00Z", None),
        span(2, "2026-11-10T00:00:00Z", Some("2026-11-12T00:00:00Z")),
        span(3, "2026-11-05T00:00:00Z", Some("2026-11-06T00:00:00Z")),
    ];
    let told = |time: &str| {
        let reigning = reigning(&versions, at(time)).unwrap();
        let next = reigning
            .next
            .map(|(at, version)| format!(" until {} then {version}", at.format("%d")));
        format!("{}{}", reigning.version, next.unwrap_or_default())
    };
    assert_eq!(told("2026-10-01T00:00:00Z"), "1 until 05 then 3");
    assert_eq!(told("2026-11-05T00:00:00Z"), "3 until 06 then 1");
    assert_eq!(told("2026-11-06T00:00:00Z"), "1 until 10 then 2");
    assert_eq!(told("2026-11-11T23:59:59Z"), "2 until 12 then 1");
    assert_eq!(told("2026-11-12T00:00:00Z"), "1");
    assert_eq!(reigning::<Span>(&[], at("2026-11-12T00:00:00Z")), None);
    let to_come = |time: &str| to_reign(&versions, at(time)).into_iter().collect::<Vec<_>>();
    assert_eq!(to_come("2026-11-05T00:00:00Z"), [1, 2, 3]);
    assert_eq!(to_come("2026-11-06T00:00:00Z"), [1, 2]);
    assert_eq!(to_come("2026-11-12T00:00:00Z"), [1]);
    let over = &versions[1..];
    let left = to_reign(over, at("2026-11-12T00:00:00Z"));
    assert_eq!(
        left.into_iter().collect::<Vec<_>>(),
        [3],
        "the one that begins first"
    );
}
