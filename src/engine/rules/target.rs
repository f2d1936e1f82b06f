//! A dry weight is set by a nurse, not reckoned: the rule looks at no other reading.

use super::{Fired, Firing, Scene, band};
use crate::domain::finding::Numbers;
use crate::domain::rule::{Band, Edge, Rule, Target};
use crate::engine::wording;

pub(super) fn judge(
    rule: &Rule,
    target: &Target,
    scene: &Scene<'_>,
    fired: &mut Vec<Fired>,
) -> Option<Firing> {
    let measure = target.measure;
    let allowed = allowed(target);
    let missed = scene
        .accepted(measure)
        .filter_map(|(reading, point)| Some((band::crossed(allowed, point.value)?, point, reading)));
    let (crossed, point, reading) = missed.max_by_key(|(crossed, point, _)| (crossed.distance, *point))?;
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: Some(point.place.index),
    });
    let difference = (point.value - target.value).abs();
    let amount = |value| wording::amount(value, measure);
    Some(Firing {
        severity: target.severity,
        side: None,
        at: point.taken_at,
        numbers: Numbers {
            value: Some(point.value),
            bound: Some(crossed.bound),
            reference: Some(target.value),
            difference: Some(difference),
            ..Numbers::default()
        },
        readings: vec![scene.reading_id(point.place)],
        sentence: format!(
            "{} {} is {} {} the target of {}; the plan allows {} {}.",
            wording::opening(measure),
            wording::reading(reading, measure),
            amount(difference),
            band::word(crossed.edge),
            amount(target.value),
            match crossed.edge {
                Edge::Low => "down to",
                Edge::High => "up to",
            },
            amount(crossed.bound),
        ),
    })
}

fn allowed(target: &Target) -> Band {
    Band {
        low: target.low_by.map(|by| target.value - by),
        high: target.high_by.map(|by| target.value + by),
    }
}

/// `weight below 78 kg or above 82 kg, its target being 80 kg`.
pub(super) fn meaning(target: &Target) -> String {
    format!(
        "{} {}, its target being {}",
        target.measure.facts().spoken,
        band::words(allowed(target), target.measure),
        wording::amount(target.value, target.measure),
    )
}
