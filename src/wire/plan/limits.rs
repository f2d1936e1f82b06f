//! Limits that a well person is always beyond would alert every day until nobody looks: they are refused.

use super::node::{Faults, Node};
use super::rule;
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::rule::{Limits, Rule, RuleKind};

const BOUNDS: [&str; 4] = ["red_low", "amber_low", "amber_high", "red_high"];

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let members = rule::members(
        node,
        &["measure", "red_low", "amber_low", "amber_high", "red_high"],
        faults,
    )?;
    let measure = rule::measure(&members, faults);
    let bounds = BOUNDS.map(|key| members.default(key, None, |node| Some(Some(node.number(faults)?))));
    let kind = match (measure, bounds) {
        (Some(measure), [Some(red_low), Some(amber_low), Some(amber_high), Some(red_high)]) => {
            let limits = Limits {
                measure,
                red_low,
                amber_low,
                amber_high,
                red_high,
            };
            sound(&limits, node, faults).then_some(RuleKind::Limits(limits))
        }
        _ => None,
    };
    let rule = rule::finish(&members, kind, faults);
    if let (Some(measure), Some(id)) = (measure, node.glance("id"))
        && id.strip_prefix("limits.") != Some(measure.code())
    {
        faults.push(
            members.place("id"),
            "bad_id",
            &format!("must be limits.{measure}"),
        );
        return None;
    }
    rule
}

fn sound(limits: &Limits, node: &Node<'_>, faults: &mut Faults) -> bool {
    let all = [
        limits.red_low,
        limits.amber_low,
        limits.amber_high,
        limits.red_high,
    ];
    let mut present = BOUNDS
        .iter()
        .zip(all)
        .filter_map(|(key, bound)| Some((key, bound?)));
    let Some((_, mut below)) = present.next() else {
        node.fault::<()>("missing", "limits need one bound at least", faults);
        return false;
    };
    let mut ascending = true;
    for (key, bound) in present {
        if bound <= below {
            ascending = false;
            faults.push(
                node.place(key),
                "not_ascending",
                "must be above the bounds before it",
            );
        }
        below = bound;
    }
    if ascending && !leaves_room(limits) {
        node.fault::<()>("no_room_for_well", &room_wanted(limits.measure), faults);
        return false;
    }
    ascending
}

/// Whether some value that a well person has is beyond none of the bounds.
fn leaves_room(limits: &Limits) -> bool {
    let Some((low, high)) = limits.measure.facts().well else {
        return true;
    };
    // They ascend, so the innermost bound of each side is the one that matters.
    let from = limits
        .amber_low
        .or(limits.red_low)
        .map_or(low, |bound| bound.max(low));
    let to = limits
        .amber_high
        .or(limits.red_high)
        .map_or(high, |bound| bound.min(high));
    from <= to
}

fn room_wanted(measure: Measure) -> String {
    let facts = measure.facts();
    let (low, high) = facts.well.unwrap_or((Milli::default(), Milli::default()));
    format!(
        "a well person has a {} of {low} to {high} {}; these limits leave none of that",
        facts.spoken, facts.shown_unit
    )
}
