//! A request answered before its body was read leaves the body on the connection, which then ends with the answer. A
//! client that was not told so would send its next request into a closed connection.

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;

/// Says `Connection: close` where the body may not have been read.
pub(super) async fn tell(request: Request, next: Next) -> Response {
    let has_body = !request.body().is_end_stream();
    let told = matches!(request.version(), Version::HTTP_10 | Version::HTTP_11);
    let mut response = next.run(request).await;
    if told && has_body && may_be_unread(response.status()) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// Acts are only refused for what the body says once it was read.
fn may_be_unread(status: StatusCode) -> bool {
    let after_reading = [
        StatusCode::CONFLICT,
        StatusCode::PRECONDITION_FAILED,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    !status.is_success() && !after_reading.contains(&status)
}
