//! A patient's stays in hospital, newest first; those entered in error are shown as such.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ListOf, NoQuery, Who};
use crate::desk::edit::Edit;
use crate::desk::{Refusal, hospital_admission as desk};
use crate::domain::hospital::{AdmissionCause, AdmissionKind, HospitalAdmission};
use crate::domain::ids::{HospitalAdmissionId, PatientId};
use crate::store;
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Body, IfMatch, Path};
use crate::web::looking::Showing as _;
use crate::web::time::Time;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HospitalAdmission)]
pub struct HospitalAdmissionView {
    pub id: Uuid,
    pub patient_id: Uuid,
    pub admitted_at: DateTime<Utc>,
    /// Null while the patient is in.
    pub discharged_at: Option<DateTime<Utc>>,
    pub kind: AdmissionKind,
    /// Whether a condition that the patient is monitored for brought her in.
    pub cause: AdmissionCause,
    pub note: Option<String>,
    /// It never was, or was somebody else's: it counts nowhere.
    pub entered_in_error: bool,
    pub recorded_by: Who,
    pub recorded_at: DateTime<Utc>,
    pub version: i64,
}

impl From<HospitalAdmission> for HospitalAdmissionView {
    fn from(admission: HospitalAdmission) -> Self {
        Self {
            id: admission.id.0,
            patient_id: admission.patient_id.0,
            admitted_at: admission.admitted_at,
            discharged_at: admission.discharged_at,
            kind: admission.kind,
            cause: admission.cause,
            note: admission.note,
            entered_in_error: admission.entered_in_error,
            recorded_by: admission.recorded_by.into(),
            recorded_at: admission.recorded_at,
            version: admission.version,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHospitalAdmission {
    #[schema(value_type = DateTime<Utc>)]
    admitted_at: Time,
    /// Null while the patient is in.
    #[schema(value_type = Option<DateTime<Utc>>)]
    discharged_at: Option<Time>,
    kind: AdmissionKind,
    cause: AdmissionCause,
    note: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HospitalAdmissionChange {
    #[schema(value_type = Option<DateTime<Utc>>)]
    admitted_at: Option<Time>,
    /// Null says that the patient is in after all.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    discharged_at: Edit<Time>,
    kind: Option<AdmissionKind>,
    cause: Option<AdmissionCause>,
    /// Null takes the note away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    note: Edit<String>,
    entered_in_error: Option<bool>,
}

pub async fn list(Extract(state): Extract<State>, Path(id): Path<Uuid>, _: NoQuery) -> Answer {
    let patient = PatientId(id);
    let mut tx = state.desk.db.read().await?;
    if store::patient::get(&mut tx, patient).await?.is_none() {
        return Err(Refusal::NotFound("patient").into());
    }
    let admissions = store::hospital_admission::of(&mut tx, &[patient]).await?;
    let items = admissions.into_iter().rev().map(HospitalAdmissionView::from);
    Ok(plain(&ListOf::whole(items.collect())).showing([patient]))
}

pub async fn create(acting: Acting, Path(id): Path<Uuid>, Body(new): Body<NewHospitalAdmission>) -> Answer {
    let mut act = acting.begin().await?;
    let new = desk::NewAdmission {
        admitted_at: new.admitted_at.0,
        discharged_at: new.discharged_at.map(|at| at.0),
        kind: new.kind,
        cause: new.cause,
        note: new.note,
    };
    let admission = desk::record(&mut act, PatientId(id), new).await?;
    let view = HospitalAdmissionView::from(admission);
    acting
        .done(act, StatusCode::CREATED, Some(view.version), &view)
        .await
}

pub async fn change(
    acting: Acting,
    Path((patient, id)): Path<(Uuid, Uuid)>,
    IfMatch(seen): IfMatch,
    Body(change): Body<HospitalAdmissionChange>,
) -> Answer {
    let mut act = acting.begin().await?;
    let correction = desk::Correction {
        admitted_at: change.admitted_at.map(|at| at.0),
        discharged_at: change.discharged_at.map(|at| at.0),
        kind: change.kind,
        cause: change.cause,
        note: change.note,
        entered_in_error: change.entered_in_error,
    };
    let (patient, id) = (PatientId(patient), HospitalAdmissionId(id));
    let admission = desk::correct(&mut act, patient, id, seen, correction).await?;
    let view = HospitalAdmissionView::from(admission);
    acting.done(act, StatusCode::OK, Some(view.version), &view).await
}
