//! When an amber alert may end without a person. The reason is kept with the alert, as its note; whatever speaks against it
//! is named too.

use std::collections::BTreeSet;
use std::fmt;

use chrono::TimeDelta;

use super::rules::counting;
use super::technical::is_known;
use super::{PastReading, PastSession};
use crate::domain::finding::{Finding, SUSPECT};
use crate::domain::ids::{ReadingId, SessionKey};
use crate::domain::measure::Measure;
use crate::domain::plan::Plan;
use crate::domain::reading::ReadingState;
use crate::domain::rule::{Combination, RuleKind};
use crate::domain::session::{NOT_ANSWERED, Session};
use crate::domain::time::Instant;

/// Why an alert closes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Clinical, where the plan allows it: what measured again was in order.
    InOrder,
    /// Compliance: a session came that was completed after the window of the last missed due time had opened.
    SessionCame,
    /// Compliance: nothing is due from the patient any more.
    Discharged,
    /// Technical: what it was about is no longer so.
    CauseGone,
}

impl Why {
    pub const fn word(self) -> &'static str {
        match self {
            Self::InOrder => "in_order",
            Self::SessionCame => "session_came",
            Self::Discharged => "discharged",
            Self::CauseGone => "cause_gone",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InOrder => {
                "Closed by itself: the next session held everything that this alert rests on, and nothing was found in it."
            }
            Self::SessionCame => "Closed by itself: a session has come since.",
            Self::Discharged => "Closed by itself: the patient was discharged.",
            Self::CauseGone => "Closed by itself: what it was about is no longer so.",
        })
    }
}

/// Why an alert stays open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// The plan in force at the next session leaves it to a person.
    NotAllowed,
    /// A red or amber clinical finding in the next session.
    FoundAgain,
    /// The next session does not hold this.
    Lacks(Basis),
    /// The version that found it has no such rule: nobody can say what it rests on.
    NoSuchRule(String),
    /// This rule's finding still holds.
    StillSo(String),
}

/// What a finding rests on, and what must have come anew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    Measure(Measure),
    Question(String),
}

/// The session that came next, as it was judged.
#[derive(Debug, Clone, Copy)]
pub struct Next<'a> {
    pub session: &'a Session,
    pub states: &'a [ReadingState],
    /// In force at its `completed_at`.
    pub plan: &'a Plan,
    /// Whether it has a red or amber clinical finding.
    pub found: bool,
}

/// Whether a clinical alert ends with the session that came next after all its current findings.
pub fn in_order(rests_on: &BTreeSet<Basis>, next: Next<'_>) -> Result<Why, Stays> {
    if !next.plan.amber_auto_close {
        return Err(Stays::NotAllowed);
    }
    if next.found {
        return Err(Stays::FoundAgain);
    }
    match rests_on.iter().find(|basis| !holds(next, basis)) {
        Some(basis) => Err(Stays::Lacks(basis.clone())),
        None => Ok(Why::InOrder),
    }
}

/// Whether the session holds an accepted reading, or an answer that the plan knows. `not_answered` is none.
fn holds(next: Next<'_>, basis: &Basis) -> bool {
    match basis {
        Basis::Measure(measure) => {
            let mut readings = next.session.readings.iter().zip(next.states);
            readings.any(|(reading, state)| reading.measure == Some(*measure) && state.counts())
        }
        Basis::Question(question) => counting(next.session, question)
            .is_some_and(|given| given.answer != NOT_ANSWERED && is_known(given, next.plan)),
    }
}

/// What the findings of a rule rest on. A combination rests on what those of its rules rest on that `fired`.
pub fn basis(plan: &Plan, rule: &str, fired: &dyn Fn(&str) -> bool) -> Result<BTreeSet<Basis>, Stays> {
    let kind = kind(plan, rule)?;
    let RuleKind::Combination(combination) = kind else {
        return Ok(simple(kind));
    };
    let mut all = BTreeSet::new();
    for named in named(combination).filter(|named| fired(named)) {
        all.extend(simple(self::kind(plan, named)?));
    }
    Ok(all)
}

/// How long before its own session a rule that a combination rests on may have fired.
pub fn lookback(plans: &[Plan]) -> TimeDelta {
    let rules = plans.iter().flat_map(|plan| &plan.rules);
    let hours = rules.filter_map(|rule| match &rule.kind {
        RuleKind::Combination(combination) => combination.within_hours,
        _ => None,
    });
    hours
        .map(|hours| TimeDelta::hours(hours.into()))
        .max()
        .unwrap_or_default()
}

fn kind<'a>(plan: &'a Plan, rule: &str) -> Result<&'a RuleKind, Stays> {
    let found = plan.rules.iter().find(|known| known.id == rule);
    found
        .map(|rule| &rule.kind)
        .ok_or_else(|| Stays::NoSuchRule(rule.to_owned()))
}

fn named(combination: &Combination) -> impl Iterator<Item = &str> {
    let names = combination.terms.iter().flat_map(|term| &term.0);
    names.map(|named| named.rule.as_str())
}

fn simple(kind: &RuleKind) -> BTreeSet<Basis> {
    let measure = |measure| BTreeSet::from([Basis::Measure(measure)]);
    match kind {
        RuleKind::Limits(limits) => measure(limits.measure),
        RuleKind::Change(change) => measure(change.measure),
        RuleKind::Persistence(persistence) => measure(persistence.measure),
        RuleKind::Count(count) => measure(count.measure),
        RuleKind::Mean(mean) => measure(mean.measure),
        RuleKind::Baseline(baseline) => measure(baseline.measure),
        RuleKind::Target(target) => measure(target.measure),
        RuleKind::Trend(trend) => measure(trend.measure),
        RuleKind::Answer(answer) => BTreeSet::from([Basis::Question(answer.question.clone())]),
        RuleKind::Score(score) => score.weights.keys().cloned().map(Basis::Question).collect(),
        RuleKind::News2(_) => [
            Measure::RespiratoryRate,
            Measure::Spo2,
            Measure::SystolicBp,
            Measure::HeartRate,
            Measure::Temperature,
        ]
        .map(Basis::Measure)
        .into(),
        // None names another combination, and none of the others is clinical.
        RuleKind::Combination(_) | RuleKind::Missed(_) | RuleKind::Incomplete(_) | RuleKind::Adherence(_) => {
            BTreeSet::new()
        }
    }
}

/// What a technical alert waits for, with these findings current on it: it ends once nothing stands on it but suspect readings that were
/// measured again since. `sessions` are the patient's, in session order, from those of the suspect readings on.
pub fn awaited<'a>(
    current: impl IntoIterator<Item = &'a Finding>,
    sessions: &[&PastSession],
) -> Result<Vec<Awaited>, Stays> {
    let mut all = Vec::new();
    for finding in current {
        if let Some(awaited) = still_awaited(finding, sessions)? {
            awaited.join(&mut all);
        }
    }
    Ok(all)
}

/// A measure that is to be measured again, and the session after which that may be: by sessions, since the time of a reading that is not
/// believed may be what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    measure: Measure,
    after: (Instant, SessionKey),
}

impl Awaited {
    /// One more that is waited for. What comes after the last suspect reading of a measure comes after all of them.
    pub fn join(self, all: &mut Vec<Self>) {
        match all.iter_mut().find(|known| known.measure == self.measure) {
            Some(known) if known.after < self.after => *known = self,
            Some(_) => {}
            None => all.push(self),
        }
    }

    /// Whether this session measured it again: it is a later one, and holds an accepted reading of that measure.
    pub fn comes_with(&self, session: &PastSession) -> bool {
        let (completed_at, key) = &self.after;
        (session.completed_at, &session.key) > (*completed_at, key)
            && session
                .readings
                .iter()
                .any(|reading| measures(reading, self.measure))
    }
}

fn measures(reading: &PastReading, measure: Measure) -> bool {
    reading.measure == Some(measure) && reading.state.counts()
}

/// What a finding waits for: nothing any more, where an accepted reading of that measure came in a later session, or later in the same
/// one.
fn still_awaited(finding: &Finding, sessions: &[&PastSession]) -> Result<Option<Awaited>, Stays> {
    let (place, index, measure) =
        suspect_of(finding, sessions).ok_or_else(|| Stays::StillSo(finding.rule.clone()))?;
    let of = sessions[place];
    let suspect = (of.readings[usize::from(index)].taken_at, index);
    let mut same = (0..u16::MAX).zip(&of.readings);
    let mut later = sessions[place + 1..].iter().flat_map(|session| &session.readings);
    let came = same.any(|(other, reading)| measures(reading, measure) && (reading.taken_at, other) > suspect)
        || later.any(|reading| measures(reading, measure));
    let awaited = || Awaited {
        measure,
        after: (of.completed_at, of.key.clone()),
    };
    Ok((!came).then(awaited))
}

/// The suspect reading that a finding is about, by the place of its session and its own, and what it should have measured.
fn suspect_of(finding: &Finding, sessions: &[&PastSession]) -> Option<(usize, u16, Measure)> {
    let (SUSPECT, Some(key), Some(id)) = (finding.rule.as_str(), &finding.session, finding.readings.first())
    else {
        return None;
    };
    let place = sessions.iter().position(|session| session.key == *key)?;
    let mut indexed = (0..u16::MAX).zip(&sessions[place].readings);
    let (index, suspect) = indexed.find(|(index, _)| ReadingId::of(key, *index) == *id)?;
    Some((place, index, suspect.measure?))
}
