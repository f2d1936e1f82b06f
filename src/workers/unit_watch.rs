//! Batteries, clocks, silence and lost sessions of home units. Ingest only marks whom to look at, so that it costs a session
//! nothing; whose numbers to look at is found by when their sessions came.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::ids::Ids;
use crate::domain::time::Instant;
use crate::judging::plans::PlanShelf;
use crate::judging::watching;
use crate::metrics::alerts::Alerts;
use crate::store::{self, Db};

use super::WorkerFault;

pub const EVERY: Duration = Duration::from_secs(2);
/// Nobody else looks at them for so long.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often it is looked who has sent numbered sessions.
const NUMBERS_EVERY: TimeDelta = TimeDelta::seconds(60);
/// A session may become visible so much after it was received. One that does so later is looked at with the unit's next.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);
/// What came before this process began: others may have stopped.
const BEFORE_START: TimeDelta = TimeDelta::hours(2);

/// Looks at the units that are due.
#[derive(Debug)]
pub struct UnitWatch {
    db: Db,
    shelf: Arc<PlanShelf>,
    ids: Ids,
    alerts: Alerts,
    numbers_until: Mutex<Option<Instant>>,
}

impl UnitWatch {
    pub const fn new(db: Db, shelf: Arc<PlanShelf>, ids: Ids, alerts: Alerts) -> Self {
        Self {
            db,
            shelf,
            ids,
            alerts,
            numbers_until: Mutex::new(None),
        }
    }

    /// Gives how many findings began or ended.
    pub async fn step(&self, now: Instant) -> Result<usize, WorkerFault> {
        self.find_numbers(now).await?;
        let mut tx = self.db.read().await?;
        let is_any_due = store::unit_watch::is_any_due(&mut tx, now).await?;
        drop(tx);
        if !is_any_due {
            return Ok(0);
        }
        let leased_until = now + LEASE;
        let mut tx = self.db.begin().await?;
        let units = store::unit_watch::claim(&mut tx, now, leased_until).await?;
        tx.commit().await?;
        if units.is_empty() {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        let due = (units.as_slice(), leased_until);
        let (changed, cleared) = watching::watch(&mut tx, &self.shelf, due, &self.ids, now).await?;
        tx.commit().await?;
        self.alerts.cleared(&cleared);
        Ok(changed)
    }

    /// Marks the units that have sent numbered sessions.
    async fn find_numbers(&self, now: Instant) -> Result<(), WorkerFault> {
        let until = *self.numbers_until.lock().unwrap_or_else(PoisonError::into_inner);
        let from = match until {
            Some(until) if now - until < NUMBERS_EVERY && until <= now => return Ok(()),
            Some(until) => until - OVERLAP,
            None => now - BEFORE_START,
        };
        let mut tx = self.db.read().await?;
        let units = store::unit_watch::numbers_came(&mut tx, from, now).await?;
        drop(tx);
        if !units.is_empty() {
            let mut tx = self.db.begin().await?;
            store::unit_watch::wake_all(&mut tx, &units, now).await?;
            tx.commit().await?;
        }
        *self.numbers_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
    }
}
