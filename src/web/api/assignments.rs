//! Whose a unit is and was; newest first.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ListOf, NoQuery};
use crate::desk::edit::Edit;
use crate::desk::{Refusal, assignment as desk};
use crate::domain::ids::{AssignmentId, PatientId, UnitId};
use crate::store;
use crate::store::assignment::Assignment;
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Body, IfMatch, Path};
use crate::web::looking::Showing as _;
use crate::web::time::Time;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Assignment)]
pub struct AssignmentView {
    pub id: Uuid,
    #[schema(value_type = String)]
    pub unit_id: UnitId,
    pub patient_id: Uuid,
    /// Sessions completed from then (included) …
    pub from: DateTime<Utc>,
    /// … until then (excluded); null until further notice.
    pub to: Option<DateTime<Utc>>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
}

impl From<Assignment> for AssignmentView {
    fn from(assignment: Assignment) -> Self {
        Self {
            id: assignment.id.0,
            unit_id: assignment.unit_id,
            patient_id: assignment.patient_id.0,
            from: assignment.from,
            to: assignment.to,
            version: assignment.version,
            created_at: assignment.created_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAssignment {
    patient_id: Uuid,
    #[schema(value_type = DateTime<Utc>)]
    from: Time,
    #[schema(value_type = Option<DateTime<Utc>>)]
    to: Option<Time>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignmentChange {
    #[schema(value_type = Option<DateTime<Utc>>)]
    from: Option<Time>,
    /// Null takes the end away.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    to: Edit<Time>,
}

pub async fn list(Extract(state): Extract<State>, Path(unit): Path<UnitId>, _: NoQuery) -> Answer {
    let mut tx = state.desk.db.read().await?;
    if store::unit::get(&mut tx, &unit).await?.is_none() {
        return Err(Refusal::NotFound("unit").into());
    }
    let periods = store::assignment::of_units(&mut tx, &[unit]).await?;
    let shown: Vec<PatientId> = periods.iter().map(|period| period.patient_id).collect();
    let items = periods.into_iter().rev().map(AssignmentView::from).collect();
    Ok(plain(&ListOf::whole(items)).showing(shown))
}

pub async fn create(acting: Acting, Path(unit): Path<UnitId>, Body(new): Body<NewAssignment>) -> Answer {
    let mut act = acting.begin().await?;
    let patient = PatientId(new.patient_id);
    let assignment = desk::assign(&mut act, &unit, patient, new.from.0, new.to.map(|to| to.0)).await?;
    let view = AssignmentView::from(assignment);
    acting
        .done(act, StatusCode::CREATED, Some(view.version), &view)
        .await
}

pub async fn change(
    acting: Acting,
    Path((unit, id)): Path<(UnitId, Uuid)>,
    IfMatch(seen): IfMatch,
    Body(change): Body<AssignmentChange>,
) -> Answer {
    let mut act = acting.begin().await?;
    let from = change.from.map(|from| from.0);
    let to = change.to.map(|to| to.0);
    let assignment = desk::change(&mut act, &unit, AssignmentId(id), seen, from, to).await?;
    let view = AssignmentView::from(assignment);
    acting.done(act, StatusCode::OK, Some(view.version), &view).await
}
