//! The receipt is the unit's only proof that we have its session: sent after the commit, and again for each resend.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::Problem;
use crate::domain::time::Instant;

/// What became of a session. After any of the three the unit may forget it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Stored,
    /// The same content was stored before.
    Duplicate,
    /// Kept whole in quarantine: ours to look after, the unit's to forget.
    Rejected,
}

impl Outcome {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
        }
    }
}

/// The payload of a unit's `receipt` topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Receipt {
    pub session_id: Uuid,
    pub outcome: Outcome,
    /// By our clock.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub received_at: Instant,
    pub problems: Vec<Problem>,
}

impl Receipt {
    /// The payload's JSON.
    pub fn encode(&self) -> Vec<u8> {
        super::json::encode(self)
    }
}
