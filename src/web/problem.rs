//! The only place that knows HTTP status. What the caller may know and what the log gets are two messages.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::desk::Refusal;
use crate::store::StoreError;
use crate::wire::problem::Problem as Fault;

/// What went wrong, as RFC 9457 has it.
#[derive(Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    /// Each `at` is a JSON pointer into the body, or `query/limit`, `header/If-Match`.
    errors: Vec<Fault>,
    retry_after: Option<u64>,
}

/// What a page says instead of the body.
#[derive(Debug, Clone)]
pub struct Told {
    pub title: &'static str,
    pub detail: String,
}

/// A kind of problem: its `type` is `/docs/problems/{slug}` and never changes its meaning.
#[derive(Debug)]
pub struct Kind {
    pub slug: &'static str,
    pub status: StatusCode,
    pub title: &'static str,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDetails {
    #[serde(rename = "type")]
    #[schema(example = "/docs/problems/invalid-body")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
}

macro_rules! kinds {
    ($($name:ident = $slug:literal $status:ident $title:literal;)*) => {
        $(pub static $name: Kind = Kind { slug: $slug, status: StatusCode::$status, title: $title };)*

        /// Every kind there is.
        pub static KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    BAD_JSON = "bad-json" BAD_REQUEST "The body is not JSON";
    INVALID_QUERY = "invalid-query" BAD_REQUEST "The address asks for something that cannot be";
    INVALID_HEADER = "invalid-header" BAD_REQUEST "A header cannot be read";
    NOT_SIGNED_IN = "not-signed-in" UNAUTHORIZED "Nobody is signed in";
    SIGN_IN_FAILED = "sign-in-failed" UNAUTHORIZED "User name or password is not right";
    NOT_ALLOWED = "not-allowed" FORBIDDEN "This role may not do this";
    NOT_YOURS = "not-yours" FORBIDDEN "It falls to somebody else";
    CSRF = "csrf" FORBIDDEN "The request cannot be told from a forged one";
    NOT_FOUND = "not-found" NOT_FOUND "There is no such thing";
    METHOD_NOT_ALLOWED = "method-not-allowed" METHOD_NOT_ALLOWED "This cannot be done to it";
    TOO_SLOW = "too-slow" REQUEST_TIMEOUT "The request took too long";
    UNLAWFUL = "unlawful" CONFLICT "As things stand this may not be done";
    TAKEN = "taken" CONFLICT "Another one has this already";
    STALE = "stale" PRECONDITION_FAILED "It has changed since it was read";
    TOO_LARGE = "too-large" PAYLOAD_TOO_LARGE "The body is too large";
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "The body must be application/json";
    INVALID_BODY = "invalid-body" UNPROCESSABLE_ENTITY "What was given cannot be taken";
    KEY_REUSED = "idempotency-key-reused" UNPROCESSABLE_ENTITY "This idempotency key belongs to another request";
    IF_MATCH_MISSING = "if-match-missing" PRECONDITION_REQUIRED "A change must say which version it changes";
    TOO_MANY = "too-many-requests" TOO_MANY_REQUESTS "Too many requests";
    INTERNAL = "internal" INTERNAL_SERVER_ERROR "The service has failed";
    UNAVAILABLE = "unavailable" SERVICE_UNAVAILABLE "The service cannot do this just now";
}

impl Problem {
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// Points at a place.
    pub fn at(mut self, at: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        self.errors.push(Fault::new(at, code, detail));
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub fn status(&self) -> StatusCode {
        self.kind.status
    }

    /// In words, for a page.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub fn not_signed_in() -> Self {
        Self::new(
            &NOT_SIGNED_IN,
            "Sign in, or send a token; a sign-in ends by itself after a while.",
        )
    }

    /// A fault of ours: the caller learns that it happened, the log what it was.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(&INTERNAL, "The fault is ours and has been logged.")
    }

    fn busy(error: &StoreError) -> Self {
        tracing::warn!(%error, "the database could not serve a request");
        Self::new(
            &UNAVAILABLE,
            "The database is busy or out of reach; nothing was changed.",
        )
        .retry_after(5)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cursor => Self::new(&INVALID_QUERY, "The cursor is none that this list gave.").at(
                "query/cursor",
                "bad_cursor",
                "send next_cursor of the list as it was given",
            ),
            error if error.is_retryable() => Self::busy(&error),
            other => Self::internal(&other),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(what) => Self::new(&NOT_FOUND, format!("There is no such {what}.")),
            Refusal::Stale { current } => Self::new(
                &STALE,
                format!("Its version is now {current}: read it again before changing it."),
            ),
            Refusal::Unlawful(why) => Self::new(&UNLAWFUL, sentence(&why)),
            Refusal::Invalid(problems) => Self::from(problems),
            Refusal::Taken { at, detail } => Self::new(&TAKEN, sentence(&detail)).at(at, "taken", detail),
            Refusal::Forbidden => Self::new(&NOT_ALLOWED, "This role may not do this."),
            Refusal::NotTheirs(why) => Self::new(&NOT_YOURS, sentence(&why)),
            Refusal::Store(error) => error.into(),
            Refusal::Judging(fault) => match fault.store() {
                Some(error) if error.is_retryable() => Self::busy(error),
                _ => Self::internal(&fault),
            },
            Refusal::Broken(fault) => Self::internal(&fault),
        }
    }
}

impl From<Vec<Fault>> for Problem {
    fn from(problems: Vec<Fault>) -> Self {
        let detail = match problems.as_slice() {
            [only] => sentence(&only.detail),
            several => format!("{} faults, each with its place.", several.len()),
        };
        let mut problem = Self::new(&INVALID_BODY, detail);
        problem.errors = problems;
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let told = Told {
            title: self.kind.title,
            detail: self.detail.clone(),
        };
        let body = ProblemDetails {
            kind: format!("/docs/problems/{}", self.kind.slug),
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            detail: self.detail,
            errors: self.errors,
        };
        let mut response = (self.kind.status, Json(body)).into_response();
        response.extensions_mut().insert(told);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.kind.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Refusals are written as clauses; a caller reads a sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(char::to_uppercase);
    let end = if clause.ends_with(['.', '?', '!']) {
        ""
    } else {
        "."
    };
    format!(
        "{}{}{end}",
        first.into_iter().flatten().collect::<String>(),
        letters.as_str()
    )
}
