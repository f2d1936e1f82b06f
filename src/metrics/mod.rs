//! What the service counts of itself. Nothing is global: whoever counts is handed its part, and a label holds only words of
//! an enumeration, never a unit, a patient or anything that a stranger may choose.

pub mod alerts;
pub mod http;
pub mod ingest;
pub mod machine;
pub mod moment;
pub mod workers;

use std::sync::Arc;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use alerts::Alerts;
use http::Http;
use ingest::Ingest;
use moment::Moment;
use workers::Workers;

/// `OpenMetrics` 1.0, which every Prometheus reads.
pub const MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Labels with their values.
pub type Labels<const N: usize> = [(&'static str, &'static str); N];
type Counts<const N: usize> = Family<Labels<N>, Counter>;
type Durations<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

/// Everything that one process counts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub alerts: Alerts,
    pub http: Http,
    pub workers: Workers,
    registry: Arc<Registry>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::of(&Ingest::default())
    }
}

impl Metrics {
    pub fn of(ingest: &Ingest) -> Self {
        let (http, workers) = (Http::default(), Workers::default());
        let mut registry = Registry::default();
        let alerts = ingest.alerts.clone();
        ingest.register(&mut registry);
        alerts.register(&mut registry);
        http.register(&mut registry);
        workers.register(&mut registry);
        Self {
            alerts,
            http,
            workers,
            registry: Arc::new(registry),
        }
    }

    /// What was counted since the start, and how things stand at the moment.
    pub fn text(&self, moment: &Moment) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(64 * 1024);
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &moment.registry())?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// From a millisecond to half a minute.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}
