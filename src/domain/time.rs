//! Databases keep microseconds; a time that kept more would not equal itself after a round trip.

use chrono::{DateTime, Datelike, SubsecRound, TimeDelta, Utc};

/// An instant in UTC.
pub type Instant = DateTime<Utc>;

/// Cuts an instant to whole microseconds. Called once, where a time enters: the wire, HTTP, the clock.
pub fn cut(at: Instant) -> Instant {
    at.trunc_subsecs(6)
}

/// Whether an instant lies in the years 1 to 9999: what the wire takes, and both databases hold and order alike.
pub fn is_in_range(at: Instant) -> bool {
    (1..=9999).contains(&at.year())
}

/// The instant so many seconds later, or earlier; `None` where that would leave the years 1 to 9999.
pub fn moved(at: Instant, seconds: i64) -> Option<Instant> {
    at.checked_add_signed(TimeDelta::try_seconds(seconds)?)
        .filter(|at| is_in_range(*at))
}
