//! Many sessions on purpose: at a rate or flat out, with duplicates, conflicts and malformed ones among them, each
//! foretold exactly. What a run proves is in its ledger: who got which receipt, what is missing, what is wrong.
//!
//! `recipe` (what is index i?) → `bytes` → `pace` (when?) → `lane` and `line` (over which connection?) → `run`
//! (receipts to `ledger`) → `summary`.

pub mod bytes;
pub mod expectation;
pub mod fault;
pub mod latency;
pub mod ledger;
pub mod pace;
pub mod recipe;
pub mod shuffle;
pub mod summary;

pub(crate) mod command;

mod bar;
mod lane;
mod line;
mod run;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use crate::link::{Broker, LinkError, Version};
use crate::queue::Backoff;
use crate::topics::topic;
use crate::transport::Connect;
use line::Line;
use pace::{Beat, Pace};
use recipe::Recipe;
use run::Run;
use summary::{Progress, Summary};

/// What to send, how and for how long.
#[derive(Debug, Clone)]
pub struct Order {
    pub broker: Broker,
    pub version: Version,
    pub recipe: Arc<Recipe>,
    pub who: Who,
    pub pace: Pace,
    pub resend: Backoff,
    /// The most that a run takes, from the first session on.
    pub timeout: Duration,
    /// The service may be killed meanwhile.
    pub crashes: bool,
}

/// Who signs in.
#[derive(Clone)]
pub enum Who {
    /// Each unit for itself, with its secret; in the order of the recipe's units.
    EachUnit(Vec<String>),
    /// One login for all units, over so many connections and one more for the receipts.
    Pool {
        connections: usize,
        login: Option<(String, String)>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{up} of {all} connections made within {seconds} s{fault}", seconds = .patience.as_secs())]
    NotConnected {
        up: usize,
        all: usize,
        patience: Duration,
        fault: String,
    },
    #[error("{0}")]
    Refused(LinkError),
    #[error(
        "the broker does not let this login publish for the units (with --connections it must be an external broker whose access list allows it)"
    )]
    NotAuthorized,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Done,
    TimedOut,
    Interrupted,
}

/// Beside this, 4 ms for each connection: brokers listen with short queues.
const PATIENCE: Duration = Duration::from_secs(30);
const SPREAD: Duration = Duration::from_millis(4);

/// After the last receipt, for those that should not come.
const SETTLE: Duration = Duration::from_millis(300);

/// Runs an order to its end, inside a tokio runtime (of one thread, so as to leave the others to the service).
/// `progress` is told about the run now and then; `stop` ends it.
pub async fn run(
    order: &Order,
    stop: impl Future<Output = ()>,
    mut progress: impl FnMut(&Progress),
) -> Result<Summary, LoadError> {
    let (to, mut told) = mpsc::unbounded_channel();
    let lines = order.lines(&to);
    let listener = matches!(order.who, Who::Pool { .. });
    let mut run = Run::new(order, lines.len() - usize::from(listener), listener);
    let mut tasks = JoinSet::new();
    for line in lines {
        tasks.spawn(line.run());
    }
    tokio::pin!(stop);
    let ending = tokio::select! {
        connected = connect(&mut run, &mut told) => match connected {
            Ok(()) => send(order, &mut run, &mut told, &mut stop, &mut progress).await?,
            Err(error) => return Err(error),
        },
        () = &mut stop => Ending::Interrupted,
    };
    run.leave();
    let left = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_secs(3), left).await.is_err() {
        tracing::debug!("the broker did not take every good-bye in time");
    }
    Ok(Summary::of(order, &run, ending))
}

type Tellings = mpsc::UnboundedReceiver<(usize, line::Told)>;

/// Waits for all connections, so that making them is not part of what is measured.
async fn connect(run: &mut Run, told: &mut Tellings) -> Result<(), LoadError> {
    let (_, all) = run.connections();
    let patience = PATIENCE + SPREAD * u32::try_from(all).unwrap_or(u32::MAX);
    let deadline = Instant::now() + patience;
    loop {
        let (up, all) = run.connections();
        if up == all {
            return Ok(());
        }
        match tokio::time::timeout_at(deadline, told.recv()).await {
            Ok(Some((place, told))) => run.told(place, told)?,
            Ok(None) | Err(_) => {
                let fault = run.fault.as_ref().map(|fault| format!(": {fault}"));
                return Err(LoadError::NotConnected {
                    up,
                    all,
                    patience,
                    fault: fault.unwrap_or_default(),
                });
            }
        }
    }
}

async fn send(
    order: &Order,
    run: &mut Run,
    told: &mut Tellings,
    stop: &mut (impl Future<Output = ()> + Unpin),
    progress: &mut impl FnMut(&Progress),
) -> Result<Ending, LoadError> {
    let start = run.begin();
    let beat = Beat::start(&order.pace, start);
    let timeout = tokio::time::sleep_until(start + order.timeout);
    tokio::pin!(timeout);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Vec::new();
    let mut settled = None;
    loop {
        let more = run.send_due();
        let again = run.resend_due();
        if run.is_done() && settled.is_none() {
            settled = Some(Instant::now() + SETTLE);
        }
        let wake = settled.or(again);
        tokio::select! {
            biased;
            () = &mut *stop => return Ok(Ending::Interrupted),
            () = &mut timeout => return Ok(if run.is_done() { Ending::Done } else { Ending::TimedOut }),
            _ = tick.tick() => progress(&Progress::of(run)),
            _ = told.recv_many(&mut heard, 512) => {
                for (place, told) in heard.drain(..) {
                    run.told(place, told)?;
                }
            }
            () = tokio::task::yield_now(), if more => {}
            () = beat.struck.notified() => {}
            () = at(wake), if wake.is_some() => if settled.is_some_and(|settled| settled <= Instant::now()) {
                return Ok(Ending::Done);
            },
        }
    }
}

async fn at(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

impl Order {
    /// The connections: the publishers in their order, then the listener.
    fn lines(&self, to: &mpsc::UnboundedSender<(usize, line::Told)>) -> Vec<Line> {
        let line =
            |place: usize, client_id: String, login: Option<(String, String)>, filters: Vec<String>| {
                let connect = Connect {
                    broker: self.broker.clone(),
                    version: self.version,
                    client_id,
                    login,
                    persistent: false,
                    will: None,
                };
                Line {
                    place,
                    connect,
                    filters,
                    wait: SPREAD * u32::try_from(place).unwrap_or(u32::MAX),
                    to: to.clone(),
                }
            };
        match &self.who {
            Who::EachUnit(secrets) => (0..)
                .zip(self.recipe.units().iter().zip(secrets))
                .map(|(place, (unit_id, secret))| {
                    let login = Some((unit_id.clone(), secret.clone()));
                    line(place, unit_id.clone(), login, vec![topic(unit_id, "receipt")])
                })
                .collect(),
            Who::Pool { connections, login } => {
                // A name of its own for each run: two runs under one name would throw each other out.
                let name = Uuid::new_v4().simple().to_string();
                let publishers = (0..*connections)
                    .map(|place| line(place, format!("load-{name}-{place}"), login.clone(), Vec::new()));
                let filters = vec![topic("+", "receipt")];
                let listener = line(
                    *connections,
                    format!("load-{name}-receipts"),
                    login.clone(),
                    filters,
                );
                publishers.chain([listener]).collect()
            }
        }
    }
}

impl std::fmt::Debug for Who {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EachUnit(secrets) => write!(f, "EachUnit({})", secrets.len()),
            Self::Pool { connections, .. } => write!(f, "Pool({connections})"),
        }
    }
}
