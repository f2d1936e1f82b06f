//! Things that happen because time passed. No worker has a leader: each claims what is due, so any number of processes may run them.

pub mod compliance;
pub mod heartbeat;
pub mod retention;
pub mod unit_post;
pub mod unit_watch;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::domain::time::Instant;
use crate::judging::JudgingFault;
use crate::judging::plans::PlanFault;
use crate::metrics::workers::Workers;
use crate::store::StoreError;

/// After so many failed steps in a row the process stops: something else must look at it.
const GIVE_UP_AFTER: u32 = 100;

/// The table of workers.
#[derive(Debug)]
pub enum Worker {
    Compliance(compliance::Compliance),
    Heartbeat(heartbeat::Heartbeat),
    Retention(retention::Retention),
    UnitPost(unit_post::UnitPost),
    UnitWatch(unit_watch::UnitWatch),
}

#[derive(Debug, thiserror::Error)]
pub enum WorkerFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Plan(#[from] PlanFault),
    #[error(transparent)]
    Judging(#[from] JudgingFault),
}

/// A worker that kept failing; the process ends with it.
#[derive(Debug, thiserror::Error)]
#[error("the worker {name} failed {GIVE_UP_AFTER} times in a row")]
pub struct GaveUp {
    pub name: &'static str,
}

impl Worker {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Compliance(_) => "compliance",
            Self::Heartbeat(_) => "heartbeat",
            Self::Retention(_) => "retention",
            Self::UnitPost(_) => "unit_post",
            Self::UnitWatch(_) => "unit_watch",
        }
    }

    const fn every(&self) -> Duration {
        match self {
            Self::Compliance(_) => compliance::EVERY,
            Self::Heartbeat(_) => heartbeat::EVERY,
            Self::Retention(_) => retention::EVERY,
            Self::UnitPost(_) => unit_post::EVERY,
            Self::UnitWatch(_) => unit_watch::EVERY,
        }
    }

    /// When it first looks, after its start. Each has its own part of the second: together they would stand in the way of whatever
    /// arrives just then.
    const fn first_after(&self) -> Duration {
        Duration::from_millis(match self {
            Self::Heartbeat(_) => 0,
            Self::UnitPost(_) => 100,
            Self::Compliance(_) => 300,
            Self::UnitWatch(_) => 700,
            Self::Retention(_) => 900,
        })
    }

    /// Does what is due at `now`; how many things it did.
    pub async fn step(&self, now: Instant) -> Result<usize, WorkerFault> {
        match self {
            Self::Compliance(worker) => worker.step(now).await,
            Self::Heartbeat(worker) => worker.step(now).await,
            Self::Retention(worker) => worker.step(now).await,
            Self::UnitPost(worker) => worker.step(now).await,
            Self::UnitWatch(worker) => worker.step(now).await,
        }
    }

    /// Resolves when there may be something to do before its time.
    async fn woken(&self) {
        match self {
            Self::Heartbeat(worker) => worker.woken().await,
            Self::Compliance(_) | Self::Retention(_) | Self::UnitPost(_) | Self::UnitWatch(_) => {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn leave(&self, now: Instant) {
        match self {
            Self::Heartbeat(worker) => worker.leave(now).await,
            Self::Compliance(_) | Self::Retention(_) | Self::UnitPost(_) | Self::UnitWatch(_) => {}
        }
    }

    /// Steps until told to stop.
    pub async fn run(
        self,
        clock: Clock,
        counts: Workers,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), GaveUp> {
        counts.started(self.name());
        let mut failures = 0;
        let first = tokio::time::Instant::now() + self.first_after();
        let mut ticks = tokio::time::interval_at(first, self.every());
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let stops = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => true,
                _ = ticks.tick() => false,
                () = self.woken() => false,
            };
            if stops {
                self.leave(clock.now()).await;
                return Ok(());
            }
            let fault = match AssertUnwindSafe(self.step(clock.now())).catch_unwind().await {
                Ok(Ok(_)) => None,
                Ok(Err(fault)) => Some(fault.to_string()),
                Err(_) => Some("a fault of the program".to_owned()),
            };
            failures = fault.as_ref().map_or(0, |_| failures + 1);
            if let Some(fault) = fault {
                counts.failed(self.name());
                tracing::error!(worker = self.name(), fault, failures, "a worker's step failed");
            }
            if failures >= GIVE_UP_AFTER {
                return Err(GaveUp { name: self.name() });
            }
        }
    }
}
