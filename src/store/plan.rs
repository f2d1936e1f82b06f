//! Bodies are kept as they were put and parsed by `wire`; versions are immutable, so a parsed one may be kept for ever.

use std::collections::HashMap;

use uuid::Uuid;

use crate::domain::ids::PatientId;
use crate::domain::plan::{Dated, Span};
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::{bigints, binds, uuids};
use super::statement::statements;
use super::{StoreError, Tx, unit_watch};

/// One stored version of a patient's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRow {
    pub patient_id: PatientId,
    pub version: i64,
    pub effective_from: Instant,
    pub until: Option<Instant>,
    pub reason: String,
    /// JSON text.
    pub body: String,
    pub set_by: Actor,
    pub set_at: Instant,
}

impl Dated for PlanRow {
    fn version(&self) -> i64 {
        self.version
    }

    fn effective_from(&self) -> Instant {
        self.effective_from
    }

    fn until(&self) -> Option<Instant> {
        self.until
    }
}

/// Who set a version and when: what travels with each finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub patient_id: PatientId,
    pub version: i64,
    pub set_by: Actor,
    pub set_at: Instant,
}

macro_rules! select {
    ($from:literal) => {
        concat!(
            "select t.patient_id, t.version, t.effective_from, t.until, t.reason, t.body, t.set_by, t.set_by_name, ",
            "t.set_at from ",
            $from
        )
    };
}

statements! {
    "plan_version";

    BODIES [patient_id Uuid, version Bigint] =
        select!("{rows} {each} plan_version {such_that} t.patient_id = r.patient_id and t.version = r.version {end_each}
                 order by t.patient_id, t.version");

    SINCE [patient_id Uuid, version Bigint] =
        "select t.patient_id, t.version, case when t.version > r.version then t.body end
         from {rows} {each} plan_version {such_that} t.patient_id = r.patient_id and t.version >= r.version {end_each}
         order by t.patient_id, t.version";

    SIGNATURES [patient_id Uuid, version Bigint] =
        "select t.patient_id, t.version, t.set_by, t.set_by_name, t.set_at
         from {rows} {each} plan_version {such_that} t.patient_id = r.patient_id and t.version = r.version {end_each}";

    INSERT = "insert into plan_version
                  (patient_id, version, effective_from, until, reason, body, set_by, set_by_name, set_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    LIST = select!("plan_version t where t.patient_id = $1 order by t.version desc");

    SPANS [patient_id Uuid] =
        "select t.patient_id, t.version, t.effective_from, t.until
         from {rows} {each} plan_version {such_that} t.patient_id = r.patient_id {end_each} order by t.patient_id, t.version";

    LATEST = select!("plan_version t where t.patient_id = $1 order by t.version desc limit 1");
}

/// A version's number, and its body where that was asked for.
pub type Body = (PatientId, i64, Option<String>);

/// Of each of these (distinct) patients the version that is known, without its body, and every newer one, by patient and number.
/// One that is known and does not come has gone.
pub async fn since(tx: &mut Tx, known: &[(PatientId, i64)]) -> Result<Vec<Body>, StoreError> {
    let rows: Vec<(Uuid, i64, Option<String>)> = tx.all(&SINCE, binds![pairs(known)]).await?;
    Ok(rows
        .into_iter()
        .map(|(patient, version, body)| (patient.into(), version, body))
        .collect())
}

/// These versions, by patient and number.
pub async fn bodies(tx: &mut Tx, wanted: &[(PatientId, i64)]) -> Result<Vec<PlanRow>, StoreError> {
    let rows: Vec<Row> = tx.all(&BODIES, binds![pairs(wanted)]).await?;
    Ok(rows.into_iter().map(plan_row).collect())
}

pub async fn signatures(tx: &mut Tx, wanted: &[(PatientId, i64)]) -> Result<Vec<Signature>, StoreError> {
    let rows: Vec<(Uuid, i64, Uuid, String, Instant)> = tx.all(&SIGNATURES, binds![pairs(wanted)]).await?;
    let signature = |(patient, version, id, name, set_at): (Uuid, i64, Uuid, String, Instant)| Signature {
        patient_id: patient.into(),
        version,
        set_by: Actor { id, name },
        set_at,
    };
    Ok(rows.into_iter().map(signature).collect())
}

/// [`StoreError::Taken`] where another writer has set this version first.
pub async fn insert(tx: &mut Tx, plan: &PlanRow) -> Result<(), StoreError> {
    let binds = binds![
        plan.patient_id.0,
        plan.version,
        plan.effective_from,
        plan.until,
        &plan.reason,
        &plan.body,
        plan.set_by.id,
        &plan.set_by.name,
        plan.set_at,
    ];
    tx.expect_rows(1, &INSERT, binds).await?;
    unit_watch::wake_units_of(tx, plan.patient_id).await
}

/// Every version, newest first.
pub async fn list(tx: &mut Tx, patient: PatientId) -> Result<Vec<PlanRow>, StoreError> {
    let rows: Vec<Row> = tx.all(&LIST, binds![patient.0]).await?;
    Ok(rows.into_iter().map(plan_row).collect())
}

/// When each version of these (distinct) patients applies, by number.
pub async fn spans(tx: &mut Tx, patients: &[PatientId]) -> Result<HashMap<PatientId, Vec<Span>>, StoreError> {
    let rows: Vec<(Uuid, i64, Instant, Option<Instant>)> = tx
        .all(&SPANS, binds![vec![uuids(patients.iter().map(|id| id.0))]])
        .await?;
    let mut spans: HashMap<PatientId, Vec<Span>> = HashMap::new();
    for (patient, version, effective_from, until) in rows {
        spans.entry(patient.into()).or_default().push(Span {
            version,
            effective_from,
            until,
        });
    }
    Ok(spans)
}

pub async fn latest(tx: &mut Tx, patient: PatientId) -> Result<Option<PlanRow>, StoreError> {
    Ok(tx.optional(&LATEST, binds![patient.0]).await?.map(plan_row))
}

fn pairs(wanted: &[(PatientId, i64)]) -> Vec<super::bind::Column<'_>> {
    vec![
        uuids(wanted.iter().map(|(patient, _)| patient.0)),
        bigints(wanted.iter().map(|(_, version)| *version)),
    ]
}

type Row = (
    Uuid,
    i64,
    Instant,
    Option<Instant>,
    String,
    String,
    Uuid,
    String,
    Instant,
);

fn plan_row((patient, version, effective_from, until, reason, body, id, name, set_at): Row) -> PlanRow {
    let set_by = Actor { id, name };
    PlanRow {
        patient_id: patient.into(),
        version,
        effective_from,
        until,
        reason,
        body,
        set_by,
        set_at,
    }
}
