//! A cursor says after which row to go on, not how many to skip: rows that arrive meanwhile neither repeat nor hide others.

use std::str::FromStr;

use chrono::DateTime;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::time::Instant;

/// Where a list goes on: the key of the last row given. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

/// Some rows of a list, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<Cursor>,
}

/// Before which time and id a list newest first goes on; the far future where it begins.
pub(super) type Newest = (Instant, Uuid);

impl Cursor {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of(parts: &[&dyn ToString]) -> Self {
        let parts: Vec<String> = parts.iter().map(|part| part.to_string()).collect();
        Self(parts.join("~"))
    }

    pub(super) fn at(at: Instant, id: Uuid) -> Self {
        Self::of(&[&at.timestamp_micros(), &id.simple()])
    }

    pub(super) fn parts<const N: usize>(&self) -> Result<[&str; N], StoreError> {
        let parts: Vec<&str> = self.0.split('~').collect();
        parts.try_into().map_err(|_| StoreError::Cursor)
    }
}

impl From<&str> for Cursor {
    /// Whatever a caller sends back; it is checked where it is used.
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

pub(super) fn part<T: FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Cursor)
}

pub(super) fn micros(text: &str) -> Result<Instant, StoreError> {
    // Times beyond what both databases order alike are none of ours.
    let at = part::<i64>(text).ok().and_then(DateTime::from_timestamp_micros);
    at.filter(|at| *at <= far_future()).ok_or(StoreError::Cursor)
}

/// The end of year 9999: later times would no longer sort as text.
pub(super) fn far_future() -> Instant {
    DateTime::from_timestamp_micros(253_402_300_799_999_999).unwrap_or(DateTime::UNIX_EPOCH)
}

pub(super) fn newest(after: Option<&Cursor>) -> Result<Newest, StoreError> {
    let Some(cursor) = after else {
        return Ok((far_future(), Uuid::max()));
    };
    let [at, id] = cursor.parts()?;
    Ok((micros(at)?, part(id)?))
}

impl<T> Page<T> {
    /// The same page of what each row stands for.
    pub(super) fn map<U>(self, what: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(what).collect(),
            next: self.next,
        }
    }

    /// From one row more than was asked for, which only tells that there are more.
    pub(super) fn cut(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> Cursor) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(key) } else { None };
        Self { items, next }
    }
}
