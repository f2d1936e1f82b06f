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
use super::looking::Shown;
use super::problem::Problem;
use crate::desk::once::{self, Once};
use crate::desk::{Act, Caller, Desk};
use crate::domain::ids::PatientId;
use crate::store::audit_read::Outcome;

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

/// The answer that was given the first time; `tells`, perhaps, of a patient.
pub(super) fn again(status: u16, body: String, tells: bool) -> Response {
    let kept = serde_json::from_str::<serde_json::Value>(&body).unwrap_or_default();
    let version = kept["version"].as_i64();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, Bytes::from(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    let shown = tells.then(|| Shown {
        patients: patient(&kept).into_iter().collect(),
        subject_id: None,
        outcome: Outcome::Repeated,
    });
    if let Some(tag) = version.and_then(|version| HeaderValue::from_str(&format!("\"{version}\"")).ok()) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(shown) = shown {
        response.extensions_mut().insert(shown);
    }
    response
}

/// Whom a kept answer is about: a patient's own record, or what names one.
fn patient(kept: &serde_json::Value) -> Option<PatientId> {
    let id = match kept.get("nhs_number") {
        Some(_) => &kept["id"],
        None => &kept["patient_id"],
    };
    id.as_str()?.parse().ok().map(PatientId)
}
