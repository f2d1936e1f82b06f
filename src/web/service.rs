//! What the other parts of the process say of themselves; the web only asks.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::domain::time::Instant;
use crate::metrics::moment::Broker;

/// A part of the service and whether it works, fit to show.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Part {
    /// `database`, `broker`, `ingest` …
    #[schema(value_type = String)]
    pub name: &'static str,
    pub works: bool,
    /// In one clause: `connected`, `no heartbeat since 09:04`.
    pub detail: String,
}

/// What only this process knows.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Under which id it speaks in the store.
    pub process: Option<Uuid>,
    pub parts: Vec<Part>,
    /// When the oldest message that it holds uncommitted arrived.
    pub waiting_since: Option<Instant>,
    /// Whether what arrives is stored.
    pub stores: bool,
    /// When this process last committed a heartbeat.
    pub verified_at: Option<Instant>,
    /// Whether another process cuts this one off at the broker.
    pub rivalled: bool,
    pub broker: Option<Broker>,
}

/// How the web learns of the parts that it does not see itself: asked at each request, so it must not wait.
#[derive(Clone)]
pub struct ServiceView(Arc<dyn Fn() -> Seen + Send + Sync>);

impl ServiceView {
    /// `seen` answers at once with what it knows, such as the broker and the workers of this process.
    pub fn of(seen: impl Fn() -> Seen + Send + Sync + 'static) -> Self {
        Self(Arc::new(seen))
    }

    /// Parts only.
    pub fn new(parts: impl Fn() -> Vec<Part> + Send + Sync + 'static) -> Self {
        Self::of(move || Seen {
            parts: parts(),
            ..Seen::default()
        })
    }

    pub fn seen(&self) -> Seen {
        (self.0)()
    }
}

impl fmt::Debug for ServiceView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seen().fmt(f)
    }
}
