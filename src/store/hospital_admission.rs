//! Stays never overlap: the caller checks that under the patient's lock, and the table's unique key is only the backstop.

use uuid::Uuid;

use crate::domain::hospital::{AdmissionCause, AdmissionKind, HospitalAdmission};
use crate::domain::ids::PatientId;
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::{binds, uuids};
use super::statement::statements;
use super::{StoreError, Tx};

statements! {
    "hospital_admission";

    OF [patient_id Uuid] =
        "select id, patient_id, admitted_at, discharged_at, kind, cause, note, entered_in_error, recorded_by,
                recorded_by_name, recorded_at, version
         from hospital_admission where patient_id {one_of_rows}
         order by patient_id, admitted_at, recorded_at, id";

    INSERT = "insert into hospital_admission (id, patient_id, admitted_at, discharged_at, kind, cause, note,
                  entered_in_error, recorded_by, recorded_by_name, recorded_at, version)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

    /// Who recorded it first, and when, never changes.
    UPDATE = "update hospital_admission set admitted_at = $3, discharged_at = $4, kind = $5, cause = $6, note = $7,
                  entered_in_error = $8, version = $2 + 1
              where id = $1 and version = $2";
}

/// Every stay on record, those entered in error too; by patient, the oldest first.
pub async fn of(tx: &mut Tx, patients: &[PatientId]) -> Result<Vec<HospitalAdmission>, StoreError> {
    let rows: Vec<Row> = tx
        .all(&OF, binds![vec![uuids(patients.iter().map(|id| id.0))]])
        .await?;
    rows.into_iter().map(admission).collect()
}

/// [`StoreError::Taken`] where the patient is in already.
pub async fn insert(tx: &mut Tx, new: &HospitalAdmission) -> Result<(), StoreError> {
    let binds = binds![
        new.id.0,
        new.patient_id.0,
        new.admitted_at,
        new.discharged_at,
        new.kind.word(),
        new.cause.word(),
        new.note.as_deref(),
        new.entered_in_error,
        new.recorded_by.id,
        &new.recorded_by.name,
        new.recorded_at,
        new.version,
    ];
    tx.expect_rows(1, &INSERT, binds).await
}

/// Writes the stay over the version that the writer saw; false where another came first. The stored version becomes
/// `seen_version` + 1, whatever `admission.version` says.
pub async fn update(
    tx: &mut Tx,
    admission: &HospitalAdmission,
    seen_version: i64,
) -> Result<bool, StoreError> {
    let binds = binds![
        admission.id.0,
        seen_version,
        admission.admitted_at,
        admission.discharged_at,
        admission.kind.word(),
        admission.cause.word(),
        admission.note.as_deref(),
        admission.entered_in_error,
    ];
    tx.swapped(&UPDATE, binds).await
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    patient_id: Uuid,
    admitted_at: Instant,
    discharged_at: Option<Instant>,
    kind: String,
    cause: String,
    note: Option<String>,
    entered_in_error: bool,
    recorded_by: Uuid,
    recorded_by_name: String,
    recorded_at: Instant,
    version: i64,
}

fn admission(row: Row) -> Result<HospitalAdmission, StoreError> {
    let fault = |column| StoreError::row("hospital_admission", column, row.id);
    Ok(HospitalAdmission {
        id: row.id.into(),
        patient_id: row.patient_id.into(),
        admitted_at: row.admitted_at,
        discharged_at: row.discharged_at,
        kind: AdmissionKind::from_word(&row.kind).ok_or_else(|| fault("kind"))?,
        cause: AdmissionCause::from_word(&row.cause).ok_or_else(|| fault("cause"))?,
        note: row.note,
        entered_in_error: row.entered_in_error,
        recorded_by: Actor {
            id: row.recorded_by,
            name: row.recorded_by_name,
        },
        recorded_at: row.recorded_at,
        version: row.version,
    })
}
