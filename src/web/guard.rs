//! Nothing reaches a handler but through here: who is it, may they, is a change by cookie really theirs, was it made before.

use std::net::{IpAddr, SocketAddr};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequest as _, FromRequestParts, Request, State as Extract};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::State;
use super::acting::again;
use super::console::trouble;
use super::extract::{bad_header, unreadable};
use super::problem::{CSRF, KEY_REUSED, NOT_ALLOWED, Problem};
use super::route::Allow;
use crate::desk::Caller;
use crate::desk::once::{self, Once};
use crate::desk::sign_in::{self, Recognised};

/// Who was recognised, and by what.
#[derive(Debug, Clone)]
pub struct Signed {
    pub caller: Caller,
    /// By cookie: the token that changes must send.
    pub csrf_token: Option<String>,
}

impl Signed {
    pub(super) fn of(parts: &Parts) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Problem::not_signed_in)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(parts)
    }
}

/// What the guard of one route knows.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) state: State,
    pub(super) allow: Allow,
    pub(super) path: &'static str,
    pub(super) form: bool,
}

pub(super) async fn guard(Extract(guard): Extract<Guard>, request: Request, next: Next) -> Response {
    let is_page = request.method() == Method::GET && wants_html(request.headers());
    let response = match admit(&guard, request).await {
        Ok(Admitted::Pass(request)) => next.run(request).await,
        Ok(Admitted::Answered(response)) => response,
        Err(problem) if is_page && problem.status() == axum::http::StatusCode::UNAUTHORIZED => {
            Redirect::to("/sign-in").into_response()
        }
        Err(problem) => problem.into_response(),
    };
    if is_page {
        trouble::instead_of(&guard.state, response)
    } else {
        response
    }
}

enum Admitted {
    Pass(Request),
    Answered(Response),
}

async fn admit(guard: &Guard, mut request: Request) -> Result<Admitted, Problem> {
    // Whether the process is alive must not hang on the database, nor on what else the caller sends along.
    let signed = match guard.allow {
        Allow::Anyone => None,
        Allow::SignedIn | Allow::Roles(_) => recognise(&guard.state, request.headers()).await?,
    };
    let role = signed.as_ref().map(|signed| signed.caller.role);
    if !guard.allow.admits(role) {
        return Err(match role {
            None => Problem::not_signed_in(),
            Some(role) => Problem::new(&NOT_ALLOWED, format!("The role {} may not do this.", role.word())),
        });
    }
    let changes = !request.method().is_safe();
    let by_token = signed.as_ref().is_some_and(|signed| signed.csrf_token.is_none());
    if changes && !by_token {
        refuse_other_sites(request.headers())?;
    }
    if changes && !guard.form && guard.allow != Allow::Anyone {
        check_csrf(request.headers(), signed.as_ref())?;
    }
    if let Some(signed) = &signed {
        if request.method() == Method::POST
            && let Some(key) = key(request.headers())?
        {
            let (once, passed) = remember(guard, key, request).await?;
            request = passed;
            let known = once::find(&guard.state.desk.db, &signed.caller, &once.key).await?;
            if let Some(known) = known {
                if known.route != once.route || known.request_hash != once.request_hash {
                    return Err(Problem::new(
                        &KEY_REUSED,
                        "This Idempotency-Key came with another request before.",
                    )
                    .at("header/Idempotency-Key", "reused", "belongs to another request"));
                }
                return Ok(Admitted::Answered(again(known.status, known.body)));
            }
            request.extensions_mut().insert(once);
        }
        request.extensions_mut().insert(signed.clone());
    }
    Ok(Admitted::Pass(request))
}

/// By token or cookie. A token that is given and not known is refused everywhere; a cookie may just have run out.
async fn recognise(state: &State, headers: &HeaderMap) -> Result<Option<Signed>, Problem> {
    let now = state.desk.clock.now();
    if let Some(said) = headers.get(header::AUTHORIZATION) {
        let token = said
            .to_str()
            .ok()
            .and_then(|said| said.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let caller = match token {
            Some(token) => sign_in::by_token(&state.desk.db, token).await?,
            None => None,
        };
        return match caller {
            Some(caller) => Ok(Some(Signed {
                caller,
                csrf_token: None,
            })),
            None => Err(Problem::not_signed_in()),
        };
    }
    let Some(token) = super::cookie::token(headers) else {
        return Ok(None);
    };
    let recognised = sign_in::by_cookie(&state.desk.db, token, state.idle(), now).await?;
    Ok(recognised.map(|Recognised { caller, csrf_token }| Signed {
        caller,
        csrf_token: Some(csrf_token),
    }))
}

/// Browsers say where a request comes from; another site's form must not sign anybody in or out.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Problem::new(&CSRF, "The request comes from another site.")),
    }
}

fn check_csrf(headers: &HeaderMap, signed: Option<&Signed>) -> Result<(), Problem> {
    let Some(expected) = signed.and_then(|signed| signed.csrf_token.as_deref()) else {
        return Ok(());
    };
    let said = headers
        .get("x-csrf-token")
        .map_or(&b""[..], |value| value.as_bytes());
    if said.ct_eq(expected.as_bytes()).into() {
        Ok(())
    } else {
        Err(Problem::new(
            &CSRF,
            "A change by cookie sends the csrf_token of its sign-in as X-CSRF-Token.",
        )
        .at("header/X-CSRF-Token", "wrong", "is missing or not the sign-in's"))
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(said) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    said.to_str()
        .ok()
        .map(str::trim)
        .filter(|key| (1..=200).contains(&key.len()))
        .map(|key| Some(key.to_owned()))
        .ok_or_else(|| bad_header("Idempotency-Key", "is not 1 to 200 printable characters"))
}

/// What makes two requests the same: method and address, what they rest on, and the body.
async fn remember(guard: &Guard, key: String, request: Request) -> Result<(Once, Request), Problem> {
    let (parts, body) = request.into_parts();
    let route = format!("{} {}", parts.method, guard.path);
    let mut hash = Sha256::new();
    let rests = parts
        .headers
        .get(header::IF_MATCH)
        .map_or(&b""[..], |value| value.as_bytes());
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    for part in [target.as_bytes(), rests] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let limited = Request::from_parts(parts.clone(), body);
    let bytes = Bytes::from_request(limited, &())
        .await
        .map_err(|error| unreadable(&error))?;
    hash.update(&bytes);
    let once = Once {
        key,
        route,
        request_hash: hash.finalize().into(),
    };
    Ok((once, Request::from_parts(parts, Body::from(bytes))))
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// Whose address it is: behind a proxy the last one that the proxy wrote down, which nobody outside can choose.
#[derive(Debug, Clone, Copy)]
pub struct CallerAddress(pub Option<IpAddr>);

impl FromRequestParts<State> for CallerAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(address)| address.ip());
        if !state.settings.behind_tls_proxy {
            return Ok(Self(peer));
        }
        let forwarded = parts
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .next_back()
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        Ok(Self(forwarded.or(peer)))
    }
}
