//! A stay in a hospital, as the desk came to know of it. Not the admission to monitoring, which begins an episode.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{HospitalAdmissionId, PatientId};
use super::staff::Actor;
use super::time::Instant;
use super::words::words;

/// Stays of one patient never overlap, those entered in error apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HospitalAdmission {
    pub id: HospitalAdmissionId,
    pub patient_id: PatientId,
    pub admitted_at: Instant,
    /// `None` while the patient is in.
    pub discharged_at: Option<Instant>,
    pub kind: AdmissionKind,
    pub cause: AdmissionCause,
    pub note: Option<String>,
    /// It never was, or was somebody else's: it stays on record and counts nowhere.
    pub entered_in_error: bool,
    pub recorded_by: Actor,
    pub recorded_at: Instant,
    pub version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdmissionKind {
    Emergency,
    Planned,
}

/// What brought the patient in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdmissionCause {
    /// One of the conditions that the patient is monitored for.
    MonitoredCondition,
    Other,
    Unknown,
}

words! {
    AdmissionKind { Emergency = "emergency", Planned = "planned" }
    AdmissionCause { MonitoredCondition = "monitored_condition", Other = "other", Unknown = "unknown" }
}

impl HospitalAdmission {
    /// Whether somebody would be in two stays at once.
    pub fn overlaps(&self, other: &Self) -> bool {
        let begins_before_end_of = |one: &Self, other: &Self| {
            other
                .discharged_at
                .is_none_or(|discharged| one.admitted_at < discharged)
        };
        !self.entered_in_error
            && !other.entered_in_error
            && begins_before_end_of(self, other)
            && begins_before_end_of(other, self)
    }
}
