//! Nothing reaches a handler but through here: who is it, may they, is a change by cookie really theirs, was it made before.

use std::net::{IpAddr, SocketAddr};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequest as _, FromRequestParts, Request, State as Extract};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::OwnedSemaphorePermit;

use super::State;
use super::acting::again;
use super::console::trouble;
use super::extract::{bad_header, unreadable};
use super::limits::Counted;
use super::looking::Asking;
use super::problem::{CSRF, KEY_REUSED, NOT_ALLOWED, Problem, TOO_MANY};
use super::route::{Allow, OnRecord};
use super::scrape;
use crate::desk::Caller;
use crate::desk::once::{self, Once};
use crate::desk::sign_in::{self, Recognised};
use crate::domain::staff::Role;
use crate::store::StoreError;

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

/// What a caller was recognised by, for whoever has to ask again while an answer goes on.
#[derive(Debug, Clone)]
pub enum Badge {
    Token(SecretString),
    Cookie(SecretString),
}

impl Badge {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        match bearer(headers) {
            Some(token) => Some(Self::Token(token.to_owned().into())),
            None => super::cookie::token(headers).map(|token| Self::Cookie(token.to_owned().into())),
        }
    }

    /// The caller's role, where they are still signed in. To ask is no request of theirs: it keeps no sign-in from ending.
    pub(super) async fn still(&self, state: &State) -> Result<Option<Role>, StoreError> {
        let db = &state.desk.db;
        let caller = match self {
            Self::Token(token) => sign_in::by_token(db, token.expose_secret()).await?,
            Self::Cookie(token) => {
                let now = state.desk.clock.now();
                sign_in::still(db, token.expose_secret(), state.idle(), now).await?
            }
        };
        Ok(caller.map(|caller| caller.role))
    }
}

/// What the guard of one route knows.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) state: State,
    pub(super) allow: Allow,
    pub(super) path: &'static str,
    pub(super) form: bool,
    pub(super) on_record: Option<OnRecord>,
    pub(super) unlimited: bool,
}

pub(super) async fn guard(Extract(guard): Extract<Guard>, mut request: Request, next: Next) -> Response {
    let is_page = request.method() == Method::GET && wants_html(request.headers());
    let mut asking = Asking::of(guard.on_record, &mut request).await;
    // Whether the process is alive must not hang on the database, nor on what else the caller sends along.
    let recognised = match guard.allow {
        Allow::Anyone => Ok(None),
        Allow::Scrapers => match scrape::lets_in(&guard.state.settings, &request) {
            Ok(true) => return next.run(request).await,
            Ok(false) => recognise(&guard.state, request.headers()).await,
            Err(problem) => Err(problem),
        },
        Allow::SignedIn | Allow::Roles(_) => recognise(&guard.state, request.headers()).await,
    };
    let address = CallerAddress::of(&guard.state, request.extensions(), request.headers());
    let limited = limit(&guard, address, recognised.as_ref().ok().and_then(Option::as_ref)).await;
    // A machine's turn lasts until its answer is made.
    let (_turn, signed, admitted) = match (limited, recognised) {
        (Err(problem), _) => (None, None, Err(problem)),
        (Ok(turn), Ok(signed)) => (turn, signed.clone(), admit(&guard, signed, request).await),
        (Ok(turn), Err(problem)) => (turn, None, Err(problem)),
    };
    let response = match admitted {
        Ok(Admitted::Pass(request)) => {
            asking.foresee(&guard.state, signed.as_ref());
            next.run(request).await
        }
        Ok(Admitted::Answered(response)) => response,
        Err(problem) if is_page && problem.status() == axum::http::StatusCode::UNAUTHORIZED => {
            Redirect::to("/sign-in").into_response()
        }
        Err(problem) => problem.into_response(),
    };
    let response = asking.answer(&guard.state, signed.as_ref(), response).await;
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

/// Lets through what is within the caller's limits; machines wait for their turn.
async fn limit(
    guard: &Guard,
    CallerAddress(address): CallerAddress,
    signed: Option<&Signed>,
) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    let limits = &guard.state.limits;
    let counted = match signed {
        _ if guard.unlimited => return Ok(None),
        None => Counted::at(address),
        Some(signed) if signed.csrf_token.is_some() => Counted::Person(signed.caller.actor.id),
        Some(signed) => return Ok(limits.turn(signed.caller.actor.id).await),
    };
    match limits.take(counted, guard.state.desk.clock.now()) {
        Ok(()) => Ok(None),
        Err(seconds) => Err(Problem::new(
            &TOO_MANY,
            format!("There were too many requests within a minute; wait {seconds} s before the next."),
        )
        .retry_after(seconds)),
    }
}

async fn admit(guard: &Guard, signed: Option<Signed>, mut request: Request) -> Result<Admitted, Problem> {
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
    if let Some(signed) = signed {
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
                let tells = guard.on_record.is_some();
                return Ok(Admitted::Answered(again(known.status, known.body, tells)));
            }
            request.extensions_mut().insert(once);
        }
        request.extensions_mut().insert(signed);
    }
    Ok(Admitted::Pass(request))
}

/// By token or cookie. A token that is given and not known is refused everywhere; a cookie may just have run out.
async fn recognise(state: &State, headers: &HeaderMap) -> Result<Option<Signed>, Problem> {
    let now = state.desk.clock.now();
    if let Some(token) = bearer(headers) {
        return match sign_in::by_token(&state.desk.db, token).await? {
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

/// The token that was given; what cannot be read is one that nobody has.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let said = headers.get(header::AUTHORIZATION)?;
    let token = said
        .to_str()
        .ok()
        .and_then(|said| said.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    Some(token.unwrap_or_default())
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

impl CallerAddress {
    fn of(state: &State, extensions: &Extensions, headers: &HeaderMap) -> Self {
        let peer = extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(address)| address.ip());
        if !state.settings.behind_tls_proxy {
            return Self(peer);
        }
        let forwarded = headers
            .get_all("x-forwarded-for")
            .iter()
            .next_back()
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        Self(forwarded.or(peer))
    }
}

impl FromRequestParts<State> for CallerAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        Ok(Self::of(state, &parts.extensions, &parts.headers))
    }
}
