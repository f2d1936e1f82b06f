//! A process of the service as it last described itself. One that was killed goes on saying that it works: its word counts
//! only while it is fresh.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::time::Instant;
use super::words::words;

/// What a process says that it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// Not subscribed yet since it was started.
    Starting,
    /// Subscribed, and can commit.
    Working,
    /// Was subscribed, and is not; or another client cuts it off again and again.
    NoBroker,
    /// Messages wait and are not committed.
    CannotStore,
    /// Ended in order.
    Stopped,
    /// Says nothing any more. Nobody says this of itself.
    Silent,
}

words! {
    ProcessState {
        Starting = "starting", Working = "working", NoBroker = "no_broker", CannotStore = "cannot_store",
        Stopped = "stopped", Silent = "silent",
    }
}

/// What one process last said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub id: Uuid,
    /// Its name at the broker, `mqtt.client_id`: no two processes that run at one time should share it.
    pub name: String,
    pub version: String,
    pub started_at: Instant,
    pub state: ProcessState,
    pub said_at: Instant,
    /// When it last committed a heartbeat.
    pub verified_at: Option<Instant>,
    /// When the oldest message that it held uncommitted had arrived.
    pub waiting_since: Option<Instant>,
}

impl Process {
    /// Seconds that its oldest uncommitted message had waited when it said so; 0 where none waited.
    pub fn lag_seconds(&self) -> i64 {
        self.waiting_since
            .map_or(0, |since| (self.said_at - since).num_seconds().max(0))
    }

    /// Whether `other` was started under the same name after this one's last word: it has taken its place.
    pub fn is_replaced_by(&self, other: &Self) -> bool {
        self.id != other.id && self.name == other.name && other.started_at >= self.said_at
    }
}
