//! Whose a stored session is may change; what it says may not.

use crate::domain::ids::{PatientId, SessionKey, UnitId};

use super::bind::{binds, uuids};
use super::session::key_columns;
use super::statement::statements;
use super::{StoreError, Tx};

statements! {
    "session";

    HAND_OVER [unit_id Text, session_id Uuid, patient_id Uuid] =
        "update session set patient_id = r.patient_id
         from {rows} where session.unit_id = r.unit_id and session.session_id = r.session_id";

    NEWEST_SEQ = "select max(seq) from session where unit_id = $1";
}

/// Gives each session to the patient named, or to nobody.
pub async fn hand_over(tx: &mut Tx, moved: &[(SessionKey, Option<PatientId>)]) -> Result<(), StoreError> {
    let mut rows = key_columns(moved.iter().map(|(key, _)| key));
    rows.push(uuids(
        moved.iter().map(|(_, patient)| patient.map(|patient| patient.0)),
    ));
    tx.expect_rows(moved.len(), &HAND_OVER, binds![rows]).await
}

/// The highest sequence number that the unit has sent.
pub async fn newest_seq(tx: &mut Tx, unit: &UnitId) -> Result<Option<i64>, StoreError> {
    let row: Option<(Option<i64>,)> = tx.optional(&NEWEST_SEQ, binds![unit]).await?;
    Ok(row.and_then(|(seq,)| seq))
}
