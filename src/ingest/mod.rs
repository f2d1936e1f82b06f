//! The data's way. Nothing is acknowledged to the broker, and no receipt is sent, before the transaction that stored,
//! judged and raised has committed.
//!
//! `arrival` (what is it?) → `batch` (one transaction: `ground`, `trust`, `sorting`, judging, `set_aside`,
//! `outgoing`) → `lane` (commit or halve, acknowledge, receipt; `warming` before the first). `acquaintance` goes before all of it.

pub mod acquaintance;
pub mod arrival;
pub mod batch;
pub mod ground;
pub mod hands;
pub mod heard;
pub mod lane;
pub mod outgoing;
pub mod pulse;
pub mod replay;
pub mod set_aside;
pub mod sorting;
pub mod trust;
pub mod warming;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::broker::Inlet;
use lane::Lane;

/// Takes frames until told to stop or the broker connection ends, sharing them out to the lanes; ends when the lanes
/// have committed and acknowledged what they took. What was not taken stays the broker's, and with it the inlet.
pub async fn run(mut inlet: Inlet, lanes: Vec<Lane>, mut stop: watch::Receiver<bool>) -> Inlet {
    let (mut ways, mut working) = (Vec::with_capacity(lanes.len()), JoinSet::new());
    for lane in lanes {
        let (way, frames) = mpsc::channel(lane.batch_max);
        ways.push(way);
        working.spawn(lane.run(frames));
    }
    loop {
        let frame = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = working.join_next() => {
                tracing::error!(fault = ?ended.err(), "an ingest lane has ended; the service cannot go on");
                break;
            }
            frame = inlet.next() => frame,
        };
        let Some(frame) = frame else { break };
        let way = &ways[lane::lane_of(&frame, ways.len())];
        if way.send(frame).await.is_err() {
            tracing::error!("an ingest lane has ended; the service cannot go on");
            break;
        }
    }
    drop(ways);
    while let Some(ended) = working.join_next().await {
        if let Err(fault) = ended {
            tracing::error!(%fault, "an ingest lane did not end in order");
        }
    }
    inlet
}
