//! A time without an offset is refused rather than guessed: an hour's error moves a reading to another due time.
//! Times are written as their own crate writes them, in a fraction of the time: a page holds a thousand.

use chrono::{DateTime, Datelike as _, NaiveDate, Timelike as _};
use serde::{Serialize as _, Serializer};

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

/// `2026-11-21T09:04:03Z`, with three decimals or six where the second is not whole.
pub fn write<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    let (year, nanos) = (at.year(), at.nanosecond());
    // Nothing of ours is older, later or finer than that, or a leap second.
    if !(0..=9999).contains(&year) || nanos >= 1_000_000_000 || nanos % 1000 != 0 {
        return at.serialize(serializer);
    }
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    put(&mut text[..4], year.unsigned_abs());
    put(&mut text[5..7], at.month());
    put(&mut text[8..10], at.day());
    put(&mut text[11..13], at.hour());
    put(&mut text[14..16], at.minute());
    put(&mut text[17..19], at.second());
    put(&mut text[20..26], nanos / 1000);
    let end = match nanos {
        0 => 19,
        _ if nanos % 1_000_000 == 0 => 23,
        _ => 26,
    };
    text[end] = b'Z';
    serializer.serialize_str(std::str::from_utf8(&text[..=end]).unwrap_or_default())
}

/// The same, or null.
pub fn write_some<S: Serializer>(at: &Option<Instant>, serializer: S) -> Result<S::Ok, S::Error> {
    struct Written<'a>(&'a Instant);
    impl serde::Serialize for Written<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            write(self.0, serializer)
        }
    }
    match at {
        Some(at) => serializer.serialize_some(&Written(at)),
        None => serializer.serialize_none(),
    }
}

/// The number's last digits, as many as there is room for.
fn put(room: &mut [u8], mut number: u32) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
    }
}
