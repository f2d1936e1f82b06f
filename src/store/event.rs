//! What the stream tells, written in the transaction that did it. It is read by [`super::stream`].

use std::borrow::Cow;

use chrono::SecondsFormat;
use serde_json::json;
use uuid::Uuid;

use crate::domain::alert::{About, Alert};
use crate::domain::ids::{PatientId, QuarantineId, SessionKey, UnitId};
use crate::domain::time::Instant;

use super::bind::{binds, texts, times, uuids};
use super::quarantine::Case;
use super::statement::statements;
use super::{StoreError, Tx};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    Alert,
    Visit,
    Session,
    Unit,
    Service,
}

impl EventKind {
    pub const ALL: [Self; 5] = [Self::Alert, Self::Visit, Self::Session, Self::Unit, Self::Service];

    /// The contract's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Visit => "visit",
            Self::Session => "session",
            Self::Unit => "unit",
            Self::Service => "service",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub kind: EventKind,
    pub patient_id: Option<PatientId>,
    pub unit_id: Option<UnitId>,
    /// The id of what changed.
    pub subject_id: String,
    /// JSON text: ids and states, no names and no values. One is written for every session: of that only what its subject does
    /// not say is kept, and [`told`] makes the text of both.
    pub body: String,
    pub at: Instant,
}

impl NewEvent {
    /// That an alert was opened or changed.
    pub fn alert(alert: &Alert, at: Instant) -> Self {
        let (patient_id, unit_id) = match &alert.about {
            About::Patient(patient) => (Some(*patient), None),
            About::Unit(unit) => (None, Some(unit.clone())),
            About::Service => (None, None),
        };
        let body = json!({
            "id": alert.id, "patient_id": patient_id, "unit_id": unit_id, "class": alert.class,
            "severity": alert.severity, "state": alert.state.word(), "version": alert.version,
        });
        let (subject_id, body) = (alert.id.to_string(), body.to_string());
        Self {
            kind: EventKind::Alert,
            patient_id,
            unit_id,
            subject_id,
            body,
            at,
        }
    }

    /// That a session was taken in, or is another now, for one whose it is or was.
    pub fn session(
        patient: PatientId,
        key: &SessionKey,
        (completed_at, received_at): (Instant, Instant),
        at: Instant,
    ) -> Self {
        let [completed, received] = [completed_at, received_at].map(|at| at.timestamp_micros());
        Self {
            kind: EventKind::Session,
            patient_id: Some(patient),
            unit_id: Some(key.unit_id.clone()),
            subject_id: key.spelt(),
            body: format!(
                "{} {completed} {received}",
                patient.0.simple().encode_lower(&mut Uuid::encode_buffer())
            ),
            at,
        }
    }

    /// That a message was set aside, or its case settled. Not whose it is: everybody is told.
    pub fn quarantine(id: QuarantineId, case: &Case, at: Instant) -> Self {
        let body = json!({ "kind": "quarantine", "id": id, "state": case.word() });
        Self {
            kind: EventKind::Service,
            patient_id: None,
            unit_id: None,
            subject_id: id.to_string(),
            body: body.to_string(),
            at,
        }
    }
}

statements! {
    "event";

    INSERT [kind Text, patient_id Uuid, unit_id Text, subject_id Text, body Text, at Time] =
        "insert into event ({columns}) select {columns} from {rows}";

    OLDEST = "select {tx} as tx, seq, at from event order by {place} limit $1";

    FORGET = "delete from event where {through_place}";
}

/// Between the events of one row: no JSON text and no id holds it.
pub(super) const PARTING: char = '\n';

/// Sessions come by the hundred: so many stand in one row. With more of them it would be over 2 kB, and PostgreSQL would try to
/// make it shorter.
const TOGETHER: usize = 12;

/// What is told of an event: its body, made anew where only a part of it is kept; nothing where that cannot be read.
pub(super) fn told(kind: EventKind, subject_id: &str, kept: &str) -> Option<String> {
    // Whole bodies were kept once.
    if kind != EventKind::Session || kept.starts_with('{') {
        return Some(kept.to_owned());
    }
    let (unit_id, session_id) = subject_id.split_once('/')?;
    let mut parts = kept.split(' ');
    let patient: Uuid = parts.next()?.parse().ok()?;
    let mut time = || {
        let at = Instant::from_timestamp_micros(parts.next()?.parse().ok()?)?;
        Some(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    };
    let (completed_at, received_at) = (time()?, time()?);
    // Nothing in it needs escaping.
    Some(format!(
        r#"{{"patient_id":"{patient}","unit_id":"{unit_id}","session_id":"{session_id}","completed_at":"{completed_at}","received_at":"{received_at}"}}"#
    ))
}

/// In the order given.
pub async fn insert(tx: &mut Tx, events: &[NewEvent]) -> Result<(), StoreError> {
    let written: Vec<Cow<'_, NewEvent>> = events
        .chunk_by(|one, next| (one.kind, next.kind) == (EventKind::Session, EventKind::Session))
        .flat_map(|alike| alike.chunks(TOGETHER))
        .map(together)
        .collect();
    let rows = vec![
        texts(written.iter().map(|event| event.kind.word())),
        uuids(
            written
                .iter()
                .map(|event| event.patient_id.map(|patient| patient.0)),
        ),
        texts(
            written
                .iter()
                .map(|event| event.unit_id.as_ref().map(UnitId::as_str)),
        ),
        texts(written.iter().map(|event| event.subject_id.as_str())),
        texts(written.iter().map(|event| event.body.as_str())),
        times(written.iter().map(|event| event.at)),
    ];
    tx.later(Some(written.len()), &INSERT, binds![rows]).await
}

/// Several events as one row: of nobody, as far as its columns go.
fn together(events: &[NewEvent]) -> Cow<'_, NewEvent> {
    let [first, _, ..] = events else {
        return Cow::Borrowed(&events[0]);
    };
    let joined = |part: fn(&NewEvent) -> &String| {
        let parts: Vec<&str> = events.iter().map(|event| part(event).as_str()).collect();
        parts.join(&PARTING.to_string())
    };
    Cow::Owned(NewEvent {
        patient_id: None,
        unit_id: None,
        subject_id: joined(|event| &event.subject_id),
        body: joined(|event| &event.body),
        ..first.clone()
    })
}

/// Deletes what nobody will resume from, so many at most; gives how many. Always the oldest of all: whoever stands at an
/// event that is still there has missed nothing after it. The last one stays, so that nobody who waits for the next is lost.
pub async fn forget(tx: &mut Tx, before: Instant, most: u32) -> Result<u64, StoreError> {
    let oldest: Vec<(i64, i64, Instant)> = tx.all(&OLDEST, binds![i64::from(most) + 1]).await?;
    let old = oldest
        .split_last()
        .map_or(&[][..], |(_, before_last)| before_last);
    match old.iter().take_while(|(.., at)| *at < before).last() {
        None => Ok(0),
        Some((transaction, seq, _)) => tx.execute(&FORGET, binds![*transaction, *seq]).await,
    }
}
