//! A person's word on one reading.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Who;
use crate::desk::decision::decide;
use crate::domain::ids::{ReadingId, UnitId};
use crate::domain::reading::Decision;
use crate::web::acting::Acting;
use crate::web::answer::Answer;
use crate::web::extract::{Body, Path};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    pub(super) reason: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decided)]
pub struct DecisionOnReading {
    id: Uuid,
    reading_id: Uuid,
    #[schema(value_type = String)]
    unit_id: UnitId,
    session_id: Uuid,
    index: u16,
    decision: Decision,
    reason: String,
    decided_at: DateTime<Utc>,
    decided_by: Who,
}

pub async fn exclude(acting: Acting, Path(id): Path<Uuid>, Body(reason): Body<Reason>) -> Answer {
    answer(acting, id, Decision::Exclude, &reason).await
}

pub async fn accept(acting: Acting, Path(id): Path<Uuid>, Body(reason): Body<Reason>) -> Answer {
    answer(acting, id, Decision::Accept, &reason).await
}

async fn answer(acting: Acting, id: Uuid, decision: Decision, reason: &Reason) -> Answer {
    let mut act = acting.begin().await?;
    let row = decide(&mut act, ReadingId(id), decision, &reason.reason).await?;
    let view = DecisionOnReading {
        id: row.id.0,
        reading_id: id,
        unit_id: row.key.unit_id,
        session_id: row.key.session_id,
        index: row.reading_index,
        decision: row.decision,
        reason: row.reason,
        decided_at: row.decided_at,
        decided_by: row.decided_by.into(),
    };
    acting.done(act, StatusCode::OK, None, &view).await
}
