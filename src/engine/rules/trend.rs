//! A moving average has ever longer fractions, so it is reckoned in 10⁻¹² of a thousandth, and what lies within 10⁻⁸ of one
//! of a tie is one: then rounding goes as it would for the exact number.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::{Fired, Firing, Scene};
use crate::domain::finding::Numbers;
use crate::domain::number::Milli;
use crate::domain::rule::{Direction, Rule, Trend};
use crate::engine::history::Point;
use crate::engine::statistics::{milli, rounded};
use crate::engine::{window, wording};

/// So many parts has a thousandth.
const FINE: i128 = 1_000_000_000_000;

/// What 1600 steps of an average can be off by is far less.
const TIE: i128 = 10_000;

pub(super) fn judge(rule: &Rule, trend: &Trend, scene: &Scene<'_>, fired: &mut Vec<Fired>) -> Option<Firing> {
    let measure = trend.measure;
    let zone = scene.plan.timezone;
    let moving = scene.accepted(measure).filter_map(|(_, point)| {
        let begin = window::days_with_today(zone, point.taken_at, trend.over_days());
        let window = scene.history.up_to(measure, begin, point.taken_at);
        let difference = difference(trend, &daily_means(window, zone))?;
        let moved = match trend.direction {
            Direction::Rise => difference,
            Direction::Fall => -difference,
        };
        (moved >= trend.by).then_some((moved, point, difference, window))
    });
    let (moved, point, difference, window) = moving.max_by_key(|(moved, point, ..)| (*moved, *point))?;
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: Some(point.place.index),
    });
    let (going, side) = match trend.direction {
        Direction::Rise => ("rising", "above"),
        Direction::Fall => ("falling", "below"),
    };
    Some(Firing {
        severity: trend.severity,
        side: None,
        at: point.taken_at,
        numbers: Numbers {
            bound: Some(trend.by),
            difference: Some(difference),
            ..Numbers::default()
        },
        readings: scene.reading_ids(point, window.iter()),
        sentence: format!(
            "{} is {going}: its moving average over {} is {} {side} that over {} (the plan allows less than {}).",
            wording::opening(measure),
            wording::days(trend.short_days),
            wording::amount(moved, measure),
            wording::days(trend.long_days),
            wording::amount(trend.by, measure),
        ),
    })
}

/// The mean of each local day that has readings, in parts, in the order of days.
fn daily_means(window: &[Point], zone: Tz) -> Vec<i128> {
    let mut days = BTreeMap::<NaiveDate, (i128, i128)>::new();
    for point in window {
        let day = days.entry(window::local_day(zone, point.taken_at)).or_default();
        *day = (day.0 + i128::from(point.value.thousandths()), day.1 + 1);
    }
    days.into_values()
        .map(|(sum, count)| rounded(sum * FINE, count))
        .collect()
}

/// The short moving average less the long one; `None` of fewer days than the long one wants.
fn difference(trend: &Trend, days: &[i128]) -> Option<Milli> {
    if days.len() < usize::from(trend.long_days) {
        return None;
    }
    let difference = average(trend.short_days, days)? - average(trend.long_days, days)?;
    let size = (2 * (difference.abs() + TIE) + FINE) / (2 * FINE);
    Some(milli(if difference < 0 { -size } else { size }))
}

/// Begun at the first day; each later one pulls by α = 2 ÷ (n + 1).
fn average(over_days: u16, days: &[i128]) -> Option<i128> {
    let n = i128::from(over_days);
    let (first, later) = days.split_first()?;
    let step = |average: i128, day: &i128| rounded((n - 1) * average + 2 * day, n + 1);
    Some(later.iter().fold(*first, step))
}

pub(super) fn reach(trend: &Trend) -> TimeDelta {
    window::longest(trend.over_days())
}

/// `weight rising by 1 kg or more between its moving averages over 28 and 7 days`.
pub(super) fn meaning(trend: &Trend) -> String {
    format!(
        "{} {} by {} or more between its moving averages over {} and {} days",
        trend.measure.facts().spoken,
        match trend.direction {
            Direction::Rise => "rising",
            Direction::Fall => "falling",
        },
        wording::amount(trend.by, trend.measure),
        trend.long_days,
        trend.short_days,
    )
}
