//! A time without an offset is refused rather than guessed: an hour's error moves a reading to another due time.

use chrono::DateTime;

use crate::domain::time::{Instant, is_in_range};

/// Reads RFC 3339 with an offset and cuts it to microseconds; `None` where it is none, or lies outside the years 1 to 9999 in UTC.
pub fn instant(text: &str) -> Option<Instant> {
    let sent = DateTime::parse_from_rfc3339(text).ok()?;
    // By way of microseconds, so that a leap second becomes the instant that databases can hold.
    let at = DateTime::from_timestamp_micros(sent.timestamp_micros())?;
    is_in_range(at).then_some(at)
}
