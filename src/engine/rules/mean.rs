//! The mean is rounded before it is compared, so that what the sentence says is what was judged.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{Fired, Firing, Scene, band};
use crate::domain::finding::Numbers;
use crate::domain::rule::{Mean, Rule};
use crate::engine::{statistics, window, wording};

pub(super) fn judge(rule: &Rule, mean: &Mean, scene: &Scene<'_>, fired: &mut Vec<Fired>) -> Option<Firing> {
    let Mean { measure, band, .. } = *mean;
    let zone = scene.plan.timezone;
    let beyond = scene.accepted(measure).filter_map(|(_, point)| {
        let begin = window::days_with_today(zone, point.taken_at, mean.over_days);
        let window = scene.history.up_to(measure, begin, point.taken_at);
        let days = window.iter().map(|other| window::local_day(zone, other.taken_at));
        let days = days.collect::<BTreeSet<_>>().len();
        let enough = u32::try_from(window.len()).is_ok_and(|count| count >= mean.min_readings)
            && days >= usize::from(mean.min_days);
        let value = statistics::mean(window.iter().map(|other| other.value)).filter(|_| enough)?;
        Some((band::crossed(band, value)?, point, value, window, days))
    });
    let (crossed, point, value, window, days) =
        beyond.max_by_key(|(crossed, point, ..)| (crossed.distance, *point))?;
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: Some(point.place.index),
    });
    Some(Firing {
        severity: mean.severity,
        side: None,
        at: point.taken_at,
        numbers: Numbers {
            bound: Some(crossed.bound),
            mean: Some(value),
            ..Numbers::default()
        },
        readings: scene.reading_ids(point, window.iter()),
        sentence: format!(
            "Mean {} over {} is {}, {} {} ({} on {}).",
            measure.facts().spoken,
            wording::days(mean.over_days),
            wording::amount(value, measure),
            band::word(crossed.edge),
            wording::amount(crossed.bound, measure),
            wording::readings(window.len()),
            wording::days(days),
        ),
    })
}

pub(super) fn reach(mean: &Mean) -> TimeDelta {
    window::longest(mean.over_days)
}

/// `mean systolic blood pressure over 7 days above 135 mmHg`.
pub(super) fn meaning(mean: &Mean) -> String {
    format!(
        "mean {} over {} {}",
        mean.measure.facts().spoken,
        wording::days(mean.over_days),
        band::words(mean.band, mean.measure),
    )
}
