//! Two kinds of fault travel together through decoding: those that reject the session, and those that only mark it.

use std::borrow::Cow;

use uuid::Uuid;

use super::document::{Raw, present};
use super::number::Decimal;
use super::problem::Problem;
use super::time;
use crate::domain::time::Instant;

/// The code of a key that is missing or of the wrong type.
pub(super) const BAD_FIELD: &str = "bad_field";

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The session cannot be taken in.
    pub(super) fatal: Vec<Problem>,
    /// Listed in the receipt; the session is stored.
    pub(super) minor: Vec<Problem>,
}

/// The object whose keys are being read: the prefix of their pointers. Written out only when a fault needs it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Top,
    Reading(u16),
    Peripheral(u16),
    Answer(u16),
}

impl Place {
    pub(super) fn of(self, key: &str) -> String {
        match self {
            Self::Top => format!("/{key}"),
            Self::Reading(index) => format!("/readings/{index}/{key}"),
            Self::Peripheral(index) => format!("/readings/{index}/peripheral/{key}"),
            Self::Answer(index) => format!("/answers/{index}/{key}"),
        }
    }
}

impl Faults {
    pub(super) fn reject(&mut self, at: String, detail: &str) {
        self.fatal.push(Problem::new(at, BAD_FIELD, detail));
    }

    pub(super) fn mark(&mut self, at: String, code: &str, detail: &str) {
        self.minor.push(Problem::new(at, code, detail));
    }

    /// Known keys that stand twice: which of the two was meant cannot be told.
    pub(super) fn twice(&mut self, place: Place, keys: &[&'static str]) {
        for key in keys {
            self.reject(place.of(key), "stands twice in its object");
        }
    }

    /// A required key: rejected where it is missing, or `read` finds nothing in it.
    pub(super) fn required<'a, T>(
        &mut self,
        (place, key): (Place, &str),
        raw: Option<Raw<'a>>,
        (read, wanted): (impl Fn(Raw<'a>) -> Option<T>, &str),
    ) -> Option<T> {
        let value = raw.and_then(read);
        if value.is_none() {
            let detail = if raw.is_none() { "is missing" } else { wanted };
            self.reject(place.of(key), detail);
        }
        value
    }

    /// An optional key: taken as absent, and marked, where `read` finds nothing in it.
    pub(super) fn optional<'a, T>(
        &mut self,
        (place, key): (Place, &str),
        raw: Option<Raw<'a>>,
        (read, wanted): (impl Fn(Raw<'a>) -> Option<T>, &str),
    ) -> Option<T> {
        let raw = present(raw)?;
        let value = read(raw);
        if value.is_none() {
            self.mark(place.of(key), BAD_FIELD, wanted);
        }
        value
    }
}

/// What a key may hold: how it is read, and what to say where it cannot be.
pub(super) type Kind<'a, T> = (fn(Raw<'a>) -> Option<T>, &'static str);

pub(super) const fn a_text<'a>() -> Kind<'a, Cow<'a, str>> {
    (Raw::text, "must be a string")
}

pub(super) const fn a_time<'a>() -> Kind<'a, Instant> {
    (
        |raw| raw.text().and_then(|text| time::instant(&text)),
        "must be a time as RFC 3339 with an offset",
    )
}

pub(super) const fn a_whole_number<'a>() -> Kind<'a, i64> {
    (
        |raw| Decimal::parse(raw.get())?.integer(),
        "must be a whole number",
    )
}

pub(super) const fn a_uuid<'a>() -> Kind<'a, Uuid> {
    (
        |raw| raw.text().and_then(|text| uuid(&text)),
        "must be a UUID, written with hyphens",
    )
}

pub(super) const fn an_array<'a>() -> Kind<'a, Vec<Raw<'a>>> {
    (|raw| raw.elements().map(Iterator::collect), "must be an array")
}

/// A UUID in its usual form, in either case; the other forms that exist are nobody's `session_id`.
fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}
