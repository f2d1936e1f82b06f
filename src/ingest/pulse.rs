//! Whether ingest can commit, told by the lanes themselves; nobody guesses it from the absence of errors.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::domain::time::Instant;
use crate::metrics::ingest::Ingest;

/// A message that waits longer is a sign that nothing is stored, though no fault was told: a lock, a database that hangs.
pub const HELD_UP: TimeDelta = TimeDelta::seconds(60);

/// What the lanes last said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    pub committed_at: Option<Instant>,
    /// Since when a lane commits nothing, and why; cleared by that lane's next commit. Of several lanes the one that has
    /// failed longest.
    pub failing: Option<(Instant, String)>,
    /// When the oldest message that is not committed arrived; none where nothing waits.
    pub waiting_since: Option<Instant>,
    /// When this process last proved by a heartbeat that it is subscribed and can commit.
    pub verified_at: Option<Instant>,
    /// When another process last spoke in the store under the same `mqtt.client_id`.
    pub rival_at: Option<Instant>,
}

impl Beat {
    /// How long the oldest message that is not committed has waited; zero where none does.
    pub fn lag(&self, now: Instant) -> TimeDelta {
        self.waiting_since
            .map_or(TimeDelta::zero(), |since| (now - since).max(TimeDelta::zero()))
    }

    /// Whether what arrives is stored: no lane fails, and none is held up for longer than any batch takes.
    pub fn stores(&self, now: Instant) -> bool {
        self.failing.is_none() && self.lag(now) <= HELD_UP
    }
}

/// Shared by the lanes, the heartbeat and `/readyz`.
#[derive(Debug, Clone)]
pub struct Pulse {
    board: Arc<watch::Sender<Board>>,
    counts: Ingest,
    lane: u64,
}

#[derive(Debug, Default)]
struct Board {
    beat: Beat,
    lanes: u64,
    failing: BTreeMap<u64, (Instant, String)>,
    waiting: BTreeMap<u64, Instant>,
}

impl Board {
    fn told(&mut self) {
        self.beat.failing = self.failing.values().min_by_key(|(since, _)| *since).cloned();
        self.beat.waiting_since = self.waiting.values().min().copied();
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            board: Arc::new(watch::Sender::new(Board::default())),
            counts: Ingest::default(),
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
            counts: self.counts.clone(),
            lane,
        }
    }

    /// What the lanes count, all together.
    pub fn counts(&self) -> &Ingest {
        &self.counts
    }

    /// The lane begins on a batch whose oldest message arrived then. Every other message that is here came later.
    pub fn took(&self, oldest: Instant) {
        self.board.send_modify(|board| {
            board.waiting.insert(self.lane, oldest);
            board.told();
        });
    }

    /// All of the lane's batch is committed.
    pub fn settled(&self) {
        self.board.send_modify(|board| {
            board.waiting.remove(&self.lane);
            board.told();
        });
    }

    /// Another process runs under our name: the broker ends one connection for the other.
    pub fn rivalled(&self, at: Instant) {
        self.board.send_modify(|board| board.beat.rival_at = Some(at));
    }

    /// A heartbeat has committed.
    pub fn verified(&self, now: Instant) {
        self.board.send_modify(|board| board.beat.verified_at = Some(now));
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
