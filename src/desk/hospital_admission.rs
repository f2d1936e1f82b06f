//! A stay in a hospital is what parameters are measured by, so it is never taken away: one that never was is marked as entered
//! in error. It stops nothing: what is due while the patient is in says the pause.

use serde_json::json;

use crate::domain::hospital::{AdmissionCause, AdmissionKind, HospitalAdmission};
use crate::domain::ids::{HospitalAdmissionId, PatientId};
use crate::domain::patient::Patient;
use crate::domain::time::Instant;
use crate::store::{self, StoreError};

use super::audit::{self, Subject};
use super::edit::Edit;
use super::patient::current;
use super::{Act, Form, Refusal};

/// A stay to be recorded.
#[derive(Debug, Clone)]
pub struct NewAdmission {
    pub admitted_at: Instant,
    /// `None` while the patient is in.
    pub discharged_at: Option<Instant>,
    pub kind: AdmissionKind,
    pub cause: AdmissionCause,
    pub note: Option<String>,
}

/// What may be corrected; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct Correction {
    pub admitted_at: Option<Instant>,
    pub discharged_at: Edit<Instant>,
    pub kind: Option<AdmissionKind>,
    pub cause: Option<AdmissionCause>,
    pub note: Edit<String>,
    pub entered_in_error: Option<bool>,
}

/// Records a stay.
pub async fn record(
    act: &mut Act,
    patient: PatientId,
    new: NewAdmission,
) -> Result<HospitalAdmission, Refusal> {
    let person = current(act, patient, None).await?;
    let others = store::hospital_admission::of(&mut act.tx, &[patient]).await?;
    let admission = HospitalAdmission {
        id: act.id(),
        patient_id: patient,
        admitted_at: new.admitted_at,
        discharged_at: new.discharged_at,
        kind: new.kind,
        cause: new.cause,
        note: new.note,
        entered_in_error: false,
        recorded_by: act.caller.actor.clone(),
        recorded_at: act.now,
        version: 1,
    };
    let admission = sound(admission, &person, &others, act.now)?;
    store::hospital_admission::insert(&mut act.tx, &admission)
        .await
        .map_err(overlap)?;
    let subject = Subject::new("hospital_admission", admission.id, Some(patient));
    let detail = json!({
        "admitted_at": admission.admitted_at,
        "discharged_at": admission.discharged_at,
        "kind": admission.kind,
        "cause": admission.cause,
    });
    audit::record(act, "hospital_admission.record", subject, detail).await?;
    Ok(admission)
}

/// Corrects a stay, ends it, or says that it was entered in error.
pub async fn correct(
    act: &mut Act,
    patient: PatientId,
    id: HospitalAdmissionId,
    seen_version: i64,
    correction: Correction,
) -> Result<HospitalAdmission, Refusal> {
    let person = current(act, patient, None).await?;
    let others = store::hospital_admission::of(&mut act.tx, &[patient]).await?;
    let Some(before) = others.iter().find(|one| one.id == id).cloned() else {
        return Err(Refusal::NotFound("hospital admission"));
    };
    if before.version != seen_version {
        return Err(Refusal::Stale {
            current: before.version,
        });
    }
    let corrected = HospitalAdmission {
        admitted_at: correction.admitted_at.unwrap_or(before.admitted_at),
        discharged_at: correction.discharged_at.over(before.discharged_at),
        kind: correction.kind.unwrap_or(before.kind),
        cause: correction.cause.unwrap_or(before.cause),
        note: correction.note.over(before.note.clone()),
        entered_in_error: correction.entered_in_error.unwrap_or(before.entered_in_error),
        version: seen_version + 1,
        ..before.clone()
    };
    let corrected = sound(corrected, &person, &others, act.now)?;
    if !store::hospital_admission::update(&mut act.tx, &corrected, seen_version)
        .await
        .map_err(overlap)?
    {
        return Err(Refusal::Stale {
            current: seen_version + 1,
        });
    }
    let subject = Subject::new("hospital_admission", id, Some(patient));
    let detail = json!({
        "changed": changed(&before, &corrected),
        "admitted_at": corrected.admitted_at,
        "discharged_at": corrected.discharged_at,
        "entered_in_error": corrected.entered_in_error,
    });
    audit::record(act, "hospital_admission.correct", subject, detail).await?;
    Ok(corrected)
}

/// The stay with its note trimmed; or every fault, with its place.
fn sound(
    mut admission: HospitalAdmission,
    person: &Patient,
    others: &[HospitalAdmission],
    now: Instant,
) -> Result<HospitalAdmission, Refusal> {
    let mut form = Form::default();
    admission.note = admission.note.map(|note| form.note("/note", &note));
    let in_future = "lies in the future: record it when it has happened";
    if now < admission.admitted_at {
        form.fault("/admitted_at", "in_future", in_future);
    }
    if admission.admitted_at.date_naive() < person.birth_date {
        form.fault("/admitted_at", "before_birth", "lies before the patient's birth");
    }
    if let Some(discharged) = admission.discharged_at {
        if now < discharged {
            form.fault("/discharged_at", "in_future", in_future);
        }
        if discharged <= admission.admitted_at {
            let detail = "the stay must end after it begins";
            form.fault("/discharged_at", "not_after_admission", detail);
        }
    }
    form.check()?;
    let overlapped = others
        .iter()
        .find(|other| other.id != admission.id && other.overlaps(&admission));
    match overlapped {
        None => Ok(admission),
        Some(other) => Err(Refusal::Taken {
            // Whichever of its ends lies in the other one.
            at: if other.admitted_at <= admission.admitted_at {
                "/admitted_at"
            } else {
                "/discharged_at"
            },
            detail: format!(
                "the patient was in hospital from {} {} already",
                shown(other.admitted_at),
                other
                    .discharged_at
                    .map_or("on".to_owned(), |discharged| format!("to {}", shown(discharged)))
            ),
        }),
    }
}

fn shown(at: Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn overlap(error: StoreError) -> Refusal {
    match error {
        StoreError::Taken { .. } => Refusal::Taken {
            at: "/admitted_at",
            detail: "the patient is in hospital already".to_owned(),
        },
        other => other.into(),
    }
}

/// Names of what differs; a note is never among the values.
fn changed(before: &HospitalAdmission, after: &HospitalAdmission) -> Vec<&'static str> {
    [
        ("admitted_at", before.admitted_at != after.admitted_at),
        ("discharged_at", before.discharged_at != after.discharged_at),
        ("kind", before.kind != after.kind),
        ("cause", before.cause != after.cause),
        ("note", before.note != after.note),
        (
            "entered_in_error",
            before.entered_in_error != after.entered_in_error,
        ),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
