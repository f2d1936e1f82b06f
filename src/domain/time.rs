//! Databases keep microseconds; a time that kept more would not equal itself after a round trip.

use chrono::{DateTime, SubsecRound, Utc};

/// An instant in UTC.
pub type Instant = DateTime<Utc>;

/// Cuts an instant to whole microseconds. Called once, where a time enters: the wire, HTTP, the clock.
pub fn cut(at: Instant) -> Instant {
    at.trunc_subsecs(6)
}
