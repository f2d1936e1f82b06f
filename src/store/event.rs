//! What the stream tells, written in the transaction that did it. A sequence number may become visible after a greater
//! one, so a reader is shown only what no open transaction can still come before.

use serde_json::json;
use uuid::Uuid;

use crate::domain::alert::{About, Alert};
use crate::domain::ids::{PatientId, UnitId};
use crate::domain::time::Instant;

use super::bind::{binds, texts, times, uuids};
use super::statement::statements;
use super::unit::unit_id;
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

    fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Alert, Self::Visit, Self::Session, Self::Unit, Self::Service];
        all.into_iter().find(|kind| kind.word() == word)
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
    /// JSON text: ids and states, no names and no values.
    pub body: String,
    pub at: Instant,
}

/// An event with its place in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub seq: i64,
    pub event: NewEvent,
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
}

statements! {
    "event";

    INSERT [kind Text, patient_id Uuid, unit_id Text, subject_id Text, body Text, at Time] =
        "insert into event ({columns}) select {columns} from {rows}";

    AFTER = "select seq, kind, patient_id, unit_id, subject_id, body, at from event
             where seq > $1 and {settled} order by seq limit $2";

    LAST = "select max(seq) from event where {settled}";

    FORGET = "delete from event where at < $1";
}

/// In the order given.
pub async fn insert(tx: &mut Tx, events: &[NewEvent]) -> Result<(), StoreError> {
    let rows = vec![
        texts(events.iter().map(|event| event.kind.word())),
        uuids(
            events
                .iter()
                .map(|event| event.patient_id.map(|patient| patient.0)),
        ),
        texts(
            events
                .iter()
                .map(|event| event.unit_id.as_ref().map(UnitId::as_str)),
        ),
        texts(events.iter().map(|event| event.subject_id.as_str())),
        texts(events.iter().map(|event| event.body.as_str())),
        times(events.iter().map(|event| event.at)),
    ];
    tx.expect_rows(events.len(), &INSERT, binds![rows]).await
}

/// What happened after that place, in order. Whoever reads on from the last one misses nothing.
pub async fn after(tx: &mut Tx, seq: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
    let rows: Vec<Row> = tx.all(&AFTER, binds![seq, i64::from(limit)]).await?;
    rows.into_iter().map(event).collect()
}

/// The last place that [`after`] would give; 0 before the first event.
pub async fn last(tx: &mut Tx) -> Result<i64, StoreError> {
    let row: Option<(Option<i64>,)> = tx.optional(&LAST, binds![]).await?;
    Ok(row.and_then(|(seq,)| seq).unwrap_or_default())
}

/// Deletes what nobody will resume from; gives how many.
pub async fn forget(tx: &mut Tx, before: Instant) -> Result<u64, StoreError> {
    tx.execute(&FORGET, binds![before]).await
}

type Row = (i64, String, Option<Uuid>, Option<String>, String, String, Instant);

fn event((seq, kind, patient_id, unit, subject_id, body, at): Row) -> Result<Event, StoreError> {
    let kind = EventKind::from_word(&kind).ok_or_else(|| StoreError::row("event", "kind", seq))?;
    let unit_id = unit.map(|unit| unit_id("event", "unit_id", &unit)).transpose()?;
    let patient_id = patient_id.map(Into::into);
    Ok(Event {
        seq,
        event: NewEvent {
            kind,
            patient_id,
            unit_id,
            subject_id,
            body,
            at,
        },
    })
}
