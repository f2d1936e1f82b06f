//! A patient has one running episode at most; each step is taken once, so a second try changes no row and says so.

use uuid::Uuid;

use crate::domain::ids::{EpisodeId, PatientId};
use crate::domain::patient::{Episode, Stage};
use crate::domain::time::Instant;

use super::bind::{binds, uuids};
use super::statement::statements;
use super::{StoreError, Tx};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, patient_id, referred_at, admitted_from, discharged_at, discharge_reason from episode ",
            $rest
        )
    };
}

statements! {
    "episode";

    INSERT = "insert into episode (id, patient_id, referred_at, admitted_from, discharged_at, discharge_reason)
              values ($1, $2, $3, $4, $5, $6)";

    RUNNING = select!("where patient_id = $1 and discharged_at is null");

    OF [patient_id Uuid] =
        select!("where patient_id {one_of_rows} order by patient_id, referred_at, id");

    ADMIT = "update episode set admitted_from = $2 where id = $1 and admitted_from is null and discharged_at is null";

    DISCHARGE = "update episode set discharged_at = $2, discharge_reason = $3 where id = $1 and discharged_at is null";
}

/// [`StoreError::Taken`] where the patient has a running episode.
pub async fn insert(tx: &mut Tx, episode: &Episode) -> Result<(), StoreError> {
    let (from, at, reason) = match &episode.stage {
        Stage::Referred => (None, None, None),
        Stage::Admitted { from } => (Some(*from), None, None),
        Stage::Discharged { from, at, reason } => (*from, Some(*at), Some(reason.as_str())),
    };
    let binds = binds![
        episode.id.0,
        episode.patient_id.0,
        episode.referred_at,
        from,
        at,
        reason
    ];
    tx.expect_rows(1, &INSERT, binds).await
}

pub async fn running(tx: &mut Tx, patient: PatientId) -> Result<Option<Episode>, StoreError> {
    Ok(tx.optional(&RUNNING, binds![patient.0]).await?.map(episode))
}

/// By patient, oldest first.
pub async fn of(tx: &mut Tx, patients: &[PatientId]) -> Result<Vec<Episode>, StoreError> {
    let rows: Vec<Row> = tx
        .all(&OF, binds![vec![uuids(patients.iter().map(|id| id.0))]])
        .await?;
    Ok(rows.into_iter().map(episode).collect())
}

/// False where the episode is admitted or discharged already.
pub async fn admit(tx: &mut Tx, id: EpisodeId, from: Instant) -> Result<bool, StoreError> {
    tx.swapped(&ADMIT, binds![id.0, from]).await
}

/// False where the episode is discharged already.
pub async fn discharge(tx: &mut Tx, id: EpisodeId, at: Instant, reason: &str) -> Result<bool, StoreError> {
    tx.swapped(&DISCHARGE, binds![id.0, at, reason]).await
}

type Row = (
    Uuid,
    Uuid,
    Instant,
    Option<Instant>,
    Option<Instant>,
    Option<String>,
);

fn episode((id, patient_id, referred_at, from, discharged_at, reason): Row) -> Episode {
    let stage = match (from, discharged_at, reason) {
        // The table's check lets no discharge be without its reason.
        (from, Some(at), reason) => Stage::Discharged {
            from,
            at,
            reason: reason.unwrap_or_default(),
        },
        (Some(from), None, _) => Stage::Admitted { from },
        (None, None, _) => Stage::Referred,
    };
    Episode {
        id: id.into(),
        patient_id: patient_id.into(),
        referred_at,
        stage,
    }
}
