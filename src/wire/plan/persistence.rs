//! More out of fewer can never be: such a rule would be a false promise, and is refused.

use super::node::{Faults, Node};
use super::{band, rule};
use crate::domain::rule::{Persistence, Rule, RuleKind};

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let keys = [
        "measure",
        "low",
        "high",
        "at_least",
        "of_last",
        "within_days",
        "severity",
    ];
    let members = rule::members(node, &keys, faults)?;
    let measure = rule::measure(&members, faults);
    let band = band::read(&members, faults);
    let of_last = members
        .required("of_last", faults)
        .and_then(|node| rule::quantity(&node, faults));
    let at_least = members.required("at_least", faults).and_then(|node| {
        let at_least = rule::quantity(&node, faults)?;
        if of_last.is_some_and(|of_last| at_least > of_last) {
            return node.fault("at_least_out_of_range", "must be from 1 to of_last", faults);
        }
        Some(at_least)
    });
    let within_days = members
        .required("within_days", faults)
        .and_then(|node| rule::days(&node, faults));
    let severity = rule::severity(&members, faults);
    let persistence = || {
        Some(Persistence {
            measure: measure?,
            band: band?,
            at_least: at_least?,
            of_last: of_last?,
            within_days: within_days?,
            severity: severity?,
        })
    };
    rule::finish(&members, persistence().map(RuleKind::Persistence), faults)
}
