//! Times are read by the same rule as on the wire: with an offset, cut to microseconds, within what both databases hold.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::domain::time::Instant;
use crate::wire;
pub use crate::wire::time::{write, write_some};

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
