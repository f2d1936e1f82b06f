//! `/metrics`. It must answer when the database does not, and a storm of scrapes must not become a storm of queries.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State as Extract};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use tokio::time::Instant as Moved;

use super::problem::{NOT_FOUND, Problem};
use super::{Settings, State, standing};
use crate::config::MetricsFor;
use crate::domain::finding::{Class, Severity};
use crate::domain::process::ProcessState;
use crate::domain::time::Instant;
use crate::metrics::http::{Http, NO_ROUTE};
use crate::metrics::moment::{AGES, Moment, OLDEST, Pool, Stored};
use crate::metrics::{MEDIA, machine};
use crate::store::tally::OpenAlerts;
use crate::store::{self, StoreError};
use crate::wire::session::RejectCode;

/// What the database said is good for so long; it is not asked more often, whoever asks.
const KEPT: TimeDelta = TimeDelta::seconds(5);
/// A scrape waits no longer for the database; Prometheus gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a proxy says of the caller it speaks for: whoever sends one of these may be anybody.
const BY_PROXY: [HeaderName; 4] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("via"),
];

/// What the database said last, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Scrapes(Arc<Mutex<Option<Said>>>);

type Said = (Instant, Option<Stored>);

/// Whether the request may read without a sign-in: from this machine where that is allowed, or with the token for it.
pub(super) fn lets_in(settings: &Settings, request: &Request) -> Result<bool, Problem> {
    let by_token = || {
        let said = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = said.split_once(' ')?;
        let expected = settings.metrics_token.as_ref()?.expose_secret();
        let is_it = token.trim().as_bytes().ct_eq(expected.as_bytes());
        (scheme.eq_ignore_ascii_case("bearer") && bool::from(is_it)).then_some(())
    };
    match settings.metrics {
        MetricsFor::Nobody => Err(Problem::new(&NOT_FOUND, "There is nothing at this address.")),
        MetricsFor::Token => Ok(by_token().is_some()),
        MetricsFor::Loopback => Ok(by_token().is_some() || is_of_this_machine(request)),
    }
}

fn is_of_this_machine(request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let local = peer.is_some_and(|ConnectInfo(address)| address.ip().to_canonical().is_loopback());
    local && BY_PROXY.iter().all(|name| !request.headers().contains_key(name))
}

pub(super) async fn get(Extract(state): Extract<State>) -> Result<Response, Problem> {
    let now = state.desk.clock.now();
    let stored = stored(&state, now).await;
    let seen = state.service.seen();
    let since = |at: Instant| seconds(now - at);
    let moment = Moment {
        version: env!("CARGO_PKG_VERSION"),
        database: state.desk.db.kind(),
        lag_seconds: seen.waiting_since.map_or(0.0, since),
        stores: seen.stores,
        rivalled: seen.rivalled,
        heartbeat_age_seconds: seen.verified_at.map(since),
        broker: seen.broker,
        pools: state
            .desk
            .db
            .pools()
            .map(|pool| Pool {
                name: pool.name,
                in_use: u64::from(pool.open.saturating_sub(pool.idle)),
                idle: u64::from(pool.idle),
                most: u64::from(pool.most),
            })
            .into(),
        stored,
        usage: machine::usage(),
    };
    let text = state
        .metrics
        .text(&moment)
        .map_err(|fault| Problem::internal(&fault))?;
    let media = HeaderValue::from_static(MEDIA);
    Ok(([(header::CONTENT_TYPE, media)], text).into_response())
}

/// Counts every answer, also of what has no route, was too slow or panicked.
pub(super) async fn count(Extract(http): Extract<Http>, request: Request, next: Next) -> Response {
    let begun = Moved::now();
    let method = request.method().clone();
    // A template of our table; whatever else was asked for is somebody else's text.
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.and_then(|path| super::routes::template(path.as_str()));
    let response = next.run(request).await;
    http.answered(
        method.as_str(),
        route.unwrap_or(NO_ROUTE),
        response.status().as_u16(),
        begun.elapsed(),
    );
    response
}

/// Those who come while the database is being asked wait for that answer; what it could not say is kept as well.
async fn stored(state: &State, now: Instant) -> Option<Stored> {
    let mut kept = state.scrapes.0.lock().await;
    if let Some((at, stored)) = kept.as_ref()
        && (now - *at).abs() < KEPT
    {
        return stored.clone();
    }
    let stored = match tokio::time::timeout(PATIENCE, ask(state, now)).await {
        Ok(Ok(stored)) => Some(stored),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database did not answer a scrape");
            None
        }
        Err(_) => None,
    };
    *kept = Some((now, stored.clone()));
    stored
}

async fn ask(state: &State, now: Instant) -> Result<Stored, StoreError> {
    let mut tx = state.desk.db.read().await?;
    let cuts = AGES.map(|(minutes, _)| now - TimeDelta::minutes(minutes));
    let alerts = store::tally::open_alerts(&mut tx, cuts).await?;
    let (unsent, due) = store::outbox::waiting(&mut tx, now).await?;
    let waiting = store::quarantine::waiting(&mut tx).await?;
    let (compliance_due, compliance_waiting, compliance_called) =
        store::compliance::counts(&mut tx, now).await?;
    let verified = store::heartbeat::newest(&mut tx).await?;
    let processes = store::process::list(&mut tx, now - standing::SHOWN).await?;
    let since = |at: Instant| seconds(now - at);
    let mut quarantine: BTreeMap<&'static str, u64> =
        RejectCode::ALL.iter().map(|code| (code.word(), 0)).collect();
    for (reason, open, _) in &waiting {
        if let Some(code) = RejectCode::from_word(reason) {
            quarantine.insert(code.word(), count_of(*open));
        }
    }
    let mut states: BTreeMap<&'static str, u64> = [
        ProcessState::Starting,
        ProcessState::Working,
        ProcessState::NoBroker,
        ProcessState::CannotStore,
        ProcessState::Silent,
    ]
    .map(|state| (state.word(), 0))
    .into();
    for process in standing::running(&processes) {
        *states.entry(standing::state_of(process, now).word()).or_default() += 1;
    }
    Ok(Stored {
        alerts_open: open_alerts(&alerts),
        outbox_unsent: count_of(unsent),
        outbox_oldest_seconds: due.map_or(0.0, since).max(0.0),
        quarantine_open: quarantine,
        quarantine_oldest_seconds: waiting
            .iter()
            .filter_map(|(.., first)| *first)
            .min()
            .map_or(0.0, since),
        compliance_due: count_of(compliance_due),
        compliance_waiting: count_of(compliance_waiting),
        compliance_called: count_of(compliance_called),
        heartbeat_age_seconds: verified.map(since),
        processes: states,
    })
}

fn open_alerts(found: &[OpenAlerts]) -> BTreeMap<[(&'static str, &'static str); 3], u64> {
    let ages: Vec<&'static str> = AGES.iter().map(|(_, name)| *name).chain([OLDEST]).collect();
    let labels = |class: Class, severity: Severity, age: &'static str| {
        [
            ("class", class.word()),
            ("severity", severity.word()),
            ("age", age),
        ]
    };
    let mut open = BTreeMap::new();
    for class in [Class::Clinical, Class::Compliance, Class::Technical] {
        for severity in [Severity::Amber, Severity::Red] {
            for age in &ages {
                open.insert(labels(class, severity, age), 0);
            }
        }
    }
    for one in found {
        let age = ages.get(one.age).copied().unwrap_or(OLDEST);
        open.insert(labels(one.class, one.severity, age), count_of(one.count));
    }
    open
}

fn count_of(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or_default()
}

fn seconds(span: TimeDelta) -> f64 {
    span.as_seconds_f64().max(0.0)
}
