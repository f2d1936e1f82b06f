//! A patient is known by the NHS number. Somebody who comes back is admitted again, not recorded again.

use chrono::NaiveDate;
use serde_json::json;

use crate::domain::ids::{EpisodeId, PatientId, StaffId, TeamId};
use crate::domain::nhs_number::NhsNumber;
use crate::domain::patient::{Condition, Episode, Patient, PatientStatus, Sex, Stage};
use crate::store::{self, StoreError};

use super::audit::{self, Subject};
use super::edit::Edit;
use super::{Act, Form, Refusal};

/// A referral.
#[derive(Debug, Clone)]
pub struct NewPatient {
    pub nhs_number: String,
    pub given_name: String,
    pub family_name: String,
    pub birth_date: NaiveDate,
    pub sex: Sex,
    pub team_id: Option<TeamId>,
    pub conditions: Vec<Condition>,
    /// `None`: not known, which is not the same as no.
    pub pregnant: Option<bool>,
    pub named_clinician_id: Option<StaffId>,
    pub phone: Option<String>,
    /// BCP 47.
    pub language: String,
}

/// What may be corrected; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct Correction {
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub birth_date: Option<NaiveDate>,
    pub sex: Option<Sex>,
    pub team_id: Edit<TeamId>,
    pub conditions: Option<Vec<Condition>>,
    pub pregnant: Edit<bool>,
    pub named_clinician_id: Edit<StaffId>,
    pub phone: Edit<String>,
    pub language: Option<String>,
}

/// Takes a referral: the record, and an episode that is not admitted yet.
pub async fn refer(act: &mut Act, new: NewPatient) -> Result<Patient, Refusal> {
    let mut form = Form::default();
    let number = form.parsed("/nhs_number", "nhs_number", new.nhs_number.parse::<NhsNumber>());
    let patient = number.map(|nhs_number| Patient {
        id: act.id(),
        nhs_number,
        given_name: new.given_name.clone(),
        family_name: new.family_name.clone(),
        birth_date: new.birth_date,
        sex: new.sex,
        team_id: new.team_id,
        conditions: new.conditions.clone(),
        pregnant: new.pregnant,
        named_clinician_id: new.named_clinician_id,
        phone: new.phone.clone(),
        language: new.language.clone(),
        status: PatientStatus::Referred,
        version: 1,
        created_at: act.now,
        updated_at: act.now,
    });
    let details = Details {
        given_name: new.given_name,
        family_name: new.family_name,
        birth_date: new.birth_date,
        team_id: new.team_id,
        conditions: new.conditions,
        phone: new.phone,
        language: new.language,
    };
    let details = details.checked(act, &mut form).await?;
    check_named(act, new.named_clinician_id, &mut form).await?;
    let patient = details.written_to(form.sound(patient)?);
    store::patient::insert(&mut act.tx, &patient)
        .await
        .map_err(|error| match error {
            StoreError::Taken { .. } => Refusal::Taken {
                at: "/nhs_number",
                detail: "a patient with this NHS number is known already".to_owned(),
            },
            other => other.into(),
        })?;
    let episode = Episode {
        id: act.id::<EpisodeId>(),
        patient_id: patient.id,
        referred_at: act.now,
        stage: Stage::Referred,
    };
    store::episode::insert(&mut act.tx, &episode).await?;
    audit::record(act, "patient.refer", Subject::patient(patient.id), json!({})).await?;
    Ok(patient)
}

/// Corrects the record; the NHS number stays, since it is whom the record is about.
pub async fn correct(
    act: &mut Act,
    id: PatientId,
    seen_version: i64,
    correction: Correction,
) -> Result<Patient, Refusal> {
    let mut patient = current(act, id, Some(seen_version)).await?;
    let before = patient.clone();
    let mut form = Form::default();
    let details = Details {
        given_name: correction.given_name.unwrap_or(patient.given_name.clone()),
        family_name: correction.family_name.unwrap_or(patient.family_name.clone()),
        birth_date: correction.birth_date.unwrap_or(patient.birth_date),
        team_id: correction.team_id.over(patient.team_id),
        conditions: correction.conditions.unwrap_or(patient.conditions.clone()),
        phone: correction.phone.over(patient.phone.clone()),
        language: correction.language.unwrap_or(patient.language.clone()),
    };
    let details = details.checked(act, &mut form).await?;
    let named = correction.named_clinician_id.over(patient.named_clinician_id);
    // Whoever has gone since may stay named: it is no reason to refuse another correction.
    if named != patient.named_clinician_id {
        check_named(act, named, &mut form).await?;
    }
    form.check()?;
    patient.named_clinician_id = named;
    patient.pregnant = correction.pregnant.over(patient.pregnant);
    patient.sex = correction.sex.unwrap_or(patient.sex);
    patient = details.written_to(patient);
    let patient = write(act, patient).await?;
    audit::record(
        act,
        "patient.correct",
        Subject::patient(id),
        json!({ "changed": changed(&before, &patient) }),
    )
    .await?;
    Ok(patient)
}

/// The record as it stands, locked; refused where the caller has seen another version.
pub(super) async fn current(
    act: &mut Act,
    id: PatientId,
    seen_version: Option<i64>,
) -> Result<Patient, Refusal> {
    store::patient::lock(&mut act.tx, &[id]).await?;
    let patient = store::patient::get(&mut act.tx, id)
        .await?
        .ok_or(Refusal::NotFound("patient"))?;
    if seen_version.is_some_and(|seen| seen != patient.version) {
        return Err(Refusal::Stale {
            current: patient.version,
        });
    }
    Ok(patient)
}

/// Writes the record over the version it was read at.
pub(super) async fn write(act: &mut Act, mut patient: Patient) -> Result<Patient, Refusal> {
    let seen = patient.version;
    patient.updated_at = act.now;
    if !store::patient::update(&mut act.tx, &patient, seen).await? {
        return Err(Refusal::Stale { current: seen + 1 });
    }
    patient.version = seen + 1;
    Ok(patient)
}

/// A named clinician is somebody who may confirm what is marked.
async fn check_named(act: &mut Act, named: Option<StaffId>, form: &mut Form) -> Result<(), Refusal> {
    let Some(named) = named else { return Ok(()) };
    match store::staff::get(&mut act.tx, named).await? {
        None => form.fault(
            "/named_clinician_id",
            "unknown_staff",
            "there is no such member of staff",
        ),
        Some(staff) if !staff.reviews() => form.fault(
            "/named_clinician_id",
            "not_a_clinician",
            "must be active, and a specialist nurse or a responding clinician",
        ),
        Some(_) => {}
    }
    Ok(())
}

/// What a referral and a correction check alike.
struct Details {
    given_name: String,
    family_name: String,
    birth_date: NaiveDate,
    team_id: Option<TeamId>,
    conditions: Vec<Condition>,
    phone: Option<String>,
    language: String,
}

impl Details {
    async fn checked(mut self, act: &mut Act, form: &mut Form) -> Result<Self, Refusal> {
        self.given_name = form.line("/given_name", &self.given_name);
        self.family_name = form.line("/family_name", &self.family_name);
        let today = act.now.date_naive();
        let oldest = today - chrono::Days::new(130 * 366);
        if self.birth_date > today || self.birth_date < oldest {
            form.fault(
                "/birth_date",
                "impossible",
                "is not the birthday of somebody alive",
            );
        }
        let mut seen = Vec::new();
        for (place, condition) in self.conditions.iter().enumerate() {
            if seen.contains(condition) {
                form.fault(&format!("/conditions/{place}"), "twice", "is given twice");
            }
            seen.push(*condition);
        }
        self.phone = self.phone.as_deref().map(|phone| {
            let phone = form.line("/phone", phone);
            let lawful = |letter: char| letter.is_ascii_digit() || " +()-.x".contains(letter);
            if !phone.chars().all(lawful) || phone.chars().filter(char::is_ascii_digit).count() < 5 {
                form.fault("/phone", "not_a_number", "is not a telephone number");
            }
            phone
        });
        let mut parts = self.language.split('-');
        let primary = parts.next().is_some_and(|part| {
            (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
        });
        let rest = parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if !primary || !rest {
            form.fault(
                "/language",
                "not_a_language",
                "is not a language tag such as en or pa-Arab",
            );
        }
        if let Some(team) = self.team_id
            && store::team::get(&mut act.tx, team).await?.is_none()
        {
            form.fault("/team_id", "unknown_team", "there is no such team");
        }
        Ok(self)
    }

    fn written_to(self, patient: Patient) -> Patient {
        Patient {
            given_name: self.given_name,
            family_name: self.family_name,
            birth_date: self.birth_date,
            team_id: self.team_id,
            conditions: self.conditions,
            phone: self.phone,
            language: self.language,
            ..patient
        }
    }
}

/// Names of what differs, never the values: the audit says what was touched, the record what it is.
fn changed(before: &Patient, after: &Patient) -> Vec<&'static str> {
    [
        ("given_name", before.given_name != after.given_name),
        ("family_name", before.family_name != after.family_name),
        ("birth_date", before.birth_date != after.birth_date),
        ("sex", before.sex != after.sex),
        ("team_id", before.team_id != after.team_id),
        ("conditions", before.conditions != after.conditions),
        ("pregnant", before.pregnant != after.pregnant),
        (
            "named_clinician_id",
            before.named_clinician_id != after.named_clinician_id,
        ),
        ("phone", before.phone != after.phone),
        ("language", before.language != after.language),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
