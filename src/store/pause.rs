//! Pauses of one patient never overlap: the caller checks that under the patient's lock, and the table's unique keys are
//! only the backstop.

use uuid::Uuid;

use crate::domain::ids::PatientId;
use crate::domain::pause::{Pause, PauseReason};
use crate::domain::time::Instant;

use super::bind::{binds, uuids};
use super::statement::statements;
use super::{StoreError, Tx, unit_watch};

statements! {
    "pause";

    OF [patient_id Uuid] =
        "select id, patient_id, from_at, to_at, reason, version, created_at from pause
         where patient_id {one_of_rows} order by patient_id, from_at";

    INSERT = "insert into pause (id, patient_id, from_at, to_at, reason, version, created_at)
              values ($1, $2, $3, $4, $5, $6, $7)";

    DELETE = "delete from pause where id = $1 and version = $2";

    UPDATE = "update pause set from_at = $3, to_at = $4, reason = $5, version = $2 + 1 where id = $1 and version = $2";
}

/// Every pause of each of these (distinct) patients, by patient and beginning.
pub async fn of(tx: &mut Tx, patients: &[PatientId]) -> Result<Vec<Pause>, StoreError> {
    let rows: Vec<Row> = tx
        .all(&OF, binds![vec![uuids(patients.iter().map(|id| id.0))]])
        .await?;
    rows.into_iter().map(pause).collect()
}

/// [`StoreError::Taken`] where the patient has a pause from the same time, or one without an end, already.
pub async fn insert(tx: &mut Tx, new: &Pause) -> Result<(), StoreError> {
    let binds = binds![
        new.id.0,
        new.patient_id.0,
        new.from,
        new.to,
        new.reason.word(),
        new.version,
        new.created_at
    ];
    tx.expect_rows(1, &INSERT, binds).await?;
    unit_watch::wake_units_of(tx, new.patient_id).await
}

/// Writes the pause over the version that the writer saw; false where another came first.
pub async fn update(tx: &mut Tx, pause: &Pause, seen_version: i64) -> Result<bool, StoreError> {
    let binds = binds![
        pause.id.0,
        seen_version,
        pause.from,
        pause.to,
        pause.reason.word()
    ];
    let is_ours = tx.swapped(&UPDATE, binds).await?;
    unit_watch::wake_units_of(tx, pause.patient_id).await?;
    Ok(is_ours)
}

/// Takes the pause away at the version that the writer saw; false where another came first.
pub async fn delete(tx: &mut Tx, pause: &Pause) -> Result<bool, StoreError> {
    let is_ours = tx.swapped(&DELETE, binds![pause.id.0, pause.version]).await?;
    unit_watch::wake_units_of(tx, pause.patient_id).await?;
    Ok(is_ours)
}

type Row = (Uuid, Uuid, Instant, Option<Instant>, String, i64, Instant);

fn pause((id, patient_id, from, to, reason, version, created_at): Row) -> Result<Pause, StoreError> {
    Ok(Pause {
        id: id.into(),
        patient_id: patient_id.into(),
        from,
        to,
        reason: PauseReason::from_word(&reason).ok_or_else(|| StoreError::row("pause", "reason", id))?,
        version,
        created_at,
    })
}
