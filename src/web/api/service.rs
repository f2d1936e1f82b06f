//! Alive is that the process answers; ready that database, broker and ingest work.

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
    /// Seconds since the service last said that it is subscribed and can commit; null if it never did.
    ingest_lag_seconds: Option<i64>,
    /// Messages in quarantine that wait for a person.
    quarantine_waiting: i64,
}

pub async fn get(Extract(state): Extract<State>) -> Answer {
    let now = state.desk.clock.now();
    let standing = standing::of(&state, now).await;
    let mut tx = state.desk.db.read().await?;
    let counts = store::quarantine::counts(&mut tx).await?;
    Ok(plain(&Service {
        ingest_lag_seconds: standing.last_verified.map(|at| (now - at).num_seconds().max(0)),
        quarantine_waiting: counts.get("waiting").copied().unwrap_or(0),
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
    let status = if standing.works {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let ready = Ready {
        ready: standing.works,
        parts: standing.parts,
    };
    (status, Json(ready)).into_response()
}
