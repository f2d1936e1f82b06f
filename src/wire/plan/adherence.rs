//! More than seven of seven days can never be kept, and would alert every week until nobody looks.

use super::node::{Faults, Node};
use super::rule;
use crate::domain::rule::{Adherence, Rule, RuleKind};

/// Adherence is judged over so many days.
const DAYS: std::ops::RangeInclusive<u32> = 1..=7;

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let members = rule::compliance_members(node, &["at_least"], faults)?;
    let at_least = members.required("at_least", faults).and_then(|node| {
        let days = u32::try_from(node.integer(faults)?).ok();
        days.filter(|days| DAYS.contains(days))
            .or_else(|| node.fault("at_least_out_of_range", "must be from 1 to 7 days", faults))
    });
    let severity = rule::severity(&members, faults);
    let adherence = || {
        Some(Adherence {
            at_least: at_least?,
            severity: severity?,
        })
    };
    rule::finish(&members, adherence().map(RuleKind::Adherence), faults)
}
