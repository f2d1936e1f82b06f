//! When each patient must next be looked at, and what waits for its alert. Whoever alters a patient's past says from when on, in
//! the same transaction and with one statement a batch; whoever judges takes that for the whole truth.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::ids::{AlertId, FindingId, PatientId};
use crate::domain::time::Instant;

use super::bind::{binds, bools, times, uuids};
use super::heartbeat::OUTAGE;
use super::statement::statements;
use super::{StoreError, Tx};

/// Judging is as of the newest heartbeat, which may lie so far back: a patient who is to be judged again at once is due then.
const AT_ONCE: TimeDelta = OUTAGE;

/// How far a patient's compliance has been judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub patient_id: PatientId,
    /// The next time that she must be looked at; `None`: not before something changes.
    pub look_at: Option<Instant>,
    /// What is older stands as it was judged.
    pub settled_at: Instant,
    /// When the newest session that holds anything was completed.
    pub attended_at: Option<Instant>,
    /// The same of the newest scheduled session, where nothing was found incomplete in it.
    pub complete_at: Option<Instant>,
    /// When the newest due time that is over was told, and whether it was missed.
    pub told: Option<(Instant, bool)>,
}

/// A finding that no alert has been raised for yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub patient_id: PatientId,
    pub finding_id: FindingId,
}

/// A time when the service itself was looked into first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incident {
    pub alert_id: AlertId,
    pub opened_at: Instant,
    /// When its alert was closed; `None`: it still goes on.
    pub closed_at: Option<Instant>,
}

/// How many of all patients' due sessions were told in a span of time, and how many of those were missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    pub all: i64,
    pub missing: i64,
}

statements! {
    "compliance";

    FIRST = "insert into compliance (patient_id, settled_at, missing) values ($1, $2, false)";

    ALTERED [patient_id Uuid, since Time] =
        "update compliance set look_at = case when look_at < $1 then look_at else $1 end,
             settled_at = case when settled_at < r.since then settled_at else r.since end
         from {rows} where compliance.patient_id = r.patient_id
             and (look_at is null or settled_at > r.since or look_at > $1)";

    DUE = "select patient_id from compliance where look_at <= $1 order by look_at, patient_id limit $2";

    /// Whoever is locked is being changed: her turn comes with the next step.
    CLAIM [patient_id Uuid] =
        "select t.patient_id from patient_turn t where t.patient_id {one_of_rows}
         order by t.patient_id {skip_locked}";

    MARKS [patient_id Uuid] =
        "select t.patient_id, t.look_at, t.settled_at, t.attended_at, t.complete_at, t.told_at, t.missing
         from {rows} {each} compliance {such_that} t.patient_id = r.patient_id {end_each} order by t.patient_id";

    SETTLE [
        patient_id Uuid, look_at Time, settled_at Time, attended_at Time, complete_at Time, told_at Time, missing Bool,
    ] = "update compliance set look_at = r.look_at, settled_at = r.settled_at, attended_at = r.attended_at,
             complete_at = r.complete_at, told_at = r.told_at, missing = r.missing
         from {rows} where compliance.patient_id = r.patient_id";

    /// Where it is otherwise: see [`super::patient::Turn`].
    MISSING [patient_id Uuid, missing Bool] =
        "update patient_turn set missing = r.missing from {rows}
         where patient_turn.patient_id = r.patient_id and patient_turn.missing <> r.missing";

    PUT_OFF = "update compliance set look_at = $2 where patient_id = $1";

    /// Whoever was heard of since is missing no more.
    TOLD = "select count(*), count(case when missing and (attended_at is null or attended_at < told_at) then 1 end)
            from compliance where told_at > $1 and told_at <= $2";

    WAIT [patient_id Uuid, finding_id Uuid] =
        "insert into compliance_news (patient_id, finding_id, at) select r.patient_id, r.finding_id, $1 from {rows}
         where true on conflict (patient_id, finding_id) do nothing";

    WAITING_LONGEST = "select patient_id from compliance_news group by patient_id order by min(at), patient_id limit $1";

    WAITING [patient_id Uuid] =
        "select patient_id, finding_id from compliance_news where patient_id {one_of_rows}
         order by patient_id, finding_id";

    OLDEST = "select min(at) from compliance_news";

    NO_LONGER_WAITING [patient_id Uuid] =
        "delete from compliance_news where patient_id {one_of_rows}";

    COUNTS = "select (select count(*) from compliance where look_at <= $1), (select count(*) from compliance_news),
                  (select count(*) from compliance_call where due_at <= $1)";

    OPEN_INCIDENT = "insert into incident (alert_id, opened_at) values ($1, $2) on conflict (alert_id) do nothing";

    NEWEST_INCIDENT =
        "select i.alert_id, i.opened_at, a.closed_at from incident i join alert a on a.id = i.alert_id
         order by i.opened_at desc limit 1";
}

/// A patient of whom nothing is known yet.
pub(super) async fn first(tx: &mut Tx, patient: PatientId, now: Instant) -> Result<(), StoreError> {
    tx.expect_rows(1, &FIRST, binds![patient.0, now]).await
}

/// That what was due from these (distinct) patients is otherwise than was known, from an instant on, as somebody has just said, or
/// somebody who was told missing has just sent: they are judged at once. The caller holds their locks.
pub async fn altered(tx: &mut Tx, since: &[(PatientId, Instant)], now: Instant) -> Result<(), StoreError> {
    let rows = vec![
        uuids(since.iter().map(|(patient, _)| patient.0)),
        times(since.iter().map(|(_, since)| *since)),
    ];
    tx.later(None, &ALTERED, binds![now - AT_ONCE, rows]).await
}

/// Whether anybody is due: asked before a transaction that writes is begun.
pub async fn is_anybody_due(tx: &mut Tx, as_of: Instant) -> Result<bool, StoreError> {
    let due: Vec<(Uuid,)> = tx.all(&DUE, binds![as_of, 1_i64]).await?;
    Ok(!due.is_empty())
}

/// Has a patient who could not be judged looked at later. The caller holds her lock.
pub async fn put_off(tx: &mut Tx, patient: PatientId, to: Instant) -> Result<(), StoreError> {
    tx.expect_rows(1, &PUT_OFF, binds![patient.0, to]).await
}

/// Some of the patients who are due, longest first, locked by this transaction; fewer where others hold them.
pub async fn claim_due(tx: &mut Tx, as_of: Instant, most: u32) -> Result<Vec<Mark>, StoreError> {
    let due: Vec<(Uuid,)> = tx.all(&DUE, binds![as_of, i64::from(most)]).await?;
    let claimed = claim(tx, due.into_iter().map(|(id,)| id)).await?;
    let mut marks = marks(tx, &claimed).await?;
    // A rival who held one meanwhile has judged her already.
    marks.retain(|mark| mark.look_at.is_some_and(|at| at <= as_of));
    Ok(marks)
}

/// One patient, locked by this transaction; nothing where somebody else holds her.
pub async fn claim_again(tx: &mut Tx, patient: PatientId) -> Result<Vec<Mark>, StoreError> {
    let claimed = claim(tx, [patient.0]).await?;
    marks(tx, &claimed).await
}

/// Some of the patients who have findings without an alert, longest first, locked by this transaction.
pub async fn claim_waiting(tx: &mut Tx, most: u32) -> Result<Vec<PatientId>, StoreError> {
    let waiting: Vec<(Uuid,)> = tx.all(&WAITING_LONGEST, binds![i64::from(most)]).await?;
    claim(tx, waiting.into_iter().map(|(id,)| id)).await
}

/// Those of the patients whom nobody else holds, locked by this transaction.
pub async fn claim_those(tx: &mut Tx, patients: &[PatientId]) -> Result<Vec<PatientId>, StoreError> {
    claim(tx, patients.iter().map(|patient| patient.0)).await
}

async fn claim(tx: &mut Tx, patients: impl IntoIterator<Item = Uuid>) -> Result<Vec<PatientId>, StoreError> {
    let rows = vec![uuids(patients)];
    let rows: Vec<(Uuid,)> = tx.all(&CLAIM, binds![rows]).await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

pub async fn marks(tx: &mut Tx, patients: &[PatientId]) -> Result<Vec<Mark>, StoreError> {
    let rows: Vec<MarkRow> = tx
        .all(&MARKS, binds![vec![uuids(patients.iter().map(|id| id.0))]])
        .await?;
    Ok(rows.into_iter().map(mark).collect())
}

/// Writes how far these (distinct) patients have been judged.
pub async fn settle(tx: &mut Tx, marks: &[Mark]) -> Result<(), StoreError> {
    let rows = vec![
        uuids(marks.iter().map(|mark| mark.patient_id.0)),
        times(marks.iter().map(|mark| mark.look_at)),
        times(marks.iter().map(|mark| mark.settled_at)),
        times(marks.iter().map(|mark| mark.attended_at)),
        times(marks.iter().map(|mark| mark.complete_at)),
        times(marks.iter().map(|mark| mark.told.map(|(at, _)| at))),
        bools(marks.iter().map(is_missing)),
    ];
    tx.expect_rows(marks.len(), &SETTLE, binds![rows]).await?;
    let rows = vec![
        uuids(marks.iter().map(|mark| mark.patient_id.0)),
        bools(marks.iter().map(is_missing)),
    ];
    tx.execute(&MISSING, binds![rows]).await?;
    Ok(())
}

fn is_missing(mark: &Mark) -> bool {
    mark.told.is_some_and(|(_, missing)| missing)
}

/// What was told after one instant and up to another.
pub async fn told(tx: &mut Tx, after: Instant, up_to: Instant) -> Result<Told, StoreError> {
    let row: Option<(i64, i64)> = tx.optional(&TOLD, binds![after, up_to]).await?;
    let (all, missing) = row.unwrap_or_default();
    Ok(Told { all, missing })
}

/// Keeps findings until their alerts are raised.
pub async fn wait(tx: &mut Tx, news: &[Waiting], now: Instant) -> Result<(), StoreError> {
    let rows = vec![
        uuids(news.iter().map(|news| news.patient_id.0)),
        uuids(news.iter().map(|news| news.finding_id.0)),
    ];
    tx.execute(&WAIT, binds![now, rows]).await?;
    Ok(())
}

/// What waits of these patients.
pub async fn waiting(tx: &mut Tx, patients: &[PatientId]) -> Result<Vec<Waiting>, StoreError> {
    let rows: Vec<(Uuid, Uuid)> = tx
        .all(&WAITING, binds![vec![uuids(patients.iter().map(|id| id.0))]])
        .await?;
    let waiting = |(patient, finding): (Uuid, Uuid)| Waiting {
        patient_id: patient.into(),
        finding_id: finding.into(),
    };
    Ok(rows.into_iter().map(waiting).collect())
}

/// Since when the oldest finding waits.
pub async fn waits_since(tx: &mut Tx) -> Result<Option<Instant>, StoreError> {
    let row: Option<(Option<Instant>,)> = tx.optional(&OLDEST, binds![]).await?;
    Ok(row.and_then(|(at,)| at))
}

/// The findings of these patients wait no more.
pub async fn no_longer_waiting(tx: &mut Tx, patients: &[PatientId]) -> Result<(), StoreError> {
    let rows = vec![uuids(patients.iter().map(|id| id.0))];
    tx.execute(&NO_LONGER_WAITING, binds![rows]).await?;
    Ok(())
}

/// How many patients are due, how many findings wait for their alert, and how many rows of calls wait although they are due: for
/// the metrics.
pub async fn counts(tx: &mut Tx, now: Instant) -> Result<(i64, i64, i64), StoreError> {
    Ok(tx.optional(&COUNTS, binds![now]).await?.unwrap_or_default())
}

/// That an incident goes on for as long as this alert is open.
pub async fn open_incident(tx: &mut Tx, alert: AlertId, now: Instant) -> Result<(), StoreError> {
    tx.execute(&OPEN_INCIDENT, binds![alert.0, now]).await?;
    Ok(())
}

pub async fn newest_incident(tx: &mut Tx) -> Result<Option<Incident>, StoreError> {
    let row: Option<(Uuid, Instant, Option<Instant>)> = tx.optional(&NEWEST_INCIDENT, binds![]).await?;
    Ok(row.map(|(alert, opened_at, closed_at)| Incident {
        alert_id: alert.into(),
        opened_at,
        closed_at,
    }))
}

type MarkRow = (
    Uuid,
    Option<Instant>,
    Instant,
    Option<Instant>,
    Option<Instant>,
    Option<Instant>,
    bool,
);

fn mark(row: MarkRow) -> Mark {
    let (patient_id, look_at, settled_at, attended_at, complete_at, told_at, missing) = row;
    Mark {
        patient_id: patient_id.into(),
        look_at,
        settled_at,
        attended_at,
        complete_at,
        told: told_at.map(|at| (at, missing)),
    }
}
