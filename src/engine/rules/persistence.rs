//! "Last" goes by reading order and "within" by local days: a reading outside the window does not count against the patient.

use chrono::TimeDelta;

use super::band::{self, Crossed};
use super::{Fired, Firing, Scene};
use crate::domain::finding::Numbers;
use crate::domain::rule::{Persistence, Rule};
use crate::engine::history::Point;
use crate::engine::{window, wording};

pub(super) fn judge(
    rule: &Rule,
    persistence: &Persistence,
    scene: &Scene<'_>,
    fired: &mut Vec<Fired>,
) -> Option<Firing> {
    let Persistence { measure, band, .. } = *persistence;
    let persisting = scene.accepted(measure).filter_map(|(reading, point)| {
        let crossed = band::crossed(band, point.value)?;
        let begin = window::days_before(scene.plan.timezone, point.taken_at, persistence.within_days);
        let last = scene.history.last(measure, begin, point, persistence.of_last);
        let beyond: Vec<&Point> = of_side(last, persistence, crossed).collect();
        let enough = u32::try_from(beyond.len()).is_ok_and(|count| count >= persistence.at_least);
        enough.then_some((crossed, point, reading, beyond, last.len()))
    });
    let (crossed, point, reading, beyond, of) =
        persisting.max_by_key(|(crossed, point, ..)| (crossed.distance, *point))?;
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: Some(point.place.index),
    });
    let edge = band::word(crossed.edge);
    Some(Firing {
        severity: persistence.severity,
        side: None,
        at: point.taken_at,
        numbers: Numbers {
            value: Some(point.value),
            bound: Some(crossed.bound),
            count: i64::try_from(beyond.len()).ok(),
            ..Numbers::default()
        },
        sentence: format!(
            "{} {} is {edge} {}; readings {edge} it: {} of the last {of} within {}.",
            wording::opening(measure),
            wording::reading(reading, measure),
            wording::amount(crossed.bound, measure),
            beyond.len(),
            wording::days(persistence.within_days),
        ),
        readings: scene.reading_ids(point, beyond.into_iter()),
    })
}

fn of_side<'p>(
    last: &'p [Point],
    persistence: &Persistence,
    crossed: Crossed,
) -> impl Iterator<Item = &'p Point> {
    let band = persistence.band;
    last.iter()
        .filter(move |other| band::is_beyond(band, crossed.edge, other.value))
}

pub(super) fn reach(persistence: &Persistence) -> TimeDelta {
    window::longest(persistence.within_days)
}

/// `oxygen saturation below 92 % in at least 2 of the last 3 readings within 7 days`.
pub(super) fn meaning(persistence: &Persistence) -> String {
    format!(
        "{} {} in at least {} of the last {} within {}",
        persistence.measure.facts().spoken,
        band::words(persistence.band, persistence.measure),
        persistence.at_least,
        wording::readings(persistence.of_last),
        wording::days(persistence.within_days),
    )
}
