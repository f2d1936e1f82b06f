//! The broker inside this process. It acknowledges before its own write-behind reaches the disk, like other
//! brokers; a unit's proof is our receipt, and what is kept in the data folder spares most of the repeats.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::config::{StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerConfig, BrokerShutdownHandle, MqttBroker};
use secrecy::SecretString;
use tokio::task::JoinHandle;

use super::access::{Doorkeeper, SERVICE};
use super::endpoint::Endpoint;
use super::holders::Holders;
use super::{BrokerError, Settings, UnitGate};

/// How long a unit's (or the service's) undelivered messages and subscriptions are kept for it.
const SESSIONS_KEPT: Duration = Duration::from_hours(30 * 24);
/// Messages kept for one absent client; beyond it the broker drops the oldest, which units send again.
const QUEUE_MESSAGES: usize = 50_000;
const QUEUE_BYTES: usize = 256 * 1024 * 1024;
const CLIENTS: usize = 20_000;
/// It gives its connections five seconds, and then writes out what is in memory.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// In the data folder.
const MESSAGES: &str = "mqtt";

#[derive(Debug)]
pub(super) struct Embedded {
    pub(super) address: SocketAddr,
    service_secret: String,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

/// Stops the broker also where `Embedded` is only dropped.
struct Shutdown(BrokerShutdownHandle);

impl std::fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shutdown")
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

impl Embedded {
    pub(super) async fn start(
        listen: SocketAddr,
        data_dir: Option<&Path>,
        settings: &Settings,
        gate: Arc<dyn UnitGate>,
    ) -> Result<Self, BrokerError> {
        let lock = data_dir.map(lock).transpose()?;
        probe(listen).await?;
        let service_secret = fresh_secret();
        let holders = Arc::new(Holders::default());
        let doorkeeper = Doorkeeper {
            service_secret: service_secret.clone(),
            holders: Arc::clone(&holders),
            reserved_client_ids: [settings.inbound_client_id(), settings.outbound_client_id()],
            gate,
        };
        let mut broker =
            MqttBroker::with_config(config(listen, data_dir, settings).with_event_handler(holders))
                .await
                .map_err(|error| BrokerError::Embedded(error.to_string()))?
                .with_auth_provider(Arc::new(doorkeeper));
        let address = broker
            .local_addr()
            .ok_or_else(|| BrokerError::Embedded("the broker has no address".to_owned()))?;
        let shutdown = Shutdown(broker.shutdown_handle());
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move {
            if let Err(error) = broker.run().await {
                tracing::error!(%error, "the embedded MQTT broker ended");
            }
            drop(broker);
            drop(lock);
        });
        // An error means that `run` ended before it was ready; it has logged why.
        ready
            .wait_for(|ready| *ready)
            .await
            .map_err(|_| BrokerError::Embedded("the broker ended while it was starting".to_owned()))?;
        Ok(Self {
            address,
            service_secret,
            shutdown,
            task,
        })
    }

    /// Where and as whom the service's own connections sign in.
    pub(super) fn endpoint(&self) -> Endpoint {
        let host = match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            own => own,
        };
        let secret = SecretString::from(self.service_secret.clone());
        Endpoint::local(SocketAddr::new(host, self.address.port()), SERVICE, secret)
    }

    /// Says goodbye to the units and writes out what is still in memory.
    pub(super) async fn stop(mut self) {
        drop(self.shutdown);
        match tokio::time::timeout(STOP_WITHIN, &mut self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the embedded MQTT broker did not stop in order"),
            Err(_) => {
                self.task.abort();
                tracing::error!("the embedded MQTT broker did not stop in time");
            }
        }
    }
}

fn config(listen: SocketAddr, data_dir: Option<&Path>, settings: &Settings) -> BrokerConfig {
    let storage = match data_dir {
        Some(folder) => StorageConfig::new()
            .with_backend(StorageBackend::File)
            .with_base_dir(folder.join(MESSAGES)),
        None => StorageConfig::new().with_backend(StorageBackend::Memory),
    };
    BrokerConfig::new()
        .with_bind_addresses(vec![listen])
        .with_max_clients(CLIENTS)
        .with_session_expiry(SESSIONS_KEPT)
        .with_max_packet_size(settings.max_packet_size as usize)
        .with_max_outbound_inflight(settings.receive_maximum)
        .with_sys_topics_enabled(false)
        .with_storage(
            storage
                .with_max_queued_messages_per_client(QUEUE_MESSAGES)
                .with_max_queued_bytes_per_client(QUEUE_BYTES),
        )
}

/// One process at a time may own the messages of a data folder. The lock goes with the process, however it ends.
fn lock(data_dir: &Path) -> Result<File, BrokerError> {
    let fault = |path: PathBuf| move |source: io::Error| BrokerError::DataDir { path, source };
    // Sessions lie here as they came: for the owner only.
    let messages = data_dir.join(MESSAGES);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&messages)
        .map_err(fault(messages.clone()))?;
    let path = data_dir.join("mqtt.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(fault(path.clone()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BrokerError::DataDirBusy {
            path: data_dir.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(BrokerError::DataDir { path, source }),
    }
}

/// The broker crate reports a taken port as prose; this tells it apart first.
async fn probe(listen: SocketAddr) -> Result<(), BrokerError> {
    match tokio::net::TcpListener::bind(listen).await {
        Ok(_) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::AddrInUse => {
            Err(BrokerError::PortTaken { address: listen })
        }
        Err(source) => Err(BrokerError::Listen {
            address: listen,
            source,
        }),
    }
}

fn fresh_secret() -> String {
    format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>())
}
