//! "We are listening and can store" is a row in the store, so a time when nobody could is known afterwards and not guessed.
//! Beside that proof stands what the process says of itself, which others may read and must not take for one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::broker::Link;
use crate::domain::process::{Process, ProcessState};
use crate::domain::time::Instant;
use crate::ingest::pulse::{Beat, Pulse};
use crate::store::{self, Db};

use super::WorkerFault;

/// How often it is looked whether there is anything to say.
pub const EVERY: Duration = Duration::from_secs(1);
/// engine.md counts a gap of more than 2 minutes as an outage.
const BEAT: TimeDelta = TimeDelta::seconds(30);
/// A rival under our client id is taken to be there for so long after its last sign.
const RIVALLED: TimeDelta = TimeDelta::seconds(60);
/// What a process said is kept so long after its last word.
const REMEMBERED: TimeDelta = TimeDelta::days(7);
/// How long an ending process tries to say so.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// Who speaks: what of a process never changes.
#[derive(Debug, Clone)]
pub struct Identity {
    pub id: uuid::Uuid,
    /// `mqtt.client_id`.
    pub name: String,
    pub started_at: Instant,
}

/// The beat of one process that ingests.
#[derive(Debug)]
pub struct Heartbeat {
    db: Db,
    identity: Identity,
    /// Has seen what the last step looked at: what changes while that step writes wakes the next at once.
    link: Mutex<watch::Receiver<Link>>,
    pulse: Pulse,
    said: Mutex<Option<(ProcessState, Instant)>>,
}

impl Heartbeat {
    pub fn new(db: Db, identity: Identity, link: watch::Receiver<Link>, pulse: Pulse) -> Self {
        Self {
            db,
            identity,
            link: Mutex::new(link),
            pulse,
            said: Mutex::default(),
        }
    }

    /// Says how the process is where that has changed or is due, and beats where it is subscribed and its lanes can commit;
    /// otherwise there is no beat, which is what makes it an outage.
    pub async fn step(&self, now: Instant) -> Result<usize, WorkerFault> {
        let beat = self.pulse.read();
        let link = self.link().borrow_and_update().clone();
        let reached = link.inbound && !is_rivalled(&link, &beat, now);
        let state = state(reached, beat.verified_at.is_some(), beat.stores(now));
        if !self.is_due(state, now) {
            return Ok(0);
        }
        let works = state == ProcessState::Working;
        let mut tx = self.db.begin().await?;
        if works {
            let own = store::heartbeat::Process {
                id: self.identity.id,
                kind: "ingest".to_owned(),
                started_at: self.identity.started_at,
            };
            store::heartbeat::beat(&mut tx, &own, now).await?;
        }
        let word = Process {
            verified_at: if works { Some(now) } else { beat.verified_at },
            waiting_since: beat.waiting_since,
            ..self.word(state, now)
        };
        store::process::say(&mut tx, &word).await?;
        // Not every broker says why it ends a connection; the store knows who else is there.
        let rival = store::process::rival(&mut tx, &word, self.identity.started_at).await?;
        if self.said().is_none() {
            store::process::forget(&mut tx, now - REMEMBERED).await?;
            store::heartbeat::forget(&mut tx, now - REMEMBERED).await?;
        }
        tx.commit().await?;
        if works {
            self.pulse.verified(now);
        }
        if let Some(at) = rival.filter(|at| beat.rival_at.is_none_or(|before| before < *at)) {
            tracing::error!(
                client_id = self.identity.name,
                "another process runs under the same mqtt.client_id, and the broker ends one's connection for the other; \
                 give each its own"
            );
            self.pulse.rivalled(at);
        }
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some((state, now));
        Ok(1)
    }

    /// Resolves when the connection to the broker has changed since the last step looked at it.
    pub async fn woken(&self) {
        // A copy has seen what its original has.
        let mut link = self.link().clone();
        // Fails only where the connection is gone for good, and then there is nothing to wake up for.
        if link.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Says that the process ends, as far as that can still be said.
    pub async fn leave(&self, now: Instant) {
        let word = Process {
            verified_at: self.pulse.read().verified_at,
            ..self.word(ProcessState::Stopped, now)
        };
        let saying = async {
            let mut tx = self.db.begin().await?;
            store::process::say(&mut tx, &word).await?;
            tx.commit().await
        };
        if !matches!(tokio::time::timeout(GOODBYE_WITHIN, saying).await, Ok(Ok(()))) {
            tracing::warn!("the store could not be told that this process ends; others will find it silent");
        }
    }

    fn link(&self) -> MutexGuard<'_, watch::Receiver<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self) -> Option<(ProcessState, Instant)> {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due(&self, state: ProcessState, now: Instant) -> bool {
        self.said()
            .is_none_or(|(before, at)| before != state || now - at >= BEAT || now < at)
    }

    fn word(&self, state: ProcessState, now: Instant) -> Process {
        Process {
            id: self.identity.id,
            name: self.identity.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.identity.started_at,
            state,
            said_at: now,
            verified_at: None,
            waiting_since: None,
        }
    }
}

/// Whether another client cuts ours off: each comes back at once, so that a look at the connection may find it standing.
pub fn is_rivalled(link: &Link, beat: &Beat, now: Instant) -> bool {
    let cut_off = link
        .taken_over_at
        .is_some_and(|at| TimeDelta::from_std(at.elapsed()).is_ok_and(|since| since < RIVALLED));
    cut_off || beat.rival_at.is_some_and(|at| now - at < RIVALLED)
}

fn state(reached: bool, verified_before: bool, stores: bool) -> ProcessState {
    match (reached, stores) {
        (_, false) => ProcessState::CannotStore,
        (true, true) => ProcessState::Working,
        (false, true) if verified_before => ProcessState::NoBroker,
        (false, true) => ProcessState::Starting,
    }
}
