//! A unit learns what to ask and when, and nothing else of the plan: limits in the home would be read as a diagnosis.

use serde::Serialize;
use utoipa::ToSchema;

use super::json;
use super::plan::DAYS;
use crate::domain::plan::Plan;
use crate::domain::question::Question;
use crate::domain::schedule::Schedule;

/// The payload of a unit's `plan` topic, retained.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnitPlan<'p> {
    version: i64,
    timezone: &'static str,
    #[schema(required)]
    schedule: Option<UnitSchedule>,
    /// In the order they are to be measured in.
    measures: &'p [String],
    questions: Vec<&'p Question>,
}

/// Local times of day as `09:00`, and the days of the week they are due on.
#[derive(Debug, Serialize, ToSchema)]
struct UnitSchedule {
    times: Vec<String>,
    days: Vec<&'static str>,
    window_before_min: u32,
    grace_min: u32,
}

impl UnitSchedule {
    fn of(schedule: &Schedule) -> Self {
        let named = DAYS.iter().filter(|(_, day)| schedule.days.contains(day));
        Self {
            times: schedule
                .times
                .iter()
                .map(|time| time.format("%H:%M").to_string())
                .collect(),
            days: named.map(|(name, _)| *name).collect(),
            window_before_min: schedule.window_before_min,
            grace_min: schedule.grace_min,
        }
    }
}

/// The JSON of what the unit is to ask by this plan.
pub fn encode(plan: &Plan) -> Vec<u8> {
    json::encode(&UnitPlan {
        version: plan.version,
        timezone: plan.timezone.name(),
        schedule: plan.schedule.as_ref().map(UnitSchedule::of),
        measures: &plan.measures,
        questions: plan.questions.iter().map(AsRef::as_ref).collect(),
    })
}
