//! Conditions and pregnancy are clinical detail: an administrator, who only assigns units, is not told them.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::ListOf;
use crate::desk::edit::Edit;
use crate::desk::patient::{self, Correction, NewPatient};
use crate::desk::{Refusal, news2};
use crate::domain::ids::{PatientId, StaffId, TeamId};
use crate::domain::patient::{Condition, Patient, PatientStatus, Sex};
use crate::domain::staff::Role;
use crate::domain::time::Instant;
use crate::store::plan_put::VersionKey;
use crate::store::staff::Staff;
use crate::store::{self, StoreError, Tx};
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain, versioned};
use crate::web::extract::{Body, IfMatch, Path, Query};
use crate::web::guard::Signed;
use crate::web::looking::Showing as _;
use crate::web::problem::Problem;
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
    /// Null where it is not on record, which is not the same as no. Absent for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>, required = false)]
    pub pregnant: Option<Option<bool>>,
    pub named_clinician_id: Option<Uuid>,
    /// Who that is; whose the marks in the parameters are to confirm.
    pub named_clinician: Option<NamedClinicianView>,
    /// What of the parameters does not fit what is on record. Absent for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<PatientProblem>>,
    pub phone: Option<String>,
    pub language: String,
    pub status: PatientStatus,
    pub version: i64,
    #[serde(serialize_with = "write")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "write")]
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NamedClinician)]
pub struct NamedClinicianView {
    pub id: Uuid,
    pub name: String,
    /// Whether they may confirm now; where not, anybody may who may at all.
    pub active: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PatientProblem {
    /// `news2_in_pregnancy`.
    pub code: &'static str,
    /// Of the parameters, in force or to come.
    pub plan_version: i64,
    pub detail: &'static str,
}

/// These patients as they are shown to somebody of this role.
async fn views(
    tx: &mut Tx,
    patients: Vec<Patient>,
    (role, now): (Role, Instant),
) -> Result<Vec<PatientView>, StoreError> {
    let pregnant = |patient: &&Patient| patient.pregnant == Some(true);
    let pregnant: Vec<PatientId> = patients.iter().filter(pregnant).map(|one| one.id).collect();
    let misfits = match pregnant.as_slice() {
        [] => Vec::new(),
        some => news2::out_of_place(tx, some, now).await?,
    };
    let mut named: Vec<StaffId> = patients.iter().filter_map(|one| one.named_clinician_id).collect();
    named.sort_unstable();
    named.dedup();
    let named = match named.as_slice() {
        [] => Vec::new(),
        some => store::staff::of(tx, some).await?,
    };
    Ok(patients
        .into_iter()
        .map(|patient| PatientView::of(patient, role, (&named, &misfits)))
        .collect())
}

/// One patient as they are shown to somebody of this role.
pub(super) async fn one(
    tx: &mut Tx,
    patient: Patient,
    shown: (Role, Instant),
) -> Result<PatientView, Problem> {
    let view = views(tx, vec![patient], shown).await?.pop();
    view.ok_or_else(|| Problem::internal(&"a patient who was read is gone"))
}

impl PatientView {
    fn of(patient: Patient, role: Role, (staff, misfits): (&[Staff], &[VersionKey])) -> Self {
        let is_told = role != Role::Administrator;
        let named = staff
            .iter()
            .find(|staff| Some(staff.id) == patient.named_clinician_id);
        let problem = |(_, version): &VersionKey| PatientProblem {
            code: news2::IN_PREGNANCY,
            plan_version: *version,
            detail: "the parameters score NEWS2, which is not for use in pregnancy: put a version without it",
        };
        let misfits = misfits.iter().filter(|(of, _)| *of == patient.id);
        Self {
            id: patient.id.0,
            nhs_number: patient.nhs_number.as_str().to_owned(),
            given_name: patient.given_name,
            family_name: patient.family_name,
            birth_date: patient.birth_date,
            sex: patient.sex,
            team_id: patient.team_id.map(|team| team.0),
            conditions: is_told.then_some(patient.conditions),
            pregnant: is_told.then_some(patient.pregnant),
            named_clinician_id: patient.named_clinician_id.map(|named| named.0),
            named_clinician: named.map(|named| NamedClinicianView {
                id: named.id.0,
                name: named.name.clone(),
                active: named.reviews(),
            }),
            problems: is_told.then(|| misfits.map(problem).collect()),
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
    /// Null where it is not known.
    pregnant: Option<bool>,
    /// Whose marks in the parameters are to confirm: an active specialist nurse or responding clinician.
    named_clinician_id: Option<Uuid>,
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
    /// Null says that it is not known. True is taken also while parameters score NEWS2, and `problems` says so.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pregnant: Edit<bool>,
    /// Null takes the naming away.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    named_clinician_id: Edit<Uuid>,
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
    let next_cursor = page.next.map(|cursor| cursor.as_str().to_owned());
    let items = views(&mut tx, page.items, (role, state.desk.clock.now())).await?;
    Ok(plain(&ListOf { items, next_cursor }).showing(shown))
}

pub async fn get(Extract(state): Extract<State>, signed: Signed, Path(id): Path<Uuid>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let patient = store::patient::get(&mut tx, PatientId(id))
        .await?
        .ok_or(Refusal::NotFound("patient"))?;
    let view = one(&mut tx, patient, (signed.caller.role, state.desk.clock.now())).await?;
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
        pregnant: referral.pregnant,
        named_clinician_id: referral.named_clinician_id.map(StaffId),
        phone: referral.phone,
        language: referral.language.unwrap_or_else(|| "en".to_owned()),
    };
    let patient = patient::refer(&mut act, new).await?;
    let shown = (acting.caller.role, act.now);
    let view = one(&mut act.tx, patient, shown).await?;
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
        pregnant: change.pregnant,
        named_clinician_id: change.named_clinician_id.map(StaffId),
        phone: change.phone,
        language: change.language,
    };
    let patient = patient::correct(&mut act, PatientId(id), seen, correction).await?;
    let shown = (acting.caller.role, act.now);
    let view = one(&mut act.tx, patient, shown).await?;
    acting.done(act, StatusCode::OK, Some(view.version), &view).await
}
