//! The verbs, pure: no clock, no I/O, no arrival order. What it says is engine.md; independent checks are written from that page.
//!
//! # What a caller who judges part of a history must load
//!
//! Judging everything at once is always right; judging incrementally gives the same if the caller takes these sets. A session's
//! [`Span`] runs from the first to the last instant at which something of it counts, `completed_at` included.
//!
//! 1. **T**, the earliest instant touched: of each new session its span's `first`; of each new decision the lesser of its reading's
//!    `taken_at` and its session's `completed_at`; of a new plan version the `completed_at` of the first session whose version in
//!    force changes.
//! 2. **Judge again** from **C** on: the least `completed_at` of all sessions whose span's `last` ≥ T, and every session completed
//!    at or after it. C is T or up to [`LEAD`] earlier, unless a reading dated after its session was accepted by decision.
//! 3. **E**, the least `first` of the spans of everything judged again. **Past**: of all other sessions those whose span's `last` ≥
//!    E − [`reach`]. More past than needed changes nothing.
//!
//! `last` is `completed_at` or up to [`LEAD`] later, unless a reading dated after its session was accepted by decision; `first` may
//! lie any time before, because `started_at` is optional. So a store finds sessions by `completed_at` and these rare readings.
//! Spans are those after the new decisions. States of the past are final: they are not judged here.

mod belief;
pub mod clearing;
pub mod compliance;
mod cuff;
pub mod explain;
pub mod fold;
pub mod forecast;
pub mod guard;
mod history;
mod jump;
pub mod lead;
pub mod merge;
pub mod news2;
pub mod preview;
pub mod repeats;
mod rules;
pub mod sequence;
mod span;
mod statistics;
mod suspect;
pub mod technical;
pub mod unit_watch;
mod window;
mod wording;

use std::borrow::Borrow;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::domain::finding::{Finding, Side};
use crate::domain::ids::SessionKey;
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::plan::{Plan, in_force};
use crate::domain::reading::{Decision, ReadingState};
use crate::domain::rule::RuleKind;
use crate::domain::session::Session;
use crate::domain::time::Instant;

pub use belief::LEAD;
pub use span::{Span, span};
pub use suspect::retests;

use history::{Earlier, Entry, History, Timeline};
use rules::Scene;

/// A session that is not judged now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastSession {
    pub key: SessionKey,
    pub completed_at: Instant,
    /// In the order of the payload: the position is the reading's index.
    pub readings: PastReadings,
    pub fired: Vec<Fired>,
}

/// Of a usual session they are in one piece of memory with it, and so with those of the sessions around it.
pub type PastReadings = SmallVec<[PastReading; 6]>;

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
pub fn judge<Past: Borrow<PastSession>>(
    plans: &[Plan],
    past: &[Past],
    sessions: &[ToJudge<'_>],
) -> Vec<Judged> {
    let timeline = Timeline::new(past, sessions);
    let beliefs = belief::hold(&timeline);
    let history = History::new(&timeline, &beliefs);
    let mut earlier = Earlier::default();
    // Nothing else asks what fired before.
    let combines = plans
        .iter()
        .flat_map(|plan| &plan.rules)
        .any(|rule| matches!(rule.kind, RuleKind::Combination(_)));
    let mut judged = Vec::with_capacity(sessions.len());
    for (rank, entry) in timeline.ranked() {
        match entry {
            Entry::Past(session) if combines => earlier.note(rank, session.completed_at, &session.fired),
            Entry::Past(_) => {}
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
                    if combines {
                        earlier.note(rank, session.completed_at, &fired);
                    }
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
        .fold(jump::REACH, TimeDelta::max)
}
