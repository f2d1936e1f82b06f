//! Scale 2 hides low saturation from patients who must not have it hidden, so it needs the name of who approved it.

use super::node::{Faults, Members, Node};
use super::rule;
use crate::domain::rule::{News2Rule, OxygenScale, Rule, RuleKind};

/// The highest total there is.
const MOST: u32 = 20;

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let keys = [
        "scale",
        "scale_2_approved_by",
        "amber_at",
        "red_at",
        "single_three",
    ];
    let members = rule::members(node, &keys, faults)?;
    let scale = scale(&members, faults);
    let [amber_at, red_at] = [("amber_at", 5), ("red_at", 7)].map(|(key, usual)| {
        members.default(key, usual, |node| {
            u8::try_from(node.whole(1, (MOST, "too_large"), faults)?).ok()
        })
    });
    if let (Some(amber_at), Some(red_at)) = (amber_at, red_at)
        && red_at <= amber_at
    {
        faults.push(members.place("red_at"), "not_ascending", "must be above amber_at");
    }
    let single_three = members.default("single_three", true, |node| {
        node.word(&[("amber", true), ("none", false)], faults)
    });
    let news2 = || {
        Some(News2Rule {
            scale: scale?,
            amber_at: amber_at?,
            red_at: red_at?,
            single_three: single_three?,
        })
    };
    rule::finish(&members, news2().map(RuleKind::News2), faults)
}

fn scale(members: &Members<'_>, faults: &mut Faults) -> Option<OxygenScale> {
    let node = members.required("scale", faults)?;
    let number = node.integer(faults)?;
    let approved_by = members.optional("scale_2_approved_by");
    match (number, approved_by) {
        (1, None) => Some(OxygenScale::One),
        (1, Some(node)) => node.fault("not_scale_2", "stands only beside scale 2", faults),
        (2, None) => {
            faults.push(
                members.place("scale_2_approved_by"),
                "missing",
                "scale 2 needs the competent clinician who approved it for this patient",
            );
            None
        }
        (2, Some(node)) => {
            let approved_by = node.text(faults)?;
            if approved_by.trim().is_empty() {
                return node.fault("empty", "must not be empty", faults);
            }
            Some(OxygenScale::Two {
                approved_by: approved_by.into_owned(),
            })
        }
        _ => node.fault("unknown_scale", "must be 1 or 2", faults),
    }
}
