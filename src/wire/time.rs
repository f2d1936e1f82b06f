//! A time without an offset is refused rather than guessed: an hour's error moves a reading to another due time.

use chrono::{DateTime, NaiveDate};

use crate::domain::time::{Instant, is_in_range};

/// Reads RFC 3339 with an offset and cuts it to microseconds; `None` where it is none, or lies outside the years 1 to 9999 in UTC.
pub fn instant(text: &str) -> Option<Instant> {
    let at = usual(text.as_bytes()).or_else(|| {
        let sent = DateTime::parse_from_rfc3339(text).ok()?;
        // By way of microseconds, so that a leap second becomes the instant that databases can hold.
        DateTime::from_timestamp_micros(sent.timestamp_micros())
    })?;
    is_in_range(at).then_some(at)
}

/// `2026-11-21T09:04:03Z`, perhaps with a fraction, or `+00:00`: what units write, a dozen times in each session. Anything
/// else is left to the library.
fn usual(text: &[u8]) -> Option<Instant> {
    let (whole, rest) = text.split_first_chunk::<19>()?;
    let [
        ya,
        yb,
        yc,
        yd,
        b'-',
        ma,
        mb,
        b'-',
        da,
        db,
        b'T',
        ha,
        hb,
        b':',
        na,
        nb,
        b':',
        sa,
        sb,
    ] = *whole
    else {
        return None;
    };
    let (micros, offset) = match rest.split_first()? {
        (b'.', fraction) => {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (digits, offset) = fraction.split_at(length);
            let mut micros = [b'0'; 6];
            micros.get_mut(..length)?.copy_from_slice(digits);
            (number(&micros)?, (length > 0).then_some(offset)?)
        }
        _ => (0, rest),
    };
    matches!(offset, b"Z" | b"+00:00").then_some(())?;
    let year = i32::try_from(number(&[ya, yb, yc, yd])?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(&[ma, mb])?, number(&[da, db])?)?;
    let time = date.and_hms_micro_opt(number(&[ha, hb])?, number(&[na, nb])?, number(&[sa, sb])?, micros)?;
    Some(time.and_utc())
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0'))
    })
}
