//! A target without a distance allows everything: one of `low_by` and `high_by` is needed.

use super::node::{Faults, Node};
use super::rule;
use crate::domain::rule::{Rule, RuleKind, Target};

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let keys = ["measure", "value", "low_by", "high_by", "severity"];
    let members = rule::members(node, &keys, faults)?;
    let measure = rule::measure(&members, faults);
    let value = members
        .required("value", faults)
        .and_then(|node| node.positive(faults));
    let [low_by, high_by] = ["low_by", "high_by"]
        .map(|key| members.default(key, None, |node| Some(Some(node.positive(faults)?))));
    if (low_by, high_by) == (Some(None), Some(None)) {
        return node.fault("missing", "needs low_by, high_by or both", faults);
    }
    let severity = rule::severity(&members, faults);
    let target = || {
        Some(Target {
            measure: measure?,
            value: value?,
            low_by: low_by?,
            high_by: high_by?,
            severity: severity?,
        })
    };
    rule::finish(&members, target().map(RuleKind::Target), faults)
}
