//! What the other parts of the process say of themselves; the web only asks.

use std::fmt;
use std::sync::Arc;

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

/// How the web learns of the parts that it does not see itself: asked at each request, so it must not wait.
#[derive(Clone)]
pub struct ServiceView(Arc<dyn Fn() -> Vec<Part> + Send + Sync>);

impl ServiceView {
    /// `parts` answers at once with what it knows, such as the broker and the workers of this process.
    pub fn new(parts: impl Fn() -> Vec<Part> + Send + Sync + 'static) -> Self {
        Self(Arc::new(parts))
    }

    pub fn parts(&self) -> Vec<Part> {
        (self.0)()
    }
}

impl fmt::Debug for ServiceView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts()).finish()
    }
}
