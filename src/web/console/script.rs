//! The pages' one script is part of the program too, and its policy lets no other run.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

pub async fn serve() -> Response {
    let mut response = include_str!("worklist.js").into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/javascript; charset=utf-8"),
    );
    // Asked for at each load: an old script must not meet a new page.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
