//! What each publication of a run should bring, as lines of JSON: written before anything is sent, for a checker
//! that looks into the service afterwards.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use uuid::Uuid;

use super::recipe::Recipe;
use super::spec::Kind;
use crate::payload::Outcome;

/// The code of a session that comes again with another content.
pub const CONFLICT: &str = "session_conflict";

/// One publication, resending apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expectation<'a> {
    pub index: u64,
    pub unit_id: &'a str,
    /// Absent where nobody could read it.
    pub session_id: Option<Uuid>,
    /// good, duplicate, conflict or malformed
    pub kind: &'static str,
    /// Of the receipt; absent where none is possible.
    pub outcome: Option<Outcome>,
    /// Why it goes to quarantine.
    pub code: Option<&'static str>,
    /// How it is malformed.
    pub fault: Option<&'static str>,
    pub completed_at: String,
    pub late: bool,
    /// The measure that lies far beyond a usual limit.
    pub breach: Option<&'static str>,
}

impl Recipe {
    /// What the first publication of an index should bring, and the second, where there is one.
    pub fn expected(&self, index: u64) -> (Expectation<'_>, Option<Expectation<'_>>) {
        let spec = self.spec(index);
        let fault = match spec.kind {
            Kind::Malformed(fault) => Some(fault),
            Kind::Good | Kind::Duplicate { .. } | Kind::Conflict => None,
        };
        let readable = fault.is_none_or(super::fault::Fault::is_answerable);
        let completed_at = DateTime::from_timestamp_millis(spec.completed_at).unwrap_or_default();
        let first = Expectation {
            index,
            unit_id: self.unit_id(index),
            session_id: readable.then(|| self.session_id(&spec)),
            kind: if fault.is_some() { "malformed" } else { "good" },
            outcome: match fault {
                None => Some(Outcome::Stored),
                Some(_) => readable.then_some(Outcome::Rejected),
            },
            code: fault.map(super::fault::Fault::code),
            fault: fault.map(super::fault::Fault::name),
            completed_at: completed_at.to_rfc3339_opts(SecondsFormat::Secs, false),
            late: spec.late,
            breach: spec.breach.map(super::spec::Breach::measure),
        };
        let second = match spec.kind {
            Kind::Duplicate { .. } => Some(Expectation {
                kind: "duplicate",
                outcome: Some(Outcome::Duplicate),
                ..first.clone()
            }),
            Kind::Conflict => Some(Expectation {
                kind: "conflict",
                outcome: Some(Outcome::Rejected),
                code: Some(CONFLICT),
                ..first.clone()
            }),
            Kind::Good | Kind::Malformed(_) => None,
        };
        (first, second)
    }

    /// Writes every expectation, one a line.
    pub fn write_expected(&self, mut out: impl Write) -> io::Result<()> {
        for index in 0..self.sessions() {
            let (first, second) = self.expected(index);
            for expectation in std::iter::once(first).chain(second) {
                serde_json::to_writer(&mut out, &expectation)?;
                out.write_all(b"\n")?;
            }
        }
        out.flush()
    }
}
