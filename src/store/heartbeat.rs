//! A process beats while it is subscribed and can commit. When none did for a while, the first beat after the gap writes
//! the gap down: due times in it are not held against patients.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::time::Instant;

use super::bind::binds;
use super::statement::statements;
use super::{StoreError, Tx};

/// A longer gap between beats, of all processes together, is an outage (engine.md, "Compliance").
pub const OUTAGE: TimeDelta = TimeDelta::minutes(2);

/// A time when no process took sessions in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    pub from: Instant,
    pub to: Instant,
}

/// Whose beat it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub id: Uuid,
    pub kind: String,
    pub started_at: Instant,
}

statements! {
    "heartbeat";

    /// Two processes that wake up together find the same gap.
    NOTE_GAP = "insert into ingest_outage (from_at, to_at) select max(at), $1 from heartbeat having max(at) < $2
                on conflict (from_at) do nothing";

    BEAT = "insert into heartbeat (process_id, kind, started_at, at) values ($1, $2, $3, $4)
            on conflict (process_id) do update set
                at = case when excluded.at > heartbeat.at then excluded.at else heartbeat.at end";

    NEWEST = "select max(at) from heartbeat";

    OUTAGES = "select from_at, to_at from ingest_outage where to_at > $1 and from_at < $2 order by from_at";

    FORGET = "delete from heartbeat where at < $1 and at < (select max(at) from heartbeat)";
}

/// Records a beat and, where it ends an outage, the outage. In a transaction of its own, so that it says that one can commit.
pub async fn beat(tx: &mut Tx, process: &Process, now: Instant) -> Result<(), StoreError> {
    tx.execute(&NOTE_GAP, binds![now, now - OUTAGE]).await?;
    tx.expect_rows(
        1,
        &BEAT,
        binds![process.id, &process.kind, process.started_at, now],
    )
    .await
}

/// The last beat of any process; `None` before the first.
pub async fn newest(tx: &mut Tx) -> Result<Option<Instant>, StoreError> {
    let row: Option<(Option<Instant>,)> = tx.optional(&NEWEST, binds![]).await?;
    Ok(row.and_then(|(at,)| at))
}

/// The outages that overlap the time, oldest first; one that still goes on is not among them, see [`newest`].
pub async fn outages(tx: &mut Tx, from: Instant, to: Instant) -> Result<Vec<Outage>, StoreError> {
    let rows: Vec<(Instant, Instant)> = tx.all(&OUTAGES, binds![from, to]).await?;
    Ok(rows.into_iter().map(|(from, to)| Outage { from, to }).collect())
}

/// Deletes processes long gone; the last beat of all stays. Gives how many.
pub async fn forget(tx: &mut Tx, before: Instant) -> Result<u64, StoreError> {
    tx.execute(&FORGET, binds![before]).await
}
