//! HTTP: one table of routes, through one guard. Handlers parse and show; the desk decides.

pub mod acting;
pub mod answer;
pub mod api;
pub mod console;
pub mod cookie;
pub mod docs;
pub mod extract;
pub mod guard;
pub mod limiter;
pub mod limits;
pub mod looking;
pub mod openapi;
pub mod problem;
pub mod route;
pub mod routes;
mod scrape;
pub mod service;
pub mod standing;
pub mod stream;
pub mod time;
mod unread;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use secrecy::SecretString;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

pub use route::{Allow, Route};
pub use service::{Part, Seen, ServiceView};
pub use standing::Standing;
pub use stream::Stream;

use guard::{Guard, guard};
use limiter::SignInLimiter;
use limits::Limits;
use problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem, TOO_SLOW};

use crate::clock::Clock;
use crate::config::{Config, MetricsFor};
use crate::desk::Desk;
use crate::desk::looks::Looks;
use crate::desk::password::Passwords;
use crate::desk::rehearsal::Places;
use crate::domain::ids::Ids;
use crate::metrics::Metrics;
use crate::store::Db;

/// The largest body taken: a plan of a hundred rules is 40 kB.
const BODY_LIMIT: usize = 512 * 1024;
/// Longer than any answer takes; it ends connections that send their body a byte at a time.
const PATIENCE: Duration = Duration::from_secs(30);

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    pub desk: Desk,
    pub service: ServiceView,
    pub stream: Stream,
    pub(crate) settings: Arc<Settings>,
    pub(crate) passwords: Passwords,
    pub(crate) limiter: SignInLimiter,
    pub(crate) docs: Arc<docs::Shelf>,
    pub(crate) limits: Limits,
    pub(crate) looks: Looks,
    pub(crate) metrics: Metrics,
    pub(crate) rehearsals: Places,
    scrapes: scrape::Scrapes,
}

/// What of the configuration the web needs.
#[derive(Debug, Clone)]
pub struct Settings {
    pub service_name: String,
    pub timezone: chrono_tz::Tz,
    pub behind_tls_proxy: bool,
    pub sign_in_hours: u32,
    pub idle_minutes: u32,
    pub metrics: MetricsFor,
    pub metrics_token: Option<SecretString>,
}

impl State {
    pub fn new(config: &Config, db: Db, clock: Clock, ids: Ids, service: ServiceView) -> Self {
        Self {
            looks: Looks::new(db.clone()),
            desk: Desk { db, clock, ids },
            service,
            stream: Stream::default(),
            settings: Arc::new(Settings {
                service_name: config.service.name.clone(),
                timezone: config.service.timezone,
                behind_tls_proxy: config.http.behind_tls_proxy,
                sign_in_hours: config.http.sign_in_hours,
                idle_minutes: config.http.idle_minutes,
                metrics: config.http.metrics,
                metrics_token: config.http.metrics_token.clone(),
            }),
            passwords: Passwords::default(),
            limiter: SignInLimiter::new(config.http.sign_in_attempts),
            docs: Arc::default(),
            limits: Limits::new(
                config.http.anonymous_per_minute,
                config.http.person_per_minute,
                config.http.token_at_once,
            ),
            metrics: Metrics::default(),
            rehearsals: Places::default(),
            scrapes: scrape::Scrapes::default(),
        }
    }

    /// With the help of every command, which the web itself does not know, for the documentation.
    pub fn documenting(self, commands: Vec<docs::CommandHelp>) -> Self {
        Self {
            docs: Arc::new(docs::Shelf::of(commands)),
            ..self
        }
    }

    /// Shows what the other parts count as well.
    pub fn counting(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// How long a sign-in lasts without a request.
    fn idle(&self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.settings.idle_minutes))
    }
}

/// Everything that is served.
pub fn router(state: State) -> Router {
    let mut router = Router::new();
    for route in routes::routes() {
        let guarding = Guard {
            state: state.clone(),
            allow: route.allow,
            path: route.path,
            form: route.form,
            on_record: route.on_record,
            unlimited: route.unlimited,
        };
        let handler = route.handler.route_layer(from_fn_with_state(guarding, guard));
        router = router.route(route.path, handler);
    }
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    router
        .fallback(|| async { Problem::new(&NOT_FOUND, "There is nothing at this address.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(&METHOD_NOT_ALLOWED, "What is at this address does not take this method.")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(patience))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Problem::internal(&"a handler panicked").into_response()
        }))
        .layer(header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header(
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(from_fn(unread::tell))
        .layer(from_fn_with_state(state.metrics.http.clone(), scrape::count))
        .with_state(state)
}

/// An act that is given up is undone: its transaction is dropped with it.
async fn patience(request: Request, next: Next) -> Response {
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            &TOO_SLOW,
            "The request took too long and was given up; nothing was changed.",
        )
        .into_response(),
    }
}
