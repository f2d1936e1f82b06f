//! A day on which nothing was due says nothing about the patient: besides what engine.md leaves out, it is not counted either.

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;

use super::due::Slot;
use super::reign::{Reign, reigns};
use super::serving::Standing;
use super::{Reach, Record, Stretch, Told, finding, implied};
use crate::domain::finding::Finding;
use crate::domain::plan::{Plan, in_force};
use crate::domain::time::Instant;
use crate::engine::window;

/// Judged over so many countable days, and silent for so many after a finding.
const DAYS: usize = 7;

/// How a day counts. A day is kept when all its due times were served: one of two would be missed every day and nobody told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Kept,
    Short,
    /// A due time of it may still be served.
    Open,
}

/// At each local midnight of the stay outside pauses, `reach.first` or later, fewer kept days than the plan in force then
/// expects. Of days before `told_from` nothing is known; `None` where one of them is needed.
pub(super) fn findings(
    record: &Record<'_>,
    standing: &[(Slot<'_>, Standing<'_>)],
    (reach, told_from): (&Reach, Option<Instant>),
    now: Instant,
) -> Option<Vec<Finding>> {
    let Some(stay) = record.stay else {
        return Some(Vec::new());
    };
    // Midnight now is a midnight reached: reigns do not hold their end.
    let reached = now + chrono::TimeDelta::microseconds(1);
    let end = stay.to.map_or(reached, |to| to.min(reached));
    let mut findings = Vec::new();
    let mut last = reach.last_adherence.and_then(|at| day_of(record.plans, at));
    for reign in reigns(record.plans, stay.from.max(reach.first), end) {
        let Some((id, rule)) = implied::adherence(reign.plan) else {
            continue;
        };
        let zone = reign.plan.timezone;
        let days = countable(record, (&stay, told_from), standing, (zone, reign.to));
        for (today, midnight) in midnights(&reign) {
            let silent = last.is_some_and(|last| (today - last).num_days() < 7);
            if silent || record.pauses.iter().any(|pause| pause.holds(midnight)) {
                continue;
            }
            let before = days.partition_point(|(day, _)| *day < today);
            let Some(week) = before.checked_sub(DAYS).and_then(|begin| days.get(begin..before)) else {
                if told_from.is_some() {
                    return None;
                }
                continue;
            };
            let kept = week.iter().filter(|(_, day)| *day == Day::Kept).count();
            let kept = u32::try_from(kept).unwrap_or_default();
            if kept >= rule.at_least || week.iter().any(|(_, day)| *day == Day::Open) {
                continue;
            }
            last = Some(today);
            let told = Told {
                session: None,
                at: midnight,
                count: kept,
                bound: rule.at_least,
                sentence: sentence(week, kept, rule.at_least),
            };
            findings.push(finding(reign.plan, (id, "adherence"), rule.severity, told));
        }
    }
    Some(findings)
}

/// The local day that began at this midnight.
fn day_of(plans: &[Plan], midnight: Instant) -> Option<NaiveDate> {
    let plan = in_force(plans, midnight)?;
    Some(window::local_day(plan.timezone, midnight))
}

/// The local midnights of a reign, with the day that begins.
fn midnights(reign: &Reign<'_>) -> impl Iterator<Item = (NaiveDate, Instant)> {
    let zone = reign.plan.timezone;
    let first = reign.from.with_timezone(&zone).date_naive();
    let midnights = first
        .iter_days()
        .map(move |day| (day, window::midnight(zone, day)));
    let (from, to) = (reign.from, reign.to);
    midnights
        .skip_while(move |(_, midnight)| *midnight < from)
        .take_while(move |(_, midnight)| *midnight < to)
}

/// The countable days of the stay, of which all is known, up to an instant, in a zone.
fn countable(
    record: &Record<'_>,
    (stay, told_from): (&Stretch, Option<Instant>),
    standing: &[(Slot<'_>, Standing<'_>)],
    (zone, until): (Tz, Instant),
) -> Vec<(NaiveDate, Day)> {
    let told_from = told_from.map_or(stay.from, |from| from.max(stay.from));
    let first = told_from.with_timezone(&zone).date_naive();
    let last = until.with_timezone(&zone).date_naive();
    first
        .iter_days()
        .take_while(|day| *day < last)
        .filter_map(|day| {
            let begin = window::midnight(zone, day);
            let end = window::midnight(zone, day.checked_add_days(Days::new(1))?);
            let admitted = told_from <= begin && stay.to.is_none_or(|to| end <= to);
            let paused = record.pauses.iter().any(|pause| pause.overlaps(begin, end));
            let slots = standing.partition_point(|(slot, _)| slot.at < begin)
                ..standing.partition_point(|(slot, _)| slot.at < end);
            let day_of = standing.get(slots).unwrap_or_default();
            (admitted && !paused)
                .then(|| judged(day_of))
                .flatten()
                .map(|judged| (day, judged))
        })
        .collect()
}

/// How the day of these due times counts; not at all without any, or with one that is unknown.
fn judged(slots: &[(Slot<'_>, Standing<'_>)]) -> Option<Day> {
    let any = |wanted: Standing<'_>| slots.iter().any(|(_, standing)| *standing == wanted);
    if slots.is_empty() || any(Standing::Unknown) {
        None
    } else if any(Standing::Missed) {
        Some(Day::Short)
    } else if any(Standing::Open) {
        Some(Day::Open)
    } else {
        Some(Day::Kept)
    }
}

fn sentence(week: &[(NaiveDate, Day)], kept: u32, at_least: u32) -> String {
    let written = |day: Option<&(NaiveDate, Day)>| {
        day.map(|(day, _)| day.format("%-d %b %Y").to_string())
            .unwrap_or_default()
    };
    format!(
        "All sessions due arrived on {kept} of the last 7 days that count, {} to {}; the plan expects at least {at_least}.",
        written(week.first()),
        written(week.last()),
    )
}
