//! `If-Match` is honoured where it is sent; without it the patient's own state decides whether the step is lawful.

use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::patients;
use crate::desk::admission;
use crate::domain::ids::PatientId;
use crate::web::acting::Acting;
use crate::web::answer::Answer;
use crate::web::extract::{Body, IfMatchIfSent, Path};
use crate::web::time::Time;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// Due times exist from then.
    #[schema(value_type = DateTime<Utc>)]
    from: Time,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Discharge {
    #[schema(value_type = DateTime<Utc>)]
    at: Time,
    reason: String,
}

pub async fn admit(
    acting: Acting,
    Path(id): Path<Uuid>,
    IfMatchIfSent(seen): IfMatchIfSent,
    Body(admission): Body<Admission>,
) -> Answer {
    let mut act = acting.begin().await?;
    let patient = admission::admit(&mut act, PatientId(id), seen, admission.from.0).await?;
    let shown = (acting.caller.role, act.now);
    let view = patients::one(&mut act.tx, patient, shown).await?;
    acting.done(act, StatusCode::OK, Some(view.version), &view).await
}

pub async fn discharge(
    acting: Acting,
    Path(id): Path<Uuid>,
    IfMatchIfSent(seen): IfMatchIfSent,
    Body(discharge): Body<Discharge>,
) -> Answer {
    let mut act = acting.begin().await?;
    let Time(at) = discharge.at;
    let patient = admission::discharge(&mut act, PatientId(id), seen, at, &discharge.reason).await?;
    let shown = (acting.caller.role, act.now);
    let view = patients::one(&mut act.tx, patient, shown).await?;
    acting.done(act, StatusCode::OK, Some(view.version), &view).await
}
