//! When a patient must be looked at again although nothing comes: each instant is one at which the same record may be judged otherwise.

use chrono::{Days, TimeDelta};

use super::due::{self, Slot};
use super::serving::{self, Standing};
use super::{Attendance, Record, Seen, implied};
use crate::domain::finding::Finding;
use crate::domain::session::Trigger;
use crate::domain::time::Instant;
use crate::engine::window;

/// Due times further ahead than this, longer than the rarest schedule waits, are not looked for; then somebody looks again.
const AHEAD: TimeDelta = TimeDelta::days(8);

/// What follows from how a record stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The first instant after now at which the same record may be judged otherwise; `None`: never.
    pub look_at: Option<Instant>,
    /// What is older is settled: only another past can alter it.
    pub settled: Instant,
    /// The newest due time that is served or missed, by when that was told at the earliest, and whether it was missed.
    pub told: Option<(Instant, bool)>,
    /// When the newest session that holds anything was completed.
    pub attended_at: Option<Instant>,
    /// When the newest scheduled session outside pauses was completed, and whether nothing was found incomplete in it.
    pub scheduled: Option<(Instant, bool)>,
}

pub(super) fn outlook(
    record: &Record<'_>,
    sessions: &[&Attendance],
    standing: &[(Slot<'_>, Standing<'_>)],
    findings: &[Finding],
    now: Instant,
) -> Outlook {
    let unsettled = standing
        .iter()
        .filter(|(_, standing)| matches!(standing, Standing::Open | Standing::Unknown))
        .map(|(slot, _)| slot.at);
    let paused = |at: Instant| record.pauses.iter().any(|pause| pause.holds(at));
    let mut newest = sessions.iter().rev();
    let mut scheduled = newest
        .clone()
        .filter(|session| session.trigger == Trigger::Scheduled && !paused(session.completed_at));
    let incomplete = |session: &Attendance| {
        findings
            .iter()
            .any(|finding| finding.session.as_ref() == Some(&session.key))
    };
    Outlook {
        look_at: look_at(record, standing, now),
        settled: unsettled.min().map_or(now, |at| at.min(now)),
        told: told(record, standing),
        attended_at: newest
            .find(|session| session.serves())
            .map(|session| session.completed_at),
        scheduled: scheduled
            .next()
            .map(|session| (session.completed_at, !incomplete(session))),
    }
}

fn look_at(record: &Record<'_>, standing: &[(Slot<'_>, Standing<'_>)], now: Instant) -> Option<Instant> {
    let over = |slot: &Slot<'_>| slot.over_from();
    let open = standing
        .iter()
        .filter(|(_, standing)| *standing == Standing::Open)
        .map(|(slot, _)| over(slot));
    let unknown = standing
        .iter()
        .filter(|(_, standing)| *standing == Standing::Unknown)
        .map(|(slot, _)| serving::known_from(slot, record.outages, now));
    let upcoming = || {
        let slots = due::slots(record, Some(now), now + AHEAD);
        slots.iter().map(over).filter(|at| now < *at).min()
    };
    let next = open.min().or_else(upcoming).into_iter().chain(unknown);
    let next = next.chain(midnight(record, now)).min();
    let stays = record.stay.is_some_and(|stay| stay.to.is_none_or(|to| now < to));
    next.or_else(|| stays.then(|| now + AHEAD - TimeDelta::days(1)))
}

/// The next local midnight of a version with `adherence`.
fn midnight(record: &Record<'_>, now: Instant) -> Option<Instant> {
    let stay = record.stay?;
    let judged = record
        .plans
        .iter()
        .filter(|plan| implied::adherence(plan).is_some());
    let next = judged.filter_map(|plan| {
        let today = window::local_day(plan.timezone, now.max(stay.from));
        Some(window::midnight(
            plan.timezone,
            today.checked_add_days(Days::new(1))?,
        ))
    });
    next.filter(|midnight| stay.to.is_none_or(|to| *midnight < to))
        .min()
}

fn told(record: &Record<'_>, standing: &[(Slot<'_>, Standing<'_>)]) -> Option<(Instant, bool)> {
    standing.iter().rev().find_map(|(slot, standing)| match standing {
        Standing::Served(_) => Some((slot.over_from(), false)),
        Standing::Missed => Some((serving::told_from(slot, record.outages), true)),
        Standing::Unknown | Standing::Open => None,
    })
}

impl Seen {
    /// Puts together what two stays of one patient brought.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.reaches &= other.reaches;
        self.compliance.due.extend(other.compliance.due);
        self.compliance.findings.extend(other.compliance.findings);
        let (one, other) = (self.outlook, other.outlook);
        self.outlook = Outlook {
            look_at: one.look_at.into_iter().chain(other.look_at).min(),
            settled: one.settled.min(other.settled),
            told: one.told.max(other.told),
            attended_at: one.attended_at.max(other.attended_at),
            scheduled: one.scheduled.max(other.scheduled),
        };
        self
    }
}
