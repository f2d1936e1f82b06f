//! Whatever the engine finds by numbers is set out in them.

use std::collections::BTreeMap;

use homeward::domain::finding::Finding;
use homeward::domain::plan::Plan;
use homeward::engine::explain::{computation, looks_back};
use proptest::strategy::{Strategy as _, ValueTree as _};

use super::build::decided;
use super::random::{config, record};

fn rule_of<'a>(plans: &'a [Plan], finding: &Finding) -> Option<(&'a Plan, &'a homeward::domain::rule::Rule)> {
    let plan = plans
        .iter()
        .find(|plan| Some(plan.version) == finding.plan_version)?;
    Some((plan, plan.rules.iter().find(|rule| rule.id == finding.rule)?))
}

#[test]
fn every_kind_that_has_numbers_sets_them_out() {
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..600 {
        let record = record().new_tree(&mut runner).expect("a record").current();
        for judged in decided(&record.plans, &record.sessions, &record.decisions) {
            for finding in &judged.findings {
                let Some((plan, rule)) = rule_of(&record.plans, finding) else {
                    continue;
                };
                let sum = computation(rule, finding);
                let has_none = matches!(finding.kind.as_str(), "answer" | "combination");
                assert_eq!(sum.is_none(), has_none, "{finding:?}");
                let begin = looks_back(&rule.kind, plan.timezone, finding.at);
                let begin = begin.and_then(|(_, begin)| begin);
                assert!(begin.is_none_or(|begin| begin <= finding.at), "{finding:?}");
                seen.extend(sum.map(|sum| (finding.kind.clone(), sum)));
            }
        }
    }
    let kinds: Vec<&str> = seen.keys().map(String::as_str).collect();
    let all = [
        "baseline",
        "change",
        "count",
        "limits",
        "mean",
        "news2",
        "persistence",
        "score",
        "target",
        "trend",
    ];
    assert_eq!(kinds, all);
    // What stands on both sides of a sign is numbers, and a sum that does not hold would be seen here.
    let sum = &seen["change"];
    let numbers: Vec<f64> = sum.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [more, less, difference, by] = numbers[..] else {
        panic!("{sum}")
    };
    assert!(
        (more - less - difference).abs() < 0.0005 && difference >= by,
        "{sum}"
    );
}
