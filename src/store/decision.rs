//! Decisions are never changed: a new one counts instead, and the old one stays as the record of what was thought.

use uuid::Uuid;

use crate::domain::ids::{DecisionId, SessionKey};
use crate::domain::reading::Decision;
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::binds;
use super::session::{key_columns, session_key};
use super::statement::statements;
use super::{StoreError, Tx};

/// What a person decided about one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    pub id: DecisionId,
    pub key: SessionKey,
    pub reading_index: u16,
    pub decision: Decision,
    pub reason: String,
    pub decided_at: Instant,
    pub decided_by: Actor,
}

statements! {
    "decision";

    INSERT = "insert into decision (id, unit_id, session_id, reading_index, decision, reason, decided_at, decided_by,
                  decided_by_name)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    OF_SESSIONS [unit_id Text, session_id Uuid] =
        "select t.id, t.unit_id, t.session_id, t.reading_index, t.decision, t.reason, t.decided_at, t.decided_by,
                t.decided_by_name
         from {rows} {each} decision {such_that} t.unit_id = r.unit_id and t.session_id = r.session_id {end_each}
         order by t.decided_at, t.id";
}

pub async fn insert(tx: &mut Tx, row: &DecisionRow) -> Result<(), StoreError> {
    let binds = binds![
        row.id.0,
        &row.key.unit_id,
        row.key.session_id,
        i64::from(row.reading_index),
        row.decision.word(),
        &row.reason,
        row.decided_at,
        row.decided_by.id,
        &row.decided_by.name,
    ];
    tx.expect_rows(1, &INSERT, binds).await
}

/// Every decision about readings of these (distinct) sessions, by time and id: of each reading the last one counts.
pub async fn of_sessions(tx: &mut Tx, keys: &[SessionKey]) -> Result<Vec<DecisionRow>, StoreError> {
    let rows: Vec<Row> = tx.all(&OF_SESSIONS, binds![key_columns(keys.iter())]).await?;
    rows.into_iter().map(decision_row).collect()
}

type Row = (Uuid, String, Uuid, i64, String, String, Instant, Uuid, String);

fn decision_row(row: Row) -> Result<DecisionRow, StoreError> {
    let (id, unit, session_id, index, decision, reason, decided_at, by, name) = row;
    let fault = |column| StoreError::row("decision", column, id);
    Ok(DecisionRow {
        id: id.into(),
        key: session_key(&unit, session_id)?,
        reading_index: index.try_into().map_err(|_| fault("reading_index"))?,
        decision: Decision::from_word(&decision).ok_or_else(|| fault("decision"))?,
        reason,
        decided_at,
        decided_by: Actor { id: by, name },
    })
}
