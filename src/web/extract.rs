//! What a request holds, read strictly: an unknown key, a wrong type or a NUL character is answered with its place.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::problem::{
    BAD_JSON, IF_MATCH_MISSING, INVALID_BODY, INVALID_HEADER, INVALID_QUERY, NOT_FOUND, Problem, TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
};

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Text(text) = Text::from_request(request, state).await?;
        parse(&text).map(Self)
    }
}

/// A JSON body whose reader wants its text as it was written.
#[derive(Debug)]
pub struct Text(pub String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                &UNSUPPORTED_MEDIA_TYPE,
                "Send the body as application/json.",
            ));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| unreadable(&error))?;
        let text = String::from_utf8(bytes.into()).map_err(|_| {
            Problem::new(&BAD_JSON, "The body is not UTF-8.").at("", "not_utf8", "is not UTF-8")
        })?;
        // Neither database nor anybody's screen can hold one.
        if text.contains('\0') || text.contains("\\u0000") {
            return Err(Problem::new(&INVALID_BODY, "The body holds a NUL character.").at(
                "",
                "nul",
                "holds a NUL character",
            ));
        }
        Ok(Self(text))
    }
}

/// Why a body could not be read off the connection.
pub(super) fn unreadable(error: &BytesRejection) -> Problem {
    match error {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            Problem::new(&TOO_LARGE, "The body is larger than this service takes.")
        }
        _ => Problem::new(&BAD_JSON, "The body ended before it was complete."),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let said = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = said
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
}

/// Parses JSON; a fault points at its place.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    // A list of values in the right order would be taken for the object.
    if text.trim_start().starts_with('[') {
        return Err(Problem::new(&INVALID_BODY, "The body must be an object.").at(
            "",
            "wrong_type",
            "must be an object",
        ));
    }
    let error: Box<dyn std::error::Error> = match Json::<T>::from_bytes(text.as_bytes()) {
        Ok(Json(value)) => return Ok(value),
        Err(JsonRejection::JsonDataError(error)) => Box::new(error),
        // A number where a word belongs counts as a fault of syntax.
        Err(JsonRejection::JsonSyntaxError(error)) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            Box::new(error)
        }
        Err(JsonRejection::JsonSyntaxError(error)) => {
            let (_, detail) = place(&error);
            return Err(Problem::new(&BAD_JSON, "The body is not JSON.").at("", "not_json", detail));
        }
        Err(error) => return Err(Problem::internal(&error)),
    };
    let (path, detail) = place(error.as_ref());
    let mut at = pointer(&path);
    let field = detail.split('`').nth(1).unwrap_or_default();
    let code = if detail.starts_with("unknown field") {
        if !at.ends_with(&format!("/{field}")) {
            at = format!("{at}/{field}");
        }
        "unknown_key"
    } else if detail.starts_with("missing field") {
        at = format!("{at}/{field}");
        "required"
    } else {
        "wrong_type"
    };
    Err(Problem::new(&INVALID_BODY, "The body is not what this call takes.").at(at, code, detail))
}

/// axum's message is `prefix: path: what (line and column)`; its source begins at the path.
fn place(error: &dyn std::error::Error) -> (String, String) {
    let mut innermost = error.to_string();
    let mut source = error.source();
    // The innermost error but one carries the path.
    while let Some(inner) = source {
        let text = inner.to_string();
        if inner.source().is_some() || !innermost.contains(&text) {
            innermost = text;
        }
        source = inner.source();
    }
    match innermost.split_once(": ") {
        Some((path, detail)) if is_path(path) => (path.to_owned(), without_position(detail)),
        _ => (String::new(), without_position(&innermost)),
    }
}

fn is_path(text: &str) -> bool {
    text == "."
        || (!text.is_empty()
            && text
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "_-.[]?".contains(letter)))
}

fn without_position(detail: &str) -> String {
    match detail.rsplit_once(" at line ") {
        Some((what, _)) => what.to_owned(),
        None => detail.to_owned(),
    }
}

/// `rules[0].by` as a JSON pointer.
fn pointer(path: &str) -> String {
    let steps = path.replace('[', ".").replace(']', "");
    steps
        .split('.')
        .filter(|step| !step.is_empty() && *step != "?")
        .fold(String::new(), |pointer, step| format!("{pointer}/{step}"))
}

/// The query of the address.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // No database holds one, and no name has one.
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Problem::new(&INVALID_QUERY, "The address holds a NUL character."));
        }
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => {
                let (path, detail) = place(&error);
                let named = detail.split('`').nth(1).unwrap_or_default();
                let key = if path.is_empty() || path == "." {
                    named
                } else {
                    &path
                };
                Err(
                    Problem::new(&INVALID_QUERY, "The address asks for something that cannot be.").at(
                        format!("query/{key}"),
                        "bad_query",
                        detail,
                    ),
                )
            }
        }
    }
}

/// The parts of the path; what does not have their form does not exist.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(_) => Err(Problem::new(&NOT_FOUND, "There is nothing at this address.")),
        }
    }
}

/// The version that the caller has seen, from `If-Match: "<version>"`.
#[derive(Debug, Clone, Copy)]
pub struct IfMatch(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match version(&parts.headers)? {
            Some(version) => Ok(Self(version)),
            None => Err(
                Problem::new(&IF_MATCH_MISSING, "Send the ETag that you read as If-Match.").at(
                    "header/If-Match",
                    "required",
                    "is missing",
                ),
            ),
        }
    }
}

/// What a `PUT` that may be the first one rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// `If-None-Match: *`: there is none yet.
    None,
    /// `If-Match: "<version>"`.
    Version(i64),
}

impl<S: Send + Sync> FromRequestParts<S> for Precondition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let first = match parts
            .headers
            .get(header::IF_NONE_MATCH)
            .map(HeaderValue::as_bytes)
        {
            None => false,
            Some(b"*") => true,
            Some(_) => return Err(bad_header("If-None-Match", "is not *")),
        };
        match (version(&parts.headers)?, first) {
            (Some(version), false) => Ok(Self::Version(version)),
            (None, true) => Ok(Self::None),
            (Some(_), true) => Err(bad_header("If-None-Match", "contradicts If-Match")),
            (None, false) => Err(Problem::new(
                &IF_MATCH_MISSING,
                "Send If-None-Match: * for the first one, or the ETag that you read as If-Match.",
            )
            .at("header/If-Match", "required", "is missing")),
        }
    }
}

fn version(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(said) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    said.to_str()
        .ok()
        .and_then(|text| text.strip_prefix('"')?.strip_suffix('"')?.parse().ok())
        .map(Some)
        .ok_or_else(|| bad_header("If-Match", "is not a version in quotation marks, such as \"3\""))
}

pub(super) fn bad_header(name: &str, detail: &str) -> Problem {
    Problem::new(&INVALID_HEADER, format!("{name} {detail}.")).at(
        format!("header/{name}"),
        "bad_header",
        detail,
    )
}

/// `If-Match` where the caller sent one.
#[derive(Debug, Clone, Copy)]
pub struct IfMatchIfSent(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatchIfSent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        version(&parts.headers).map(Self)
    }
}
