//! What happens, as it happens: each event once, in order, and after a break from where the caller left off.

use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Sse};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::bad_query;
use crate::domain::finding::{Class, Severity};
use crate::store::event::EventKind;
use crate::web::State;
use crate::web::answer::Answer;
use crate::web::extract::Query;
use crate::web::guard::{Badge, Signed};
use crate::web::looking::Showing as _;
use crate::web::problem::{Problem, TOO_MANY};
use crate::web::stream::{Caller, From, Listener};

/// Of six connections that a browser opens to one host, two stay for pages.
const MOST_BY_COOKIE: usize = 4;
const MOST_BY_TOKEN: usize = 16;

pub const SUMMARY: &str = "What happens, as server-sent events: `alert`, `visit`, `session`, `unit`, `service`, each once and in order. \
     Sent again with the last id as Last-Event-ID, the stream goes on after it. A `service` event of kind `begin` or `reset` \
     says: load what stands now; after `reset` what happened since that id is not known here.";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// Only these, separated by commas: `alert`, `visit`, `session`, `unit`, `service`. All by default. What the caller's
    /// role may not see is left out, and `service` of the kinds `begin`, `reset` and `standing` told, in any case.
    types: Option<String>,
}

/// The data of one event, by its type. Ids and states only: who may see more asks for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = StreamEvent)]
pub enum Told {
    /// `alert`: opened or changed.
    Alert {
        id: Uuid,
        patient_id: Option<Uuid>,
        unit_id: Option<String>,
        class: Class,
        severity: Severity,
        state: String,
        version: i64,
    },
    /// `session`: taken in, or its times moved.
    Session {
        patient_id: Uuid,
        unit_id: String,
        session_id: Uuid,
        completed_at: String,
        received_at: String,
    },
    /// `unit`: went online or offline, or something else of it changed.
    Unit {
        unit_id: String,
        online: Option<bool>,
        battery_pct: Option<i64>,
    },
    /// `service`: `begin`, `reset`; `standing` (at the beginning and at each change: whether monitoring works, which parts
    /// do not, and whether events are held back by a transaction that does not end); `quarantine` (a message was set aside,
    /// or its case was settled).
    Service {
        kind: String,
        works: Option<bool>,
        down: Option<Vec<String>>,
        held_back: Option<bool>,
        id: Option<Uuid>,
        state: Option<String>,
    },
}

impl StreamQuery {
    fn kinds(&self) -> Result<Vec<EventKind>, Problem> {
        let Some(types) = &self.types else {
            return Ok(EventKind::ALL.to_vec());
        };
        let kinds = types.split(',').map(EventKind::from_word).collect();
        let known = "names types among alert, visit, session, unit, service, separated by commas";
        Option::ok_or_else(kinds, || bad_query("types", "unknown", known))
    }
}

pub async fn get(
    Extract(state): Extract<State>,
    signed: Signed,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Answer {
    let kinds = query.kinds()?;
    let most = if signed.csrf_token.is_some() {
        MOST_BY_COOKIE
    } else {
        MOST_BY_TOKEN
    };
    let seat = state.stream.seat(signed.caller.actor.id, most);
    let caller = Caller {
        badge: Badge::of(&headers).ok_or_else(Problem::not_signed_in)?,
        role: signed.caller.role,
        kinds,
        seat: seat.ok_or_else(|| {
            let detail = format!("This caller has {most} streams open already.");
            Problem::new(&TOO_MANY, detail).retry_after(30)
        })?,
    };
    let listener = Listener::open(&state, caller, from(&headers)).await?;
    let mut response = Sse::new(listener.events()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that waits for more before it passes an event on would hold an alert back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    // It tells of patients by their ids and states alone; who then looks at one is on record for that.
    Ok(response.showing([]))
}

fn from(headers: &HeaderMap) -> From {
    match headers.get("last-event-id").map(HeaderValue::to_str) {
        None | Some(Ok("")) => From::Now,
        Some(Ok(said)) => said.parse().map_or(From::Nowhere, From::After),
        Some(Err(_)) => From::Nowhere,
    }
}
