//! A request can come too late: the unit that was off for a night must not ask for yesterday's retest, so each has its end.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::json;
use crate::domain::measure::Measure;
use crate::domain::time::Instant;

/// The payload of a unit's `request` topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Request {
    /// The retest that answers it carries this id.
    pub request_id: Uuid,
    pub kind: RequestKind,
    /// What to measure again; empty for a message.
    pub measures: Vec<Measure>,
    /// What the unit shows.
    #[schema(required)]
    pub text: Option<String>,
    /// From then on the unit forgets the request unanswered.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub expires_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    Retest,
    Message,
}

impl Request {
    /// The payload's JSON.
    pub fn encode(&self) -> Vec<u8> {
        json::encode(self)
    }
}
