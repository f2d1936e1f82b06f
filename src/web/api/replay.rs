//! What a replay met is an answer, not an error: a message that is refused again stays where it is, with the try on record.
//! No receipt goes to the unit, which was told `rejected` and has forgotten the session.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::decisions::Reason;
use super::quarantine::QuarantinedView;
use crate::desk::quarantine::{How, Replayed, Tried, dismiss as desk_dismiss, replay, replay_some};
use crate::domain::ids::{QuarantineId, UnitId};
use crate::web::acting::Acting;
use crate::web::answer::Answer;
use crate::web::extract::{Body, Path};
use crate::wire::problem::Problem as Fault;
use crate::wire::receipt::Outcome;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The unit the message is of, where its topic names none or another.
    #[schema(value_type = Option<String>)]
    unit_id: Option<UnitId>,
    /// By how much the unit's clock was behind, negative where it was ahead: every time in the session but `sent_at` is
    /// moved by it.
    shift_seconds: Option<i64>,
    reason: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaySeveral {
    #[schema(max_items = 100)]
    ids: Vec<Uuid>,
    /// As for one.
    #[schema(value_type = Option<String>)]
    unit_id: Option<UnitId>,
    /// As for one.
    shift_seconds: Option<i64>,
    reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replayed)]
pub struct ReplayedView {
    pub id: Uuid,
    /// `stored`, `duplicate` where the session was stored already, or `rejected`: then it stays in quarantine.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// Why it was refused, or what a receipt would have listed.
    pub problems: Vec<Fault>,
    /// The session that is stored.
    #[schema(value_type = Option<String>)]
    pub unit_id: Option<UnitId>,
    pub session_id: Option<Uuid>,
    /// Whose it is.
    pub patient_id: Option<Uuid>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayedSeveral {
    /// In the order in which they came.
    items: Vec<ReplayedView>,
    /// Those that were not there, or that somebody had dealt with.
    passed_over: Vec<Uuid>,
}

impl From<Tried> for ReplayedView {
    fn from(Tried { id, came_of_it }: Tried) -> Self {
        match came_of_it {
            Replayed::TakenIn {
                key,
                patient,
                duplicate,
                problems,
            } => Self {
                id: id.0,
                outcome: if duplicate {
                    Outcome::Duplicate
                } else {
                    Outcome::Stored
                },
                problems,
                unit_id: Some(key.unit_id),
                session_id: Some(key.session_id),
                patient_id: patient.map(|patient| patient.0),
            },
            Replayed::Refused { problems, .. } => Self {
                id: id.0,
                outcome: Outcome::Rejected,
                problems,
                unit_id: None,
                session_id: None,
                patient_id: None,
            },
        }
    }
}

pub async fn one(acting: Acting, Path(id): Path<Uuid>, Body(said): Body<Replay>) -> Answer {
    let how = How {
        unit_id: said.unit_id,
        shift_seconds: said.shift_seconds.unwrap_or_default(),
        reason: said.reason,
    };
    let mut act = acting.begin().await?;
    let tried = replay(&mut act, QuarantineId(id), how).await?;
    acting
        .done(act, StatusCode::OK, None, &ReplayedView::from(tried))
        .await
}

pub async fn several(acting: Acting, Body(said): Body<ReplaySeveral>) -> Answer {
    let how = How {
        unit_id: said.unit_id,
        shift_seconds: said.shift_seconds.unwrap_or_default(),
        reason: said.reason,
    };
    let ids: Vec<QuarantineId> = said.ids.iter().copied().map(QuarantineId).collect();
    let mut act = acting.begin().await?;
    let tried = replay_some(&mut act, &ids, how).await?;
    let done: BTreeSet<Uuid> = tried.iter().map(|tried| tried.id.0).collect();
    let mut passed_over = said.ids;
    passed_over.retain(|id| !done.contains(id));
    let view = ReplayedSeveral {
        items: tried.into_iter().map(ReplayedView::from).collect(),
        passed_over,
    };
    acting.done(act, StatusCode::OK, None, &view).await
}

pub async fn dismiss(acting: Acting, Path(id): Path<Uuid>, Body(said): Body<Reason>) -> Answer {
    let mut act = acting.begin().await?;
    let case = desk_dismiss(&mut act, QuarantineId(id), &said.reason).await?;
    let view = QuarantinedView::of(case)?;
    acting.done(act, StatusCode::OK, None, &view).await
}
