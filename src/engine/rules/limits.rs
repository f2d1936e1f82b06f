//! One side is reported, but a combination may name any side that any accepted reading of the session was beyond.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{Fired, Firing, Scene};
use crate::domain::finding::{Numbers, Severity, Side};
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::plan::Plan;
use crate::domain::reading::Reading;
use crate::domain::rule::{Limits, Rule, RuleKind};
use crate::engine::history::Point;
use crate::engine::wording;

/// The bounds of a rule with their sides, those present only.
fn bounds(limits: &Limits) -> impl Iterator<Item = (Side, Milli)> {
    let sides = [
        (Side::RedLow, limits.red_low),
        (Side::AmberLow, limits.amber_low),
        (Side::AmberHigh, limits.amber_high),
        (Side::RedHigh, limits.red_high),
    ];
    sides.into_iter().filter_map(|(side, bound)| Some((side, bound?)))
}

/// How far the value is beyond the bound of a side; equal is not beyond.
fn beyond(value: Milli, side: Side, bound: Milli) -> Option<Milli> {
    let distance = match side {
        Side::RedLow | Side::AmberLow => bound - value,
        Side::RedHigh | Side::AmberHigh => value - bound,
    };
    (distance > Milli::new(0)).then_some(distance)
}

pub(super) const fn severity(side: Side) -> Severity {
    match side {
        Side::RedLow | Side::RedHigh => Severity::Red,
        Side::AmberLow | Side::AmberHigh => Severity::Amber,
    }
}

/// `below the red limit`.
pub(super) const fn crossing(side: Side) -> &'static str {
    match side {
        Side::RedLow => "below the red limit",
        Side::AmberLow => "below the amber limit",
        Side::AmberHigh => "above the amber limit",
        Side::RedHigh => "above the red limit",
    }
}

/// The red bound of the plan that the value is beyond.
pub(in crate::engine) fn beyond_red(plan: &Plan, measure: Measure, value: Milli) -> Option<Milli> {
    let of_measure = |rule: &Arc<Rule>| match rule.kind {
        RuleKind::Limits(limits) => (limits.measure == measure).then_some(limits),
        _ => None,
    };
    let limits = plan.rules.iter().find_map(of_measure)?;
    let red = bounds(&limits).filter(|(side, _)| severity(*side) == Severity::Red);
    let mut crossed = red.filter(|(side, bound)| beyond(value, *side, *bound).is_some());
    crossed.next().map(|(_, bound)| bound)
}

struct Crossing<'a> {
    side: Side,
    bound: Milli,
    distance: Milli,
    point: Point,
    reading: &'a Reading,
}

pub(super) fn judge(
    rule: &Rule,
    limits: &Limits,
    scene: &Scene<'_>,
    fired: &mut Vec<Fired>,
) -> Option<Firing> {
    let mut crossings = Vec::new();
    for (reading, point) in scene.accepted(limits.measure) {
        crossings.extend(bounds(limits).filter_map(|(side, bound)| {
            let distance = beyond(point.value, side, bound)?;
            Some(Crossing {
                side,
                bound,
                distance,
                point,
                reading,
            })
        }));
    }
    crossings.sort_unstable_by_key(|crossing| {
        Reverse((severity(crossing.side), crossing.distance, crossing.point))
    });
    for (place, Crossing { side, point, .. }) in crossings.iter().enumerate() {
        if crossings[..place].iter().all(|worse| worse.side != *side) {
            fired.push(Fired {
                rule: rule.id.clone(),
                side: Some(*side),
                reading: Some(point.place.index),
            });
        }
    }
    let worst = crossings.first()?;
    Some(Firing {
        severity: severity(worst.side),
        side: Some(worst.side),
        at: worst.point.taken_at,
        numbers: Numbers {
            value: Some(worst.point.value),
            bound: Some(worst.bound),
            ..Numbers::default()
        },
        readings: vec![scene.reading_id(worst.point.place)],
        sentence: format!(
            "{} {} is {} of {}.",
            wording::opening(limits.measure),
            wording::reading(worst.reading, limits.measure),
            crossing(worst.side),
            wording::amount(worst.bound, limits.measure),
        ),
    })
}
