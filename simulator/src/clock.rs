//! Two times, because a simulated patient may live faster than the wire: sessions happen in lived time, which
//! may begin days ago and runs fast until it has caught up; receipts, resending and `sent_at` are in real time.
//! The only place in this crate that reads the wall clock.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// One moment in both times; `lived` is never ahead of `real`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    pub lived: DateTime<Utc>,
    pub real: DateTime<Utc>,
}

impl Now {
    /// The moment at which a patient lives in real time.
    pub fn at(real: DateTime<Utc>) -> Self {
        Self { lived: real, real }
    }
}

#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
    /// When the clock was made, in real time.
    start: DateTime<Utc>,
    back: TimeDelta,
    speed: f64,
}

#[derive(Debug, Clone)]
enum Source {
    Wall,
    /// Set once, then as fast as the runtime's timers: still where a test pauses them.
    Set(Instant),
}

impl Clock {
    /// The wall clock.
    pub fn real() -> Self {
        Self {
            source: Source::Wall,
            start: wall(),
            back: TimeDelta::zero(),
            speed: 1.0,
        }
    }

    /// A clock that shows `start` now, whatever the wall clock says.
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        Self {
            source: Source::Set(Instant::now()),
            start,
            back: TimeDelta::zero(),
            speed: 1.0,
        }
    }

    /// Lived time begins `back` before now and runs `speed` times (at least once) as fast as real time until it
    /// has caught up.
    #[must_use]
    pub fn living_since(self, back: TimeDelta, speed: f64) -> Self {
        Self {
            back: back.max(TimeDelta::zero()),
            speed: speed.max(1.0),
            ..self
        }
    }

    /// The first moment of this clock.
    pub fn start(&self) -> Now {
        Now {
            lived: self.start - self.back,
            real: self.start,
        }
    }

    pub fn now(&self) -> Now {
        let real = match self.source {
            Source::Wall => wall(),
            Source::Set(instant) => {
                self.start + TimeDelta::from_std(instant.elapsed()).unwrap_or(TimeDelta::MAX)
            }
        };
        self.at(real)
    }

    /// The moment at a real time.
    pub fn at(&self, real: DateTime<Utc>) -> Now {
        let lived = self.start - self.back + scaled(real - self.start, self.speed);
        Now {
            lived: lived.min(real),
            real,
        }
    }

    /// The real time to wait from `now` until `lived` is lived; zero if it is past.
    pub fn until_lived(&self, now: Now, lived: DateTime<Utc>) -> TimeDelta {
        if now.lived >= lived {
            return TimeDelta::zero();
        }
        let fast = scaled(lived - now.lived, 1.0 / self.speed);
        // Once lived time has caught up, only real time passes.
        fast.max(lived - now.real)
    }
}

/// To the millisecond, which is what timers give.
fn scaled(delta: TimeDelta, factor: f64) -> TimeDelta {
    if (factor - 1.0).abs() < f64::EPSILON {
        return delta;
    }
    let seconds = delta.as_seconds_f64() * factor;
    match std::time::Duration::try_from_secs_f64(seconds.max(0.0)).map(TimeDelta::from_std) {
        Ok(Ok(delta)) => delta,
        _ => TimeDelta::zero(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the simulator asks what time it is"
)]
fn wall() -> DateTime<Utc> {
    Utc::now()
}
