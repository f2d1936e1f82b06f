//! Jitter is not decoration: after a broker restart every ingestor would otherwise come back in the same instant.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// Pauses between attempts to connect: 0.2 s, doubling, at most 10 s; each between half and all of that.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) const fn new() -> Self {
        Self { next: SHORTEST }
    }

    /// To be called when a connection has ended. A short one does not count as success: two processes with one
    /// client id would otherwise throw each other out several times a second.
    pub(super) fn lasted(&mut self, duration: Duration) {
        if duration >= LONGEST {
            self.next = SHORTEST;
        }
    }

    pub(super) fn pause(&mut self) -> Duration {
        let ceiling = self.next;
        self.next = (ceiling * 2).min(LONGEST);
        ceiling.mul_f64(rand::random_range(0.5..=1.0))
    }
}
