//! Versions are immutable: what was in force travels with each finding, and a change makes a new version.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;

use super::ids::PatientId;
use super::question::Question;
use super::rule::Rule;
use super::schedule::Schedule;
use super::staff::Actor;
use super::time::Instant;

/// One version of a patient's parameters, found sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// From 1.
    pub version: i64,
    pub reason: String,
    pub effective_from: Instant,
    /// The end of a temporary change.
    pub until: Option<Instant>,
    pub review_on: Option<NaiveDate>,
    pub timezone: chrono_tz::Tz,
    pub schedule: Option<Schedule>,
    /// What the unit asks for, in order, as written: a measure or `blood_pressure`.
    pub measures: Arc<[String]>,
    pub max_silence_hours: u32,
    pub amber_auto_close: bool,
    pub rules: Vec<Arc<Rule>>,
    pub questions: Vec<Arc<Question>>,
}

/// A stored version: the plan, its body as JSON text as it was put, and who set it.
#[derive(Debug, Clone)]
pub struct PlanVersion {
    pub patient_id: PatientId,
    pub plan: Plan,
    pub body: String,
    pub set_by: Actor,
    pub set_at: Instant,
}

/// When a version applies; all that [`in_force`] asks of one.
pub trait Dated {
    fn version(&self) -> i64;
    fn effective_from(&self) -> Instant;
    /// The end of a temporary change.
    fn until(&self) -> Option<Instant>;
}

/// When a version applies, and nothing else of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub version: i64,
    pub effective_from: Instant,
    pub until: Option<Instant>,
}

impl Dated for Span {
    fn version(&self) -> i64 {
        self.version
    }

    fn effective_from(&self) -> Instant {
        self.effective_from
    }

    fn until(&self) -> Option<Instant> {
        self.until
    }
}

impl Dated for Plan {
    fn version(&self) -> i64 {
        self.version
    }

    fn effective_from(&self) -> Instant {
        self.effective_from
    }

    fn until(&self) -> Option<Instant> {
        self.until
    }
}

/// The version in force at an instant: the highest number among those begun and not ended; before all of them, the one that begins first.
pub fn in_force<P: Dated>(plans: &[P], at: Instant) -> Option<&P> {
    let running = |plan: &&P| plan.effective_from() <= at && plan.until().is_none_or(|until| at < until);
    plans
        .iter()
        .filter(running)
        .max_by_key(|plan| plan.version())
        .or_else(|| {
            plans
                .iter()
                .min_by_key(|plan| (plan.effective_from(), plan.version()))
        })
}

/// Which version is in force, and which follows it when, as far as versions say by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reigning {
    pub version: i64,
    /// When another one is in force, and which.
    pub next: Option<(Instant, i64)>,
}

/// What is in force at an instant, and what comes after; `None` where there is no version.
pub fn reigning<P: Dated>(plans: &[P], at: Instant) -> Option<Reigning> {
    let version = in_force(plans, at)?.version();
    let next = turns(plans, at)
        .into_iter()
        .filter_map(|turn| Some((turn, in_force(plans, turn)?.version())))
        .find(|(_, follows)| *follows != version);
    Some(Reigning { version, next })
}

/// The versions that are in force at an instant or will be, as far as versions say by now.
pub fn to_reign<P: Dated>(plans: &[P], at: Instant) -> BTreeSet<i64> {
    std::iter::once(at)
        .chain(turns(plans, at))
        .filter_map(|turn| Some(in_force(plans, turn)?.version()))
        .collect()
}

/// When a version begins or ends, after an instant, the first first.
fn turns<P: Dated>(plans: &[P], at: Instant) -> Vec<Instant> {
    let all = plans
        .iter()
        .flat_map(|plan| [Some(plan.effective_from()), plan.until()])
        .flatten();
    let mut turns: Vec<Instant> = all.filter(|turn| at < *turn).collect();
    turns.sort_unstable();
    turns
}
