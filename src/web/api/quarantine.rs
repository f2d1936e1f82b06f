//! What could not be taken in: the list says which unit and why; the bytes, which may tell of a patient, only the case itself.

use axum::extract::State as Extract;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{ListOf, Who, cursor, limit};
use crate::desk::Refusal;
use crate::domain::ids::{QuarantineId, UnitId};
use crate::store;
use crate::store::quarantine::{Case, Quarantined};
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Path, Query};
use crate::web::problem::Problem;
use crate::wire::problem::Problem as Fault;

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
    /// `waiting`, `replayed` or `dismissed`.
    pub state: String,
    pub decided_by: Option<Who>,
    pub decided_at: Option<DateTime<Utc>>,
    pub decision_reason: Option<String>,
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

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    Waiting,
    Replayed,
    Dismissed,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct QuarantineQuery {
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    cursor: Option<String>,
    /// All where nothing is said.
    #[param(inline)]
    state: Option<Waiting>,
}

impl QuarantinedView {
    /// Also for the command line.
    pub fn of(row: Quarantined) -> Result<Self, Problem> {
        let problems = serde_json::from_str(&row.problems).map_err(|error| {
            Problem::internal(&format!(
                "quarantine.problems of {} cannot be read: {error}",
                row.id
            ))
        })?;
        let state = row.state.word().to_owned();
        let settled = match row.state {
            Case::Waiting => None,
            Case::Replayed(settled) | Case::Dismissed(settled) => Some(settled),
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
            state,
            decided_at: settled.as_ref().map(|settled| settled.at),
            decision_reason: settled.as_ref().map(|settled| settled.reason.clone()),
            decided_by: settled.map(|settled| settled.by.into()),
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
    let word = query.state.map(|state| match state {
        Waiting::Waiting => "waiting",
        Waiting::Replayed => "replayed",
        Waiting::Dismissed => "dismissed",
    });
    let most = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref());
    let mut tx = state.desk.db.read().await?;
    let page = store::quarantine::list(&mut tx, word, after.as_ref(), most).await?;
    let next_cursor = page.next.map(|cursor| cursor.as_str().to_owned());
    let items = page
        .items
        .into_iter()
        .map(QuarantinedView::of)
        .collect::<Result<_, _>>()?;
    Ok(plain(&ListOf { items, next_cursor }))
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
    Ok(plain(&MessageView::of(row, payload)?))
}
