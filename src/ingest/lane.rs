//! Takes batches in, one after the other: nothing lingers, and load makes batches larger by itself.

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;

use crate::broker::{Acker, Frame, Outlet};
use crate::clock::Clock;
use crate::domain::time::{Instant, cut};
use crate::wire::problem::Problem;
use crate::wire::receipt::Receipt;
use crate::wire::session::RejectCode;
use crate::wire::topic;

use super::arrival::{Arrival, Refused, What};
use super::batch::{self, BatchFault, Committed, Keeper, Owed};
use super::pulse::Pulse;
use super::waiting::Waiting;
use super::warming;

/// How long a lane waits after a fault that may pass, doubled each time up to the last.
const PATIENCE: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];

/// A broker that takes in nothing for so long is not waited for any longer.
const RECEIPTS_WITHIN: Duration = Duration::from_secs(5);

/// One worker of the ingest.
#[derive(Debug)]
pub struct Lane {
    pub keeper: Keeper,
    pub clock: Clock,
    pub acker: Acker,
    pub outlet: Outlet,
    pub pulse: Pulse,
}

impl Lane {
    /// Works until nothing more is brought and everything that was is done.
    pub async fn run(mut self, waiting: Arc<Waiting<Frame>>) {
        self.pulse = self.pulse.of_lane();
        if let Err(fault) = warming::warm(&self.keeper.db).await {
            tracing::debug!(%fault, "the first batches will be slower: their statements could not be planned beforehand");
        }
        let mut taken = Vec::new();
        while let Some(batch) = waiting.take(&mut taken).await {
            let now = self.clock.now();
            self.pulse.took(cut(now - waited(&taken)));
            let arrivals: Vec<Arrival> = taken.iter_mut().map(|frame| read(frame, now)).collect();
            let owed = self.commit(arrivals).await;
            if let Some(oldest) = taken.first() {
                self.pulse.counts().waited(oldest.arrived.elapsed());
            }
            self.acker.ack(taken.drain(..).map(|frame| frame.ticket));
            self.pulse.settled();
            self.send(owed).await;
            drop(batch);
        }
    }

    /// Commits every arrival, whatever it takes: halves a batch that the store refuses until the culprit is alone.
    async fn commit(&self, mut arrivals: Vec<Arrival>) -> Vec<Owed> {
        let mut owed = Vec::with_capacity(arrivals.len());
        let whole: Range<usize> = 0..arrivals.len();
        let mut todo = Vec::from([whole]);
        let mut pause = PATIENCE[0];
        while let Some(range) = todo.pop() {
            let begun = tokio::time::Instant::now();
            match self.attempt(&arrivals[range.clone()]).await {
                Ok(committed) => {
                    self.pulse.counts().committed(&committed.tally, begun.elapsed());
                    if committed.again {
                        self.pulse.counts().retried();
                    }
                    owed.extend(committed.owed);
                    self.pulse.committed(self.clock.now());
                    pause = PATIENCE[0];
                }
                Err(fault) if fault.is_passing() || is_poison(&arrivals[range.clone()]) => {
                    self.pulse.counts().retried();
                    self.pulse.failing(self.clock.now(), &fault);
                    self.keeper.forget();
                    tracing::warn!(%fault, messages = range.len(), "a batch was not committed; it is tried again");
                    todo.push(range);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PATIENCE[1]);
                }
                Err(fault) if range.len() == 1 => {
                    let arrival = &mut arrivals[range.start];
                    let refused = poison(arrival);
                    let unit = refused.unit_id.as_ref().map(tracing::field::display);
                    let session = refused.session_id.as_ref().map(tracing::field::display);
                    tracing::error!(%fault, unit, session, "a message that the store refuses goes to quarantine");
                    arrival.what = What::Refused(refused);
                    todo.push(range);
                }
                Err(fault) => {
                    self.pulse.counts().retried();
                    tracing::warn!(%fault, messages = range.len(), "a batch failed and is halved to find the culprit");
                    let middle = range.start + range.len() / 2;
                    todo.push(middle..range.end);
                    todo.push(range.start..middle);
                }
            }
        }
        owed
    }

    /// A panic in the way of one message must not end the lane for all others.
    async fn attempt(&self, arrivals: &[Arrival]) -> Result<Committed, BatchFault> {
        let now: Instant = self.clock.now();
        AssertUnwindSafe(batch::commit(&self.keeper, arrivals, now))
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| {
                let what = panic.downcast_ref::<&str>().map(ToString::to_string);
                Err(BatchFault::Panic(
                    what.or_else(|| panic.downcast_ref::<String>().cloned())
                        .unwrap_or_default(),
                ))
            })
    }

    /// As fast as the broker takes them: a receipt that is lost costs the session's way once more, at the unit's next try.
    async fn send(&self, owed: Vec<Owed>) {
        if tokio::time::timeout(RECEIPTS_WITHIN, self.outlet.room())
            .await
            .is_err()
        {
            tracing::warn!("the MQTT broker takes no receipts");
        }
        let receipts: Vec<_> = owed.into_iter().map(receipt).collect();
        let unsent = self.outlet.publish_all(receipts, false);
        if unsent > 0 {
            tracing::warn!(unsent, "receipts were not sent; the units will ask again");
        }
    }
}

/// Its topic and payload.
fn receipt(owed: Owed) -> (String, Vec<u8>) {
    let Owed {
        key,
        session_id,
        outcome,
        received_at,
        problems,
    } = owed;
    let receipt = Receipt {
        session_id,
        outcome,
        received_at,
        problems,
    };
    (topic::receipt(&key.unit_id), receipt.encode())
}

/// How long the first of them, which is the oldest, has been here.
fn waited(taken: &[Frame]) -> TimeDelta {
    let waited = taken.first().map(|frame| frame.arrived.elapsed());
    waited
        .and_then(|waited| TimeDelta::from_std(waited).ok())
        .unwrap_or_default()
}

/// A panic over what one message says must not end the lane either. The bytes are the arrival's from then on.
fn read(frame: &mut Frame, now: Instant) -> Arrival {
    let arrival = looked_at(frame, now);
    frame.payload = Vec::new();
    arrival
}

fn looked_at(frame: &Frame, now: Instant) -> Arrival {
    std::panic::catch_unwind(AssertUnwindSafe(|| Arrival::read(frame, now))).unwrap_or_else(|_| {
        let mut arrival = Arrival {
            topic: frame.topic.clone(),
            payload: Arc::from(&frame.payload[..]),
            received_at: now,
            retained: frame.retained,
            what: What::Nothing,
        };
        let unit_id = topic::parse(&frame.topic).map(|(unit, _)| unit);
        tracing::error!(
            topic = frame.topic,
            "a message that cannot even be looked at goes to quarantine"
        );
        arrival.what = What::Refused(Refused {
            unit_id,
            ..poison(&arrival)
        });
        arrival
    })
}

/// Already sorted out as poison: if even that cannot be kept, the store itself is at fault, not the message.
fn is_poison(arrivals: &[Arrival]) -> bool {
    matches!(
        arrivals,
        [Arrival {
            what: What::Refused(Refused {
                code: RejectCode::Poison,
                ..
            }),
            ..
        }]
    )
}

/// Why the store refused it is for the log: the unit can do nothing about it.
fn poison(arrival: &Arrival) -> Refused {
    let code = RejectCode::Poison;
    let refused = Refused {
        unit_id: arrival.unit_id().cloned(),
        session_id: None,
        code,
        problems: vec![Problem::new("", code.word(), "could not be stored")],
        completed_at: None,
        content_hash: None,
    };
    match &arrival.what {
        What::Session {
            session,
            content_hash,
            ..
        } => Refused {
            session_id: Some(session.key.session_id),
            completed_at: Some(session.completed_at),
            content_hash: Some(*content_hash),
            ..refused
        },
        What::Refused(before) => Refused {
            code,
            problems: refused.problems,
            ..before.clone()
        },
        What::Status { .. } | What::Nothing => refused,
    }
}

/// Stands for its unit.
pub fn unit_of(frame: &Frame) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    // The topic's first four levels are `homeward/v1/units/{unit_id}`: session and status of a unit go together.
    frame.topic.split('/').nth(3).hash(&mut hasher);
    hasher.finish()
}
