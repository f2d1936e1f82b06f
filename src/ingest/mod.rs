//! The data's way. Nothing is acknowledged to the broker, and no receipt is sent, before the transaction that stored,
//! judged and raised has committed.
//!
//! `arrival` (what is it?) → `batch` (one transaction: `ground`, `sorting`, judging, `set_aside`,
//! `outgoing`) → `lane` (commit or halve, acknowledge, receipt).

pub mod arrival;
pub mod batch;
pub mod ground;
pub mod lane;
pub mod outgoing;
pub mod pulse;
pub mod set_aside;
pub mod sorting;

use tokio::sync::mpsc;

use crate::broker::Inlet;
use lane::Lane;

/// Takes frames until the broker connection ends, sharing them out to the lanes; ends when the lanes have finished.
pub async fn run(mut inlet: Inlet, lanes: Vec<Lane>) {
    let (mut ways, mut working) = (Vec::with_capacity(lanes.len()), tokio::task::JoinSet::new());
    for lane in lanes {
        let (way, frames) = mpsc::channel(lane.batch_max);
        ways.push(way);
        working.spawn(lane.run(frames));
    }
    while let Some(frame) = inlet.next().await {
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
}
