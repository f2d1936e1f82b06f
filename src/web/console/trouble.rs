//! A person who asked for a page is not answered in JSON; and a page that cannot be made must not pass for an empty one.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::page;
use crate::web::State;
use crate::web::problem::Told;

#[derive(Debug, Template)]
#[template(path = "trouble.html", config = ".askama.toml")]
struct Page {
    service_name: String,
    title: &'static str,
    detail: String,
    passes: bool,
}

/// The page for a problem; any other response as it is.
pub fn instead_of(state: &State, mut response: Response) -> Response {
    let status = response.status();
    match response.extensions_mut().remove::<Told>() {
        None => response,
        Some(Told { title, detail }) => page(
            status,
            &Page {
                service_name: state.settings.service_name.clone(),
                title,
                detail,
                passes: status == StatusCode::SERVICE_UNAVAILABLE,
            },
        ),
    }
}
