//! Reading events on from a place, each once and none left out. On PostgreSQL the order is by transaction, since a sequence
//! number may become visible after a greater one; shown is only what nothing can come before any more.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::time::Instant;

use super::bind::binds;
use super::event::{EventKind, NewEvent, PARTING, told};
use super::statement::statements;
use super::unit::unit_id;
use super::{StoreError, Tx};

/// Where an event stands, and what it was: a place of another database, or of this one before it was restored, is not
/// taken for one of ours. Opaque to callers, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    tx: i64,
    seq: i64,
    mark: u32,
    /// Which of the events of its row it is.
    part: usize,
}

/// An event with its place in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub place: Place,
    pub event: NewEvent,
}

/// The text is not a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in the stream")]
pub struct NoPlace;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select {tx} as tx, seq, kind, patient_id, unit_id, subject_id, body, at from event where {settled} ",
            $rest
        )
    };
}

statements! {
    "event";

    FROM = select!("and {from_place} order by {place} limit $3");

    LAST = select!("order by {newest_place} limit 1");

    HELD_BACK = "select min(at) from event where {unsettled}";

    /// They keep their order, before all that is new.
    ADOPT = "update event set {of_the_past} where {foreign}";
}

/// What happened after that place (without one: from the first event on), in order: `limit` rows at most, of a handful of
/// events each. `None` where the place is not known here, or was forgotten: who stood there has missed something, nobody
/// can say what.
pub async fn after(tx: &mut Tx, place: Option<Place>, limit: u32) -> Result<Option<Vec<Event>>, StoreError> {
    let Some(place) = place else {
        let rows: Vec<Row> = tx.all(&FROM, binds![0_i64, 0_i64, i64::from(limit)]).await?;
        return Ok(Some(events(rows)?));
    };
    // The event of the place itself is read along: that it is still there says that nothing after it was forgotten.
    let binds = binds![place.tx, place.seq, i64::from(limit) + 1];
    let rows: Vec<Row> = tx.all(&FROM, binds).await?;
    let mut events = events(rows)?;
    let stood = events.iter().position(|event| event.place == place);
    Ok(stood.map(|stood| events.split_off(stood + 1)))
}

/// Where whoever comes now begins; `None` before the first event.
pub async fn last(tx: &mut Tx) -> Result<Option<Place>, StoreError> {
    let row: Option<Row> = tx.optional(&LAST, binds![]).await?;
    let events = events(row.into_iter().collect())?;
    Ok(events.last().map(|event| event.place))
}

/// Since when events wait for an older transaction of anybody on the server to end.
pub async fn held_back(tx: &mut Tx) -> Result<Option<Instant>, StoreError> {
    let row: Option<(Option<Instant>,)> = tx.optional(&HELD_BACK, binds![]).await?;
    Ok(row.and_then(|(at,)| at))
}

/// Makes the events of a database that was restored from another server older than all that is new; gives how many. To be
/// done before anybody reads.
pub async fn adopt(tx: &mut Tx) -> Result<u64, StoreError> {
    tx.execute(&ADOPT, binds![]).await
}

type Row = (
    i64,
    i64,
    String,
    Option<Uuid>,
    Option<String>,
    String,
    String,
    Instant,
);

fn events(rows: Vec<Row>) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::with_capacity(rows.len());
    for (tx, seq, kind, patient_id, unit, subject_id, body, at) in rows {
        let kind = EventKind::from_word(&kind).ok_or_else(|| StoreError::row("event", "kind", seq))?;
        let unit_id = unit.map(|unit| unit_id("event", "unit_id", &unit)).transpose()?;
        let mark = mark(kind, at, &subject_id, &body);
        let parts = subject_id.split(PARTING).zip(body.split(PARTING)).enumerate();
        for (part, (subject_id, kept)) in parts {
            let body = told(kind, subject_id, kept).ok_or_else(|| StoreError::row("event", "body", seq))?;
            events.push(Event {
                place: Place { tx, seq, mark, part },
                event: NewEvent {
                    kind,
                    patient_id: patient_id.map(Into::into),
                    unit_id: unit_id.clone(),
                    subject_id: subject_id.to_owned(),
                    body,
                    at,
                },
            });
        }
    }
    Ok(events)
}

/// Numbers are given again after a restore; the same number with the same content at the same microsecond is not.
fn mark(kind: EventKind, at: Instant, subject_id: &str, body: &str) -> u32 {
    let mut hash = Sha256::new();
    hash.update(kind.word());
    hash.update(at.timestamp_micros().to_be_bytes());
    hash.update(subject_id.len().to_be_bytes());
    hash.update(subject_id);
    hash.update(body);
    let hash: [u8; 32] = hash.finalize().into();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = |place: &Self| (place.tx, place.seq, place.mark, place.part);
        order(self).cmp(&order(other))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:08x}-{}", self.tx, self.seq, self.mark, self.part)
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut parts = text.split('-');
        let mut number = || parts.next()?.parse().ok().filter(|number: &i64| *number >= 0);
        let (tx, seq) = number().zip(number()).ok_or(NoPlace)?;
        let mark = parts.next().and_then(|mark| u32::from_str_radix(mark, 16).ok());
        let part = parts.next().and_then(|part| part.parse().ok());
        match (mark, part, parts.next()) {
            (Some(mark), Some(part), None) => Ok(Self { tx, seq, mark, part }),
            _ => Err(NoPlace),
        }
    }
}
