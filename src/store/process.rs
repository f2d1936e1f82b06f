//! What each process of the service last said of itself, for the others and for whoever asks any of them.

use uuid::Uuid;

use crate::domain::process::{Process, ProcessState};
use crate::domain::time::Instant;

use super::bind::binds;
use super::statement::statements;
use super::{StoreError, Tx};

statements! {
    "process";

    SAY = "insert into process (process_id, name, version, started_at, state, said_at, verified_at, waiting_since)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict (process_id) do update set
               state = excluded.state, said_at = excluded.said_at, verified_at = excluded.verified_at,
               waiting_since = excluded.waiting_since";

    LIST = "select process_id, name, version, started_at, state, said_at, verified_at, waiting_since from process
            where said_at >= $1 order by said_at desc, process_id limit 200";

    RIVAL = "select max(said_at) from process where name = $1 and process_id <> $2 and state <> 'stopped' and said_at > $3";

    FORGET = "delete from process where said_at < $1";
}

pub async fn say(tx: &mut Tx, process: &Process) -> Result<(), StoreError> {
    tx.expect_rows(
        1,
        &SAY,
        binds![
            process.id,
            &process.name,
            &process.version,
            process.started_at,
            process.state.word(),
            process.said_at,
            process.verified_at,
            process.waiting_since
        ],
    )
    .await
}

/// Those that have said something since then, the latest word first; 200 at most.
pub async fn list(tx: &mut Tx, since: Instant) -> Result<Vec<Process>, StoreError> {
    let rows: Vec<Row> = tx.all(&LIST, binds![since]).await?;
    rows.into_iter().map(process).collect()
}

/// When another process last spoke under this one's name after then, and has not said that it ends.
pub async fn rival(tx: &mut Tx, process: &Process, since: Instant) -> Result<Option<Instant>, StoreError> {
    let row: Option<(Option<Instant>,)> = tx
        .optional(&RIVAL, binds![&process.name, process.id, since])
        .await?;
    Ok(row.and_then(|(at,)| at))
}

/// Deletes those that have said nothing since then; gives how many.
pub async fn forget(tx: &mut Tx, before: Instant) -> Result<u64, StoreError> {
    tx.execute(&FORGET, binds![before]).await
}

#[derive(sqlx::FromRow)]
struct Row {
    process_id: Uuid,
    name: String,
    version: String,
    started_at: Instant,
    state: String,
    said_at: Instant,
    verified_at: Option<Instant>,
    waiting_since: Option<Instant>,
}

fn process(row: Row) -> Result<Process, StoreError> {
    Ok(Process {
        state: ProcessState::from_word(&row.state)
            .ok_or_else(|| StoreError::row("process", "state", row.process_id))?,
        id: row.process_id,
        name: row.name,
        version: row.version,
        started_at: row.started_at,
        said_at: row.said_at,
        verified_at: row.verified_at,
        waiting_since: row.waiting_since,
    })
}
