//! Alive is that the process answers; ready that what this one needs works; the service is all processes together.

use axum::Json;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store;
use crate::web::answer::{Answer, plain};
use crate::web::standing::{self, Standing};
use crate::web::{Part, State};

#[derive(Debug, Serialize, ToSchema)]
pub struct Service {
    #[serde(flatten)]
    standing: Standing,
    now: DateTime<Utc>,
    /// Seconds since `last_verified`; null if that never was. It grows to 30 while all is well.
    last_verified_seconds_ago: Option<i64>,
    /// Seconds that the oldest message received and not committed has waited; 0 where none waits.
    ingest_lag_seconds: i64,
    /// Messages in quarantine that wait for a person.
    quarantine_waiting: i64,
}

pub async fn get(Extract(state): Extract<State>) -> Answer {
    let now = state.desk.clock.now();
    let standing = standing::of(&state, now).await;
    let mut tx = state.desk.db.read().await?;
    let waiting = store::quarantine::waiting(&mut tx).await?;
    let age = |at: DateTime<Utc>| (now - at).num_seconds().max(0);
    Ok(plain(&Service {
        last_verified_seconds_ago: standing.last_verified.map(age),
        ingest_lag_seconds: standing.waiting_since.map_or(0, age),
        quarantine_waiting: waiting.iter().map(|(_, count, _)| count).sum(),
        standing,
        now,
    }))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Alive {
    alive: bool,
}

pub async fn healthz() -> Response {
    plain(&Alive { alive: true })
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    ready: bool,
    parts: Vec<Part>,
}

pub async fn readyz(Extract(state): Extract<State>) -> Response {
    let standing = standing::of(&state, state.desk.clock.now()).await;
    let is_ready = standing.is_ready();
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let ready = Ready {
        ready: is_ready,
        parts: standing.parts,
    };
    (status, Json(ready)).into_response()
}
