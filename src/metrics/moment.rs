//! How things stand when somebody asks. What cannot be known at the moment is left out rather than repeated from before.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use super::Labels;
use super::machine::Usage;

/// How old open alerts are, by the upper end of each class in minutes, and what it is called.
pub const AGES: [(i64, &str); 5] = [
    (15, "under_15m"),
    (60, "under_1h"),
    (4 * 60, "under_4h"),
    (24 * 60, "under_1d"),
    (7 * 24 * 60, "under_7d"),
];
/// Older than any of them.
pub const OLDEST: &str = "over_7d";

#[derive(Debug, Clone, Default)]
pub struct Moment {
    pub version: &'static str,
    pub database: &'static str,
    pub lag_seconds: f64,
    pub stores: bool,
    /// Whether another process uses this one's client id.
    pub rivalled: bool,
    /// Since this process last committed a heartbeat.
    pub heartbeat_age_seconds: Option<f64>,
    pub broker: Option<Broker>,
    pub pools: Vec<Pool>,
    /// `None` where the database did not answer.
    pub stored: Option<Stored>,
    pub usage: Option<Usage>,
}

/// The connections to the broker; numbers but for `held` and `outgoing` since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Broker {
    pub inbound: bool,
    pub outbound: bool,
    /// Received and not yet settled.
    pub held: u64,
    /// Not yet given to the broker.
    pub outgoing: u64,
    pub reconnects: u64,
    pub acks_dropped: u64,
    pub refused_publishes: u64,
    pub hard_cap_reached: u64,
    pub taken_over: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct Pool {
    pub name: &'static str,
    pub in_use: u64,
    pub idle: u64,
    pub most: u64,
}

/// What only the database knows.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Class, severity and age: every combination, so that one that ends falls to 0 instead of vanishing.
    pub alerts_open: BTreeMap<Labels<3>, u64>,
    pub outbox_unsent: u64,
    pub outbox_oldest_seconds: f64,
    pub quarantine_open: BTreeMap<&'static str, u64>,
    pub quarantine_oldest_seconds: f64,
    pub compliance_due: u64,
    pub compliance_waiting: u64,
    pub compliance_called: u64,
    /// Since any process last committed one.
    pub heartbeat_age_seconds: Option<f64>,
    pub processes: BTreeMap<&'static str, u64>,
}

/// A registry that lives for one answer.
struct Page(Registry);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.0.register(name, help, ConstGauge::new(value));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.0.register(name, help, ConstCounter::new(value));
    }

    fn gauges<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<N>, f64)>,
    ) {
        let family: Family<Labels<N>, Gauge<f64, AtomicU64>> = Family::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }
}

impl Moment {
    pub(super) fn registry(&self) -> Registry {
        let mut page = Page(Registry::default());
        page.gauges(
            "homeward_build_info",
            "Always 1: the program's version, and the database it works with",
            [([("version", self.version), ("database", self.database)], 1.0)],
        );
        page.gauge(
            "homeward_ingest_lag_seconds",
            "How long the oldest message received and not committed by this process has waited; 0 where none waits",
            self.lag_seconds,
        );
        page.gauge(
            "homeward_ingest_stores",
            "1 while what arrives is stored, 0 while a batch cannot be committed",
            flag(self.stores),
        );
        page.gauge(
            "homeward_client_id_shared",
            "1 while another process uses this one's mqtt.client_id, so that the broker ends one's connection for the other",
            flag(self.rivalled),
        );
        page.gauge(
            "homeward_database_up",
            "1 where the database has just answered",
            flag(self.stored.is_some()),
        );
        let pools = |pick: fn(&Pool) -> u64| {
            self.pools
                .iter()
                .map(move |pool| ([("pool", pool.name)], count(pick(pool))))
        };
        page.gauges(
            "homeward_database_connections_in_use",
            "Database connections in use",
            pools(|pool| pool.in_use),
        );
        page.gauges(
            "homeward_database_connections_idle",
            "Database connections open and idle",
            pools(|pool| pool.idle),
        );
        page.gauges(
            "homeward_database_connections_max",
            "Database connections there may be",
            pools(|pool| pool.most),
        );
        page.heartbeats(self);
        if let Some(broker) = &self.broker {
            page.broker(broker);
        }
        if let Some(stored) = &self.stored {
            page.stored(stored);
        }
        if let Some(usage) = &self.usage {
            page.usage(usage);
        }
        page.0
    }
}

impl Page {
    fn heartbeats(&mut self, moment: &Moment) {
        let service = moment
            .stored
            .as_ref()
            .and_then(|stored| stored.heartbeat_age_seconds);
        let ages = [("process", moment.heartbeat_age_seconds), ("service", service)];
        self.gauges(
            "homeward_heartbeat_age_seconds",
            "Since this process, or any of the service, last proved that it is subscribed and can commit",
            ages.into_iter()
                .filter_map(|(of, age)| Some(([("of", of)], age?))),
        );
    }

    fn broker(&mut self, broker: &Broker) {
        self.gauges(
            "homeward_broker_connected",
            "1 while the connection to the MQTT broker stands: inbound brings sessions, outbound takes receipts",
            [("inbound", broker.inbound), ("outbound", broker.outbound)]
                .map(|(connection, stands)| ([("connection", connection)], flag(stands))),
        );
        self.gauge(
            "homeward_ingest_held_messages",
            "Messages received and not yet committed and acknowledged",
            count(broker.held),
        );
        self.gauge(
            "homeward_broker_outgoing_messages",
            "Receipts and requests that wait to be given to the broker",
            count(broker.outgoing),
        );
        for (name, help, value) in [
            (
                "homeward_broker_reconnects",
                "Connections to the broker lost",
                broker.reconnects,
            ),
            (
                "homeward_broker_acks_dropped",
                "Acknowledgements that could not be handed over",
                broker.acks_dropped,
            ),
            (
                "homeward_broker_refused_publishes",
                "Messages that the broker refused",
                broker.refused_publishes,
            ),
            (
                "homeward_broker_hard_cap_reached",
                "Times that more messages came than may be held",
                broker.hard_cap_reached,
            ),
            (
                "homeward_broker_taken_over",
                "Connections ended by another client with the same client id",
                broker.taken_over,
            ),
        ] {
            self.counter(name, help, value);
        }
    }

    fn stored(&mut self, stored: &Stored) {
        self.gauges(
            "homeward_alerts_open",
            "Open alerts by class, severity and the time since they were opened",
            stored
                .alerts_open
                .iter()
                .map(|(labels, open)| (*labels, count(*open))),
        );
        self.gauge(
            "homeward_outbox_unsent",
            "Notices written and not yet sent",
            count(stored.outbox_unsent),
        );
        self.gauge(
            "homeward_outbox_oldest_seconds",
            "Since the first of them was due; 0 where none is",
            stored.outbox_oldest_seconds,
        );
        self.gauges(
            "homeward_quarantine_open",
            "Messages in quarantine that wait for a person, by reason",
            stored
                .quarantine_open
                .iter()
                .map(|(reason, open)| ([("reason", *reason)], count(*open))),
        );
        self.gauge(
            "homeward_quarantine_oldest_seconds",
            "Since the first of them came; 0 where there is none",
            stored.quarantine_oldest_seconds,
        );
        self.gauge(
            "homeward_compliance_due",
            "Patients whose due times are to be looked at now",
            count(stored.compliance_due),
        );
        self.gauge(
            "homeward_compliance_waiting",
            "Findings about missing sessions that no alert is raised for yet, as during an incident",
            count(stored.compliance_waiting),
        );
        self.gauge(
            "homeward_compliance_called",
            "Rows that call for patients who sent something to be looked at, and are due; it grows while more comes than can be judged",
            count(stored.compliance_called),
        );
        self.gauges(
            "homeward_processes",
            "Processes of the service by what they last said, or silent",
            stored
                .processes
                .iter()
                .map(|(state, number)| ([("state", *state)], count(*number))),
        );
    }

    fn usage(&mut self, usage: &Usage) {
        self.0.register(
            "process_cpu_seconds",
            "Processor time used",
            ConstCounter::new(usage.cpu_seconds),
        );
        self.gauge(
            "process_resident_memory_bytes",
            "Memory in use",
            usage.resident_bytes,
        );
        self.gauge(
            "process_virtual_memory_bytes",
            "Memory asked for",
            usage.virtual_bytes,
        );
        self.gauge("process_open_fds", "Open files and connections", usage.open_files);
        if let Some(most) = usage.most_files {
            self.gauge("process_max_fds", "Open files and connections allowed", most);
        }
        self.gauge(
            "process_start_time_seconds",
            "When the process was started, since 1970",
            usage.started_at,
        );
    }
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

#[expect(clippy::cast_precision_loss, reason = "none of these comes near 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}
