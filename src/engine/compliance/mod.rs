//! A session is missed only once the patient's time for it is over: until then a due time that nobody served is not told at all.
//!
//! The clock is passed in, and only decides which windows are over and which outages are too recent to judge by. A session that
//! arrives later is judged like any other, so that adding one can turn missed into served and never the other way.

mod adherence;
mod answered;
pub mod calendar;
mod due;
mod implied;
mod incomplete;
mod missed;
mod outlook;
mod reach;
mod reign;
mod serving;
mod stretch;

use crate::domain::finding::{Class, Finding, Numbers, Severity};
use crate::domain::ids::SessionKey;
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::plan::Plan;
use crate::domain::reading::ReadingState;
use crate::domain::session::{NOT_ANSWERED, Session, Trigger};
use crate::domain::time::Instant;

pub use answered::Come;
pub use outlook::Outlook;
pub use reach::{Reach, longest};
pub use stretch::Stretch;

use serving::Served;

/// Everything about one stay of one patient that compliance depends on. Orders do not matter.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub plans: &'a [Plan],
    /// From admission to discharge; without it there are no due times.
    pub stay: Option<Stretch>,
    pub pauses: &'a [Stretch],
    /// Times when ingest was down; without an end it still is.
    pub outages: &'a [Stretch],
    /// Distinct.
    pub sessions: &'a [Attendance],
}

/// What compliance asks of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    pub key: SessionKey,
    pub completed_at: Instant,
    pub trigger: Trigger,
    /// Measures of which it holds an accepted reading.
    pub accepted: Vec<Measure>,
    /// Whether a question was answered: asked without a reply is not.
    pub answered: bool,
}

impl Attendance {
    /// `states` are those of its readings, in the order of the payload.
    pub fn of(session: &Session, states: &[ReadingState]) -> Self {
        let readings = session.readings.iter().zip(states);
        let counting = |question: &str| super::rules::counting(session, question);
        Self {
            key: session.key.clone(),
            completed_at: session.completed_at,
            trigger: session.trigger,
            accepted: readings
                .filter(|(_, state)| state.counts())
                .filter_map(|(reading, _)| reading.measure)
                .collect(),
            answered: session
                .answers
                .iter()
                .filter_map(|answer| counting(&answer.question))
                .any(|answer| answer.answer != NOT_ANSWERED),
        }
    }

    const fn serves(&self) -> bool {
        !self.accepted.is_empty() || self.answered
    }
}

/// A due time before now whose fate is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub at: Instant,
    pub state: DueState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueState {
    /// By the first session, in session order, of those that serve it.
    Served(SessionKey),
    Missed,
    /// Ingest was down in its window, and what the unit kept may still come.
    Unknown,
}

impl DueState {
    /// The contract's word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Served(_) => "served",
            Self::Missed => "missed",
            Self::Unknown => "unknown",
        }
    }
}

/// What came of the record as seen at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compliance {
    /// By time.
    pub due: Vec<Due>,
    /// Of `missed`, `incomplete` and `adherence`, by (time, rule, session).
    pub findings: Vec<Finding>,
}

/// What a record is judged to be, and what follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub compliance: Compliance,
    pub outlook: Outlook,
    /// False where the sessions at hand do not reach back as far as the rules do: then more are needed.
    pub reaches: bool,
}

/// Judges a record as seen at `now`.
pub fn judge(record: &Record<'_>, now: Instant) -> Compliance {
    judge_from(record, &Reach::WHOLE, now).compliance
}

/// Judges the part of a record that may have changed: where it [reaches](Seen::reaches), the findings from `reach.first` on are
/// those of [`judge`] over everything. Due times are told as far as sessions are at hand.
pub fn judge_from(record: &Record<'_>, reach: &Reach, now: Instant) -> Seen {
    let mut sessions: Vec<&Attendance> = record.sessions.iter().collect();
    sessions.sort_unstable_by(|a, b| (a.completed_at, &a.key).cmp(&(b.completed_at, &b.key)));
    let slots = due::slots(
        record,
        reach.slots_from(record.plans),
        due::horizon(record.plans, now),
    );
    let served = Served::new(&slots, &sessions);
    let mut standing = serving::standing(&slots, &served, record.outages, now);
    // Of an older one nobody knows whether it was served.
    let told_from = reach.told_from(record.plans);
    let is_whole = told_from.is_none_or(|from| record.stay.is_none_or(|stay| from <= stay.from));
    standing.retain(|(slot, _)| reach.since.is_none_or(|since| since <= slot.opens));

    let counts_misses = reach.counts_misses(&standing, is_whole);
    let incomplete = incomplete::findings(record, &sessions, reach);
    let told_from = told_from.filter(|_| !is_whole);
    let adherence = adherence::findings(record, &standing, (reach, told_from), now);
    let reaches = counts_misses && incomplete.is_some() && adherence.is_some();
    let mut findings = missed::findings(&standing, reach.first);
    findings.extend(incomplete.into_iter().flatten());
    findings.extend(adherence.into_iter().flatten());
    findings.sort_by(|a, b| (a.at, &a.rule, &a.session).cmp(&(b.at, &b.rule, &b.session)));
    let due = standing.iter().filter_map(|(slot, standing)| {
        let state = standing.state()?;
        (slot.at < now).then_some(Due { at: slot.at, state })
    });
    let due = due.collect();
    let outlook = outlook::outlook(record, &sessions, &standing, &findings, now);
    Seen {
        compliance: Compliance { due, findings },
        outlook,
        reaches,
    }
}

/// A finding of a compliance rule: so many against the bound that the plan sets.
fn finding(plan: &Plan, (rule, kind): (&str, &str), severity: Severity, told: Told) -> Finding {
    Finding {
        rule: rule.to_owned(),
        side: None,
        kind: kind.to_owned(),
        class: Class::Compliance,
        severity,
        plan_version: Some(plan.version),
        unit_id: told.session.as_ref().map(|key| key.unit_id.clone()),
        session: told.session,
        at: told.at,
        numbers: Numbers {
            bound: Some(Milli::whole(told.bound.into())),
            count: Some(told.count.into()),
            ..Numbers::default()
        },
        readings: Vec::new(),
        sentence: told.sentence,
        reason: None,
    }
}

/// What only the rule knows of its finding.
struct Told {
    session: Option<SessionKey>,
    at: Instant,
    count: u32,
    bound: u32,
    sentence: String,
}
