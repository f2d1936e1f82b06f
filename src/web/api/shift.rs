//! A shift is relative to where the session stands, so one that is sent twice moves twice: an `Idempotency-Key`, or
//! `If-Match` with the session's version, keeps two people from setting the same clock right.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Who;
use crate::desk::shift::{Shifted, shift as desk, version};
use crate::domain::ids::{SessionKey, UnitId};
use crate::store::shift::ShiftRow;
use crate::web::acting::Acting;
use crate::web::answer::Answer;
use crate::web::extract::{Body, IfMatchIfSent, Path};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Later by so many; earlier where negative. Counted from where the session stands now.
    seconds: i64,
    reason: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionShift)]
pub struct ShiftView {
    pub seconds: i64,
    pub reason: String,
    pub by: Who,
    pub at: DateTime<Utc>,
}

impl From<ShiftRow> for ShiftView {
    fn from(row: ShiftRow) -> Self {
        Self {
            seconds: row.seconds,
            reason: row.reason,
            by: row.by.into(),
            at: row.at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ShiftedSession {
    #[schema(value_type = String)]
    unit_id: UnitId,
    session_id: Uuid,
    /// Whose it is at its new time.
    patient_id: Option<Uuid>,
    started_at: Option<DateTime<Utc>>,
    completed_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    /// By how much all shifts together moved it from what the unit sent.
    shift_seconds: i64,
    /// Oldest first.
    shifts: Vec<ShiftView>,
    version: i64,
}

pub async fn shift(
    acting: Acting,
    Path((unit_id, session_id)): Path<(UnitId, Uuid)>,
    IfMatchIfSent(seen): IfMatchIfSent,
    Body(said): Body<Shift>,
) -> Answer {
    let key = SessionKey { unit_id, session_id };
    let mut act = acting.begin().await?;
    let Shifted { session, shifts } = desk(&mut act, &key, seen, said.seconds, &said.reason).await?;
    let version = version(&shifts);
    let view = ShiftedSession {
        patient_id: session.patient_id.map(|patient| patient.0),
        started_at: session.started_at,
        completed_at: session.completed_at,
        received_at: session.received_at,
        shift_seconds: session.document.shift_seconds,
        shifts: shifts.into_iter().map(ShiftView::from).collect(),
        version,
        unit_id: key.unit_id,
        session_id,
    };
    acting.done(act, StatusCode::OK, Some(version), &view).await
}
