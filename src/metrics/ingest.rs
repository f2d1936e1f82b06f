//! Told once a batch, after its commit: what a message costs here is nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::alerts::Alerts;
use super::{Counts, Durations, seconds};
use crate::domain::finding::{Class, Severity};

/// What findings are of. A word that is not here is counted as `other`, so that the list of series stays as long as this.
const KINDS: [&str; 10] = [
    "limits",
    "change",
    "answer",
    "combination",
    "suspect",
    "unknown_answer",
    "unassigned",
    "no_plan",
    "quarantined",
    "session_conflict",
];

/// What one committed batch came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub messages: usize,
    /// By outcome.
    pub receipts: BTreeMap<&'static str, u64>,
    /// Messages set aside, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Findings that opened or joined an alert, by kind and severity.
    pub findings: BTreeMap<(&'static str, &'static str), u64>,
    /// Alerts that ended by what was taken in.
    pub cleared: Vec<(Class, &'static str)>,
    /// How long each part of the transaction took.
    pub phases: Vec<(&'static str, Duration)>,
}

impl Tally {
    pub fn finding(&mut self, kind: &str, severity: Severity) {
        let kind = KINDS
            .iter()
            .find(|known| **known == kind)
            .copied()
            .unwrap_or("other");
        *self.findings.entry((kind, severity.word())).or_default() += 1;
    }
}

#[derive(Debug, Clone)]
pub struct Ingest {
    pub alerts: Alerts,
    messages: Counter,
    batch_messages: Histogram,
    batch_seconds: Histogram,
    phase_seconds: Durations<1>,
    wait_seconds: Histogram,
    retries: Counter,
    receipts: Counts<1>,
    rejected: Counts<1>,
    findings: Counts<2>,
}

impl Default for Ingest {
    fn default() -> Self {
        let sizes = [
            1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0,
        ];
        let receipts = Counts::default();
        for outcome in ["stored", "duplicate", "rejected"] {
            drop(receipts.get_or_create(&[("outcome", outcome)]));
        }
        Self {
            alerts: Alerts::default(),
            messages: Counter::default(),
            batch_messages: Histogram::new(sizes),
            batch_seconds: seconds(),
            phase_seconds: Durations::new_with_constructor(seconds),
            wait_seconds: seconds(),
            retries: Counter::default(),
            receipts,
            rejected: Counts::default(),
            findings: Counts::default(),
        }
    }
}

impl Ingest {
    /// A batch has committed `took` after it was begun.
    pub fn committed(&self, tally: &Tally, took: Duration) {
        self.messages.inc_by(tally.messages as u64);
        #[expect(clippy::cast_precision_loss, reason = "a batch has at most thousands")]
        self.batch_messages.observe(tally.messages as f64);
        self.batch_seconds.observe(took.as_secs_f64());
        for (phase, took) in &tally.phases {
            self.phase_seconds
                .get_or_create(&[("phase", phase)])
                .observe(took.as_secs_f64());
        }
        for (outcome, count) in &tally.receipts {
            self.receipts
                .get_or_create(&[("outcome", outcome)])
                .inc_by(*count);
        }
        for (reason, count) in &tally.rejected {
            self.rejected.get_or_create(&[("reason", reason)]).inc_by(*count);
        }
        self.alerts.cleared(&tally.cleared);
        for ((kind, severity), count) in &tally.findings {
            self.findings
                .get_or_create(&[("kind", kind), ("severity", severity)])
                .inc_by(*count);
        }
    }

    /// From the arrival of what a lane took at one time to its last commit, told of the oldest.
    pub fn waited(&self, waited: Duration) {
        self.wait_seconds.observe(waited.as_secs_f64());
    }

    /// A batch was not committed and is tried again, whole or in halves.
    pub fn retried(&self) {
        self.retries.inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let mut counter = |name: &str, help: &str, counter: &Counter| {
            registry.register(name, help, counter.clone());
        };
        counter(
            "homeward_ingest_messages",
            "Messages committed: sessions, statuses and what was set aside",
            &self.messages,
        );
        counter(
            "homeward_ingest_retries",
            "Batches not committed and tried again, whole or in halves",
            &self.retries,
        );
        let mut histogram = |name: &str, help: &str, histogram: &Histogram| {
            registry.register(name, help, histogram.clone());
        };
        histogram(
            "homeward_ingest_batch_messages",
            "Messages in a committed batch",
            &self.batch_messages,
        );
        histogram(
            "homeward_ingest_batch_seconds",
            "From the begin of a batch's transaction to the end of its commit",
            &self.batch_seconds,
        );
        histogram(
            "homeward_ingest_wait_seconds",
            "From a message's arrival to its commit, told of the oldest of what is taken at one time",
            &self.wait_seconds,
        );
        registry.register(
            "homeward_ingest_phase_seconds",
            "Parts of a batch's transaction: wait for a connection, work, commit",
            self.phase_seconds.clone(),
        );
        let help = "Receipts owed to units, by outcome; one that is lost is repeated and counted again";
        registry.register("homeward_receipts", help, self.receipts.clone());
        registry.register(
            "homeward_rejected",
            "Messages set aside in quarantine, by reason; sent again they are counted again",
            self.rejected.clone(),
        );
        registry.register(
            "homeward_findings",
            "Findings of ingest that opened or joined an alert, by kind and severity",
            self.findings.clone(),
        );
    }
}
