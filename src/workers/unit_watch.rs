//! Batteries, clocks and silence of home units. Ingest only marks whom to look at, so that it costs a session nothing.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::ids::Ids;
use crate::domain::time::Instant;
use crate::judging::plans::PlanShelf;
use crate::judging::watching;
use crate::store::{self, Db};

use super::WorkerFault;

pub const EVERY: Duration = Duration::from_secs(2);
/// So many at a time; the rest is taken in the next step.
const AT_ONCE: u32 = 100;
/// Nobody else looks at them for so long.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// Looks at the units that are due.
#[derive(Debug)]
pub struct UnitWatch {
    pub db: Db,
    pub shelf: Arc<PlanShelf>,
    pub ids: Ids,
}

impl UnitWatch {
    /// Gives how many findings began or ended.
    pub async fn step(&self, now: Instant) -> Result<usize, WorkerFault> {
        let mut tx = self.db.read().await?;
        let is_any_due = store::unit_watch::is_any_due(&mut tx, now).await?;
        drop(tx);
        if !is_any_due {
            return Ok(0);
        }
        let leased_until = now + LEASE;
        let mut tx = self.db.begin().await?;
        let units = store::unit_watch::claim(&mut tx, now, leased_until, AT_ONCE).await?;
        tx.commit().await?;
        if units.is_empty() {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        let due = (units.as_slice(), leased_until);
        let changed = watching::watch(&mut tx, &self.shelf, due, &self.ids, now).await?;
        tx.commit().await?;
        Ok(changed)
    }
}
