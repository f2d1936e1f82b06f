//! The verbs, pure: no clock, no I/O, no arrival order. What it says is engine.md; independent checks are written from that page.
//!
//! # What a caller who judges part of a history must load
//!
//! Judging everything at once is always right. Judging incrementally gives the same, if the caller takes these sets. For the
//! sessions and decisions that are new, let **T** be the earliest instant touched: the least of each new session's `completed_at`
//! and its readings' `taken_at`, and of each newly decided reading's `taken_at` and its session's `completed_at`.
//!
//! 1. *Judge again*: every session with `completed_at` ≥ T − [`LEAD`] (an undecided reading that counts is never later than that
//!    after its session). Where an earlier session holds a reading *accepted by decision* with `taken_at` ≥ T, its own firing may
//!    change, and so may combinations after it: then judge every session from that one's `completed_at` on.
//! 2. *Past*: let **E** be the least `completed_at` and `taken_at` of everything judged again (readings that are suspect for
//!    another reason than `weight_jump` feed nothing and may be left out of this minimum, decided ones may not). Of the other
//!    sessions hand over each that was completed, or holds a reading that counts or is suspect for `weight_jump`, at or after
//!    E − [`reach`]. Where `started_at` was not sent, `taken_at` may lie any time before `completed_at`, so a session's span has
//!    to be looked up by both. More past than needed changes nothing.
//!
//! States of the past are final: they are never judged again from here. A new plan version touches from the earlier of its own and
//! the replaced `effective_from` on (everything, where it is the first to begin).

mod belief;
mod history;
mod rules;
mod suspect;
pub mod technical;
mod window;
mod wording;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::domain::finding::{Finding, Side};
use crate::domain::ids::SessionKey;
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::plan::{Plan, in_force};
use crate::domain::reading::{Decision, ReadingState};
use crate::domain::session::Session;
use crate::domain::time::Instant;

pub use belief::LEAD;
pub use suspect::retests;

use history::{Earlier, Entry, History, Timeline};
use rules::Scene;

/// A session that is not judged now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastSession {
    pub key: SessionKey,
    pub completed_at: Instant,
    /// In the order of the payload: the position is the reading's index.
    pub readings: Vec<PastReading>,
    pub fired: Vec<Fired>,
}

/// A reading whose state is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastReading {
    pub measure: Option<Measure>,
    /// See `Reading::judged`.
    pub judged: Option<Milli>,
    pub taken_at: Instant,
    pub state: ReadingState,
}

/// A rule, or one satisfied side of a `limits` rule, that fired in a session; what combinations of later sessions read.
/// Combinations are not among them. A reading beyond a red bound satisfies the amber side of its direction too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fired {
    pub rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Index of the reading that it fired on; `None` where it fired on an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<u16>,
}

/// A session and the last decision on each of its readings, by index.
#[derive(Debug, Clone, Copy)]
pub struct ToJudge<'a> {
    pub session: &'a Session,
    pub decisions: &'a [(u16, Decision)],
}

/// What came of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub key: SessionKey,
    /// The version in force at `completed_at`; `None` where there is no plan.
    pub plan_version: Option<i64>,
    /// One for each reading, in the order of the payload.
    pub states: Vec<ReadingState>,
    /// Clinical and `suspect`, sorted by (class, rule, side).
    pub findings: Vec<Finding>,
    /// Sorted.
    pub fired: Vec<Fired>,
}

/// Judges sessions of one patient: clinical and `suspect` findings, in session order (`completed_at`, `unit_id`, `session_id`).
///
/// Sessions are distinct, and none stands in `past` too. See the module for what `past` must hold.
pub fn judge(plans: &[Plan], past: &[PastSession], sessions: &[ToJudge<'_>]) -> Vec<Judged> {
    let timeline = Timeline::new(past, sessions);
    let beliefs = belief::hold(&timeline);
    let history = History::new(&timeline, &beliefs);
    let mut earlier = Earlier::default();
    let mut judged = Vec::with_capacity(sessions.len());
    for (rank, entry) in timeline.ranked() {
        match entry {
            Entry::Past(session) => earlier.note(rank, session.completed_at, &session.fired),
            Entry::Now(ToJudge { session, .. }) => {
                let held = beliefs.of(rank);
                let plan = in_force(plans, session.completed_at);
                let mut findings = suspect::findings(session, rank, held, plan, &timeline);
                let mut fired = Vec::new();
                if let Some(plan) = plan {
                    let scene = Scene {
                        plan,
                        session,
                        held,
                        timeline: &timeline,
                        history: &history,
                        rank,
                    };
                    fired = rules::judge(&scene, &earlier, &mut findings);
                    earlier.note(rank, session.completed_at, &fired);
                }
                findings.sort_by(|a, b| (a.class, &a.rule, a.side).cmp(&(b.class, &b.rule, b.side)));
                judged.push(Judged {
                    key: session.key.clone(),
                    plan_version: plan.map(|plan| plan.version),
                    states: held.iter().map(|held| held.state).collect(),
                    findings,
                    fired,
                });
            }
        }
    }
    judged
}

/// How far before a judged reading or completion the past can matter: the widest window of any rule, and 14 days for `weight_jump`.
pub fn reach(plans: &[Plan]) -> TimeDelta {
    plans
        .iter()
        .flat_map(|plan| &plan.rules)
        .map(|rule| rules::reach(&rule.kind))
        .fold(belief::REACH, TimeDelta::max)
}
