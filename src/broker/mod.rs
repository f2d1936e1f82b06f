//! MQTT transport: frames in, acknowledgements back, messages out. It does not know what a message means; the
//! one thing it guarantees is that a message acknowledged here was handed to us and ticked off by its reader.

pub mod access;
mod backoff;
pub mod certificate;
mod connection;
mod embedded;
mod endpoint;
mod holders;
mod in_turn;
mod inbound;
mod keep_alive;
mod link;
mod outbound;
pub mod probe;
mod ticket;
mod tls;
mod window;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use endpoint::External;
pub use link::{Fault, Link};
pub use outbound::{Outlet, OutletFull, PublishError};
pub use ticket::{Acker, Frame, Ticket};
pub use tls::ClientCertificate;

use embedded::Embedded;
use endpoint::Endpoint;
use inbound::Inbound;
use outbound::Outbound;
use ticket::Holdings;

/// How long a connection may take to send what it still owes when the service stops.
const GOODBYE_WITHIN: Duration = Duration::from_secs(3);

/// Which broker.
#[derive(Debug, Clone)]
pub enum Transport {
    /// In this process. Without a folder messages live in memory only, which is for tests.
    Embedded {
        listen: SocketAddr,
        data_dir: Option<PathBuf>,
    },
    External(External),
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub transport: Transport,
    /// Unique per process at an external broker, since a second one would end the first one's connection. The
    /// same at every start where there is no `group`: the broker keeps messages under it.
    pub client_id: String,
    /// With a group several processes share the work (`$share/{group}/…`) and nothing is kept for an absent
    /// one; without, a single ingestor's messages wait for it up to a week.
    pub group: Option<String>,
    /// Messages that the broker may have on the way to us at one time.
    pub receive_maximum: u16,
    /// Messages held, received and not settled, at which nothing more is read until half of them are: the rest waits
    /// at the broker. For brokers that do not honour `receive_maximum`; twice that is a good value.
    pub hard_cap: usize,
    /// Bytes; what is larger never arrives.
    pub max_packet_size: u32,
    /// How long `start` tries to reach the broker.
    pub patience: Duration,
}

impl Settings {
    // Units often use their id as client id; a dot keeps ours apart from every one of them.
    fn inbound_client_id(&self) -> String {
        format!("{}.in", self.client_id)
    }

    fn outbound_client_id(&self) -> String {
        format!("{}.out", self.client_id)
    }
}

/// What the gate promises to answer.
pub type Admission<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// Who may sign in to the embedded broker as a home unit. Asked at every sign-in, so that a change acts at once;
/// `unit_id` has the form of one. Each sign-in waits for its own answer only, for at most ten seconds.
pub trait UnitGate: Send + Sync + 'static {
    fn admit<'a>(&'a self, unit_id: &'a str, secret: &'a str) -> Admission<'a>;
}

/// Why there is no broker to work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    #[error("port {} of {} is taken by another program", address.port(), address.ip())]
    PortTaken { address: SocketAddr },
    #[error("cannot listen for MQTT on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(
        "the data folder {} is in use by another process; with the embedded broker only one `serve` may run on it",
        path.display()
    )]
    DataDirBusy { path: PathBuf },
    #[error("cannot use {}: {source}", path.display())]
    DataDir { path: PathBuf, source: io::Error },
    #[error("the embedded MQTT broker did not start: {0}")]
    Embedded(String),
    #[error("the MQTT address {url:?} cannot be used: {problem}")]
    Address { url: String, problem: &'static str },
    #[error("cannot read {}: {problem}", path.display())]
    Tls { path: PathBuf, problem: String },
    #[error("the MQTT broker {address} does not work with us: {fault}")]
    Refused { address: String, fault: Fault },
    #[error("the MQTT broker {address} was not reached within {} s: {}", waited.as_secs(), reason(last.as_ref()))]
    Unreachable {
        address: String,
        waited: Duration,
        last: Option<Fault>,
    },
}

fn reason(fault: Option<&Fault>) -> String {
    fault.map_or_else(|| "it did not answer".to_owned(), ToString::to_string)
}

/// Messages in the order they arrived.
#[derive(Debug)]
pub struct Inlet(mpsc::UnboundedReceiver<Frame>);

impl Inlet {
    /// `None` once the broker connection was stopped and everything was taken.
    pub async fn next(&mut self) -> Option<Frame> {
        self.0.recv().await
    }

    /// What is there already.
    pub fn try_next(&mut self) -> Option<Frame> {
        self.0.try_recv().ok()
    }
}

/// A working connection, in parts that go to different places.
#[derive(Debug)]
pub struct Broker {
    pub inlet: Inlet,
    pub acker: Acker,
    pub outlet: Outlet,
    pub link: watch::Receiver<Link>,
    pub reaching: Reaching,
    /// Where the embedded broker listens.
    pub local_addr: Option<SocketAddr>,
    pub running: Running,
}

impl Broker {
    /// See [`Running::stop`].
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// The first connection, as it is being made.
#[derive(Debug, Clone)]
pub struct Reaching {
    link: watch::Receiver<Link>,
    address: String,
}

impl Reaching {
    /// Resolves when the broker is reached, when it is known that only a person can help, or when `patience` is at its end.
    pub async fn within(&self, patience: Duration) -> Result<(), BrokerError> {
        let mut link = self.link.clone();
        let settled = link.wait_for(|link| link.is_up() || link.blocking_fault().is_some());
        // A timeout says nothing that the link does not say better.
        drop(tokio::time::timeout(patience, settled).await);
        let link = link.borrow().clone();
        let address = self.address.clone();
        match link.blocking_fault() {
            Some(fault) => Err(BrokerError::Refused {
                address,
                fault: fault.clone(),
            }),
            None if link.is_up() => Ok(()),
            None => Err(BrokerError::Unreachable {
                address,
                waited: patience,
                last: link.any_fault().cloned(),
            }),
        }
    }
}

/// Keeps the connections, and the embedded broker, alive. Dropped, they end abruptly.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    connections: Vec<JoinHandle<()>>,
    embedded: Option<Embedded>,
}

impl Running {
    /// Sends what was acknowledged and published so far, says goodbye, and ends the embedded broker.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for connection in std::mem::take(&mut self.connections) {
            if let Err(error) = connection.await {
                tracing::error!(%error, "an MQTT connection did not stop in order");
            }
        }
        if let Some(embedded) = self.embedded.take() {
            embedded.stop().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for connection in &self.connections {
            connection.abort();
        }
    }
}

/// Resolves when the connections are to end, also where nobody is left to say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Succeeds once both connections stand and the subscriptions are granted.
pub async fn start(settings: Settings, gate: Arc<dyn UnitGate>) -> Result<Broker, BrokerError> {
    let patience = settings.patience;
    let broker = launch(&settings, gate).await?;
    match broker.reaching.within(patience).await {
        Ok(()) => Ok(broker),
        Err(error) => {
            broker.stop().await;
            Err(error)
        }
    }
}

/// Begins to connect and does not wait for it; the embedded broker listens when this returns.
pub async fn launch(settings: &Settings, gate: Arc<dyn UnitGate>) -> Result<Broker, BrokerError> {
    let (endpoint, embedded) = match &settings.transport {
        Transport::Embedded { listen, data_dir } => {
            let embedded = Embedded::start(*listen, data_dir.as_deref(), settings, gate).await?;
            (embedded.endpoint(), Some(embedded))
        }
        Transport::External(external) => (Endpoint::external(external)?, None),
    };
    let address = endpoint.address();
    let (board, link) = link::Board::new();
    let (frames, inlet) = mpsc::unbounded_channel();
    let (stop, stopping) = watch::channel(false);
    let holdings = Holdings::default();
    let outlet = Outlet::new(board.clone());
    let acker = Acker::new(holdings.clone(), board.clone());
    let inbound = Inbound::new(settings, endpoint.clone(), holdings, frames, board);
    let outbound = Outbound::new(settings, endpoint, outlet.clone());
    let connections = vec![
        tokio::spawn(inbound.run(stopping.clone())),
        tokio::spawn(outbound.run(stopping)),
    ];
    let local_addr = embedded.as_ref().map(|embedded| embedded.address);
    let running = Running {
        stop,
        connections,
        embedded,
    };
    let reaching = Reaching {
        link: link.clone(),
        address,
    };
    Ok(Broker {
        inlet: Inlet(inlet),
        acker,
        outlet,
        link,
        reaching,
        local_addr,
        running,
    })
}
