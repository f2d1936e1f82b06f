//! What parameters would mean for a whole team: sums over its patients, and nobody's data.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::words::words;

/// How a rehearsal stands, as far as its row knows: whether its process still lives is another matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RehearsalState {
    Running,
    Done,
    Failed,
}

words! {
    RehearsalState { Running = "running", Done = "done", Failed = "failed" }
}

/// What was predicted. Kept as JSON and answered as it was kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Forecast {
    /// How many local days, today so far among them.
    pub days: u16,
    /// Sessions completed from then, a local midnight, were judged.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Of the proposed parameters; days are local days there.
    pub timezone: String,
    pub patients: u32,
    /// Those among them who sent anything in these days.
    pub patients_with_sessions: u32,
    /// Those for whom the proposed parameters would be refused, and who were not judged: NEWS2 under 16 or in pregnancy.
    pub patients_left_out: u32,
    pub sessions: u32,
    pub whole: WholeForecast,
    /// The mean of a day.
    pub per_day: MeanForecast,
    /// Each rule that fired on either side, by id.
    pub rules: Vec<RuleForecast>,
    /// Every day, the first first.
    pub by_day: Vec<DayForecast>,
    pub admissions: AdmissionsForecast,
    /// Where the minutes that an alert takes were given.
    pub staffing: Option<StaffingForecast>,
}

/// Alert days: of each patient the local days with an amber or red finding, each day counted once, by the worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertDays {
    pub red: u32,
    pub amber: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WholeForecast {
    pub in_force: AlertDays,
    pub proposed: AlertDays,
    /// Alert days only by the proposed parameters.
    pub new: u32,
    /// Only by what is in force.
    pub gone: u32,
    /// By both.
    pub stays: u32,
}

/// Alert days of the team on one day, on average; rounded to hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct MeanAlertDays {
    pub red: f64,
    pub amber: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct MeanForecast {
    pub in_force: MeanAlertDays,
    pub proposed: MeanAlertDays,
}

/// The days on which this rule alone would have alerted. A day on which two rules did counts for both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleForecast {
    pub rule: String,
    pub in_force: AlertDays,
    pub proposed: AlertDays,
    /// Those of context too.
    pub findings_in_force: u32,
    pub findings_proposed: u32,
}

/// How many patients would have alerted on a local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DayForecast {
    pub day: NaiveDate,
    pub in_force: AlertDays,
    pub proposed: AlertDays,
}

/// Stays in hospital that began in these days, and before how many of them something amber or red was found within 7 days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AdmissionsForecast {
    pub known: u32,
    pub preceded_in_force: u32,
    pub preceded_proposed: u32,
}

/// What the alert days would take of the staff's time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct StaffingForecast {
    /// As given.
    pub minutes_per_alert: f64,
    /// As given: minutes a day that there are for alerts.
    pub staffed_minutes_per_day: Option<f64>,
    pub in_force: Minutes,
    pub proposed: Minutes,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Minutes {
    /// Of a day on average.
    pub mean: f64,
    pub busiest_day: f64,
    /// Days that take more than the staffed minutes, where those were given.
    pub days_over: Option<u32>,
}
