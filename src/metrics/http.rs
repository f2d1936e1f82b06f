//! Requests by the route's template, so that the address of a patient is never a label.

use std::time::Duration;

use prometheus_client::registry::Registry;

use super::{Counts, Durations, seconds};

/// Whatever is not answered by a route.
pub const NO_ROUTE: &str = "none";
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Debug, Clone)]
pub struct Http {
    requests: Counts<3>,
    seconds: Durations<2>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            requests: Counts::default(),
            seconds: Durations::new_with_constructor(seconds),
        }
    }
}

impl Http {
    /// `took` ends with the head of the answer.
    pub fn answered(&self, method: &str, route: &'static str, status: u16, took: Duration) {
        let method = METHODS
            .iter()
            .find(|known| **known == method)
            .copied()
            .unwrap_or("other");
        let class = CLASSES
            .get(usize::from(status / 100))
            .copied()
            .unwrap_or(CLASSES[0]);
        self.requests
            .get_or_create(&[("method", method), ("route", route), ("status", class)])
            .inc();
        self.seconds
            .get_or_create(&[("method", method), ("route", route)])
            .observe(took.as_secs_f64());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "homeward_http_requests",
            "Requests answered, by method, route and class of status",
            self.requests.clone(),
        );
        registry.register(
            "homeward_http_request_seconds",
            "From a request's head to its answer's, by method and route",
            self.seconds.clone(),
        );
    }
}
