//! Alerts that end without a person. Counted after the commit of what ended them.

use prometheus_client::registry::Registry;

use super::Counts;
use crate::domain::finding::Class;

/// What there is to end by, from the start: the first that ends is then seen as a rise.
const KNOWN: [(Class, &str); 4] = [
    (Class::Clinical, "in_order"),
    (Class::Compliance, "session_came"),
    (Class::Compliance, "discharged"),
    (Class::Technical, "cause_gone"),
];

#[derive(Debug, Clone)]
pub struct Alerts {
    cleared: Counts<2>,
}

impl Default for Alerts {
    fn default() -> Self {
        let alerts = Self {
            cleared: Counts::default(),
        };
        for (class, why) in KNOWN {
            drop(
                alerts
                    .cleared
                    .get_or_create(&[("class", class.word()), ("why", why)]),
            );
        }
        alerts
    }
}

impl Alerts {
    /// These have ended, each of its class and for its reason.
    pub fn cleared(&self, ended: &[(Class, &'static str)]) {
        for (class, why) in ended {
            self.cleared
                .get_or_create(&[("class", class.word()), ("why", why)])
                .inc();
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "homeward_alerts_cleared",
            "Alerts that ingest and the workers closed by themselves, by class and reason; not those that an act of staff ended",
            self.cleared.clone(),
        );
    }
}
