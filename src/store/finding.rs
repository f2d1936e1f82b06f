//! A finding that is made again is the same row with new numbers: when it was first made, and whether that was late, stay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::finding::{Class, Finding, FindingState, Numbers, Severity, Side};
use crate::domain::ids::{FindingId, PatientId, ReadingId, SessionKey};
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::{bigints, binds, bools, texts, times, uuids};
use super::page::{Cursor, Page, newest};
use super::plan::Signature;
use super::session::key_columns;
use super::statement::statements;
use super::unit::unit_id;
use super::{StoreError, Tx};

/// A finding as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    pub id: FindingId,
    pub patient_id: Option<PatientId>,
    pub finding: Finding,
    pub state: FindingState,
    /// First made more than a day after its session was completed.
    pub late: bool,
    /// When it was first made.
    pub made_at: Instant,
}

/// What is shown and never searched, as one JSON text.
#[derive(Serialize, Deserialize)]
struct Detail {
    numbers: Numbers,
    readings: Vec<ReadingId>,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reason: Option<String>,
}

/// The columns of `finding t`, for every file that reads findings.
macro_rules! finding_columns {
    () => {
        "t.id, t.patient_id, t.unit_id, t.session_id, t.rule, t.side, t.kind, t.class, t.severity, t.state, t.late, \
         t.plan_version, t.at, t.made_at, t.detail"
    };
}
pub(super) use finding_columns;

macro_rules! select {
    ($from:literal) => {
        concat!("select ", finding_columns!(), " from ", $from)
    };
}

statements! {
    "finding";

    UPSERT [
        id Uuid, patient_id Uuid, unit_id Text, session_id Uuid, rule Text, side Text, kind Text, class Text,
        severity Text, state Text, late Bool, plan_version Bigint, at Time, made_at Time, detail Text,
    ] = "insert into finding ({columns}) select {columns} from {rows} where true
         on conflict (id) do update set patient_id = excluded.patient_id, session_id = excluded.session_id,
             rule = excluded.rule, side = excluded.side, severity = excluded.severity,
             kind = excluded.kind, class = excluded.class, state = excluded.state,
             unit_id = excluded.unit_id, plan_version = excluded.plan_version, at = excluded.at, detail = excluded.detail";

    SUPERSEDE [id Uuid] = "update finding set state = $1 where id {one_of_rows}";

    OF_SESSIONS [unit_id Text, session_id Uuid] =
        select!("{rows} {each} finding {such_that} t.unit_id = r.unit_id and t.session_id = r.session_id {end_each}
                 order by t.at, t.id");

    /// Who set what it was judged by comes along: a page of sessions needs both, and both have the patient in common.
    SIGNED_OF_SESSIONS [unit_id Text, session_id Uuid] = concat!(
        "select ", finding_columns!(), ", v.set_by, v.set_by_name, v.set_at
         from {rows} {each} finding {such_that} t.unit_id = r.unit_id and t.session_id = r.session_id {end_each}
         left join plan_version v on v.patient_id = t.patient_id and v.version = t.plan_version
         where t.patient_id = $1 order by t.at, t.id"
    );

    OF [id Uuid] = select!("{rows} {each} finding {such_that} t.id = r.id {end_each} order by t.at, t.id");

    COMPLIANCE_OF [patient_id Uuid, since Time] =
        select!("{rows} {each} finding {such_that} t.patient_id = r.patient_id and t.at >= r.since
                 and t.class = 'compliance' {end_each} order by t.at, t.id");

    LIST = select!("finding t where t.patient_id = $1 and (t.at, t.id) < ($2, $3) order by t.at desc, t.id desc limit $4");
}

/// Writes findings as they are now; one that is stored already keeps `made_at` and `late` of its first time. Of two with
/// one id the last is written.
pub async fn upsert(tx: &mut Tx, findings: &[FindingRow]) -> Result<(), StoreError> {
    // One row an id, in one order for every transaction.
    let distinct: BTreeMap<FindingId, &FindingRow> = findings.iter().map(|row| (row.id, row)).collect();
    let written: Vec<&FindingRow> = distinct.into_values().collect();
    let details = written
        .iter()
        .map(|row| detail(&row.finding))
        .collect::<Result<Vec<_>, _>>()?;
    let rows = vec![
        uuids(written.iter().map(|row| row.id.0)),
        uuids(written.iter().map(|row| row.patient_id.map(|patient| patient.0))),
        texts(written.iter().map(|row| unit_of(&row.finding))),
        uuids(
            written
                .iter()
                .map(|row| row.finding.session.as_ref().map(|key| key.session_id)),
        ),
        texts(written.iter().map(|row| row.finding.rule.as_str())),
        texts(written.iter().map(|row| row.finding.side.map(Side::word))),
        texts(written.iter().map(|row| row.finding.kind.as_str())),
        texts(written.iter().map(|row| row.finding.class.word())),
        texts(written.iter().map(|row| row.finding.severity.word())),
        texts(written.iter().map(|row| row.state.word())),
        bools(written.iter().map(|row| row.late)),
        bigints(written.iter().map(|row| row.finding.plan_version)),
        times(written.iter().map(|row| row.finding.at)),
        times(written.iter().map(|row| row.made_at)),
        texts(details.iter().map(String::as_str)),
    ];
    tx.later(Some(written.len()), &UPSERT, binds![rows]).await
}

/// Marks (distinct) findings as no longer so. Fails unless each of them is there.
pub async fn supersede(tx: &mut Tx, ids: &[FindingId]) -> Result<(), StoreError> {
    let rows = vec![uuids(ids.iter().map(|id| id.0))];
    tx.later(
        Some(ids.len()),
        &SUPERSEDE,
        binds![FindingState::Superseded.word(), rows],
    )
    .await
}

/// Every finding of these (distinct) sessions, current or superseded.
pub async fn of_sessions(tx: &mut Tx, keys: &[SessionKey]) -> Result<Vec<FindingRow>, StoreError> {
    let rows: Vec<Row> = tx.all(&OF_SESSIONS, binds![key_columns(keys.iter())]).await?;
    rows.into_iter().map(finding_row).collect()
}

/// What this patient was found to have in these (distinct) sessions, current or superseded, and who set what it was
/// judged by. What a former holder of the unit was found to have is not theirs.
pub async fn signed_of_sessions(
    tx: &mut Tx,
    patient: PatientId,
    keys: &[SessionKey],
) -> Result<(Vec<FindingRow>, Vec<Signature>), StoreError> {
    let binds = binds![patient.0, key_columns(keys.iter())];
    let rows: Vec<SignedRow> = tx.all(&SIGNED_OF_SESSIONS, binds).await?;
    let mut signatures: Vec<Signature> = Vec::new();
    let mut findings = Vec::with_capacity(rows.len());
    for row in rows {
        let finding = finding_row(row.finding)?;
        let version = finding.finding.plan_version;
        let is_known = |version| signatures.iter().any(|known| known.version == version);
        if let (Some(version), Some(id), Some(name), Some(set_at)) =
            (version, row.set_by, row.set_by_name, row.set_at)
            && !is_known(version)
        {
            signatures.push(Signature {
                patient_id: patient,
                version,
                set_by: Actor { id, name },
                set_at,
            });
        }
        findings.push(finding);
    }
    Ok((findings, signatures))
}

/// Those of the (distinct) findings that exist.
pub async fn of(tx: &mut Tx, ids: &[FindingId]) -> Result<Vec<FindingRow>, StoreError> {
    let rows: Vec<Row> = tx
        .all(&OF, binds![vec![uuids(ids.iter().map(|id| id.0))]])
        .await?;
    rows.into_iter().map(finding_row).collect()
}

/// Every compliance finding of each of these (distinct) patients that is about then or later, current or superseded, by time.
pub async fn compliance_of(
    tx: &mut Tx,
    since: &[(PatientId, Instant)],
) -> Result<Vec<FindingRow>, StoreError> {
    let rows = vec![
        uuids(since.iter().map(|(patient, _)| patient.0)),
        times(since.iter().map(|(_, since)| *since)),
    ];
    let rows: Vec<Row> = tx.all(&COMPLIANCE_OF, binds![rows]).await?;
    rows.into_iter().map(finding_row).collect()
}

/// A patient's findings, current or superseded, newest first by what they are about.
pub async fn list(
    tx: &mut Tx,
    patient: PatientId,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<FindingRow>, StoreError> {
    let (at, id) = newest(after)?;
    let rows: Vec<Row> = tx
        .all(&LIST, binds![patient.0, at, id, i64::from(limit) + 1])
        .await?;
    let findings = rows.into_iter().map(finding_row).collect::<Result<_, _>>()?;
    Ok(Page::cut(findings, limit, |last: &FindingRow| {
        Cursor::at(last.finding.at, last.id.0)
    }))
}

fn detail(finding: &Finding) -> Result<String, StoreError> {
    let detail = Detail {
        numbers: finding.numbers.clone(),
        readings: finding.readings.clone(),
        sentence: finding.sentence.clone(),
        reason: finding.reason.clone(),
    };
    serde_json::to_string(&detail).map_err(|_| StoreError::Refused {
        what: "finding detail".to_owned(),
    })
}

/// A finding about a session is about that session's unit.
fn unit_of(finding: &Finding) -> Option<&str> {
    let of_session = finding.session.as_ref().map(|key| &key.unit_id);
    of_session
        .or(finding.unit_id.as_ref())
        .map(crate::domain::ids::UnitId::as_str)
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    id: Uuid,
    patient_id: Option<Uuid>,
    unit_id: Option<String>,
    session_id: Option<Uuid>,
    rule: String,
    side: Option<String>,
    kind: String,
    class: String,
    severity: String,
    state: String,
    late: bool,
    plan_version: Option<i64>,
    at: Instant,
    made_at: Instant,
    detail: String,
}

#[derive(sqlx::FromRow)]
struct SignedRow {
    #[sqlx(flatten)]
    finding: Row,
    set_by: Option<Uuid>,
    set_by_name: Option<String>,
    set_at: Option<Instant>,
}

pub(super) fn finding_row(row: Row) -> Result<FindingRow, StoreError> {
    let fault = |column| StoreError::row("finding", column, row.id);
    let unit = row
        .unit_id
        .map(|unit| unit_id("finding", "unit_id", &unit))
        .transpose()?;
    let session = match (&unit, row.session_id) {
        (Some(unit), Some(session_id)) => Some(SessionKey {
            unit_id: unit.clone(),
            session_id,
        }),
        (None, Some(_)) => return Err(fault("session_id")),
        (_, None) => None,
    };
    let side = row
        .side
        .map(|side| Side::from_word(&side).ok_or_else(|| fault("side")))
        .transpose()?;
    let detail: Detail = serde_json::from_str(&row.detail).map_err(|_| fault("detail"))?;
    Ok(FindingRow {
        id: row.id.into(),
        patient_id: row.patient_id.map(Into::into),
        state: FindingState::from_word(&row.state).ok_or_else(|| fault("state"))?,
        late: row.late,
        made_at: row.made_at,
        finding: Finding {
            class: Class::from_word(&row.class).ok_or_else(|| fault("class"))?,
            severity: Severity::from_word(&row.severity).ok_or_else(|| fault("severity"))?,
            rule: row.rule,
            side,
            kind: row.kind,
            plan_version: row.plan_version,
            session,
            unit_id: unit,
            at: row.at,
            numbers: detail.numbers,
            readings: detail.readings,
            sentence: detail.sentence,
            reason: detail.reason,
        },
    })
}
