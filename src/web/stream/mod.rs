//! One reader a process reads events on for everybody who listens, and only while somebody does. What it cannot promise any
//! more (its place is gone, the database does not answer) it ends: whoever listened comes again with the last id they have.

mod feed;
mod listener;
mod reader;
mod seats;

pub use feed::{Feed, Told};
pub use listener::{Caller, From, Listener, may_see};
pub use reader::run;
pub use seats::Seat;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use feed::Phase;
use seats::Seats;

/// How long somebody who comes waits for the reader to begin.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the reader, the listeners and the guard share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stream {
    phase: Arc<watch::Sender<Phase>>,
    departures: Arc<watch::Sender<u64>>,
    seats: Seats,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            phase: Arc::new(watch::Sender::new(Phase::Off)),
            departures: Arc::default(),
            seats: Seats::default(),
        }
    }
}

impl Stream {
    /// Room for one more stream of this caller; `None` where they have `most` already.
    pub fn seat(&self, caller: Uuid, most: usize) -> Option<Seat> {
        self.seats.take(caller, most)
    }

    /// What the reader tells from now on; `None` where it does not run. What was told before has to be read from the store
    /// after this returned.
    pub async fn listen(&self) -> Option<Feed> {
        let mut watching = self.phase.subscribe();
        let joined = async {
            loop {
                let mut joined = None;
                self.phase.send_if_modified(|phase| match phase {
                    Phase::Idle => {
                        *phase = Phase::Wanted;
                        true
                    }
                    Phase::Reading(desk) => {
                        // Under the lock: the reader cannot find that nobody listens meanwhile.
                        joined = Some(desk.join());
                        false
                    }
                    Phase::Off | Phase::Wanted => false,
                });
                if joined.is_some() || matches!(*watching.borrow_and_update(), Phase::Off) {
                    return joined;
                }
                watching.changed().await.ok()?;
            }
        };
        tokio::time::timeout(PATIENCE, joined).await.ok().flatten()
    }

    /// Has every stream of this process asked at once whether its caller may still listen.
    pub fn somebody_left(&self) {
        self.departures
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn departures(&self) -> watch::Receiver<u64> {
        self.departures.subscribe()
    }
}
