//! Whether ingest can commit, told by the lanes themselves; nobody guesses it from the absence of errors.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::time::Instant;

/// What the lanes last said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    pub committed_at: Option<Instant>,
    /// Since when a lane commits nothing, and why; cleared by that lane's next commit. Of several lanes the one that has
    /// failed longest.
    pub failing: Option<(Instant, String)>,
}

/// Shared by the lanes, the heartbeat and `/readyz`.
#[derive(Debug, Clone)]
pub struct Pulse {
    board: Arc<watch::Sender<Board>>,
    lane: u64,
}

#[derive(Debug, Default)]
struct Board {
    beat: Beat,
    lanes: u64,
    failing: BTreeMap<u64, (Instant, String)>,
}

impl Board {
    fn told(&mut self) {
        self.beat.failing = self.failing.values().min_by_key(|(since, _)| *since).cloned();
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            board: Arc::new(watch::Sender::new(Board::default())),
            lane: 0,
        }
    }
}

impl Pulse {
    /// For one more lane: what it says does not hide what another says.
    pub fn of_lane(&self) -> Self {
        let mut lane = 0;
        self.board.send_modify(|board| {
            board.lanes += 1;
            lane = board.lanes;
        });
        Self {
            board: Arc::clone(&self.board),
            lane,
        }
    }

    pub fn committed(&self, now: Instant) {
        self.board.send_modify(|board| {
            board.failing.remove(&self.lane);
            board.beat.committed_at = Some(now);
            board.told();
        });
    }

    pub fn failing(&self, now: Instant, fault: &dyn std::error::Error) {
        self.board.send_modify(|board| {
            let since = board.failing.get(&self.lane).map_or(now, |(since, _)| *since);
            board.failing.insert(self.lane, (since, fault.to_string()));
            board.told();
        });
    }

    pub fn read(&self) -> Beat {
        self.board.borrow().beat.clone()
    }

    /// Resolves when `wanted` holds of what the lanes last said.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&Beat) -> bool) -> Beat {
        let mut watching = self.board.subscribe();
        // Fails only where the sender is gone, and `self` holds it.
        match watching.wait_for(|board| wanted(&board.beat)).await {
            Ok(board) => board.beat.clone(),
            Err(_) => self.read(),
        }
    }
}
