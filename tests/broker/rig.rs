//! A broker outside the service, of either make, and the service's side of it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeward::broker::{
    self, Admission, Broker, BrokerError, External, Frame, Link, Settings, Transport, UnitGate,
};
use mqtt5::broker::auth::{AuthProvider, AuthResult};
use mqtt5::broker::config::{StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerConfig, BrokerShutdownHandle, MqttBroker};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::unit::{SignIn, soon};
use crate::support::mosquitto::Mosquitto;

pub(crate) const SESSION: &str = "homeward/v1/units/HU-1/session";
pub(crate) const RECEIPT: &str = "homeward/v1/units/HU-1/receipt";

/// Defines one test per broker from one `async fn(Make)`.
macro_rules! against_both {
    ($($(#[$attribute:meta])* $trial:ident),+ $(,)?) => {
        mod embedded_crate { $( #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $trial() { super::$trial(super::Make::Mqtt5).await; } )+ }
        mod mosquitto { $( #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $trial() { super::$trial(super::Make::Mosquitto).await; } )+ }
    };
}
pub(crate) use against_both;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    Mqtt5,
    Mosquitto,
}

impl Make {
    /// `None` where it is not installed.
    pub(crate) async fn start(self) -> Option<Outside> {
        self.start_with(&Limits::default()).await
    }

    pub(crate) async fn start_with(self, limits: &Limits) -> Option<Outside> {
        Some(match self {
            Self::Mqtt5 => Outside::Mqtt5(Mqtt5::start(limits).await),
            Self::Mosquitto => Outside::Mosquitto(Mosquitto::start(&limits.mosquitto())?),
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// Messages that a publisher may have without an answer.
    pub(crate) inflight: Option<u16>,
    pub(crate) packet: Option<u32>,
    /// Messages that are kept for one who is away.
    pub(crate) queue: Option<usize>,
}

impl Limits {
    fn mosquitto(self) -> String {
        let inflight = self
            .inflight
            .map(|count| format!("max_inflight_messages {count}\n"));
        let packet = self.packet.map(|bytes| format!("max_packet_size {bytes}\n"));
        let queue = self.queue.unwrap_or(10_000);
        [format!("max_queued_messages {queue}\nset_tcp_nodelay true\n")]
            .into_iter()
            .chain(inflight)
            .chain(packet)
            .collect()
    }
}

pub(crate) enum Outside {
    Mqtt5(Mqtt5),
    Mosquitto(Mosquitto),
}

impl Outside {
    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Mqtt5(broker) => broker.address,
            Self::Mosquitto(broker) => broker.addr(),
        }
    }

    pub(crate) async fn kill(&mut self) {
        match self {
            Self::Mqtt5(broker) => broker.kill().await,
            Self::Mosquitto(broker) => broker.kill(),
        }
    }

    /// After `kill`, on the same address.
    pub(crate) async fn start_again(&mut self) {
        match self {
            Self::Mqtt5(broker) => broker.start_again().await,
            Self::Mosquitto(broker) => broker.start_again(),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        external(self.address())
    }

    pub(crate) async fn serve(&self) -> Broker {
        serve(self.settings()).await.expect("the service did not connect")
    }

    pub(crate) fn unit(&self) -> SignIn {
        SignIn::new(self.address(), "HU-1")
    }
}

pub(crate) fn external(address: SocketAddr) -> Settings {
    Settings {
        transport: Transport::External(External {
            url: format!("mqtt://{address}"),
            username: None,
            password: None,
            ca_file: None,
            client_certificate: None,
        }),
        ..settings(None)
    }
}

/// With the embedded broker, on a free port.
pub(crate) fn settings(data_dir: Option<&std::path::Path>) -> Settings {
    Settings {
        transport: Transport::Embedded {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            data_dir: data_dir.map(ToOwned::to_owned),
        },
        client_id: "homeward".to_owned(),
        group: None,
        receive_maximum: 100,
        hard_cap: 200,
        max_packet_size: 1024 * 1024,
        patience: Duration::from_secs(20),
    }
}

pub(crate) async fn serve(settings: Settings) -> Result<Broker, BrokerError> {
    soon(broker::start(settings, Arc::new(Gate::default()))).await
}

/// Waits until the service's connections are as asked.
pub(crate) async fn until(link: &watch::Receiver<Link>, wanted: impl FnMut(&Link) -> bool) -> Link {
    soon(link.clone().wait_for(wanted))
        .await
        .expect("the connections ended")
        .clone()
}

pub(crate) fn text(frame: &Frame) -> String {
    String::from_utf8(frame.payload.clone()).unwrap()
}

/// Units and their secrets, to be changed while the broker runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<HashMap<String, String>>>);

impl Gate {
    pub(crate) fn add(&self, unit_id: &str, secret: &str) {
        self.0
            .lock()
            .unwrap()
            .insert(unit_id.to_owned(), secret.to_owned());
    }
}

impl UnitGate for Gate {
    fn admit<'a>(&'a self, unit_id: &'a str, secret: &'a str) -> Admission<'a> {
        let known = self
            .0
            .lock()
            .unwrap()
            .get(unit_id)
            .is_some_and(|expected| expected == secret);
        Box::pin(std::future::ready(known))
    }
}

/// What a bare broker of the embedded one's crate lets everybody do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leave {
    pub(crate) sign_in: bool,
    pub(crate) subscribe: bool,
    pub(crate) publish: bool,
}

/// The embedded broker's crate by itself, so that it can outlive the service and fail in ways ours does not.
pub(crate) struct Mqtt5 {
    pub(crate) address: SocketAddr,
    limits: Limits,
    leave: Arc<Mutex<Leave>>,
    shutdown: BrokerShutdownHandle,
    task: JoinHandle<()>,
}

impl Mqtt5 {
    pub(crate) async fn start(limits: &Limits) -> Self {
        let leave = Arc::new(Mutex::new(Leave {
            sign_in: true,
            subscribe: true,
            publish: true,
        }));
        let (address, shutdown, task) =
            run((Ipv4Addr::LOCALHOST, 0).into(), *limits, Arc::clone(&leave)).await;
        Self {
            address,
            limits: *limits,
            leave,
            shutdown,
            task,
        }
    }

    /// Holds for what is asked from now on.
    pub(crate) fn allow(&self, leave: Leave) {
        *self.leave.lock().unwrap() = leave;
    }

    pub(crate) async fn kill(&mut self) {
        self.shutdown.shutdown();
        soon(&mut self.task).await.unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        let (address, shutdown, task) = run(self.address, self.limits, Arc::clone(&self.leave)).await;
        assert_eq!(address, self.address);
        (self.shutdown, self.task) = (shutdown, task);
    }
}

impl Drop for Mqtt5 {
    fn drop(&mut self) {
        self.shutdown.shutdown();
    }
}

async fn run(
    listen: SocketAddr,
    limits: Limits,
    leave: Arc<Mutex<Leave>>,
) -> (SocketAddr, BrokerShutdownHandle, JoinHandle<()>) {
    let mut storage = StorageConfig::new().with_backend(StorageBackend::Memory);
    if let Some(queue) = limits.queue {
        storage = storage.with_max_queued_messages_per_client(queue);
    }
    let mut config = BrokerConfig::new()
        .with_bind_addresses(vec![listen])
        .with_max_outbound_inflight(1000)
        .with_sys_topics_enabled(false)
        .with_storage(storage);
    config.server_receive_maximum = limits.inflight;
    if let Some(packet) = limits.packet {
        config.max_packet_size = packet as usize;
    }
    let mut broker = MqttBroker::with_config(config)
        .await
        .unwrap()
        .with_auth_provider(Arc::new(Rules(leave)));
    let address = broker.local_addr().unwrap();
    let shutdown = broker.shutdown_handle();
    let mut ready = broker.ready_receiver();
    let task = tokio::spawn(async move { broker.run().await.unwrap() });
    soon(ready.wait_for(|ready| *ready)).await.unwrap();
    (address, shutdown, task)
}

struct Rules(Arc<Mutex<Leave>>);

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for Rules {
    fn authenticate<'a>(
        &'a self,
        _: &'a ConnectPacket,
        _: SocketAddr,
    ) -> Answer<'a, mqtt5::Result<AuthResult>> {
        let allowed = self.0.lock().unwrap().sign_in;
        let result = if allowed {
            AuthResult::success()
        } else {
            AuthResult::fail(ReasonCode::BadUsernameOrPassword)
        };
        Box::pin(std::future::ready(Ok(result)))
    }

    fn authorize_publish<'a>(&'a self, _: &str, _: Option<&'a str>, _: &'a str) -> Answer<'a, bool> {
        Box::pin(std::future::ready(self.0.lock().unwrap().publish))
    }

    fn authorize_subscribe<'a>(&'a self, _: &str, _: Option<&'a str>, _: &'a str) -> Answer<'a, bool> {
        Box::pin(std::future::ready(self.0.lock().unwrap().subscribe))
    }
}
