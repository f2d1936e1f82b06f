//! Sessions as people see them, whole: the other half of `session`, which judging uses.

use std::collections::HashMap;

use uuid::Uuid;

use crate::domain::ids::{PatientId, ReadingId, SessionKey, UnitId};
use crate::domain::session::Trigger;
use crate::domain::time::Instant;

use super::bind::{Bind, binds, uuids};
use super::page::{Cursor, Page, far_future, micros, part};
use super::series::SeriesReading;
use super::session::{Document, key_columns, series_of, session_key, trigger_of};
use super::statement::statements;
use super::{StoreError, Tx};

/// Sorts after every unit id.
const NO_UNIT: &str = "~";

/// A stored session with its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSession {
    pub key: SessionKey,
    pub patient_id: Option<PatientId>,
    pub trigger: Trigger,
    pub started_at: Option<Instant>,
    pub completed_at: Instant,
    pub received_at: Instant,
    /// The other times here stand moved already where a person moved those in it.
    pub document: Document,
    pub series: Vec<SeriesReading>,
    pub plan_version: Option<i64>,
    /// Whether a person decided on one of its readings.
    pub was_decided: bool,
    /// Whether a person moved its times, were it back to where they were.
    pub was_moved: bool,
}

macro_rules! select {
    ($from:literal) => {
        concat!(
            "select t.unit_id, t.session_id, t.patient_id, t.trigger, t.started_at, t.completed_at, t.received_at, ",
            "t.document, t.shift_seconds, t.series, t.plan_version, ",
            // Both are rare: most pages need not ask for them at all.
            "exists (select 1 from decision d where d.unit_id = t.unit_id and d.session_id = t.session_id) as was_decided, ",
            "exists (select 1 from session_shift m where m.unit_id = t.unit_id and m.session_id = t.session_id) ",
            "as was_moved from ",
            $from
        )
    };
}

/// The page is cut first: what else is asked of a row is asked of those on it only. That a page of a long history is not
/// sorted whole needs PostgreSQL to expect many rows, and it expects few behind two bounds that it does not know: so the
/// later bound is where the list goes on, and the earlier one stands only where it was asked for.
macro_rules! list {
    ($since:literal) => {
        concat!(
            select!(
                "(select * from session t where t.patient_id = $1
                         and (t.completed_at, t.unit_id, t.session_id) < ($2, $3, $4)"
            ),
            $since,
            " order by t.completed_at desc, t.unit_id desc, t.session_id desc limit $5) t
             order by t.completed_at desc, t.unit_id desc, t.session_id desc"
        )
    };
}

statements! {
    "session";

    LIST = list!("");

    LIST_SINCE = list!(" and t.completed_at >= $6");

    OF_UNIT = select!("session t where t.unit_id = $1 and t.completed_at >= $2 and t.completed_at < $3
                       order by t.completed_at, t.session_id");

    GET [unit_id Text, session_id Uuid] =
        select!("{rows} {each} session {such_that} t.unit_id = r.unit_id and t.session_id = r.session_id {end_each}");

    RECENT = "select t.unit_id, t.session_id, t.received_at, t.series from session t
              where (t.received_at, t.unit_id, t.session_id) < ($1, $2, $3)
              order by t.received_at desc, t.unit_id desc, t.session_id desc limit $4";

    LATEST [patient_id Uuid] =
        "select r.patient_id, (select max(t.completed_at) from session t where t.patient_id = r.patient_id) from {rows}";
}

/// A patient's sessions completed from `from` (included) to `to` (excluded), newest first.
pub async fn list(
    tx: &mut Tx,
    patient: PatientId,
    (from, to): (Option<Instant>, Option<Instant>),
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<ShownSession>, StoreError> {
    let end = to.map_or_else(
        || (far_future(), NO_UNIT.to_owned(), Uuid::max()),
        |to| (to, String::new(), Uuid::nil()),
    );
    let (at, unit, session) = match after {
        None => end,
        Some(cursor) => {
            let [at, unit, session] = cursor.parts()?;
            let left_off = (micros(at)?, part::<UnitId>(unit)?.to_string(), part(session)?);
            left_off.min(end)
        }
    };
    let mut binds = vec![
        Bind::from(patient.0),
        at.into(),
        (&unit).into(),
        session.into(),
        (i64::from(limit) + 1).into(),
    ];
    binds.extend(from.map(Bind::from));
    let statement = if from.is_some() { &LIST_SINCE } else { &LIST };
    let rows: Vec<Row> = tx.all(statement, &binds).await?;
    let sessions = rows.into_iter().map(shown).collect::<Result<_, _>>()?;
    Ok(Page::cut(sessions, limit, cursor_after))
}

/// Where [`list`] goes on after this session.
pub fn cursor_after(last: &ShownSession) -> Cursor {
    Cursor::of(&[
        &last.completed_at.timestamp_micros(),
        &last.key.unit_id,
        &last.key.session_id,
    ])
}

/// A unit's sessions completed from `from` (included) to `to` (excluded), whoever's they are, oldest first: those that
/// change hands with an assignment.
pub async fn of_unit(
    tx: &mut Tx,
    unit: &UnitId,
    from: Instant,
    to: Option<Instant>,
) -> Result<Vec<ShownSession>, StoreError> {
    let rows: Vec<Row> = tx
        .all(&OF_UNIT, binds![unit, from, to.unwrap_or_else(far_future)])
        .await?;
    rows.into_iter().map(shown).collect()
}

/// Those of the sessions that are stored.
pub async fn of(tx: &mut Tx, keys: &[SessionKey]) -> Result<Vec<ShownSession>, StoreError> {
    let rows: Vec<Row> = tx.all(&GET, binds![key_columns(keys.iter())]).await?;
    rows.into_iter().map(shown).collect()
}

/// When each patient who ever had a session last completed one.
pub async fn latest_of_patients(
    tx: &mut Tx,
    patients: &[PatientId],
) -> Result<HashMap<PatientId, Instant>, StoreError> {
    let rows = vec![uuids(patients.iter().map(|patient| patient.0))];
    let rows: Vec<(Uuid, Option<Instant>)> = tx.all(&LATEST, binds![rows]).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(patient, at)| Some((patient.into(), at?)))
        .collect())
}

/// Which reading has this id. An id is a hash and cannot be read backwards, and a row for each reading would cost every
/// session a share of its speed; so sessions are gone through, last received first, a few thousand at a time: decisions
/// are nearly always about what came lately.
pub async fn find_reading(tx: &mut Tx, reading: ReadingId) -> Result<Option<(SessionKey, u16)>, StoreError> {
    const AT_ONCE: i64 = 2000;
    let (mut at, mut unit, mut session) = (far_future(), NO_UNIT.to_owned(), Uuid::max());
    loop {
        let rows: Vec<(String, Uuid, Instant, Vec<u8>)> =
            tx.all(&RECENT, binds![at, &unit, session, AT_ONCE]).await?;
        for (unit, session_id, _, series) in &rows {
            let key = session_key(unit, *session_id)?;
            let count = series_of(series, &key)?.len();
            let mut indices = (0..u16::MAX).take(count);
            if let Some(index) = indices.find(|index| ReadingId::of(&key, *index) == reading) {
                return Ok(Some((key, index)));
            }
        }
        match rows.into_iter().last() {
            Some((last_unit, last_session, last_at, _)) => {
                (at, unit, session) = (last_at, last_unit, last_session);
            }
            None => return Ok(None),
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    unit_id: String,
    session_id: Uuid,
    patient_id: Option<Uuid>,
    trigger: String,
    started_at: Option<Instant>,
    completed_at: Instant,
    received_at: Instant,
    document: String,
    shift_seconds: i64,
    series: Vec<u8>,
    plan_version: Option<i64>,
    was_decided: bool,
    was_moved: bool,
}

fn shown(row: Row) -> Result<ShownSession, StoreError> {
    let key = session_key(&row.unit_id, row.session_id)?;
    Ok(ShownSession {
        trigger: trigger_of(&row.trigger, &key)?,
        series: series_of(&row.series, &key)?,
        key,
        patient_id: row.patient_id.map(Into::into),
        started_at: row.started_at,
        completed_at: row.completed_at,
        received_at: row.received_at,
        document: Document {
            text: row.document,
            shift_seconds: row.shift_seconds,
        },
        plan_version: row.plan_version,
        was_decided: row.was_decided,
        was_moved: row.was_moved,
    })
}
