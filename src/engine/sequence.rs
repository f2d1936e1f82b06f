//! Units number their sessions. A number that never comes is a session that somebody has lost; one that comes twice is a unit
//! that has forgotten where it was.

use chrono::TimeDelta;

use super::unit_watch::unit_finding;
use crate::domain::finding::{Finding, Numbers};
use crate::domain::ids::{SessionKey, UnitId};
use crate::domain::time::Instant;

pub const SEQ_GAP: &str = "seq_gap";
pub const SEQ_REPEAT: &str = "seq_repeat";

/// How far back sessions are looked at: what is missing for longer nobody will find any more.
pub const REACH: TimeDelta = TimeDelta::days(60);
/// A number is missing once a higher one has been here for so long: units send what they kept, in any order.
const PATIENCE: TimeDelta = TimeDelta::hours(24);
/// A number that came twice is told of for so long.
const REMEMBERED: TimeDelta = TimeDelta::days(7);
/// A number up to this begins a new series: the unit was started anew.
const FIRST: i64 = 1;
/// More than that are not named.
const NAMED: usize = 5;

/// A session that has a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Numbered {
    pub completed_at: Instant,
    pub key: SessionKey,
    pub seq: i64,
    pub received_at: Instant,
}

/// What is wrong with the numbers of a unit's sessions, in any order; and when that may be otherwise by time alone.
pub fn findings(unit: &UnitId, sessions: &[Numbered], now: Instant) -> (Vec<Finding>, Option<Instant>) {
    let mut ordered: Vec<&Numbered> = sessions.iter().collect();
    ordered.sort();
    let (mut missing, mut repeated, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    for series in ordered.chunk_by(|_, next| next.seq > FIRST) {
        let mut series = series.to_vec();
        series.sort_by_key(|one| one.seq);
        // From the highest down: since when a number that is higher has been here.
        let mut higher_since: Option<Instant> = None;
        for pair in series.windows(2).rev() {
            let [lower, higher] = pair else { continue };
            let since = higher_since.map_or(higher.received_at, |since| since.min(higher.received_at));
            higher_since = Some(since);
            if higher.seq == lower.seq {
                let last = lower.received_at.max(higher.received_at);
                repeated.push((higher.seq, last + REMEMBERED));
            } else if higher.seq - lower.seq > 1 {
                missing.push((lower.seq + 1, higher.seq - 1, since + PATIENCE));
            }
        }
    }
    moments.extend(missing.iter().map(|(.., due)| *due).filter(|due| now < *due));
    moments.extend(
        repeated
            .iter()
            .map(|(_, until)| *until)
            .filter(|until| now < *until),
    );
    missing.retain(|(.., due)| *due <= now);
    repeated.retain(|(_, until)| now < *until);
    missing.sort_unstable();
    repeated.sort_unstable();
    let found = [gap(unit, &missing, now), repeat(unit, &repeated, now)];
    (found.into_iter().flatten().collect(), moments.into_iter().min())
}

fn gap(unit: &UnitId, missing: &[(i64, i64, Instant)], now: Instant) -> Option<Finding> {
    if missing.is_empty() {
        return None;
    }
    let count = missing
        .iter()
        .map(|(first, last, _)| last - first + 1)
        .sum::<i64>();
    let ranges = missing.iter().map(|(first, last, _)| match last - first {
        0 => first.to_string(),
        _ => format!("{first} to {last}"),
    });
    let sessions = if count == 1 { "A session" } else { "Sessions" };
    Some(unit_finding(
        SEQ_GAP,
        unit,
        now,
        counted(count),
        format!("{sessions} of unit {unit} never came: number {}.", named(ranges)),
    ))
}

fn repeat(unit: &UnitId, repeated: &[(i64, Instant)], now: Instant) -> Option<Finding> {
    let mut numbers: Vec<i64> = repeated.iter().map(|(seq, _)| *seq).collect();
    numbers.dedup();
    let count = i64::try_from(numbers.len()).ok().filter(|count| *count > 0)?;
    let numbers = numbers.iter().map(i64::to_string);
    Some(unit_finding(
        SEQ_REPEAT,
        unit,
        now,
        counted(count),
        format!(
            "Unit {unit} gave two sessions the same number: {}.",
            named(numbers)
        ),
    ))
}

fn counted(count: i64) -> Numbers {
    Numbers {
        count: Some(count),
        ..Numbers::default()
    }
}

fn named(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    let shown = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
