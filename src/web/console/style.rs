//! The style sheet is part of the program: nothing is fetched from anywhere else.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

pub async fn serve() -> Response {
    sheet(include_str!("homeward.css"))
}

pub async fn of_docs() -> Response {
    sheet(include_str!("../docs/docs.css"))
}

fn sheet(text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/css; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    response
}
