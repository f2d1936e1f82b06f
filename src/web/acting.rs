//! A change begins and ends here: the answer that a repeated request will get is kept in the transaction of the act itself.

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::State;
use super::answer::{Answer, versioned};
use super::guard::Signed;
use super::problem::Problem;
use crate::desk::once::{self, Once};
use crate::desk::{Act, Caller, Desk};

/// Whoever makes a change, as the guard has recognised them.
#[derive(Debug)]
pub struct Acting {
    desk: Desk,
    pub caller: Caller,
    once: Option<Once>,
}

impl FromRequestParts<State> for Acting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let signed = Signed::of(parts)?;
        Ok(Self {
            desk: state.desk.clone(),
            caller: signed.caller,
            once: parts.extensions.remove::<Once>(),
        })
    }
}

impl Acting {
    pub async fn begin(&self) -> Result<Act, Problem> {
        Ok(self.desk.begin(self.caller.clone()).await?)
    }

    /// Keeps the answer for a repeated request, commits, and answers.
    pub async fn done<T: Serialize>(
        self,
        act: Act,
        status: StatusCode,
        version: Option<i64>,
        view: &T,
    ) -> Answer {
        let kept = serde_json::to_string(view).map_err(|error| Problem::internal(&error))?;
        self.finish(act, status, version, view, kept).await
    }

    /// The same for an answer that holds a secret: a repeated request gets it without.
    pub async fn done_with_secret<T: Serialize>(
        self,
        act: Act,
        version: Option<i64>,
        view: &T,
        secret: &str,
    ) -> Answer {
        let mut kept = serde_json::to_value(view).map_err(|error| Problem::internal(&error))?;
        if let Some(value) = kept.get_mut(secret) {
            *value = serde_json::Value::Null;
        }
        self.finish(act, StatusCode::CREATED, version, view, kept.to_string())
            .await
    }

    async fn finish<T: Serialize>(
        self,
        mut act: Act,
        status: StatusCode,
        version: Option<i64>,
        view: &T,
        kept: String,
    ) -> Answer {
        if let Some(once) = &self.once {
            once::keep(&mut act, once, status.as_u16(), kept).await?;
        }
        act.commit().await?;
        Ok(match version {
            Some(version) => versioned(status, version, view),
            None => (status, axum::Json(view)).into_response(),
        })
    }
}

/// The answer that was given the first time.
pub(super) fn again(status: u16, body: String) -> Response {
    let version = serde_json::from_str::<serde_json::Value>(&body)
        .ok()
        .and_then(|body| body.get("version")?.as_i64());
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, Bytes::from(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    if let Some(tag) = version.and_then(|version| HeaderValue::from_str(&format!("\"{version}\"")).ok()) {
        headers.insert(header::ETAG, tag);
    }
    response
}
