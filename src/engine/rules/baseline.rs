//! The patient's own usual is reckoned from readings before this one, so that a bad day does not excuse itself.

use chrono::TimeDelta;

use super::{Fired, Firing, Scene, band};
use crate::domain::finding::Numbers;
use crate::domain::rule::{Band, Baseline, Edge, Rule};
use crate::engine::statistics::Spread;
use crate::engine::{window, wording};

pub(super) fn judge(
    rule: &Rule,
    baseline: &Baseline,
    scene: &Scene<'_>,
    fired: &mut Vec<Fired>,
) -> Option<Firing> {
    let Baseline { measure, edge, .. } = *baseline;
    let unusual = scene.accepted(measure).filter_map(|(reading, point)| {
        let begin = window::days_before(scene.plan.timezone, point.taken_at, baseline.over_days);
        let before = scene.history.between(measure, begin, point.taken_at);
        let enough = u32::try_from(before.len()).is_ok_and(|count| count >= baseline.min_readings);
        let spread =
            Spread::of(before.iter().map(|other| other.value), baseline.min_sd).filter(|_| enough)?;
        let threshold = spread.threshold(baseline.k, edge);
        let crossed = band::crossed(beyond(edge, threshold), point.value)?;
        Some((crossed.distance, point, reading, threshold, spread, before))
    });
    let (_, point, reading, threshold, spread, before) =
        unusual.max_by_key(|(distance, point, ..)| (*distance, *point))?;
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: Some(point.place.index),
    });
    let (mean, sd) = (spread.mean(), spread.deviation());
    let side = band::word(edge);
    Some(Firing {
        severity: baseline.severity,
        side: None,
        at: point.taken_at,
        numbers: Numbers {
            value: Some(point.value),
            bound: Some(threshold),
            mean: Some(mean),
            sd: Some(sd),
            ..Numbers::default()
        },
        readings: scene.reading_ids(point, before.iter()),
        sentence: format!(
            "{} {} is {side} what is usual for this patient: {} is {} standard deviations of {} {side} the mean of {} \
             over {} ({}).",
            wording::opening(measure),
            wording::reading(reading, measure),
            wording::amount(threshold, measure),
            baseline.k,
            wording::amount(sd, measure),
            wording::amount(mean, measure),
            wording::days(baseline.over_days),
            wording::readings(before.len()),
        ),
    })
}

const fn beyond(edge: Edge, threshold: crate::domain::number::Milli) -> Band {
    match edge {
        Edge::Low => Band {
            low: Some(threshold),
            high: None,
        },
        Edge::High => Band {
            low: None,
            high: Some(threshold),
        },
    }
}

pub(super) fn reach(baseline: &Baseline) -> TimeDelta {
    window::longest(baseline.over_days)
}

/// `oxygen saturation below what is usual for this patient`.
pub(super) fn meaning(baseline: &Baseline) -> String {
    format!(
        "{} {} what is usual for this patient",
        baseline.measure.facts().spoken,
        band::word(baseline.edge),
    )
}
