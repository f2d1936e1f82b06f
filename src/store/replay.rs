//! What people do with messages in quarantine. Nothing here takes one away: it is marked with what became of it.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::domain::ids::{PatientId, QuarantineId, UnitId};
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::{Column, bigints, binds, texts, uuids};
use super::quarantine::{Filter, Settled, TakenIn};
use super::statement::statements;
use super::{StoreError, Tx};

/// A message as it lies there, for whoever takes it in again.
#[derive(Debug, Clone)]
pub struct Kept {
    pub id: QuarantineId,
    pub received_at: Instant,
    pub topic: String,
    pub patient_id: Option<PatientId>,
    pub reason: String,
    pub payload: Vec<u8>,
    pub waits: bool,
}

statements! {
    "quarantine";

    OPEN_FROM = "select id, received_at from quarantine
                 where state = 'waiting' and (reason = $1 or $1 is null) and (unit_id = $2 or $2 is null)
                     and (received_at, id) > ($3, $4) order by received_at, id limit $5";

    KEPT [id Uuid] =
        "select id, received_at, topic, patient_id, reason, payload, state from quarantine
         where id {one_of_rows} order by received_at, id";

    LOCK [id Uuid] =
        "select id, state from quarantine where id {one_of_rows} order by id {for_update}";

    DISMISS = "update quarantine set state = 'dismissed', decided_by = $2, decided_by_name = $3, decided_at = $4,
                   decision_reason = $5
               where id = $1 and state = 'waiting'";

    TAKEN_IN [id Uuid, outcome Text, stored_unit_id Text, stored_session_id Uuid, shift_seconds Bigint, decision_reason Text] =
        "update quarantine set state = 'replayed', decided_by = $1, decided_by_name = $2, decided_at = $3,
             decision_reason = r.decision_reason, outcome = r.outcome, stored_unit_id = r.stored_unit_id,
             stored_session_id = r.stored_session_id, shift_seconds = r.shift_seconds
         from {rows} where quarantine.id = r.id and quarantine.state = 'waiting'";

    TRIED [id Uuid, reason Text, problems Text] =
        "update quarantine set tries = quarantine.tries + 1, tried_by = $1, tried_by_name = $2, tried_at = $3,
             tried_reason = r.reason, tried_problems = r.problems
         from {rows} where quarantine.id = r.id and quarantine.state = 'waiting'";
}

/// Those that wait, oldest first, from after that one on: for whoever goes through all of them. `filter.standing` is passed over.
pub async fn open_from(
    tx: &mut Tx,
    filter: &Filter,
    after: Option<(Instant, QuarantineId)>,
    limit: u32,
) -> Result<Vec<(Instant, QuarantineId)>, StoreError> {
    let (at, id) = after.map_or((Instant::UNIX_EPOCH, Uuid::nil()), |(at, id)| (at, id.0));
    let reason = filter.reason.as_deref();
    let unit = filter.unit_id.as_ref().map(UnitId::as_str);
    let rows: Vec<(Uuid, Instant)> = tx
        .all(&OPEN_FROM, binds![reason, unit, at, id, i64::from(limit)])
        .await?;
    Ok(rows.into_iter().map(|(id, at)| (at, id.into())).collect())
}

/// Those of the (distinct) messages that there are, with their bytes, in the order in which they came.
pub async fn kept(tx: &mut Tx, ids: &[QuarantineId]) -> Result<Vec<Kept>, StoreError> {
    let rows: Vec<KeptRow> = tx.all(&KEPT, binds![id_rows(ids)]).await?;
    Ok(rows
        .into_iter()
        .map(|(id, received_at, topic, patient, reason, payload, state)| Kept {
            id: id.into(),
            received_at,
            topic,
            patient_id: patient.map(Into::into),
            reason,
            payload,
            waits: state == "waiting",
        })
        .collect())
}

/// Keeps others from dealing with the messages until the transaction ends; gives those that still wait. Messages are
/// locked after units and patients, as ingest sets them aside.
pub async fn lock(tx: &mut Tx, ids: &[QuarantineId]) -> Result<BTreeSet<QuarantineId>, StoreError> {
    let rows: Vec<(Uuid, String)> = tx.all(&LOCK, binds![id_rows(ids)]).await?;
    let waiting = rows.into_iter().filter(|(_, state)| state == "waiting");
    Ok(waiting.map(|(id, _)| id.into()).collect())
}

/// Writes that a person has dismissed it; false where it does not wait.
pub async fn dismiss(tx: &mut Tx, id: QuarantineId, settled: &Settled) -> Result<bool, StoreError> {
    let Settled { by, at, reason } = settled;
    tx.swapped(&DISMISS, binds![id.0, by.id, &by.name, *at, reason])
        .await
}

/// Writes that (distinct) waiting messages were taken in, each for its reason. The caller has locked them.
pub async fn taken_in(
    tx: &mut Tx,
    cases: &[(QuarantineId, TakenIn, &str)],
    (by, at): (&Actor, Instant),
) -> Result<(), StoreError> {
    let outcome = |duplicate| if duplicate { "duplicate" } else { "stored" };
    let taken = || cases.iter().map(|(_, taken, _)| taken);
    let rows = vec![
        uuids(cases.iter().map(|(id, _, _)| id.0)),
        texts(taken().map(|taken| outcome(taken.duplicate))),
        texts(taken().map(|taken| taken.key.unit_id.as_str())),
        uuids(taken().map(|taken| taken.key.session_id)),
        bigints(taken().map(|taken| taken.shift_seconds)),
        texts(cases.iter().map(|(_, _, reason)| *reason)),
    ];
    tx.expect_rows(cases.len(), &TAKEN_IN, binds![by.id, &by.name, at, rows])
        .await
}

/// Counts a try of (distinct) waiting messages that was refused; of each the reason's code, and problems as JSON text.
/// The caller has locked them.
pub async fn tried(
    tx: &mut Tx,
    cases: &[(QuarantineId, &str, String)],
    (by, at): (&Actor, Instant),
) -> Result<(), StoreError> {
    let rows = vec![
        uuids(cases.iter().map(|(id, _, _)| id.0)),
        texts(cases.iter().map(|(_, reason, _)| *reason)),
        texts(cases.iter().map(|(_, _, problems)| problems.as_str())),
    ];
    tx.expect_rows(cases.len(), &TRIED, binds![by.id, &by.name, at, rows])
        .await
}

fn id_rows(ids: &[QuarantineId]) -> Vec<Column<'_>> {
    vec![uuids(ids.iter().map(|id| id.0))]
}

type KeptRow = (Uuid, Instant, String, Option<Uuid>, String, Vec<u8>, String);
