//! Whether ingest can commit, told by the lanes themselves; nobody guesses it from the absence of errors.

use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::time::Instant;

/// What the lanes last said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    pub committed_at: Option<Instant>,
    /// Since when nothing commits, and why; cleared by the next commit.
    pub failing: Option<(Instant, String)>,
}

/// Shared by the lanes, the heartbeat and `/readyz`.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<watch::Sender<Beat>>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Beat::default())))
    }
}

impl Pulse {
    pub fn committed(&self, now: Instant) {
        self.0.send_modify(|beat| {
            *beat = Beat {
                committed_at: Some(now),
                failing: None,
            }
        });
    }

    pub fn failing(&self, now: Instant, fault: &dyn std::error::Error) {
        self.0.send_modify(|beat| {
            let since = beat.failing.as_ref().map_or(now, |(since, _)| *since);
            beat.failing = Some((since, fault.to_string()));
        });
    }

    pub fn read(&self) -> Beat {
        self.0.borrow().clone()
    }

    pub fn subscribe(&self) -> watch::Receiver<Beat> {
        self.0.subscribe()
    }
}
