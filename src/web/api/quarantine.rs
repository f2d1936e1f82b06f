//! What could not be taken in: the list says which unit and why; the bytes, which may tell of a patient, only the case itself.

use axum::extract::State as Extract;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{ListOf, Who, bad_query, cursor, limit};
use crate::desk::Refusal;
use crate::domain::ids::{QuarantineId, UnitId};
use crate::store;
use crate::store::quarantine::{self, Case, Quarantined};
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Path, Query};
use crate::web::looking::Showing as _;
use crate::web::problem::Problem;
use crate::wire::problem::Problem as Fault;
use crate::wire::session::RejectCode;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quarantined)]
pub struct QuarantinedView {
    pub id: Uuid,
    pub received_at: DateTime<Utc>,
    pub topic: String,
    #[schema(value_type = Option<String>)]
    pub unit_id: Option<UnitId>,
    pub session_id: Option<Uuid>,
    pub patient_id: Option<Uuid>,
    /// `not_json`, `bad_field`, `too_many`, `too_large`, `clock_fault`, `unregistered`, `session_conflict` or `poison`.
    pub reason: String,
    pub problems: Vec<Fault>,
    /// Bytes.
    pub size: i64,
    /// How often the same bytes came.
    pub seen: i64,
    pub last_seen_at: DateTime<Utc>,
    /// How often it was replayed and refused again.
    pub tries: i64,
    pub last_try: Option<TryView>,
    /// `waiting`, `replayed` or `dismissed`.
    pub state: String,
    pub decided_by: Option<Who>,
    pub decided_at: Option<DateTime<Utc>>,
    pub decision_reason: Option<String>,
    /// What it became, where it was replayed.
    pub taken_in: Option<TakenInView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuarantineTry)]
pub struct TryView {
    pub at: DateTime<Utc>,
    pub by: Who,
    /// Why it was refused again; one of the reasons for quarantine.
    pub reason: String,
    pub problems: Vec<Fault>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuarantineTakenIn)]
pub struct TakenInView {
    /// `stored`, or `duplicate` where the session was stored already.
    #[schema(value_type = String)]
    pub outcome: &'static str,
    #[schema(value_type = String)]
    pub unit_id: UnitId,
    pub session_id: Uuid,
    /// By how much the replay moved its times.
    pub shift_seconds: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuarantinedMessage)]
pub struct MessageView {
    #[serde(flatten)]
    pub case: QuarantinedView,
    /// The message, where it is text.
    pub payload_text: Option<String>,
    /// The message in hexadecimal, where it is not.
    pub payload_hex: Option<String>,
}

/// Which messages, by where they stand.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    #[default]
    #[serde(alias = "waiting")]
    Open,
    Replayed,
    Dismissed,
    All,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct QuarantineQuery {
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    cursor: Option<String>,
    /// `open`, so those that wait, where nothing is said.
    #[param(inline)]
    state: Option<Standing>,
    /// `not_json`, `bad_field`, `too_many`, `too_large`, `clock_fault`, `unregistered`, `session_conflict` or `poison`.
    reason: Option<String>,
    /// As the message's topic names it.
    #[param(value_type = Option<String>)]
    unit_id: Option<UnitId>,
}

impl QuarantinedView {
    /// Also for the command line.
    pub fn of(row: Quarantined) -> Result<Self, Problem> {
        let faults = |column: &str, text: &str| {
            serde_json::from_str(text).map_err(|error| {
                Problem::internal(&format!(
                    "quarantine.{column} of {} cannot be read: {error}",
                    row.id
                ))
            })
        };
        let problems = faults("problems", &row.problems)?;
        let last_try = match row.last_try {
            None => None,
            Some(last) => Some(TryView {
                at: last.at,
                problems: faults("tried_problems", &last.problems)?,
                reason: last.reason,
                by: last.by.into(),
            }),
        };
        let state = row.state.word().to_owned();
        let (settled, taken_in) = match row.state {
            Case::Waiting => (None, None),
            Case::Dismissed(settled) => (Some(settled), None),
            Case::Replayed(settled, taken) => (
                Some(settled),
                Some(TakenInView {
                    outcome: if taken.duplicate { "duplicate" } else { "stored" },
                    unit_id: taken.key.unit_id,
                    session_id: taken.key.session_id,
                    shift_seconds: taken.shift_seconds,
                }),
            ),
        };
        Ok(Self {
            id: row.id.0,
            received_at: row.received_at,
            topic: row.topic,
            unit_id: row.unit_id,
            session_id: row.session_id,
            patient_id: row.patient_id.map(|patient| patient.0),
            reason: row.reason,
            problems,
            size: row.payload_len,
            seen: row.seen,
            last_seen_at: row.last_seen_at,
            tries: row.tries,
            last_try,
            state,
            decided_at: settled.as_ref().map(|settled| settled.at),
            decision_reason: settled.as_ref().map(|settled| settled.reason.clone()),
            decided_by: settled.map(|settled| settled.by.into()),
            taken_in,
        })
    }
}

impl MessageView {
    pub fn of(row: Quarantined, payload: Vec<u8>) -> Result<Self, Problem> {
        let case = QuarantinedView::of(row)?;
        let (payload_text, payload_hex) = match String::from_utf8(payload) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(hexadecimal(error.as_bytes()))),
        };
        Ok(Self {
            case,
            payload_text,
            payload_hex,
        })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(half), 16));
        }
        text
    })
}

pub async fn list(Extract(state): Extract<State>, Query(query): Query<QuarantineQuery>) -> Answer {
    let filter = quarantine::Filter {
        standing: match query.state.unwrap_or_default() {
            Standing::Open => quarantine::Standing::Open,
            Standing::Replayed => quarantine::Standing::Replayed,
            Standing::Dismissed => quarantine::Standing::Dismissed,
            Standing::All => quarantine::Standing::All,
        },
        reason: query.reason.map(|word| reason(&word)).transpose()?,
        unit_id: query.unit_id,
    };
    let most = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref());
    let mut tx = state.desk.db.read().await?;
    let page = quarantine::list(&mut tx, &filter, after.as_ref(), most).await?;
    let next_cursor = page.next.map(|cursor| cursor.as_str().to_owned());
    let shown: Vec<_> = page.items.iter().filter_map(|row| row.patient_id).collect();
    let items = page
        .items
        .into_iter()
        .map(QuarantinedView::of)
        .collect::<Result<_, _>>()?;
    Ok(plain(&ListOf { items, next_cursor }).showing(shown))
}

/// A word that is none of the reasons would find nothing, and look like health.
fn reason(word: &str) -> Result<String, Problem> {
    match RejectCode::from_word(word) {
        Some(code) => Ok(code.word().to_owned()),
        None => Err(bad_query(
            "reason",
            "unknown_reason",
            "is none of the reasons for quarantine",
        )),
    }
}

pub async fn get(Extract(state): Extract<State>, Path(id): Path<Uuid>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let missing = || Refusal::NotFound("message in quarantine");
    let row = store::quarantine::get(&mut tx, QuarantineId(id))
        .await?
        .ok_or_else(missing)?;
    let payload = store::quarantine::payload(&mut tx, QuarantineId(id))
        .await?
        .ok_or_else(missing)?;
    let shown = row.patient_id;
    Ok(plain(&MessageView::of(row, payload)?).showing(shown))
}
