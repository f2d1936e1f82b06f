//! When to ask whether the broker is still there, and when to stop hoping. While we do not read, nothing can be heard:
//! then only our own words are owed, and no silence counts.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct KeepAlive {
    every: Duration,
    heard: Instant,
    wrote: Instant,
    pinged: Option<Instant>,
    reading: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    Wait,
    Ping,
    /// A ping was not answered in time: nobody is there any more.
    GiveUp,
}

impl KeepAlive {
    /// A dead peer is noticed after at most twice `every`.
    pub(super) fn new(every: Duration, now: Instant) -> Self {
        Self {
            every,
            heard: now,
            wrote: now,
            pinged: None,
            reading: true,
        }
    }

    /// Anything that comes is an answer.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    pub(super) fn wrote(&mut self, now: Instant) {
        self.wrote = now;
    }

    /// The time in which we did not read does not count.
    pub(super) fn reads(&mut self, reading: bool, now: impl FnOnce() -> Instant) {
        if reading && !self.reading {
            let now = now();
            self.heard = now;
            self.pinged = self.pinged.map(|_| now);
        }
        self.reading = reading;
    }

    /// When to look again; what happens meanwhile only makes it later.
    pub(super) fn due(&self) -> Instant {
        let said = self.wrote + self.every;
        if self.reading {
            said.min(self.pinged.unwrap_or(self.heard) + self.every)
        } else {
            said
        }
    }

    pub(super) fn act(&mut self, now: Instant) -> Act {
        if now < self.due() {
            return Act::Wait;
        }
        if self.reading && self.pinged.is_some_and(|pinged| now >= pinged + self.every) {
            return Act::GiveUp;
        }
        self.pinged.get_or_insert(now);
        // Said to be written, so that a ping that cannot leave is not followed by another at once.
        self.wrote = now;
        Act::Ping
    }
}
