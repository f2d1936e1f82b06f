//! A window of days begins at a local midnight ("since Monday"), so it is an hour longer or shorter where the clocks change.

use chrono::{Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::domain::time::Instant;

/// The begin of a window of `days` days up to `at`: 00:00, in `zone`, of that many days before the local day of `at`.
pub(super) fn days_before(zone: Tz, at: Instant, days: u16) -> Instant {
    let today = local_day(zone, at);
    let first = today
        .checked_sub_days(Days::new(days.into()))
        .unwrap_or(NaiveDate::MIN);
    midnight(zone, first)
}

/// The begin of a window of `days` local days up to `at`, today among them.
pub(super) fn days_with_today(zone: Tz, at: Instant, days: u16) -> Instant {
    days_before(zone, at, days.saturating_sub(1))
}

/// The local day of an instant.
pub(super) fn local_day(zone: Tz, at: Instant) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The begin of a window of so many hours up to `at`, wherever the clocks stood.
pub(super) fn hours_before(at: Instant, hours: u32) -> Instant {
    at - TimeDelta::hours(hours.into())
}

/// No window of so many days begins earlier than this before its end: today's hours, and what clock changes add.
pub(super) fn longest(days: u16) -> TimeDelta {
    TimeDelta::days(i64::from(days) + 2)
}

/// The first instant of a local day.
pub(super) fn midnight(zone: Tz, day: NaiveDate) -> Instant {
    instant(zone, day.and_time(NaiveTime::MIN))
}

/// When a local time is. One that is skipped is the first minute that exists again; of a repeated one, the first.
pub(super) fn instant(zone: Tz, local: NaiveDateTime) -> Instant {
    // A zone that crossed the date line skipped a whole day.
    let whole_days = 2 * 24 * 60;
    (0..whole_days)
        .filter_map(|minute| local.checked_add_signed(TimeDelta::minutes(minute)))
        .find_map(|local| match zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.with_timezone(&Utc)),
            LocalResult::None => None,
        })
        .unwrap_or_else(|| local.and_utc())
}
