//! Without a rule of this kind a schedule has one of its own, so a plan names it only to be told later or louder.

use super::node::{Faults, Node};
use super::{MAX_ROW, rule};
use crate::domain::rule::{Missed, Rule, RuleKind};

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let members = rule::compliance_members(node, &["after"], faults)?;
    let after = members.default("after", 1, |node| node.whole(1, (MAX_ROW, "too_long"), faults));
    let severity = rule::severity(&members, faults);
    let missed = || {
        Some(Missed {
            after: after?,
            severity: severity?,
        })
    };
    rule::finish(&members, missed().map(RuleKind::Missed), faults)
}
