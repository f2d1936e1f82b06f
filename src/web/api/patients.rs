//! Conditions are clinical detail: an administrator, who only assigns units, is not told them.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::ListOf;
use crate::desk::Refusal;
use crate::desk::edit::Edit;
use crate::desk::patient::{self, Correction, NewPatient};
use crate::domain::ids::{PatientId, TeamId};
use crate::domain::patient::{Condition, Patient, PatientStatus, Sex};
use crate::domain::staff::Role;
use crate::store;
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain, versioned};
use crate::web::extract::{Body, IfMatch, Path, Query};
use crate::web::guard::Signed;
use crate::web::looking::Showing as _;
use crate::web::time::write;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Patient)]
pub struct PatientView {
    pub id: Uuid,
    pub nhs_number: String,
    pub given_name: String,
    pub family_name: String,
    pub birth_date: NaiveDate,
    pub sex: Sex,
    pub team_id: Option<Uuid>,
    /// Absent for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    pub phone: Option<String>,
    pub language: String,
    pub status: PatientStatus,
    pub version: i64,
    #[serde(serialize_with = "write")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "write")]
    pub updated_at: DateTime<Utc>,
}

impl PatientView {
    pub fn of(patient: Patient, role: Role) -> Self {
        Self {
            id: patient.id.0,
            nhs_number: patient.nhs_number.as_str().to_owned(),
            given_name: patient.given_name,
            family_name: patient.family_name,
            birth_date: patient.birth_date,
            sex: patient.sex,
            team_id: patient.team_id.map(|team| team.0),
            conditions: (role != Role::Administrator).then_some(patient.conditions),
            phone: patient.phone,
            language: patient.language,
            status: patient.status,
            version: patient.version,
            created_at: patient.created_at,
            updated_at: patient.updated_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Referral {
    /// Ten digits; spaces and hyphens are ignored.
    nhs_number: String,
    given_name: String,
    family_name: String,
    birth_date: NaiveDate,
    sex: Sex,
    team_id: Option<Uuid>,
    #[serde(default)]
    conditions: Vec<Condition>,
    phone: Option<String>,
    /// BCP 47; `en` where nothing is said.
    language: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatientChange {
    given_name: Option<String>,
    family_name: Option<String>,
    birth_date: Option<NaiveDate>,
    sex: Option<Sex>,
    /// Null takes the team away.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    team_id: Edit<Uuid>,
    conditions: Option<Vec<Condition>>,
    /// Null takes the number away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    phone: Edit<String>,
    language: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PatientsQuery {
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    cursor: Option<String>,
    status: Option<PatientStatus>,
    condition: Option<Condition>,
    team_id: Option<Uuid>,
    /// A part of the name, or the beginning of the NHS number.
    q: Option<String>,
}

pub async fn list(
    Extract(state): Extract<State>,
    signed: Signed,
    Query(query): Query<PatientsQuery>,
) -> Answer {
    let role = signed.caller.role;
    let filter = store::patient::Filter {
        team: query.team_id.map(TeamId),
        status: query.status,
        // Asking by condition would tell it.
        condition: query.condition.filter(|_| role != Role::Administrator),
        search: query.q,
    };
    let limit = super::limit(query.limit)?;
    let cursor = super::cursor(query.cursor.as_deref());
    let mut tx = state.desk.db.read().await?;
    let page = store::patient::list(&mut tx, &filter, cursor.as_ref(), limit).await?;
    let shown: Vec<PatientId> = page.items.iter().map(|patient| patient.id).collect();
    Ok(plain(&ListOf::of(page, |patient| PatientView::of(patient, role))).showing(shown))
}

pub async fn get(Extract(state): Extract<State>, signed: Signed, Path(id): Path<Uuid>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let patient = store::patient::get(&mut tx, PatientId(id))
        .await?
        .ok_or(Refusal::NotFound("patient"))?;
    let view = PatientView::of(patient, signed.caller.role);
    Ok(versioned(StatusCode::OK, view.version, &view).showing([PatientId(id)]))
}

pub async fn create(acting: Acting, Body(referral): Body<Referral>) -> Answer {
    let mut act = acting.begin().await?;
    let new = NewPatient {
        nhs_number: referral.nhs_number,
        given_name: referral.given_name,
        family_name: referral.family_name,
        birth_date: referral.birth_date,
        sex: referral.sex,
        team_id: referral.team_id.map(TeamId),
        conditions: referral.conditions,
        phone: referral.phone,
        language: referral.language.unwrap_or_else(|| "en".to_owned()),
    };
    let patient = patient::refer(&mut act, new).await?;
    let view = PatientView::of(patient, acting.caller.role);
    acting
        .done(act, StatusCode::CREATED, Some(view.version), &view)
        .await
}

pub async fn change(
    acting: Acting,
    Path(id): Path<Uuid>,
    IfMatch(seen): IfMatch,
    Body(change): Body<PatientChange>,
) -> Answer {
    let mut act = acting.begin().await?;
    let correction = Correction {
        given_name: change.given_name,
        family_name: change.family_name,
        birth_date: change.birth_date,
        sex: change.sex,
        team_id: change.team_id.map(TeamId),
        conditions: change.conditions,
        phone: change.phone,
        language: change.language,
    };
    let patient = patient::correct(&mut act, PatientId(id), seen, correction).await?;
    let view = PatientView::of(patient, acting.caller.role);
    acting.done(act, StatusCode::OK, Some(view.version), &view).await
}
