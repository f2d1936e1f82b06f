//! A patient's record outlives episodes; monitoring belongs to the episode, from admission to discharge.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{EpisodeId, PatientId, StaffId, TeamId};
use super::nhs_number::NhsNumber;
use super::time::Instant;
use super::words::words;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patient {
    pub id: PatientId,
    pub nhs_number: NhsNumber,
    pub given_name: String,
    pub family_name: String,
    pub birth_date: NaiveDate,
    pub sex: Sex,
    pub team_id: Option<TeamId>,
    pub conditions: Vec<Condition>,
    /// `None`: not on record, which is not the same as no.
    pub pregnant: Option<bool>,
    /// Whose the marks in the patient's parameters are to confirm.
    pub named_clinician_id: Option<StaffId>,
    pub phone: Option<String>,
    /// BCP 47 tag, `en` where nothing was said.
    pub language: String,
    pub status: PatientStatus,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// One stay in the service: referred, admitted, discharged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    pub id: EpisodeId,
    pub patient_id: PatientId,
    pub referred_at: Instant,
    pub stage: Stage,
}

/// How far an episode has come, with the facts of that stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    Referred,
    Admitted {
        from: Instant,
    },
    Discharged {
        from: Option<Instant>,
        at: Instant,
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PatientStatus {
    Referred,
    Admitted,
    Discharged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    Female,
    Male,
    Other,
    Unknown,
}

/// The long-term conditions that templates exist for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    HeartFailure,
    Copd,
    Diabetes,
    Hypertension,
}

words! {
    PatientStatus { Referred = "referred", Admitted = "admitted", Discharged = "discharged" }
    Sex { Female = "female", Male = "male", Other = "other", Unknown = "unknown" }
    Condition { HeartFailure = "heart_failure", Copd = "copd", Diabetes = "diabetes", Hypertension = "hypertension" }
}
