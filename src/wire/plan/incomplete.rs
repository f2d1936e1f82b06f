//! Its measures are single ones: a blood pressure of which only one half came is not complete.

use super::node::{Faults, Node};
use super::{MAX_ROW, rule};
use crate::domain::rule::{Incomplete, Rule, RuleKind};

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let members = rule::compliance_members(node, &["measures", "sessions_in_row"], faults)?;
    let measures = members.required("measures", faults).and_then(|node| {
        let measures = node.each_once(faults, rule::measure_named)?;
        if measures.is_empty() {
            node.fault("empty", "must name one measure at least", faults)
        } else {
            Some(measures)
        }
    });
    let sessions_in_row = members.default("sessions_in_row", 2, |node| {
        node.whole(1, (MAX_ROW, "too_long"), faults)
    });
    let severity = rule::severity(&members, faults);
    let incomplete = || {
        Some(Incomplete {
            measures: measures?,
            sessions_in_row: sessions_in_row?,
            severity: severity?,
        })
    };
    rule::finish(&members, incomplete().map(RuleKind::Incomplete), faults)
}
