//! "2 kg in 3 days" counts local days, not hours: Monday's weight is a reference until Thursday midnight.

use std::cmp::Reverse;

use chrono::TimeDelta;

use super::{Fired, Firing, Scene};
use crate::domain::finding::Numbers;
use crate::domain::rule::{Change, Direction, Reference, Rule};
use crate::engine::history::Point;
use crate::engine::{window, wording};

pub(super) fn judge(
    rule: &Rule,
    change: &Change,
    scene: &Scene<'_>,
    fired: &mut Vec<Fired>,
) -> Option<Firing> {
    let changes = scene.accepted(change.measure).filter_map(|(reading, point)| {
        let begin = window::days_before(scene.plan.timezone, point.taken_at, change.within_days);
        let before = scene.history.between(change.measure, begin, point.taken_at);
        let reference = reference(before, change.reference)?;
        let difference = match change.direction {
            Direction::Rise => point.value - reference.value,
            Direction::Fall => reference.value - point.value,
        };
        (difference >= change.by).then_some((difference, point, reference, reading))
    });
    let (difference, point, reference, reading) =
        changes.max_by_key(|(difference, point, ..)| (*difference, *point))?;
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: Some(point.place.index),
    });
    let amount = |value| wording::amount(value, change.measure);
    Some(Firing {
        severity: change.severity,
        side: None,
        at: point.taken_at,
        numbers: Numbers {
            value: Some(point.value),
            bound: Some(change.by),
            reference: Some(reference.value),
            difference: Some(difference),
            ..Numbers::default()
        },
        readings: vec![scene.reading_id(point.place), scene.reading_id(reference.place)],
        sentence: format!(
            "{} {} by {} within {}, from {} to {} (the plan allows less than {}).",
            wording::opening(change.measure),
            match change.direction {
                Direction::Rise => "rose",
                Direction::Fall => "fell",
            },
            amount(difference),
            wording::days(change.within_days),
            amount(reference.value),
            wording::reading(reading, change.measure),
            amount(change.by),
        ),
    })
}

/// The earlier reading to measure from; of equal ones the later.
fn reference(before: &[Point], which: Reference) -> Option<&Point> {
    match which {
        Reference::Lowest => before.iter().max_by_key(|point| Reverse(point.value)),
        Reference::Highest => before.iter().max_by_key(|point| point.value),
        Reference::Earliest => before.first(),
        Reference::Previous => before.last(),
    }
}

pub(super) fn reach(change: &Change) -> TimeDelta {
    window::longest(change.within_days)
}

/// `weight risen by 2 kg or more within 3 days`.
pub(super) fn meaning(change: &Change) -> String {
    format!(
        "{} {} by {} or more within {}",
        change.measure.facts().spoken,
        match change.direction {
            Direction::Rise => "risen",
            Direction::Fall => "fallen",
        },
        wording::amount(change.by, change.measure),
        wording::days(change.within_days),
    )
}
