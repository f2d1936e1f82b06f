//! When an amber alert may end without a person. The reason is kept with the alert, as its note; whatever speaks against it
//! is named too.

use std::collections::BTreeSet;
use std::fmt;

use chrono::TimeDelta;

use super::rules::counting;
use super::technical::is_known;
use super::{PastReading, PastSession};
use crate::domain::finding::{Finding, SUSPECT};
use crate::domain::ids::ReadingId;
use crate::domain::measure::Measure;
use crate::domain::plan::Plan;
use crate::domain::reading::ReadingState;
use crate::domain::rule::{Combination, RuleKind};
use crate::domain::session::{NOT_ANSWERED, Session};

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

/// Whether a technical alert ends: nothing current stands on it but suspect readings that were measured again since.
/// `sessions` are the patient's, in session order, from those of the suspect readings on.
pub fn cause_gone<'a>(
    current: impl IntoIterator<Item = &'a Finding>,
    sessions: &[&PastSession],
) -> Result<Why, Stays> {
    let mut current = current.into_iter();
    match current.find(|finding| !is_measured_again(finding, sessions)) {
        Some(finding) => Err(Stays::StillSo(finding.rule.clone())),
        None => Ok(Why::CauseGone),
    }
}

/// Whether an accepted reading of that measure came in a later session, or later in the same one. By sessions, since the time
/// of a reading that is not believed may be what is wrong with it.
fn is_measured_again(finding: &Finding, sessions: &[&PastSession]) -> bool {
    let (SUSPECT, Some(key), Some(id)) = (finding.rule.as_str(), &finding.session, finding.readings.first())
    else {
        return false;
    };
    let Some(place) = sessions.iter().position(|session| session.key == *key) else {
        return false;
    };
    let of = sessions[place];
    let mut indexed = (0..u16::MAX).zip(&of.readings);
    let Some((index, suspect)) = indexed.find(|(index, _)| ReadingId::of(key, *index) == *id) else {
        return false;
    };
    let Some(measure) = suspect.measure else {
        return false;
    };
    let counts = |reading: &PastReading| reading.measure == Some(measure) && reading.state.counts();
    let mut same = (0..u16::MAX).zip(&of.readings);
    same.any(|(other, reading)| counts(reading) && (reading.taken_at, other) > (suspect.taken_at, index))
        || sessions[place + 1..]
            .iter()
            .any(|session| session.readings.iter().any(counts))
}
