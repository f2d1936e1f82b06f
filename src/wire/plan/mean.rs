//! How many readings make a mean, and on how many days, is the nurse's to say: neither has a default.

use super::node::{Faults, Node};
use super::{band, rule};
use crate::domain::rule::{Mean, Rule, RuleKind};

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let keys = [
        "measure",
        "low",
        "high",
        "over_days",
        "min_readings",
        "min_days",
        "severity",
    ];
    let members = rule::members(node, &keys, faults)?;
    let measure = rule::measure(&members, faults);
    let band = band::read(&members, faults);
    let over_days = members
        .required("over_days", faults)
        .and_then(|node| rule::days(&node, faults));
    let min_readings = members
        .required("min_readings", faults)
        .and_then(|node| rule::quantity(&node, faults));
    let min_days = members.required("min_days", faults).and_then(|node| {
        let min_days = rule::days(&node, faults)?;
        if over_days.is_some_and(|over_days| min_days > over_days) {
            return node.fault("never_fires", "must be over_days at most", faults);
        }
        Some(min_days)
    });
    let severity = rule::severity(&members, faults);
    let mean = || {
        Some(Mean {
            measure: measure?,
            band: band?,
            over_days: over_days?,
            min_readings: min_readings?,
            min_days: min_days?,
            severity: severity?,
        })
    };
    rule::finish(&members, mean().map(RuleKind::Mean), faults)
}
