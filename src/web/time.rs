//! Times are read by the same rule as on the wire: with an offset, cut to microseconds, within what both databases hold.
//! They are written as their own crate writes them, in a fraction of the time: a page holds a thousand.

use chrono::{Datelike as _, Timelike as _};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

use crate::domain::time::Instant;
use crate::wire;

const EXPECTED: &str = "a time as RFC 3339 with an offset, such as 2026-11-21T09:00:00+00:00";

/// In a body.
#[derive(Debug, Clone, Copy)]
pub struct Time(pub Instant);

/// In a query, where an offset's `+` that was not encoded arrives as a space.
#[derive(Debug, Clone, Copy)]
pub struct AskedTime(pub Instant);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        wire::time::instant(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format_args!("must be {EXPECTED}")))
    }
}

impl<'de> Deserialize<'de> for AskedTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let meant = match text.rsplit_once(' ') {
            Some((local, offset)) if local.contains('T') => format!("{local}+{offset}"),
            _ => text,
        };
        wire::time::instant(&meant)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format_args!("must be {EXPECTED}")))
    }
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
