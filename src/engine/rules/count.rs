//! Hours are hours, whatever the clocks do, and readings taken at the same instant all count, whichever comes first in order.

use chrono::TimeDelta;

use super::band;
use super::{Fired, Firing, Scene};
use crate::domain::finding::Numbers;
use crate::domain::rule::{Count, Rule};
use crate::engine::history::Point;
use crate::engine::{window, wording};

pub(super) fn judge(rule: &Rule, count: &Count, scene: &Scene<'_>, fired: &mut Vec<Fired>) -> Option<Firing> {
    let Count { measure, band, .. } = *count;
    let counted = scene.accepted(measure).filter_map(|(reading, point)| {
        let crossed = band::crossed(band, point.value)?;
        let begin = window::hours_before(point.taken_at, count.within_hours);
        let window = scene.history.up_to(measure, begin, point.taken_at).iter();
        let beyond: Vec<&Point> = window
            .filter(|other| band::is_beyond(band, crossed.edge, other.value))
            .collect();
        let enough = u32::try_from(beyond.len()).is_ok_and(|number| number >= count.at_least);
        enough.then_some((crossed, point, reading, beyond))
    });
    let (crossed, point, reading, beyond) =
        counted.max_by_key(|(crossed, point, ..)| (crossed.distance, *point))?;
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: Some(point.place.index),
    });
    let edge = band::word(crossed.edge);
    Some(Firing {
        severity: count.severity,
        side: None,
        at: point.taken_at,
        numbers: Numbers {
            value: Some(point.value),
            bound: Some(crossed.bound),
            count: i64::try_from(beyond.len()).ok(),
            ..Numbers::default()
        },
        sentence: format!(
            "{} {} is {edge} {}; readings {edge} it within {}: {}.",
            wording::opening(measure),
            wording::reading(reading, measure),
            wording::amount(crossed.bound, measure),
            wording::hours(count.within_hours),
            beyond.len(),
        ),
        readings: scene.reading_ids(point, beyond.into_iter()),
    })
}

pub(super) fn reach(count: &Count) -> TimeDelta {
    TimeDelta::hours(count.within_hours.into())
}

/// `blood glucose below 4 mmol/L in at least 2 readings within 24 hours`.
pub(super) fn meaning(count: &Count) -> String {
    format!(
        "{} {} in at least {} within {}",
        count.measure.facts().spoken,
        band::words(count.band, count.measure),
        wording::readings(count.at_least),
        wording::hours(count.within_hours),
    )
}
