//! Beside each version of parameters: what judging again by it came to, and what a second person has still to confirm.

use std::collections::HashMap;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::domain::ids::{PatientId, StaffId};
use crate::domain::review::Mark;
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::{bigints, binds, uuids};
use super::page::{Cursor, Page, far_future, micros, part};
use super::statement::statements;
use super::{StoreError, Tx};

/// What came of putting a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanPut {
    pub patient_id: PatientId,
    pub version: i64,
    pub review_on: Option<NaiveDate>,
    /// Whether it scores NEWS2.
    pub news2: bool,
    /// `None` where nobody counted.
    pub rejudged: Option<Rejudged>,
    pub marks: Vec<Mark>,
    pub why: Option<String>,
    pub confirmed: Option<Confirmed>,
}

/// What judging the past again did to findings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rejudged {
    /// That hold no longer.
    pub superseded: u64,
    /// That are new, or hold again.
    pub made: u64,
    /// Of those made, how many more than a day after their session.
    pub late: u64,
}

/// That a second person has looked at the marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub by: Actor,
    pub at: Instant,
    pub note: Option<String>,
}

impl PlanPut {
    /// Whether its marks wait for somebody.
    pub const fn waits(&self) -> bool {
        !self.marks.is_empty() && self.confirmed.is_none()
    }
}

macro_rules! columns {
    () => {
        "t.patient_id, t.version, t.review_on, t.superseded, t.made, t.made_late, t.marks, t.why, t.confirmed_at, \
         t.confirmed_by, t.confirmed_by_name, t.note, t.news2"
    };
}

statements! {
    "plan_put";

    INSERT = "insert into plan_put (patient_id, version, review_on, superseded, made, made_late, marks, why, news2)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    OF [patient_id Uuid, version Bigint] =
        concat!("select ", columns!(), " from {rows} {each} plan_put {such_that}
                 t.patient_id = r.patient_id and t.version = r.version {end_each}");

    CONFIRM = "update plan_put set confirmed_at = $3, confirmed_by = $4, confirmed_by_name = $5, note = $6
               where patient_id = $1 and version = $2 and marks <> '[]' and confirmed_at is null";

    /// Beside what waits to be confirmed the versions that are handed in, which their named clinician has to change, whoever
    /// set them.
    WAITING [patient_id Uuid, version Bigint] =
        "select t.patient_id, t.version, v.set_at from (
             select a.patient_id, a.version, max(a.handed) as handed from (
                 select patient_id, version, 0 as handed from plan_put where marks <> '[]' and confirmed_at is null
                 union all select r.patient_id, r.version, 1 from {rows}
             ) a group by a.patient_id, a.version
         ) t
         join plan_version v on v.patient_id = t.patient_id and v.version = t.version
         join patient p on p.id = t.patient_id
         where (v.set_at, t.patient_id, t.version) < ($1, $2, $3)
             and (p.named_clinician_id = $5 and (v.set_by <> $5 or t.handed = 1) or $5 is null)
         order by v.set_at desc, t.patient_id desc, t.version desc limit $4";

    /// Of these patients, of whoever is here and on record as pregnant.
    NEWS2_OF [patient_id Uuid] =
        "select t.patient_id, t.version from {rows} join patient p on p.id = r.patient_id
         join plan_put t on t.patient_id = p.id where p.pregnant and p.status <> 'discharged' and t.news2
         order by t.patient_id, t.version";

    /// The same of everybody.
    NEWS2 = "select t.patient_id, t.version from patient p join plan_put t on t.patient_id = p.id
             where p.pregnant and p.status <> 'discharged' and t.news2";

    /// Of each patient who is monitored the version in force, where its day has come.
    DUE = "select t.patient_id, t.version, t.review_on from plan_put t
           join plan_version v on v.patient_id = t.patient_id and v.version = t.version
           join patient p on p.id = t.patient_id
           where p.status = 'admitted' and t.review_on <= $1
               and v.effective_from <= $2 and (v.until is null or $2 < v.until)
               and not exists (select 1 from plan_version o where o.patient_id = t.patient_id and o.version > t.version
                   and o.effective_from <= $2 and (o.until is null or $2 < o.until))
               and (t.review_on, t.patient_id) > ($3, $4)
           order by t.review_on, t.patient_id limit $5";
}

pub async fn insert(tx: &mut Tx, put: &PlanPut) -> Result<(), StoreError> {
    let marks = serde_json::to_string(&put.marks).map_err(|_| StoreError::Refused {
        what: "plan_put marks".to_owned(),
    })?;
    let count = |count: fn(&Rejudged) -> u64| {
        let counted = put.rejudged.as_ref().map(count);
        counted.map(|count| i64::try_from(count).unwrap_or(i64::MAX))
    };
    let binds = binds![
        put.patient_id.0,
        put.version,
        put.review_on,
        count(|rejudged| rejudged.superseded),
        count(|rejudged| rejudged.made),
        count(|rejudged| rejudged.late),
        &marks,
        put.why.as_deref(),
        put.news2,
    ];
    tx.expect_rows(1, &INSERT, binds).await
}

/// Those of the (distinct) versions for which it is known.
pub async fn of(
    tx: &mut Tx,
    versions: &[(PatientId, i64)],
) -> Result<HashMap<(PatientId, i64), PlanPut>, StoreError> {
    let rows = vec![
        uuids(versions.iter().map(|(patient, _)| patient.0)),
        bigints(versions.iter().map(|(_, version)| *version)),
    ];
    let rows: Vec<Row> = tx.all(&OF, binds![rows]).await?;
    rows.into_iter()
        .map(|row| {
            let put = plan_put(row)?;
            Ok(((put.patient_id, put.version), put))
        })
        .collect()
}

/// Whether its marks still waited.
pub async fn confirm(
    tx: &mut Tx,
    (patient, version): (PatientId, i64),
    confirmed: &Confirmed,
) -> Result<bool, StoreError> {
    let binds = binds![
        patient.0,
        version,
        confirmed.at,
        confirmed.by.id,
        &confirmed.by.name,
        confirmed.note.as_deref(),
    ];
    tx.swapped(&CONFIRM, binds).await
}

/// A version of a patient's parameters.
pub type VersionKey = (PatientId, i64);

/// The versions that score NEWS2, of those of the (distinct) patients who are on record as pregnant and not discharged.
pub async fn news2_in_pregnancy(tx: &mut Tx, patients: &[PatientId]) -> Result<Vec<VersionKey>, StoreError> {
    let rows: Vec<(Uuid, i64)> = tx
        .all(&NEWS2_OF, binds![vec![uuids(patients.iter().map(|id| id.0))]])
        .await?;
    Ok(keys(rows))
}

/// The same of every patient.
pub async fn every_news2_in_pregnancy(tx: &mut Tx) -> Result<Vec<VersionKey>, StoreError> {
    let rows: Vec<(Uuid, i64)> = tx.all(&NEWS2, binds![]).await?;
    Ok(keys(rows))
}

fn keys(rows: Vec<(Uuid, i64)>) -> Vec<VersionKey> {
    let key = |(patient, version): (Uuid, i64)| (patient.into(), version);
    rows.into_iter().map(key).collect()
}

/// The versions with marks that nobody has confirmed and those that are handed in, last set first; with a named clinician,
/// what is for them.
pub async fn waiting(
    tx: &mut Tx,
    (handed, named): (&[VersionKey], Option<StaffId>),
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<VersionKey>, StoreError> {
    let (at, patient, version) = match after {
        None => (far_future(), Uuid::max(), i64::MAX),
        Some(cursor) => {
            let [at, patient, version] = cursor.parts()?;
            (micros(at)?, part(patient)?, part(version)?)
        }
    };
    // A statement is not asked where it is given no rows: so nobody's version is among them.
    let nobodys: VersionKey = (Uuid::nil().into(), 0);
    let handed = handed.iter().chain([&nobodys]);
    let rows = vec![
        uuids(handed.clone().map(|(patient, _)| patient.0)),
        bigints(handed.map(|(_, version)| *version)),
    ];
    let limit_of_rows = i64::from(limit) + 1;
    let named = named.map(|named| named.0);
    let binds = binds![at, patient, version, limit_of_rows, named, rows];
    let rows: Vec<(Uuid, i64, Instant)> = tx.all(&WAITING, binds).await?;
    let page = Page::cut(rows, limit, |(patient, version, at)| {
        Cursor::of(&[&at.timestamp_micros(), &patient.simple(), version])
    });
    Ok(page.map(|(patient, version, _)| (patient.into(), version)))
}

/// The versions in force now whose review was due by `today`, longest overdue first.
pub async fn due(
    tx: &mut Tx,
    (today, now): (NaiveDate, Instant),
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<VersionKey>, StoreError> {
    let (on, patient): (NaiveDate, Uuid) = match after {
        None => (NaiveDate::from_ymd_opt(0, 1, 1).unwrap_or_default(), Uuid::nil()),
        Some(cursor) => {
            let [on, patient] = cursor.parts()?;
            (part(on)?, part(patient)?)
        }
    };
    let rows: Vec<(Uuid, i64, NaiveDate)> = tx
        .all(&DUE, binds![today, now, on, patient, i64::from(limit) + 1])
        .await?;
    let page = Page::cut(rows, limit, |(patient, _, on)| {
        Cursor::of(&[on, &patient.simple()])
    });
    Ok(page.map(|(patient, version, _)| (patient.into(), version)))
}

#[derive(sqlx::FromRow)]
struct Row {
    patient_id: Uuid,
    version: i64,
    review_on: Option<NaiveDate>,
    superseded: Option<i64>,
    made: Option<i64>,
    made_late: Option<i64>,
    marks: String,
    why: Option<String>,
    confirmed_at: Option<Instant>,
    confirmed_by: Option<Uuid>,
    confirmed_by_name: Option<String>,
    note: Option<String>,
    news2: bool,
}

fn plan_put(row: Row) -> Result<PlanPut, StoreError> {
    let fault = |column| StoreError::row("plan_put", column, row.patient_id);
    let count = |count: i64, column| u64::try_from(count).map_err(|_| fault(column));
    let rejudged = match (row.superseded, row.made, row.made_late) {
        (Some(superseded), Some(made), Some(late)) => Some(Rejudged {
            superseded: count(superseded, "superseded")?,
            made: count(made, "made")?,
            late: count(late, "made_late")?,
        }),
        _ => None,
    };
    let confirmed = match (row.confirmed_at, row.confirmed_by, row.confirmed_by_name) {
        (Some(at), Some(id), Some(name)) => Some(Confirmed {
            by: Actor { id, name },
            at,
            note: row.note,
        }),
        _ => None,
    };
    Ok(PlanPut {
        patient_id: row.patient_id.into(),
        version: row.version,
        review_on: row.review_on,
        news2: row.news2,
        rejudged,
        marks: serde_json::from_str(&row.marks).map_err(|_| fault("marks"))?,
        why: row.why,
        confirmed,
    })
}
