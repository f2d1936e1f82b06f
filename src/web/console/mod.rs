//! Plain pages, made on the server; they work without scripts, and the console proper is built on the same reads. The
//! worklist's own script only keeps it as the service has it.

pub mod problem;
pub mod script;
pub mod sign_in;
pub mod style;
pub mod trouble;
pub mod worklist;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::problem::Problem;

/// A rendered page.
fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            // Nobody else's browser history or proxy keeps a patient's name.
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => Problem::internal(&error).into_response(),
    }
}
