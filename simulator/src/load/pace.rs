//! When the next session is due. At a fixed rate that is decided by the clock alone: a service that is slow does not
//! slow the units down, and what it makes them wait is counted (else the wait would hide itself).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How fast to send, and how much to have open at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Sessions a second; flat out without.
    pub rate: Option<f64>,
    /// Sessions that may be without a receipt.
    pub window: u64,
}

impl Pace {
    /// When the session of this index is due, in microseconds since the start; at `now` where there is no rate.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index is below 2^40, and the cast holds where a rate is absurdly small"
    )]
    pub fn due(&self, index: u64, now: u64) -> u64 {
        match self.rate {
            Some(rate) => (index as f64 / rate * 1e6) as u64,
            None => now,
        }
    }
}

/// Wakes the sender at each due time. The runtime's own timers go by whole milliseconds, which would be added to
/// every latency; so this is a thread that sleeps.
#[derive(Debug)]
pub(super) struct Beat {
    pub(super) struck: Arc<Notify>,
    stop: Arc<AtomicBool>,
}

/// Faster than this nobody needs to be woken: what is due by then goes out together.
const SHORTEST: Duration = Duration::from_micros(250);

impl Beat {
    /// A beat from `start` on; still, where there is no rate.
    pub(super) fn start(pace: &Pace, start: Instant) -> Self {
        let beat = Self {
            struck: Arc::new(Notify::new()),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let gap = pace
            .rate
            .and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok());
        if let Some(gap) = gap.map(|gap| gap.max(SHORTEST)) {
            let (struck, stop) = (Arc::clone(&beat.struck), Arc::clone(&beat.stop));
            std::thread::spawn(move || strike(start, gap, &struck, &stop));
        }
        beat
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn strike(start: Instant, gap: Duration, struck: &Notify, stop: &AtomicBool) {
    // A slow beat's thread should not outlive the run by a whole gap.
    const NAP: Duration = Duration::from_millis(200);
    while !stop.load(Ordering::Relaxed) {
        let elapsed = start.elapsed();
        let into = elapsed.as_nanos() % gap.as_nanos();
        let left = gap.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(0)));
        std::thread::sleep(left.min(NAP));
        if left <= NAP {
            struck.notify_one();
        }
    }
}
