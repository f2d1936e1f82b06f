//! What is wrong with a home unit itself. Our own outage must not make it look silent, nor its clock look slow: what the
//! broker kept for us meanwhile arrives late through no fault of the unit's.

use chrono::TimeDelta;

use crate::domain::finding::{Class, Finding, Numbers, Severity};
use crate::domain::ids::UnitId;
use crate::domain::number::Milli;
use crate::domain::pause::Pause;
use crate::domain::plan::{Plan, in_force};
use crate::domain::time::Instant;

pub const BATTERY_LOW: &str = "battery_low";
pub const UNIT_SILENT: &str = "unit_silent";
pub const CLOCK_SKEW: &str = "clock_skew";

/// Below this, in per cent.
const LOW_BATTERY: i64 = 20;
/// Where no plan says it.
const MAX_SILENCE_HOURS: u32 = 26;
/// For so long after an outage of ours nobody is called silent: units send what they kept.
const GRACE: TimeDelta = TimeDelta::minutes(60);
/// How soon it is looked again after an answer that may not last.
const SOON: TimeDelta = TimeDelta::minutes(1);
/// And while something is wrong.
const RECHECK: TimeDelta = TimeDelta::hours(1);

/// A unit as it last said it is.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    pub unit_id: &'a UnitId,
    /// By our clock.
    pub last_seen_at: Option<Instant>,
    pub battery_pct: Option<i64>,
    /// By how much its clock was ahead when it last said; 0 for right.
    pub skew_seconds: Option<i64>,
}

/// Who waits for it: a patient who has it and is not discharged.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub since: Instant,
    pub until: Option<Instant>,
    pub plans: &'a [Plan],
    /// While she is away nobody waits for the unit; from the end on it has its time again.
    pub pauses: &'a [Pause],
}

/// When we ourselves took nothing in.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// From, to.
    pub outages: &'a [(Instant, Instant)],
    /// Nothing proves that we do now.
    pub is_down: bool,
}

/// What a look comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub findings: Vec<Finding>,
    /// Whether it is silent cannot be said now: a finding that says so stands as it is.
    pub silence_unknown: bool,
    /// Nothing can change before then but by a word from the unit or an act.
    pub again_at: Option<Instant>,
}

/// Looks at a unit.
pub fn look(unit: Unit<'_>, holder: Option<Holder<'_>>, service: Service<'_>, now: Instant) -> Look {
    let mut findings = Vec::new();
    findings.extend(battery(unit, now));
    findings.extend(skew(unit, service, now));
    let Some(holder) = holder else {
        return Look {
            findings,
            silence_unknown: false,
            again_at: None,
        };
    };
    let hours = in_force(holder.plans, now).map_or(MAX_SILENCE_HOURS, |plan| plan.max_silence_hours);
    let silent_at = base(unit, holder, now) + TimeDelta::hours(hours.into());
    let mut silence_unknown = false;
    let mut moments = vec![holder.until];
    moments.extend(
        holder
            .pauses
            .iter()
            .flat_map(|pause| [Some(pause.from), pause.to]),
    );
    if now <= silent_at || holder.pauses.iter().any(|pause| pause.holds(now)) {
        // At that very instant it is not yet longer.
        moments.push(Some(silent_at + TimeDelta::seconds(1)));
    } else if let Some(until) = hold(service, now) {
        silence_unknown = true;
        moments.push(Some(until));
    } else {
        findings.push(silent(unit, hours, silent_at));
    }
    if !findings.is_empty() {
        moments.push(Some(now + RECHECK));
    }
    for plan in holder.plans {
        moments.extend([Some(plan.effective_from), plan.until]);
    }
    Look {
        findings,
        silence_unknown,
        again_at: moments.into_iter().flatten().filter(|at| *at > now).min(),
    }
}

/// From when on the silence counts: the last word, or since somebody has it and is not away.
fn base(unit: Unit<'_>, holder: Holder<'_>, now: Instant) -> Instant {
    let back = holder.pauses.iter().filter_map(|pause| pause.to);
    let back = back.filter(|to| *to <= now);
    unit.last_seen_at
        .into_iter()
        .chain(back)
        .fold(holder.since, Instant::max)
}

/// Until when nobody may be called silent, where that is so now.
fn hold(service: Service<'_>, now: Instant) -> Option<Instant> {
    if service.is_down {
        return Some(now + SOON);
    }
    let ended = service.outages.iter().map(|(_, to)| *to + GRACE);
    ended.filter(|until| now < *until).max()
}

fn battery(unit: Unit<'_>, now: Instant) -> Option<Finding> {
    let percent = unit.battery_pct.filter(|percent| *percent < LOW_BATTERY)?;
    Some(unit_finding(
        BATTERY_LOW,
        unit.unit_id,
        unit.last_seen_at.unwrap_or(now),
        Numbers {
            value: Some(Milli::new(percent * 1000)),
            bound: Some(Milli::new(LOW_BATTERY * 1000)),
            ..Numbers::default()
        },
        format!(
            "The battery of unit {} is at {percent} %, below {LOW_BATTERY} %.",
            unit.unit_id
        ),
    ))
}

fn silent(unit: Unit<'_>, hours: u32, at: Instant) -> Finding {
    let since = match unit.last_seen_at {
        Some(_) => format!("for more than {hours} hours"),
        None => format!("since it was assigned, more than {hours} hours ago"),
    };
    unit_finding(
        UNIT_SILENT,
        unit.unit_id,
        at,
        Numbers {
            bound: Some(Milli::new(i64::from(hours) * 1000)),
            ..Numbers::default()
        },
        format!("Nothing has been heard from unit {} {since}.", unit.unit_id),
    )
}

fn skew(unit: Unit<'_>, service: Service<'_>, now: Instant) -> Option<Finding> {
    let seconds = unit.skew_seconds.filter(|seconds| *seconds != 0)?;
    let heard = unit.last_seen_at.unwrap_or(now);
    let sent = heard + TimeDelta::seconds(seconds);
    let kept_for_us = |(from, to): &(Instant, Instant)| *from < heard && sent < *to;
    if seconds < 0 && (service.is_down || service.outages.iter().any(kept_for_us)) {
        return None;
    }
    let minutes = seconds.abs() / 60;
    let way = if seconds < 0 { "behind" } else { "ahead" };
    Some(unit_finding(
        CLOCK_SKEW,
        unit.unit_id,
        heard,
        Numbers {
            difference: Some(Milli::new(seconds / 60 * 1000)),
            ..Numbers::default()
        },
        format!("The clock of unit {} is {minutes} minutes {way}.", unit.unit_id),
    ))
}

pub(super) fn unit_finding(
    rule: &str,
    unit: &UnitId,
    at: Instant,
    numbers: Numbers,
    sentence: String,
) -> Finding {
    Finding {
        rule: rule.to_owned(),
        side: None,
        kind: rule.to_owned(),
        class: Class::Technical,
        severity: Severity::Amber,
        plan_version: None,
        session: None,
        unit_id: Some(unit.clone()),
        at,
        numbers,
        readings: Vec::new(),
        sentence,
        reason: None,
    }
}
