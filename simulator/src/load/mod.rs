//! Many sessions on purpose: at a rate or flat out, with duplicates, conflicts and malformed ones among them, each
//! foretold exactly. What a run proves is in its ledger: who got which receipt, what is missing, what is wrong.
//!
//! `recipe` (what is index i?) → `bytes` → `pace` (when?) → `lane` and `line` (over which connection?) → `run`
//! (receipts to `ledger`) → `summary`.

pub mod account;
pub mod bytes;
pub mod expectation;
pub mod fault;
pub mod latency;
pub mod ledger;
pub mod pace;
pub mod recipe;
pub mod shuffle;
pub mod spec;
pub mod summary;

pub(crate) mod args;
pub(crate) mod command;

mod bar;
mod lane;
mod line;
mod order;
mod run;

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::link::LinkError;
use order::SPREAD;
pub use order::{Order, Who, Witnessed};
use pace::Beat;
use run::Run;
use summary::{Progress, Summary};

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
    /// For its last fault.
    Failed,
}

/// For the last connection, from when its turn to be made has come.
const PATIENCE: Duration = Duration::from_secs(30);

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
            Ok(()) => match send(order, &mut run, &mut told, &mut stop, &mut progress).await {
                Ok(ending) => ending,
                Err(error) => {
                    // What was sent until then is worth telling all the same.
                    run.fault = Some(error.to_string());
                    Ending::Failed
                }
            },
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
        let Ok(Some((place, told))) = tokio::time::timeout_at(deadline, told.recv()).await else {
            let fault = run.fault.as_ref().map(|fault| format!(": {fault}"));
            return Err(LoadError::NotConnected {
                up,
                all,
                patience,
                fault: fault.unwrap_or_default(),
            });
        };
        run.told(place, told)?;
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
    let mut released = order.released.clone();
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
            () = more_released(&mut released), if released.is_some() => {}
            () = at(wake), if wake.is_some() => if settled.is_some_and(|settled| settled <= Instant::now()) {
                return Ok(Ending::Done);
            },
        }
    }
}

/// Forgets the sender once it is gone, so that it is not asked again.
async fn more_released(released: &mut Option<watch::Receiver<u64>>) {
    if let Some(receiver) = released
        && receiver.changed().await.is_err()
    {
        *released = None;
    }
}

async fn at(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
