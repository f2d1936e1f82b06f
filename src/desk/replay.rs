//! What stands is never mended in passing: somebody asks for it, a patient at a time, under the locks of ingest, and it is on record.

use serde_json::json;

use crate::domain::ids::PatientId;
use crate::domain::time::Instant;
use crate::judging::again;
use crate::judging::replay::{Replayed, replay};
use crate::store::{self, StoreError};

use super::audit::{self, Subject};
use super::{Act, Caller, Desk, Refusal};

/// How often a patient whom a rival transaction holds is tried.
const TRIES: u32 = 5;

/// One patient, judged again.
#[derive(Debug, Default)]
pub struct Compared {
    pub found: Replayed,
    /// Of the differences, those that judging again has mended.
    pub mended: usize,
}

impl Desk {
    /// Judges a patient's sessions of the period again and compares with what stands. With `mend`, what differs is written
    /// as judged, from the beginning of the period on.
    pub async fn compare(
        &self,
        caller: &Caller,
        patient: PatientId,
        period: (Instant, Option<Instant>),
        mend: bool,
    ) -> Result<Compared, Refusal> {
        let mut tx = self.db.read().await?;
        let found = replay(&mut tx, patient, period).await?;
        drop(tx);
        if found.differences.is_empty() {
            return Ok(Compared { found, mended: 0 });
        }
        // A session that came between two statements looks like a difference: what differs is looked at again with the
        // patient held.
        let mut attempt = 1;
        loop {
            let held = self.compare_held(caller, patient, period, mend).await;
            match held {
                Err(Refusal::Store(fault)) if fault.is_retryable() && attempt < TRIES => attempt += 1,
                done => return done,
            }
        }
    }

    async fn compare_held(
        &self,
        caller: &Caller,
        patient: PatientId,
        period: (Instant, Option<Instant>),
        mend: bool,
    ) -> Result<Compared, Refusal> {
        let mut act = self.begin(caller.clone()).await?;
        store::patient::lock(&mut act.tx, &[patient]).await?;
        let found = replay(&mut act.tx, patient, period).await?;
        if found.differences.is_empty() || !mend {
            act.tx.rollback().await?;
            return Ok(Compared { found, mended: 0 });
        }
        again::rejudge(&mut act.tx, &[(patient, period.0)], &act.ids, act.now).await?;
        let left = replay(&mut act.tx, patient, period).await?.differences.len();
        let mended = found.differences.len().saturating_sub(left);
        record(&mut act, patient, found.differences.len(), mended).await?;
        act.commit().await?;
        Ok(Compared { found, mended })
    }
}

async fn record(act: &mut Act, patient: PatientId, differences: usize, mended: usize) -> Result<(), Refusal> {
    let detail = json!({ "differences": differences, "mended": mended });
    audit::record(act, "findings.mend", Subject::patient(patient), detail).await
}

/// Patients in the order of their ids, so many after one: a whole service is gone through without being held.
pub async fn patients_after(
    desk: &Desk,
    after: Option<PatientId>,
    limit: u32,
) -> Result<Vec<PatientId>, StoreError> {
    let mut tx = desk.db.read().await?;
    store::patient::ids_after(&mut tx, after, limit).await
}
