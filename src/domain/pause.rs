//! While a patient is away nothing is due; sessions that come all the same are judged like any other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{PatientId, PauseId};
use super::time::Instant;
use super::words::words;

/// From `from` (included) to `to` (excluded); without an end until further notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub id: PauseId,
    pub patient_id: PatientId,
    pub from: Instant,
    pub to: Option<Instant>,
    pub reason: PauseReason,
    pub version: i64,
    pub created_at: Instant,
}

impl Pause {
    pub fn holds(&self, at: Instant) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }

    /// Whether the two share time.
    pub fn overlaps(&self, other: &Self) -> bool {
        let begins_before_end = |one: &Self, end: Option<Instant>| end.is_none_or(|end| one.from < end);
        begins_before_end(self, other.to) && begins_before_end(other, self.to)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    Holiday,
    Hospital,
    Equipment,
}

words! {
    PauseReason { Holiday = "holiday", Hospital = "hospital", Equipment = "equipment" }
}
