//! How handlers answer: a resource with its version as `ETag`, a list, or a problem.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;

/// More than most answers have.
const ROOM: usize = 4096;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub type Answer = Result<Response, Problem>;

/// A resource as it stands, with its version.
pub fn versioned<T: Serialize>(status: StatusCode, version: i64, view: &T) -> Response {
    let mut response = plain(view);
    if response.status().is_success() {
        *response.status_mut() = status;
    }
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What stands, without a version.
pub fn plain<T: Serialize>(view: &T) -> Response {
    // Written into one piece of memory with room: a page of sessions has 100 kB in some ten thousand small pieces.
    let mut text = Vec::with_capacity(ROOM);
    match serde_json::to_writer(&mut text, view) {
        Ok(()) => ([(header::CONTENT_TYPE, JSON)], text).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}
