//! Its window is in hours, because "two lows in a day" means 24 hours and not since midnight.

use super::node::{Faults, Node};
use super::{MAX_WINDOW_HOURS, band, rule};
use crate::domain::rule::{Count, Rule, RuleKind};

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let keys = ["measure", "low", "high", "at_least", "within_hours", "severity"];
    let members = rule::members(node, &keys, faults)?;
    let measure = rule::measure(&members, faults);
    let band = band::read(&members, faults);
    let at_least = members
        .required("at_least", faults)
        .and_then(|node| rule::quantity(&node, faults));
    let within_hours = members
        .required("within_hours", faults)
        .and_then(|node| node.whole(1, (MAX_WINDOW_HOURS, "too_long"), faults));
    let severity = rule::severity(&members, faults);
    let count = || {
        Some(Count {
            measure: measure?,
            band: band?,
            at_least: at_least?,
            within_hours: within_hours?,
            severity: severity?,
        })
    };
    rule::finish(&members, count().map(RuleKind::Count), faults)
}
