//! Versions are immutable: what was in force travels with each finding, and a change makes a new version.

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
    pub measures: Vec<String>,
    pub max_silence_hours: u32,
    pub amber_auto_close: bool,
    pub rules: Vec<Rule>,
    pub questions: Vec<Question>,
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

/// The version in force at an instant: the highest number among those begun and not ended; before all of them, the one that begins first.
pub fn in_force(plans: &[Plan], at: Instant) -> Option<&Plan> {
    let running = |plan: &&Plan| plan.effective_from <= at && plan.until.is_none_or(|until| at < until);
    plans
        .iter()
        .filter(running)
        .max_by_key(|plan| plan.version)
        .or_else(|| {
            plans
                .iter()
                .min_by_key(|plan| (plan.effective_from, plan.version))
        })
}
