//! The data's way. Nothing is acknowledged to the broker, and no receipt is sent, before the transaction that stored,
//! judged and raised has committed.
//!
//! `waiting` (taken together) → `arrival` (what is it?) → `batch` (one transaction: `ground` of units that are `named`, `trust`,
//! `sorting`, judging, `set_aside`, `outgoing`) → `lane` (commit or halve, acknowledge, receipt; `warming` before the first).
//! `acquaintance` goes before all of it.

pub mod acquaintance;
pub mod arrival;
pub mod batch;
pub mod ground;
pub mod hands;
pub mod heard;
pub mod lane;
mod named;
pub mod outgoing;
pub mod pulse;
pub mod replay;
pub mod set_aside;
pub mod sorting;
pub mod trust;
pub mod waiting;
pub mod warming;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::broker::Inlet;
use lane::Lane;
use waiting::Waiting;

/// Takes frames until told to stop or the broker connection ends, up to so many in a batch; ends when the lanes have committed and
/// acknowledged what they took. What was not taken stays the broker's, and with it the inlet.
pub async fn run(
    mut inlet: Inlet,
    (lanes, batch_max): (Vec<Lane>, usize),
    mut stop: watch::Receiver<bool>,
) -> Inlet {
    let waiting = Arc::new(Waiting::new(batch_max, waiting::PATIENCE, waiting::PACE));
    let mut working = JoinSet::new();
    for lane in lanes {
        working.spawn(lane.run(Arc::clone(&waiting)));
    }
    let mut look = tokio::time::interval(waiting::PATIENCE);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_waiting = false;
    loop {
        let is_waiting = waiting.has_any();
        if is_waiting && !was_waiting {
            look.reset();
        }
        was_waiting = is_waiting;
        // Asked once: room that comes between two questions would leave nothing to wait for.
        let has_room = waiting.has_room();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = working.join_next() => {
                tracing::error!(fault = ?ended.err(), "an ingest lane has ended; the service cannot go on");
                break;
            }
            frame = inlet.next(), if has_room => match frame {
                Some(frame) => waiting.put(lane::unit_of(&frame), frame),
                None => break,
            },
            () = waiting.room(), if !has_room => {}
            _ = look.tick(), if is_waiting => waiting.look(),
        }
    }
    waiting.close();
    while let Some(ended) = working.join_next().await {
        if let Err(fault) = ended {
            tracing::error!(%fault, "an ingest lane did not end in order");
        }
    }
    inlet
}
