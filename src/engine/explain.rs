//! A finding's numbers set out as whoever doubts it would check them on paper. Nothing is judged here: the numbers are the finding's own.

use crate::domain::finding::{Finding, Numbers, Side};
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::rule::{Band, Direction, Edge, Rule, RuleKind};
use crate::domain::time::Instant;

use super::window;

/// The measure that the rule is about, and where its window before (and up to) `at` begins if it looks back.
pub fn looks_back(kind: &RuleKind, zone: chrono_tz::Tz, at: Instant) -> Option<(Measure, Option<Instant>)> {
    Some(match kind {
        RuleKind::Limits(rule) => (rule.measure, None),
        RuleKind::Target(rule) => (rule.measure, None),
        RuleKind::Change(rule) => (
            rule.measure,
            Some(window::days_before(zone, at, rule.within_days)),
        ),
        RuleKind::Persistence(rule) => (
            rule.measure,
            Some(window::days_before(zone, at, rule.within_days)),
        ),
        RuleKind::Baseline(rule) => (rule.measure, Some(window::days_before(zone, at, rule.over_days))),
        RuleKind::Mean(rule) => (
            rule.measure,
            Some(window::days_with_today(zone, at, rule.over_days)),
        ),
        RuleKind::Trend(rule) => (
            rule.measure,
            Some(window::days_with_today(zone, at, rule.over_days())),
        ),
        RuleKind::Count(rule) => (rule.measure, Some(window::hours_before(at, rule.within_hours))),
        RuleKind::Answer(_)
        | RuleKind::Score(_)
        | RuleKind::News2(_)
        | RuleKind::Combination(_)
        | RuleKind::Missed(_)
        | RuleKind::Incomplete(_)
        | RuleKind::Adherence(_) => return None,
    })
}

/// The sum in numbers and words: `84.2 − 81.9 = 2.3 ≥ 2`. `None` where the rule has no numbers.
pub fn computation(rule: &Rule, finding: &Finding) -> Option<String> {
    let numbers = &finding.numbers;
    match &rule.kind {
        RuleKind::Limits(limits) => {
            let sign = match finding.side? {
                Side::RedLow | Side::AmberLow => "<",
                Side::AmberHigh | Side::RedHigh => ">",
            };
            let (value, bound) = (numbers.value?, numbers.bound?);
            let unit = limits.measure.facts().shown_unit;
            let by = (value - bound).abs();
            Some(format!("{value} {sign} {bound} {unit}, by {by}"))
        }
        RuleKind::Change(change) => {
            let (value, reference, difference, by) = (
                numbers.value?,
                numbers.reference?,
                numbers.difference?.abs(),
                numbers.bound?,
            );
            let (more, less) = match change.direction {
                Direction::Rise => (value, reference),
                Direction::Fall => (reference, value),
            };
            Some(format!("{more} − {less} = {difference} ≥ {by}"))
        }
        RuleKind::Persistence(rule) => {
            let beyond = beyond(rule.band, numbers, numbers.value?)?;
            let (count, of_last) = (numbers.count?, rule.of_last);
            Some(format!(
                "{beyond}; of the last {of_last} readings in the window {count} are beyond it, {count} ≥ {}",
                rule.at_least
            ))
        }
        RuleKind::Count(rule) => {
            let beyond = beyond(rule.band, numbers, numbers.value?)?;
            let count = numbers.count?;
            Some(format!(
                "{beyond}; {count} are beyond it, {count} ≥ {}",
                rule.at_least
            ))
        }
        RuleKind::Mean(rule) => {
            let beyond = beyond(rule.band, numbers, numbers.mean?)?;
            let count = finding.readings.len();
            Some(format!("mean of {count}: {beyond}"))
        }
        RuleKind::Baseline(rule) => {
            let (value, mean, sd, bound) = (numbers.value?, numbers.mean?, numbers.sd?, numbers.bound?);
            let (sign, compares) = match rule.edge {
                Edge::Low => ("−", "<"),
                Edge::High => ("+", ">"),
            };
            Some(format!(
                "{mean} {sign} {} × {sd} = {bound}; {value} {compares} {bound}",
                rule.k
            ))
        }
        RuleKind::Target(rule) => {
            let (value, bound) = (numbers.value?, numbers.bound?);
            let low = rule
                .low_by
                .filter(|by| rule.value - *by == bound && value < bound);
            Some(match (low, rule.high_by) {
                (Some(by), _) => format!("{} − {by} = {bound}; {value} < {bound}", rule.value),
                (None, Some(by)) => format!("{} + {by} = {bound}; {value} > {bound}", rule.value),
                (None, None) => return None,
            })
        }
        RuleKind::Trend(rule) => {
            let (difference, by) = (numbers.difference?, numbers.bound?);
            let (short, long) = (rule.short_days, rule.long_days);
            Some(match rule.direction {
                Direction::Rise => {
                    format!("average of {short} days − average of {long} days = {difference} ≥ {by}")
                }
                Direction::Fall => {
                    format!("average of {short} days − average of {long} days = {difference} ≤ −{by}")
                }
            })
        }
        RuleKind::Score(_) => Some(format!("{} ≥ {} points", numbers.points?, numbers.bound?)),
        RuleKind::News2(_) => Some(match numbers.bound {
            Some(bound) => format!("{} ≥ {bound} points", numbers.points?),
            None => format!(
                "{} points in all, 3 of them for one parameter alone",
                numbers.points?
            ),
        }),
        RuleKind::Answer(_)
        | RuleKind::Combination(_)
        | RuleKind::Missed(_)
        | RuleKind::Incomplete(_)
        | RuleKind::Adherence(_) => None,
    }
}

fn beyond(band: Band, numbers: &Numbers, value: Milli) -> Option<String> {
    let bound = numbers.bound?;
    let sign = if band.low == Some(bound) && value < bound {
        "<"
    } else {
        ">"
    };
    Some(format!("{value} {sign} {bound}"))
}
