//! Looks at the patients whose time is over, or of whom something changed, and at nobody else. Two steps in one: first everybody
//! who is due is judged, then alerts are raised.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::ids::{Ids, PatientId};
use crate::domain::time::Instant;
use crate::judging::JudgingFault;
use crate::judging::clearing::Cleared;
use crate::judging::compliance::{self, Watch};
use crate::judging::incident::{self, Limits};
use crate::judging::missing;
use crate::judging::plans::PlanShelf;
use crate::metrics::alerts::Alerts;
use crate::store::compliance::Mark;
use crate::store::{self, Db, StoreError, Tx};

use super::WorkerFault;

pub const EVERY: Duration = Duration::from_secs(1);
/// Patients of one transaction on PostgreSQL: whoever sends for one of them or acts on one meanwhile waits for it.
const POSTGRES_BATCH: u32 = 50;
/// On SQLite everybody waits for it.
const SQLITE_BATCH: u32 = 10;
/// Patients of one step, about; what is left waits for the next, and whoever sends has the rest of the second.
const AT_ONCE: usize = 300;
/// Rows of calls of one transaction, and about how many patients of these: a unit that sends a backlog calls for one many times.
const CALLS: u32 = 200;
const CALLED: usize = 300;
/// Transactions of one step for them.
const MOST_CALLS: u32 = 5;
/// Findings wait so long at most for everybody else to be judged: who is always busy must still tell.
const PATIENCE: TimeDelta = TimeDelta::minutes(1);
/// A patient who cannot be judged, by a fault of data or program, is tried again after so long.
const PUT_OFF: TimeDelta = TimeDelta::hours(1);

/// Judges compliance as time passes.
#[derive(Debug)]
pub struct Compliance {
    pub db: Db,
    pub shelf: Arc<PlanShelf>,
    pub ids: Ids,
    pub limits: Limits,
    pub alerts: Alerts,
}

impl Compliance {
    /// How many patients were judged and how many alerts raised.
    pub async fn step(&self, now: Instant) -> Result<usize, WorkerFault> {
        let mut reading = self.db.read().await?;
        let watch = compliance::watch(&mut reading, now).await?;
        let is_called = store::compliance_call::is_any_due(&mut reading, watch.as_of).await?;
        drop(reading);
        // What fails of it keeps nobody who is due from being judged.
        let called = if is_called { self.answer(now).await } else { Ok(0) };
        let mut is_due = store::compliance::is_anybody_due(&mut self.db.read().await?, watch.as_of).await?;
        let mut judged = 0;
        while is_due && judged < AT_ONCE {
            let done = self.judge(&watch, now).await?;
            judged += done;
            is_due = done == self.batch() as usize;
        }
        let waits_since = store::compliance::waits_since(&mut self.db.read().await?).await?;
        let raised = match waits_since {
            Some(since) if !is_due || since <= now - PATIENCE => self.raise(now).await?,
            _ => 0,
        };
        Ok(called? + judged + raised)
    }

    /// Makes those due who were called, and all who were called since then with them; how many calls it was. Whoever is locked is
    /// being changed, and is called again for the next step.
    async fn answer(&self, now: Instant) -> Result<usize, WorkerFault> {
        let mut answered = 0;
        for _ in 0..MOST_CALLS {
            let mut tx = self.db.begin().await?;
            let calls = store::compliance_call::claim(&mut tx, CALLS).await?;
            for call in calls.iter().filter(|call| !call.is_readable) {
                tracing::error!(
                    seq = call.seq,
                    "a row of compliance_call cannot be read and is left out"
                );
            }
            let (calls, mut since) = compliance::called(calls, CALLED);
            let patients: Vec<PatientId> = since.iter().map(|(patient, _)| *patient).collect();
            let free = store::compliance::claim_those(&mut tx, &patients).await?;
            let free: HashSet<PatientId> = free.into_iter().collect();
            let locked: Vec<(PatientId, Instant)> = since
                .extract_if(.., |(patient, _)| !free.contains(patient))
                .collect();
            store::compliance::altered(&mut tx, &since, now).await?;
            store::compliance_call::insert_due(&mut tx, &locked, now).await?;
            store::compliance_call::answered(&mut tx, &calls).await?;
            tx.commit().await?;
            answered += calls.len();
            if calls.is_empty() || !locked.is_empty() {
                break;
            }
        }
        Ok(answered)
    }

    const fn batch(&self) -> u32 {
        match self.db {
            Db::Sqlite { .. } => SQLITE_BATCH,
            Db::Postgres { .. } => POSTGRES_BATCH,
        }
    }

    /// One batch; how many patients it was.
    async fn judge(&self, watch: &Watch, now: Instant) -> Result<usize, WorkerFault> {
        let mut tx = self.db.begin().await?;
        let marks = store::compliance::claim_due(&mut tx, watch.as_of, self.batch()).await?;
        let due = marks.len();
        match self.look(&mut tx, marks.clone(), watch, now).await {
            Ok(cleared) => {
                tx.commit().await?;
                self.alerts.cleared(&cleared);
            }
            Err(fault) if is_passing(&fault) => return Err(fault.into()),
            Err(_) => {
                tx.rollback().await?;
                self.one_by_one(&marks, watch, now).await?;
            }
        }
        Ok(due)
    }

    async fn look(
        &self,
        tx: &mut Tx,
        marks: Vec<Mark>,
        watch: &Watch,
        now: Instant,
    ) -> Result<Vec<Cleared>, JudgingFault> {
        if marks.is_empty() {
            return Ok(Vec::new());
        }
        compliance::look(tx, &self.shelf, marks, watch, now).await
    }

    /// Whoever cannot be judged keeps nobody else from it.
    async fn one_by_one(&self, marks: &[Mark], watch: &Watch, now: Instant) -> Result<(), WorkerFault> {
        for mark in marks {
            let patient = mark.patient_id;
            let mut tx = self.db.begin().await?;
            let claimed = store::compliance::claim_again(&mut tx, patient).await?;
            match self.look(&mut tx, claimed, watch, now).await {
                Ok(cleared) => {
                    tx.commit().await?;
                    self.alerts.cleared(&cleared);
                }
                Err(fault) if is_passing(&fault) => return Err(fault.into()),
                Err(fault) => {
                    tx.rollback().await?;
                    tracing::error!(%patient, %fault, "a patient's missed sessions cannot be judged");
                    let mut tx = self.db.begin().await?;
                    store::patient::lock(&mut tx, &[patient]).await?;
                    store::compliance::put_off(&mut tx, patient, now + PUT_OFF).await?;
                    tx.commit().await?;
                }
            }
        }
        Ok(())
    }

    /// Raises what waits, unless an incident goes on.
    async fn raise(&self, now: Instant) -> Result<usize, WorkerFault> {
        let mut tx = self.db.begin().await?;
        let goes_on = incident::goes_on(&mut tx, self.limits, &self.ids, now).await?;
        tx.commit().await?;
        let (mut raised, mut looked_at) = (0, 0);
        while !goes_on && looked_at < AT_ONCE {
            let mut tx = self.db.begin().await?;
            let patients = store::compliance::claim_waiting(&mut tx, self.batch()).await?;
            if patients.is_empty() {
                break;
            }
            raised += missing::raise(&mut tx, &self.shelf, &patients, &self.ids, now).await?;
            tx.commit().await?;
            looked_at += patients.len();
        }
        Ok(raised)
    }
}

fn is_passing(fault: &JudgingFault) -> bool {
    fault.store().is_some_and(StoreError::is_retryable)
}
