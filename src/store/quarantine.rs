//! Bytes that could not be taken in are kept whole. The same on the same topic is one case, however often it is sent; that
//! it was sent again is counted.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::ids::{PatientId, QuarantineId, SessionKey, UnitId};
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::{bigints, binds, bytes, texts, times, uuids};
use super::page::{Cursor, Page, newest};
use super::statement::statements;
use super::unit::unit_id;
use super::{StoreError, Tx};

/// A message to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQuarantine {
    pub id: QuarantineId,
    pub received_at: Instant,
    pub topic: String,
    /// As the topic names it, whether registered or not.
    pub unit_id: Option<UnitId>,
    pub session_id: Option<Uuid>,
    /// Whose readings may be waiting in it.
    pub patient_id: Option<PatientId>,
    /// The contract's code.
    pub reason: String,
    /// JSON text.
    pub problems: String,
    pub payload: Vec<u8>,
    /// A hash of what it says, where that could be read. Messages on one topic that say the same are the same case; of
    /// the others those with the same bytes are.
    pub says: Option<[u8; 32]>,
}

/// A message set aside, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    pub id: QuarantineId,
    pub received_at: Instant,
    pub topic: String,
    pub unit_id: Option<UnitId>,
    pub session_id: Option<Uuid>,
    pub patient_id: Option<PatientId>,
    pub reason: String,
    pub problems: String,
    pub payload_len: i64,
    /// How often the same bytes came.
    pub seen: i64,
    pub last_seen_at: Instant,
    /// How often it was replayed and refused again.
    pub tries: i64,
    pub last_try: Option<Try>,
    pub state: Case,
}

/// Where the case stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Case {
    Waiting,
    Replayed(Settled, TakenIn),
    Dismissed(Settled),
}

/// What a replay that was refused met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    pub by: Actor,
    pub at: Instant,
    /// The contract's code.
    pub reason: String,
    /// JSON text.
    pub problems: String,
}

/// What a replay made of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenIn {
    pub key: SessionKey,
    /// The session was stored already.
    pub duplicate: bool,
    /// By how much its times were moved.
    pub shift_seconds: i64,
}

/// Which messages a list is about; what is `None` does not narrow it.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub standing: Standing,
    pub reason: Option<String>,
    /// As the topic names it.
    pub unit_id: Option<UnitId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nobody has dealt with them.
    #[default]
    Open,
    Replayed,
    Dismissed,
    All,
}

/// Who settled it, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub by: Actor,
    pub at: Instant,
    pub reason: String,
}

impl Case {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Replayed(..) => "replayed",
            Self::Dismissed(_) => "dismissed",
        }
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, received_at, topic, unit_id, session_id, patient_id, reason, problems, ",
            "cast(length(payload) as bigint) as payload_len, seen, last_seen_at, tries, tried_at, tried_by, ",
            "tried_by_name, tried_reason, tried_problems, state, decided_by, decided_by_name, decided_at, decision_reason, ",
            "outcome, stored_unit_id, stored_session_id, shift_seconds from quarantine ",
            $rest
        )
    };
}

statements! {
    "quarantine";

    INSERT [
        id Uuid, received_at Time, topic Text, unit_id Text, session_id Uuid, patient_id Uuid, reason Text,
        problems Text, payload Bytes, payload_hash Bytes, seen Bigint, last_seen_at Time,
    ] = "insert into quarantine ({columns}, state) select {columns}, 'waiting' from {rows} where true
         on conflict (topic, payload_hash) do update set
             seen = quarantine.seen + excluded.seen, last_seen_at = excluded.last_seen_at
         returning id";

    OPEN = select!("where state = 'waiting' and (reason = $1 or $1 is null) and (unit_id = $2 or $2 is null)
                    and (received_at, id) < ($3, $4) order by received_at desc, id desc limit $5");

    LIST = select!("where (state = $6 or $6 is null) and (reason = $1 or $1 is null) and (unit_id = $2 or $2 is null)
                    and (received_at, id) < ($3, $4) order by received_at desc, id desc limit $5");

    GET = select!("where id = $1");

    PAYLOAD = "select payload from quarantine where id = $1";

    WAITING = "select reason, count(*), min(received_at) from quarantine where state = 'waiting' group by reason order by reason";

    COUNTS = "select state, count(*) from quarantine group by state";
}

/// Keeps the messages; gives the ids of those that were not kept already.
pub async fn insert(tx: &mut Tx, messages: &[NewQuarantine]) -> Result<Vec<QuarantineId>, StoreError> {
    // One row a case, in one order for every transaction.
    let mut cases: BTreeMap<(&str, [u8; 32]), (&NewQuarantine, i64, Instant)> = BTreeMap::new();
    for message in messages {
        let hash = message
            .says
            .unwrap_or_else(|| Sha256::digest(&message.payload).into());
        let key = (message.topic.as_str(), hash);
        let (_, seen, last) = cases.entry(key).or_insert((message, 0, message.received_at));
        *seen += 1;
        *last = (*last).max(message.received_at);
    }
    let new = || cases.values().map(|(message, _, _)| *message);
    let rows = vec![
        uuids(new().map(|message| message.id.0)),
        times(new().map(|message| message.received_at)),
        texts(new().map(|message| message.topic.as_str())),
        texts(new().map(|message| message.unit_id.as_ref().map(UnitId::as_str))),
        uuids(new().map(|message| message.session_id)),
        uuids(new().map(|message| message.patient_id.map(|patient| patient.0))),
        texts(new().map(|message| message.reason.as_str())),
        texts(new().map(|message| message.problems.as_str())),
        bytes(new().map(|message| message.payload.as_slice())),
        bytes(cases.keys().map(|(_, hash)| hash.as_slice())),
        bigints(cases.values().map(|(_, seen, _)| *seen)),
        times(cases.values().map(|(_, _, last)| *last)),
    ];
    let kept: Vec<(Uuid,)> = tx.all(&INSERT, binds![rows]).await?;
    // A case that was there already answers with the id that it was given then.
    let offered = |id: &QuarantineId| cases.values().any(|(message, _, _)| message.id == *id);
    Ok(kept.into_iter().map(|(id,)| id.into()).filter(offered).collect())
}

/// Newest first.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Quarantined>, StoreError> {
    let (at, id) = newest(after)?;
    let reason = filter.reason.as_deref();
    let unit = filter.unit_id.as_ref().map(UnitId::as_str);
    let most = i64::from(limit) + 1;
    let state = match filter.standing {
        Standing::Open | Standing::All => None,
        Standing::Replayed => Some("replayed"),
        Standing::Dismissed => Some("dismissed"),
    };
    let rows: Vec<Row> = if filter.standing == Standing::Open {
        tx.all(&OPEN, binds![reason, unit, at, id, most]).await?
    } else {
        tx.all(&LIST, binds![reason, unit, at, id, most, state]).await?
    };
    let cases = rows.into_iter().map(quarantined).collect::<Result<_, _>>()?;
    Ok(Page::cut(cases, limit, |last: &Quarantined| {
        Cursor::at(last.received_at, last.id.0)
    }))
}

pub async fn get(tx: &mut Tx, id: QuarantineId) -> Result<Option<Quarantined>, StoreError> {
    tx.optional(&GET, binds![id.0])
        .await?
        .map(quarantined)
        .transpose()
}

/// The bytes as they came.
pub async fn payload(tx: &mut Tx, id: QuarantineId) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(Vec<u8>,)> = tx.optional(&PAYLOAD, binds![id.0]).await?;
    Ok(row.map(|(payload,)| payload))
}

/// How many cases are in each state that any is in.
pub async fn counts(tx: &mut Tx) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows: Vec<(String, i64)> = tx.all(&COUNTS, binds![]).await?;
    Ok(rows.into_iter().collect())
}

/// How many cases wait for a person, by reason, and since when the first does.
pub async fn waiting(tx: &mut Tx) -> Result<Vec<(String, i64, Option<Instant>)>, StoreError> {
    tx.all(&WAITING, binds![]).await
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    received_at: Instant,
    topic: String,
    unit_id: Option<String>,
    session_id: Option<Uuid>,
    patient_id: Option<Uuid>,
    reason: String,
    problems: String,
    payload_len: i64,
    seen: i64,
    last_seen_at: Instant,
    tries: i64,
    tried_at: Option<Instant>,
    tried_by: Option<Uuid>,
    tried_by_name: Option<String>,
    tried_reason: Option<String>,
    tried_problems: Option<String>,
    state: String,
    decided_by: Option<Uuid>,
    decided_by_name: Option<String>,
    decided_at: Option<Instant>,
    decision_reason: Option<String>,
    outcome: Option<String>,
    stored_unit_id: Option<String>,
    stored_session_id: Option<Uuid>,
    shift_seconds: Option<i64>,
}

fn quarantined(row: Row) -> Result<Quarantined, StoreError> {
    let fault = |column| StoreError::row("quarantine", column, row.id);
    let settled = match (
        row.decided_by,
        row.decided_by_name,
        row.decided_at,
        row.decision_reason,
    ) {
        (Some(id), Some(name), Some(at), Some(reason)) => Some(Settled {
            by: Actor { id, name },
            at,
            reason,
        }),
        _ => None,
    };
    let unit_of =
        |column, unit: Option<String>| unit.map(|unit| unit_id("quarantine", column, &unit)).transpose();
    let taken_in = match (
        row.outcome.as_deref(),
        unit_of("stored_unit_id", row.stored_unit_id)?,
        row.stored_session_id,
        row.shift_seconds,
    ) {
        (Some(outcome @ ("stored" | "duplicate")), Some(unit_id), Some(session_id), Some(shift_seconds)) => {
            Some(TakenIn {
                key: SessionKey { unit_id, session_id },
                duplicate: outcome == "duplicate",
                shift_seconds,
            })
        }
        _ => None,
    };
    let state = match (row.state.as_str(), settled, taken_in) {
        ("waiting", None, None) => Case::Waiting,
        ("replayed", Some(settled), Some(taken_in)) => Case::Replayed(settled, taken_in),
        ("dismissed", Some(settled), None) => Case::Dismissed(settled),
        _ => return Err(fault("state")),
    };
    let last_try = match (
        row.tried_by,
        row.tried_by_name,
        row.tried_at,
        row.tried_reason,
        row.tried_problems,
    ) {
        (Some(id), Some(name), Some(at), Some(reason), Some(problems)) => Some(Try {
            by: Actor { id, name },
            at,
            reason,
            problems,
        }),
        _ if row.tries == 0 => None,
        _ => return Err(fault("tries")),
    };
    Ok(Quarantined {
        unit_id: unit_of("unit_id", row.unit_id)?,
        id: row.id.into(),
        received_at: row.received_at,
        topic: row.topic,
        session_id: row.session_id,
        patient_id: row.patient_id.map(Into::into),
        reason: row.reason,
        problems: row.problems,
        payload_len: row.payload_len,
        seen: row.seen,
        last_seen_at: row.last_seen_at,
        tries: row.tries,
        last_try,
        state,
    })
}
