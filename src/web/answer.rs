//! How handlers answer: a resource with its version as `ETag`, a list, or a problem.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;

pub type Answer = Result<Response, Problem>;

/// A resource as it stands, with its version.
pub fn versioned<T: Serialize>(status: StatusCode, version: i64, view: &T) -> Response {
    let mut response = (status, Json(view)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What stands, without a version.
pub fn plain<T: Serialize>(view: &T) -> Response {
    Json(view).into_response()
}
