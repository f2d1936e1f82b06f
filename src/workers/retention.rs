//! Deletes what nobody needs for ever, and nothing else: what is clinical, the audit and what lies in quarantine has no
//! statement that could. A little at a time, so that whoever writes meanwhile waits for no more than one batch.

use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::time::Instant;
use crate::store::{self, Db, StoreError, Tx};

use super::WorkerFault;

pub const EVERY: Duration = Duration::from_hours(1);
/// Rows of one transaction.
const BATCH: u32 = 1_000;
/// Transactions of one step and kind: what is left waits for the next.
const MOST_BATCHES: u32 = 200;

/// How long is kept what.
#[derive(Debug, Clone)]
pub struct Retention {
    pub db: Db,
    /// What the stream told: for readers who resume.
    pub events: TimeDelta,
    /// After they were sent, or had expired.
    pub notices: TimeDelta,
    /// For requests that come again.
    pub answers: TimeDelta,
    pub heartbeats: TimeDelta,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Events,
    Notices,
    Answers,
    Heartbeats,
    SignIns,
}

impl Retention {
    pub async fn step(&self, now: Instant) -> Result<usize, WorkerFault> {
        let mut all = 0;
        for kind in [
            Kind::Events,
            Kind::Notices,
            Kind::Answers,
            Kind::Heartbeats,
            Kind::SignIns,
        ] {
            let deleted = self.sweep(kind, now).await?;
            if deleted > 0 {
                tracing::info!(?kind, deleted, "what was kept long enough has been deleted");
            }
            all += deleted;
        }
        Ok(usize::try_from(all).unwrap_or(usize::MAX))
    }

    async fn sweep(&self, kind: Kind, now: Instant) -> Result<u64, StoreError> {
        let mut all = 0;
        for _ in 0..MOST_BATCHES {
            let mut tx = self.db.begin().await?;
            let deleted = self.delete(&mut tx, kind, now).await?;
            tx.commit().await?;
            all += deleted;
            if deleted < u64::from(BATCH) {
                break;
            }
        }
        Ok(all)
    }

    async fn delete(&self, tx: &mut Tx, kind: Kind, now: Instant) -> Result<u64, StoreError> {
        match kind {
            Kind::Events => store::event::forget(tx, now - self.events, BATCH).await,
            Kind::Notices => store::outbox::forget(tx, now - self.notices, BATCH).await,
            Kind::Answers => store::idempotency::forget(tx, now - self.answers, BATCH).await,
            // One row a process: few.
            Kind::Heartbeats => store::heartbeat::forget(tx, now - self.heartbeats).await,
            // Nobody can sign in by one that has expired.
            Kind::SignIns => store::sign_in::delete_expired(tx, now).await,
        }
    }
}
