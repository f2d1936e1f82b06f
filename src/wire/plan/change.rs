//! What a rise is measured from is the lowest reading of its window unless the plan says otherwise, and a fall from the highest.

use super::node::{Faults, Node};
use super::rule;
use crate::domain::rule::{Change, Direction, Reference, Rule, RuleKind};

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let keys = [
        "measure",
        "direction",
        "by",
        "within_days",
        "reference",
        "severity",
    ];
    let members = rule::members(node, &keys, faults)?;
    let measure = rule::measure(&members, faults);
    let directions = [("rise", Direction::Rise), ("fall", Direction::Fall)];
    let direction = members
        .required("direction", faults)
        .and_then(|node| node.word(&directions, faults));
    let by = members
        .required("by", faults)
        .and_then(|node| node.positive(faults));
    let within_days = members
        .required("within_days", faults)
        .and_then(|node| rule::days(&node, faults));
    let references = [
        ("lowest", Reference::Lowest),
        ("highest", Reference::Highest),
        ("earliest", Reference::Earliest),
        ("previous", Reference::Previous),
    ];
    let usual = match direction {
        Some(Direction::Rise) | None => Reference::Lowest,
        Some(Direction::Fall) => Reference::Highest,
    };
    let reference = members.default("reference", usual, |node| node.word(&references, faults));
    let severity = rule::severity(&members, faults);
    let change = || {
        Some(Change {
            measure: measure?,
            direction: direction?,
            by: by?,
            within_days: within_days?,
            reference: reference?,
            severity: severity?,
        })
    };
    rule::finish(&members, change().map(RuleKind::Change), faults)
}
