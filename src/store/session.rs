//! Documents are written once and read only when a session is judged again or shown; judging's past is `series` alone.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::ids::{PatientId, SessionKey};
use crate::domain::session::Trigger;
use crate::domain::time::Instant;

use super::bind::{Column, bigints, binds, bools, bytes, texts, times, uuids};
use super::series::{self, SeriesReading};
use super::statement::statements;
use super::unit::unit_id;
use super::{StoreError, Tx};

/// A session as it is first stored, judged or not.
#[derive(Debug, Clone)]
pub struct SessionRow {
    pub key: SessionKey,
    /// Whom the unit was assigned to at `completed_at`.
    pub patient_id: Option<PatientId>,
    pub trigger: Trigger,
    pub seq: Option<i64>,
    pub started_at: Option<Instant>,
    pub completed_at: Instant,
    pub received_at: Instant,
    pub content_hash: [u8; 32],
    /// The payload as received.
    pub document: Arc<str>,
    pub series: Vec<SeriesReading>,
    /// JSON text: which rules fired.
    pub fired: String,
    pub plan_version: Option<i64>,
    /// A reading counts, by a person's decision, although it was taken outside the session.
    pub out_of_time: bool,
}

/// What judging a stored session again changes in it.
#[derive(Debug, Clone)]
pub struct JudgedRow {
    pub key: SessionKey,
    pub patient_id: Option<PatientId>,
    pub series: Vec<SeriesReading>,
    pub fired: String,
    pub plan_version: Option<i64>,
    pub out_of_time: bool,
}

/// A stored session as the past of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    pub patient_id: PatientId,
    pub key: SessionKey,
    pub trigger: Trigger,
    pub completed_at: Instant,
    pub received_at: Instant,
    pub series: Vec<SeriesReading>,
    pub fired: String,
    pub plan_version: Option<i64>,
    pub out_of_time: bool,
}

statements! {
    "session";

    KNOWN [unit_id Text, session_id Uuid] =
        "select t.unit_id, t.session_id, t.content_hash
         from {rows} {each} session {such_that} t.unit_id = r.unit_id and t.session_id = r.session_id {end_each}";

    INSERT [
        unit_id Text, session_id Uuid, patient_id Uuid, trigger Text, seq Bigint, started_at Time, completed_at Time,
        received_at Time, content_hash Bytes, document Text, series Bytes, fired Text, plan_version Bigint, out_of_time Bool,
    ] = "insert into session ({columns}) select {columns} from {rows}";

    /// A session outside the window still matters where one of its readings, by decision, lies inside.
    HISTORY [patient_id Uuid, since Time] =
        "select t.unit_id, t.session_id, t.patient_id, t.trigger, t.completed_at, t.received_at, t.series, t.fired,
                t.plan_version, t.out_of_time
         from {rows} {each} session {such_that} t.patient_id = r.patient_id and t.completed_at >= r.since {end_each}
         union all
         select t.unit_id, t.session_id, t.patient_id, t.trigger, t.completed_at, t.received_at, t.series, t.fired,
                t.plan_version, t.out_of_time
         from {rows} {each} session {such_that} t.patient_id = r.patient_id and t.completed_at < r.since
             and t.out_of_time {end_each}";

    DOCUMENTS [unit_id Text, session_id Uuid] =
        "select t.unit_id, t.session_id, t.document, t.shift_seconds
         from {rows} {each} session {such_that} t.unit_id = r.unit_id and t.session_id = r.session_id {end_each}";

    COMPLETED [unit_id Text, session_id Uuid] =
        "select t.unit_id, t.patient_id, t.completed_at
         from {rows} {each} session {such_that} t.unit_id = r.unit_id and t.session_id = r.session_id {end_each}
         where t.patient_id is not null";

    REJUDGED [
        unit_id Text, session_id Uuid, patient_id Uuid, series Bytes, fired Text, plan_version Bigint, out_of_time Bool,
    ] = "update session set patient_id = r.patient_id, series = r.series, fired = r.fired,
             plan_version = r.plan_version, out_of_time = r.out_of_time
         from {rows} where session.unit_id = r.unit_id and session.session_id = r.session_id";
}

/// The content hash of each of these sessions that is stored.
pub async fn known(tx: &mut Tx, keys: &[SessionKey]) -> Result<Vec<(SessionKey, [u8; 32])>, StoreError> {
    let rows: Vec<(String, Uuid, Vec<u8>)> = tx.all(&KNOWN, binds![key_columns(keys.iter())]).await?;
    let hash = |(unit, session_id, hash): (String, Uuid, Vec<u8>)| {
        let key = session_key(&unit, session_id)?;
        let hash = hash
            .try_into()
            .map_err(|_| StoreError::row("session", "content_hash", &key))?;
        Ok((key, hash))
    };
    rows.into_iter().map(hash).collect()
}

/// Stores new sessions, all or none, where no rival has stored one of them: then the transaction must be tried again. Looking
/// first is the caller's, with [`known`]; letting the database look would cost each of them a fifth more.
pub async fn insert(tx: &mut Tx, sessions: &[SessionRow]) -> Result<(), StoreError> {
    // In one order, so that two transactions with the same sessions wait for each other instead of locking up.
    let mut sessions: Vec<&SessionRow> = sessions.iter().collect();
    sessions.sort_by(|one, other| one.key.cmp(&other.key));
    let series: Vec<Vec<u8>> = sessions.iter().map(|row| series::encode(&row.series)).collect();
    let mut rows = key_columns(sessions.iter().map(|row| &row.key));
    rows.extend([
        uuids(sessions.iter().map(|row| row.patient_id.map(|patient| patient.0))),
        texts(sessions.iter().map(|row| row.trigger.word())),
        bigints(sessions.iter().map(|row| row.seq)),
        times(sessions.iter().map(|row| row.started_at)),
        times(sessions.iter().map(|row| row.completed_at)),
        times(sessions.iter().map(|row| row.received_at)),
        bytes(sessions.iter().map(|row| row.content_hash.as_slice())),
        texts(sessions.iter().map(|row| &*row.document)),
        bytes(series.iter().map(Vec::as_slice)),
        texts(sessions.iter().map(|row| row.fired.as_str())),
        bigints(sessions.iter().map(|row| row.plan_version)),
        bools(sessions.iter().map(|row| row.out_of_time)),
    ]);
    tx.later(Some(sessions.len()), &INSERT, binds![rows]).await
}

/// Each patient's sessions completed since then, and older ones with a reading out of time; by patient, `completed_at`,
/// unit and session. Patients are distinct.
///
/// The only way to the past, in one statement however many patients: what it costs, and whether something is kept in
/// memory, is its own business.
pub async fn history(tx: &mut Tx, since: &[(PatientId, Instant)]) -> Result<Vec<HistoryRow>, StoreError> {
    let rows = vec![
        uuids(since.iter().map(|(patient, _)| patient.0)),
        times(since.iter().map(|(_, since)| *since)),
    ];
    let rows: Vec<PastRow> = tx.all(&HISTORY, binds![rows]).await?;
    let mut past: Vec<HistoryRow> = rows.into_iter().map(history_row).collect::<Result<_, _>>()?;
    past.sort_by(|one, other| {
        (one.patient_id, one.completed_at, &one.key).cmp(&(other.patient_id, other.completed_at, &other.key))
    });
    Ok(past)
}

/// A payload as received, and by how many seconds a person moved its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub text: String,
    pub shift_seconds: i64,
}

pub async fn documents(tx: &mut Tx, keys: &[SessionKey]) -> Result<Vec<(SessionKey, Document)>, StoreError> {
    let rows: Vec<(String, Uuid, String, i64)> = tx.all(&DOCUMENTS, binds![key_columns(keys.iter())]).await?;
    rows.into_iter()
        .map(|(unit, session_id, text, shift_seconds)| {
            let document = Document { text, shift_seconds };
            Ok((session_key(&unit, session_id)?, document))
        })
        .collect()
}

/// Whose each of these (distinct) sessions is, and when it was completed. Those of nobody are left out.
pub async fn completed(tx: &mut Tx, keys: &[SessionKey]) -> Result<Vec<(PatientId, Instant)>, StoreError> {
    let rows: Vec<(String, Uuid, Instant)> = tx.all(&COMPLETED, binds![key_columns(keys.iter())]).await?;
    Ok(rows
        .into_iter()
        .map(|(_, patient, at)| (patient.into(), at))
        .collect())
}

/// Writes what judging again made of stored sessions. Fails unless each of them is there; keys are distinct.
pub async fn rejudged(tx: &mut Tx, sessions: &[JudgedRow]) -> Result<(), StoreError> {
    let series: Vec<Vec<u8>> = sessions.iter().map(|row| series::encode(&row.series)).collect();
    let mut rows = key_columns(sessions.iter().map(|row| &row.key));
    rows.extend([
        uuids(sessions.iter().map(|row| row.patient_id.map(|patient| patient.0))),
        bytes(series.iter().map(Vec::as_slice)),
        texts(sessions.iter().map(|row| row.fired.as_str())),
        bigints(sessions.iter().map(|row| row.plan_version)),
        bools(sessions.iter().map(|row| row.out_of_time)),
    ]);
    tx.expect_rows(sessions.len(), &REJUDGED, binds![rows]).await
}

type PastRow = (
    String,
    Uuid,
    Uuid,
    String,
    Instant,
    Instant,
    Vec<u8>,
    String,
    Option<i64>,
    bool,
);

fn history_row(row: PastRow) -> Result<HistoryRow, StoreError> {
    let (
        unit,
        session_id,
        patient,
        trigger,
        completed_at,
        received_at,
        series,
        fired,
        plan_version,
        out_of_time,
    ) = row;
    let key = session_key(&unit, session_id)?;
    let trigger = trigger_of(&trigger, &key)?;
    let series = series_of(&series, &key)?;
    let patient_id = patient.into();
    Ok(HistoryRow {
        patient_id,
        key,
        trigger,
        completed_at,
        received_at,
        series,
        fired,
        plan_version,
        out_of_time,
    })
}

pub(super) fn key_columns<'a>(keys: impl Iterator<Item = &'a SessionKey> + Clone) -> Vec<Column<'a>> {
    vec![
        texts(keys.clone().map(|key| key.unit_id.as_str())),
        uuids(keys.map(|key| key.session_id)),
    ]
}

pub(super) fn session_key(unit: &str, session_id: Uuid) -> Result<SessionKey, StoreError> {
    Ok(SessionKey {
        unit_id: unit_id("session", "unit_id", unit)?,
        session_id,
    })
}

pub(super) fn trigger_of(word: &str, key: &SessionKey) -> Result<Trigger, StoreError> {
    Trigger::from_word(word).ok_or_else(|| StoreError::row("session", "trigger", key))
}

pub(super) fn series_of(bytes: &[u8], key: &SessionKey) -> Result<Vec<SeriesReading>, StoreError> {
    series::decode(bytes).ok_or_else(|| StoreError::row("session", "series", key))
}
