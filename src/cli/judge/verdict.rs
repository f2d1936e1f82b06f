//! The order of keys and rows is part of the answer: two runs over one case must not differ in a byte.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use serde::Serialize;
use uuid::Uuid;

use super::arrival::{Admission, Arrival};
use super::calendar::Calendar;
use super::case::Case;
use crate::domain::finding::{Class, Finding, FindingState, Numbers, Severity, Side};
use crate::domain::ids::{ReadingId, SessionKey, UnitId};
use crate::domain::number::Milli;
use crate::domain::plan::{Plan, in_force};
use crate::domain::reading::ReadingState;
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::engine::compliance::{self, Attendance, Compliance, Due, DueState, Record};
use crate::engine::technical::unknown_answers;
use crate::engine::{Judged, PastSession, ToJudge, judge};
use crate::wire::problem::Problem;
use crate::wire::receipt::Outcome;

/// A finding first made later than this after its session's completion is late.
const LATE: TimeDelta = TimeDelta::hours(24);

/// The answer to a case that could not be judged.
#[derive(Serialize)]
pub(super) struct Refused {
    pub(super) problems: Vec<Problem>,
}

/// The answer to a case.
#[derive(Serialize)]
pub(super) struct Verdict {
    /// By (`completed_at`, `unit_id`, `session_id`); those without a readable `completed_at` last.
    sessions: Vec<Judgement>,
    /// By time; absent where the case has no `now`.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Vec<DueOut>>,
    /// By (time, rule, session); absent where the case has no `now`.
    #[serde(skip_serializing_if = "Option::is_none")]
    compliance: Option<Vec<FindingOut>>,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct DueOut {
    due: Instant,
    state: &'static str,
    /// Of the first session that serves it.
    session_id: Option<Uuid>,
}

/// One session of the case. What was not stored has neither readings nor findings: they are those of the one that stands.
#[derive(Serialize)]
struct Judgement {
    unit_id: UnitId,
    session_id: Option<Uuid>,
    outcome: Outcome,
    readings: Vec<ReadingOut>,
    findings: Vec<FindingOut>,
    problems: Vec<Problem>,
    #[serde(skip)]
    completed_at: Option<Instant>,
}

#[derive(Serialize)]
struct ReadingOut {
    index: u16,
    /// As sent, where it is none that we know.
    measure: String,
    /// In the measure's own unit.
    value: Option<Milli>,
    state: &'static str,
    reason: Option<&'static str>,
}

/// The contract's finding without its id and without who set the limit: a case has no authors.
#[derive(Serialize)]
struct FindingOut {
    rule: String,
    side: Option<Side>,
    kind: String,
    class: Class,
    severity: Severity,
    state: FindingState,
    late: bool,
    plan_version: Option<i64>,
    session_id: Option<Uuid>,
    unit_id: Option<UnitId>,
    at: Instant,
    numbers: Numbers,
    readings: Vec<ReadingId>,
    sentence: String,
    reason: Option<String>,
}

impl Verdict {
    pub(super) fn of(case: Case) -> Self {
        let Case {
            plans,
            arrivals,
            decisions,
            calendar,
            problems,
        } = case;
        let stored = arrivals.iter().filter_map(|arrival| match &arrival.admission {
            Admission::Stored { session, .. } => Some(session),
            _ => None,
        });
        let to_judge: Vec<_> = stored
            .map(|session| ToJudge {
                session,
                decisions: decisions.get(&session.key).map_or(&[], Vec::as_slice),
            })
            .collect();
        let judged = judge::<PastSession>(&plans, &[], &to_judge);
        let kept = kept(&calendar, &plans, &to_judge, &judged);
        let mut judged: HashMap<_, _> = judged
            .into_iter()
            .map(|judged| (judged.key.clone(), judged))
            .collect();
        let mut sessions: Vec<_> = arrivals
            .into_iter()
            .map(|arrival| Judgement::of(arrival, &mut judged, &plans))
            .collect();
        sessions.sort_by(|a, b| a.place().cmp(&b.place()));
        let (due, compliance) = kept.unzip();
        Self {
            sessions,
            due,
            compliance,
            problems,
        }
    }
}

/// Due times and compliance findings as seen at the case's `now`.
fn kept(
    calendar: &Calendar,
    plans: &[Plan],
    sessions: &[ToJudge<'_>],
    judged: &[Judged],
) -> Option<(Vec<DueOut>, Vec<FindingOut>)> {
    let now = calendar.now?;
    let states: HashMap<_, _> = judged
        .iter()
        .map(|judged| (&judged.key, &judged.states))
        .collect();
    let (mut attended, mut late) = (Vec::new(), HashSet::new());
    for ToJudge { session, .. } in sessions {
        let states = states.get(&session.key).map_or(&[][..], |states| states);
        attended.push(Attendance::of(session, states));
        if is_late(session) {
            late.insert(session.key.clone());
        }
    }
    let record = Record {
        plans,
        stay: calendar.stay(),
        pauses: &calendar.pauses,
        outages: &calendar.outages,
        sessions: &attended,
    };
    let Compliance { due, findings } = compliance::judge(&record, now);
    let due = due.into_iter().map(DueOut::of).collect();
    let findings = findings.into_iter().map(|finding| {
        let late = finding.session.as_ref().is_some_and(|key| late.contains(key));
        FindingOut::of(finding, late)
    });
    Some((due, findings.collect()))
}

impl DueOut {
    fn of(Due { at, state }: Due) -> Self {
        Self {
            due: at,
            state: state.word(),
            session_id: match state {
                DueState::Served(by) => Some(by.session_id),
                DueState::Missed | DueState::Unknown => None,
            },
        }
    }
}

fn is_late(session: &Session) -> bool {
    session.received_at - session.completed_at > LATE
}

impl Judgement {
    fn of(arrival: Arrival, judged: &mut HashMap<SessionKey, Judged>, plans: &[Plan]) -> Self {
        let mut this = Self {
            unit_id: arrival.unit_id,
            session_id: None,
            outcome: Outcome::Rejected,
            readings: Vec::new(),
            findings: Vec::new(),
            problems: Vec::new(),
            completed_at: None,
        };
        match arrival.admission {
            Admission::Rejected { session_id, problems } => {
                (this.session_id, this.problems) = (session_id, problems);
            }
            Admission::Conflict(session, problem) => {
                this.is_about(&session);
                this.problems = vec![problem];
            }
            Admission::Duplicate(session) => {
                this.is_about(&session);
                this.outcome = Outcome::Duplicate;
            }
            Admission::Stored { session, problems } => {
                this.is_about(&session);
                this.outcome = Outcome::Stored;
                this.problems = problems;
                if let Some(judged) = judged.remove(&session.key) {
                    this.readings = readings(&session, &judged.states);
                    this.findings = findings(&session, judged, plans);
                }
            }
        }
        this
    }

    fn is_about(&mut self, session: &Session) {
        self.session_id = Some(session.key.session_id);
        self.completed_at = Some(session.completed_at);
    }

    fn place(&self) -> (bool, Option<Instant>, &UnitId, Option<Uuid>, bool) {
        let behind = self.outcome != Outcome::Stored;
        (
            self.completed_at.is_none(),
            self.completed_at,
            &self.unit_id,
            self.session_id,
            behind,
        )
    }
}

fn readings(session: &Session, states: &[ReadingState]) -> Vec<ReadingOut> {
    let readings = session.readings.iter().zip(states);
    readings
        .map(|(reading, state)| ReadingOut {
            index: reading.index,
            measure: reading
                .measure
                .map_or_else(|| reading.sent.measure.to_string(), |measure| measure.to_string()),
            value: reading.value,
            state: state.word(),
            reason: state.reason(),
        })
        .collect()
}

fn findings(session: &Session, judged: Judged, plans: &[Plan]) -> Vec<FindingOut> {
    let mut findings = judged.findings;
    findings.extend(in_force(plans, session.completed_at).and_then(|plan| unknown_answers(session, plan)));
    findings.sort_by(|a, b| (a.class, &a.rule, a.side).cmp(&(b.class, &b.rule, b.side)));
    let late = is_late(session);
    findings
        .into_iter()
        .map(|finding| FindingOut::of(finding, late))
        .collect()
}

impl FindingOut {
    fn of(finding: Finding, late: bool) -> Self {
        Self {
            rule: finding.rule,
            side: finding.side,
            kind: finding.kind,
            class: finding.class,
            severity: finding.severity,
            state: FindingState::Current,
            late,
            plan_version: finding.plan_version,
            session_id: finding.session.map(|key| key.session_id),
            unit_id: finding.unit_id,
            at: finding.at,
            numbers: finding.numbers,
            readings: finding.readings,
            sentence: finding.sentence,
            reason: finding.reason,
        }
    }
}
