//! Failed steps of the workers, by the worker's name.

use prometheus_client::registry::Registry;

use super::Counts;

#[derive(Debug, Clone, Default)]
pub struct Workers {
    failures: Counts<1>,
}

impl Workers {
    /// Makes the worker's series appear before anything goes wrong, so that the first failure is seen as a rise.
    pub fn started(&self, worker: &'static str) {
        drop(self.failures.get_or_create(&[("worker", worker)]));
    }

    pub fn failed(&self, worker: &'static str) {
        self.failures.get_or_create(&[("worker", worker)]).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "homeward_worker_failures",
            "Steps of a worker that failed, by worker",
            self.failures.clone(),
        );
    }
}
