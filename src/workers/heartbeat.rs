//! "We are listening and can store" is a row in the store, so a time when nobody could is known afterwards and not guessed.

use std::time::Duration;

use tokio::sync::watch;

use crate::broker::Link;
use crate::domain::time::Instant;
use crate::ingest::pulse::Pulse;
use crate::store::heartbeat::Process;
use crate::store::{self, Db};

use super::WorkerFault;

/// engine.md counts a gap of more than 2 minutes as an outage.
pub const EVERY: Duration = Duration::from_secs(30);

/// The beat of one process that ingests.
#[derive(Debug)]
pub struct Heartbeat {
    pub db: Db,
    pub process: Process,
    pub link: watch::Receiver<Link>,
    pub pulse: Pulse,
}

impl Heartbeat {
    /// Beats where the process is subscribed and its lanes can commit; otherwise stays silent, which is what makes it an outage.
    pub async fn step(&self, now: Instant) -> Result<usize, WorkerFault> {
        if !self.link.borrow().inbound || self.pulse.read().failing.is_some() {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        store::heartbeat::beat(&mut tx, &self.process, now).await?;
        tx.commit().await?;
        Ok(1)
    }
}
