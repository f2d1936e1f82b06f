//! What the `type` of a problem leads to.

use askama::Template;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::Response;

use super::page;
use crate::web::State;
use crate::web::extract::Path;
use crate::web::problem::{KINDS, NOT_FOUND, Problem};

#[derive(Debug, Template)]
#[template(path = "problem.html", config = ".askama.toml")]
struct Page {
    service_name: String,
    title: &'static str,
    slug: &'static str,
    status: u16,
}

pub async fn get(Extract(state): Extract<State>, Path(slug): Path<String>) -> Result<Response, Problem> {
    let kind = KINDS
        .iter()
        .find(|kind| kind.slug == slug)
        .ok_or_else(|| Problem::new(&NOT_FOUND, "There is no problem of this type."))?;
    Ok(page(
        StatusCode::OK,
        &Page {
            service_name: state.settings.service_name.clone(),
            title: kind.title,
            slug: kind.slug,
            status: kind.status.as_u16(),
        },
    ))
}
