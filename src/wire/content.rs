//! Two texts are the same session when they say the same, however they spell it; so the hash is over meanings, each
//! with its length or its kind before it, and never over bytes as sent.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::document::{Raw, present};
use super::number::Decimal;
use crate::domain::time::Instant;

/// Collects a session's content, key by key in a fixed order.
#[derive(Debug)]
pub(super) struct Content(Vec<u8>);

impl Content {
    pub(super) fn new() -> Self {
        let mut bytes = Vec::with_capacity(1024);
        // Raised when the order of keys below changes, so that old hashes are never compared with new ones unnoticed.
        bytes.extend_from_slice(b"homeward session 1");
        Self(bytes)
    }

    fn sized(&mut self, kind: u8, bytes: &[u8]) {
        self.0.push(kind);
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// A number by its value.
    pub(super) fn number(&mut self, number: &Decimal<'_>) {
        const LENGTH: usize = size_of::<u64>();
        self.0.push(b'n');
        let begin = self.0.len() + LENGTH;
        self.0.extend_from_slice(&[0; LENGTH]);
        number.canonical(&mut self.0);
        let length = (self.0.len() - begin) as u64;
        self.0[begin - LENGTH..begin].copy_from_slice(&length.to_be_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.sized(b't', text.as_bytes());
    }

    pub(super) fn instant(&mut self, at: Instant) {
        self.0.push(b'i');
        self.0.extend_from_slice(&at.timestamp_micros().to_be_bytes());
    }

    /// The number of elements that follow.
    pub(super) fn list(&mut self, length: usize) {
        self.0.push(b'[');
        self.0.extend_from_slice(&(length as u64).to_be_bytes());
    }

    pub(super) fn absent(&mut self) {
        self.0.push(b'-');
    }

    /// A time by its instant; whatever is no time, by its value.
    pub(super) fn time_or_value(&mut self, raw: Option<Raw<'_>>, at: Option<Instant>) {
        match at {
            Some(at) => self.instant(at),
            None => self.value(raw),
        }
    }

    /// A UUID by its value, so whatever case it is in; whatever is none, by its own value.
    pub(super) fn id_or_value(&mut self, raw: Option<Raw<'_>>, id: Option<Uuid>) {
        match id {
            Some(id) => self.sized(b'u', id.as_bytes()),
            None => self.value(raw),
        }
    }

    /// Any value: null as absent, numbers and strings by value, the rest (never of use to us) as written.
    pub(super) fn value(&mut self, raw: Option<Raw<'_>>) {
        let Some(raw) = present(raw) else {
            return self.absent();
        };
        if let Some(text) = raw.text() {
            self.text(&text);
        } else if let Some(number) = Decimal::parse(raw.get()) {
            self.number(&number);
        } else {
            self.sized(b'r', raw.get().as_bytes());
        }
    }

    pub(super) fn hash(self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}
