//! The averages run over four times the long number of days, and that, as every window, is 400 days at most.

use super::node::{Faults, Node};
use super::{MAX_WINDOW_DAYS, rule};
use crate::domain::rule::{Direction, Rule, RuleKind, Trend};

const MAX_LONG_DAYS: u32 = MAX_WINDOW_DAYS / 4;

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let keys = [
        "measure",
        "direction",
        "short_days",
        "long_days",
        "by",
        "severity",
    ];
    let members = rule::members(node, &keys, faults)?;
    let measure = rule::measure(&members, faults);
    let directions = [("rise", Direction::Rise), ("fall", Direction::Fall)];
    let direction = members
        .required("direction", faults)
        .and_then(|node| node.word(&directions, faults));
    let short_days = members
        .required("short_days", faults)
        .and_then(|node| rule::days(&node, faults));
    let long_days = members.required("long_days", faults).and_then(|node| {
        let long_days = node.whole(1, (MAX_LONG_DAYS, "too_long"), faults)?;
        let long_days = u16::try_from(long_days).ok()?;
        if short_days.is_some_and(|short_days| short_days >= long_days) {
            return node.fault("not_ascending", "must be above short_days", faults);
        }
        Some(long_days)
    });
    let by = members
        .required("by", faults)
        .and_then(|node| node.positive(faults));
    let severity = rule::severity(&members, faults);
    let trend = || {
        Some(Trend {
            measure: measure?,
            direction: direction?,
            short_days: short_days?,
            long_days: long_days?,
            by: by?,
            severity: severity?,
        })
    };
    rule::finish(&members, trend().map(RuleKind::Trend), faults)
}
