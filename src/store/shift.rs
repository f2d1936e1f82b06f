//! A person may say that a unit's clock was wrong: then a session's times are moved, and each such word is kept. The
//! document stays as it was sent.

use uuid::Uuid;

use crate::domain::ids::{SessionKey, ShiftId};
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::{bigints, binds, bytes, texts, times, uuids};
use super::series::{self, SeriesReading};
use super::session::{key_columns, session_key};
use super::statement::statements;
use super::{StoreError, Tx};

/// That a person moved a session's times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftRow {
    pub id: ShiftId,
    pub key: SessionKey,
    /// Later by so many; earlier where negative; never 0.
    pub seconds: i64,
    pub reason: String,
    pub at: Instant,
    pub by: Actor,
}

/// Where a stored session's times stand after they were moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedRow {
    pub key: SessionKey,
    pub started_at: Option<Instant>,
    pub completed_at: Instant,
    pub series: Vec<SeriesReading>,
}

statements! {
    "session_shift";

    INSERT [
        id Uuid, unit_id Text, session_id Uuid, seconds Bigint, reason Text, shifted_at Time, shifted_by Uuid,
        shifted_by_name Text,
    ] = "insert into session_shift ({columns}) select {columns} from {rows}";

    ADD [unit_id Text, session_id Uuid, seconds Bigint] =
        "update session set shift_seconds = session.shift_seconds + r.seconds
         from {rows} where session.unit_id = r.unit_id and session.session_id = r.session_id";

    MOVE [unit_id Text, session_id Uuid, started_at Time, completed_at Time, series Bytes] =
        "update session set started_at = r.started_at, completed_at = r.completed_at, series = r.series
         from {rows} where session.unit_id = r.unit_id and session.session_id = r.session_id";

    OF_SESSIONS [unit_id Text, session_id Uuid] =
        "select t.id, t.unit_id, t.session_id, t.seconds, t.reason, t.shifted_at, t.shifted_by, t.shifted_by_name
         from {rows} {each} session_shift {such_that} t.unit_id = r.unit_id and t.session_id = r.session_id {end_each}
         order by t.shifted_at, t.id";
}

/// Keeps what was said, and has the documents read by it from now on. The sessions are stored, and distinct.
pub async fn record(tx: &mut Tx, shifts: &[ShiftRow]) -> Result<(), StoreError> {
    let mut rows = vec![uuids(shifts.iter().map(|shift| shift.id.0))];
    rows.extend(key_columns(shifts.iter().map(|shift| &shift.key)));
    rows.extend([
        bigints(shifts.iter().map(|shift| shift.seconds)),
        texts(shifts.iter().map(|shift| shift.reason.as_str())),
        times(shifts.iter().map(|shift| shift.at)),
        uuids(shifts.iter().map(|shift| shift.by.id)),
        texts(shifts.iter().map(|shift| shift.by.name.as_str())),
    ]);
    tx.expect_rows(shifts.len(), &INSERT, binds![rows]).await?;
    let mut rows = key_columns(shifts.iter().map(|shift| &shift.key));
    rows.push(bigints(shifts.iter().map(|shift| shift.seconds)));
    tx.expect_rows(shifts.len(), &ADD, binds![rows]).await
}

/// Moves what is stored of the times of (distinct) sessions, as their documents are read now.
pub async fn move_times(tx: &mut Tx, moved: &[MovedRow]) -> Result<(), StoreError> {
    let series: Vec<Vec<u8>> = moved.iter().map(|row| series::encode(&row.series)).collect();
    let mut rows = key_columns(moved.iter().map(|row| &row.key));
    rows.extend([
        times(moved.iter().map(|row| row.started_at)),
        times(moved.iter().map(|row| row.completed_at)),
        bytes(series.iter().map(Vec::as_slice)),
    ]);
    tx.expect_rows(moved.len(), &MOVE, binds![rows]).await
}

/// Each time that the times of these (distinct) sessions were moved, oldest first.
pub async fn of_sessions(tx: &mut Tx, keys: &[SessionKey]) -> Result<Vec<ShiftRow>, StoreError> {
    let rows: Vec<Row> = tx.all(&OF_SESSIONS, binds![key_columns(keys.iter())]).await?;
    rows.into_iter().map(shift_row).collect()
}

type Row = (Uuid, String, Uuid, i64, String, Instant, Uuid, String);

fn shift_row(row: Row) -> Result<ShiftRow, StoreError> {
    let (id, unit, session_id, seconds, reason, at, by, name) = row;
    Ok(ShiftRow {
        id: id.into(),
        key: session_key(&unit, session_id)?,
        seconds,
        reason,
        at,
        by: Actor { id: by, name },
    })
}
