//! A message from quarantine comes in by the same steps as any other, in the transaction of whoever replays it. What is
//! refused again is not set aside again: it lies there already. Nor has its unit been heard of, and nobody waits for a receipt.

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use crate::domain::by_id::ById;
use crate::domain::ids::{Ids, PatientId, SessionKey, UnitId};
use crate::domain::staff::Actor;
use crate::domain::time::Instant;
use crate::judging::alerting::Before;
use crate::judging::plans::PlanShelf;
use crate::judging::recall::Recall;
use crate::judging::{alerting, clearing};
use crate::store::shift::ShiftRow;
use crate::store::{self, StoreError, Tx};
use crate::wire;
use crate::wire::problem::Problem;
use crate::wire::receipt::Outcome;
use crate::wire::session::RejectCode;
use crate::wire::topic;

use super::arrival::{Arrival, Refused, What};
pub use super::batch::BatchFault;
use super::batch::{self, Hand};
use super::ground::Ground;
use super::hands::Hands;
use super::sorting::Sorted;

/// How often what a rival stored at the same moment is looked at again.
const OVERTAKEN_MOST: u32 = 3;

/// A message as it lies in quarantine, and what a person says of it.
#[derive(Debug, Clone)]
pub struct Kept {
    pub topic: String,
    pub payload: Arc<[u8]>,
    /// When it came: what was completed after that was dated by a wrong clock, however long ago it is now.
    pub received_at: Instant,
    /// The unit it is of, where its topic names none or another.
    pub unit_id: Option<UnitId>,
    /// By how much its unit's clock was behind; negative where it was ahead.
    pub shift_seconds: i64,
}

/// Who replays, and why: stands with every session whose times are moved.
#[derive(Debug, Clone)]
pub struct Word {
    pub by: Actor,
    pub reason: String,
}

/// What came of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// Its session is stored, now or since before.
    TakenIn {
        key: SessionKey,
        /// Whose it is.
        patient: Option<PatientId>,
        /// The session was stored already with the same content.
        duplicate: bool,
        problems: Vec<Problem>,
    },
    Refused {
        code: RejectCode,
        problems: Vec<Problem>,
    },
}

/// Messages read, and everything locked that taking them in may change.
#[derive(Debug)]
pub struct Ready {
    kept: Vec<Kept>,
    /// Of each, in the same order.
    arrivals: Vec<Arrival>,
}

/// Reads the messages as if they had arrived now, and takes the locks that taking them in needs.
pub async fn prepare(tx: &mut Tx, kept: Vec<Kept>, now: Instant) -> Result<Ready, StoreError> {
    let arrivals: Vec<Arrival> = kept.iter().map(|kept| read(kept, now)).collect();
    Ground::lock(tx, &arrivals, (&Hands::default(), &Recall::new(0))).await?;
    Ok(Ready { kept, arrivals })
}

impl Ready {
    /// Leaves out those that somebody else has dealt with meanwhile; `waits` says which still wait, in order.
    pub fn keep(&mut self, waits: &[bool]) {
        let mut each = waits.iter();
        self.kept.retain(|_| each.next().copied().unwrap_or_default());
        let mut each = waits.iter();
        self.arrivals.retain(|_| each.next().copied().unwrap_or_default());
    }

    /// Stores, judges and raises what can be taken in; one that the store refuses takes no other with it. In order.
    pub async fn take_in(
        self,
        tx: &mut Tx,
        ids: &Ids,
        word: &Word,
        now: Instant,
    ) -> Result<Vec<Replayed>, BatchFault> {
        let Self { kept, arrivals } = self;
        let plans = PlanShelf::default();
        let mut outcomes: Vec<Option<Replayed>> = vec![None; kept.len()];
        let whole: Range<usize> = 0..kept.len();
        let mut todo = Vec::from([whole]);
        let mut overtaken = 0;
        while let Some(range) = todo.pop() {
            tx.mark().await?;
            let some = (&kept[range.clone()], &arrivals[range.clone()]);
            match attempt(tx, (&plans, ids, word), some, now).await {
                Ok(done) => {
                    tx.unmark().await?;
                    for (place, replayed) in range.zip(done) {
                        outcomes[place] = Some(replayed);
                    }
                    continue;
                }
                Err(fault) if fault.is_overtaken() && overtaken < OVERTAKEN_MOST => {
                    overtaken += 1;
                    todo.push(range);
                }
                Err(fault) if fault.is_passing() => return Err(fault),
                Err(fault) if range.len() == 1 => {
                    tracing::error!(%fault, "a message that was replayed from quarantine is refused by the store");
                    outcomes[range.start] = Some(refused(RejectCode::Poison, "could not be stored"));
                }
                Err(_) => {
                    let middle = range.start + range.len() / 2;
                    todo.push(middle..range.end);
                    todo.push(range.start..middle);
                }
            }
            tx.back_to_mark().await?;
        }
        Ok(outcomes.into_iter().flatten().collect())
    }
}

/// A panic in the way of one message must not cost the others their replay.
async fn attempt(
    tx: &mut Tx,
    with: (&PlanShelf, &Ids, &Word),
    messages: (&[Kept], &[Arrival]),
    now: Instant,
) -> Result<Vec<Replayed>, BatchFault> {
    AssertUnwindSafe(together(tx, with, messages, now))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(BatchFault::Panic("a replay from quarantine".to_owned())))
}

async fn together(
    tx: &mut Tx,
    (shelf, ids, word): (&PlanShelf, &Ids, &Word),
    (kept, arrivals): (&[Kept], &[Arrival]),
    now: Instant,
) -> Result<Vec<Replayed>, BatchFault> {
    // What is known of a patient is used and kept by ingest only, after its own commits.
    let mut ground = Ground::lock(tx, arrivals, (&Hands::default(), &Recall::new(0))).await?;
    let mut sorted = Sorted::default();
    let mut done = Vec::with_capacity(arrivals.len());
    let mut shifts = Vec::new();
    for (at, (kept, arrival)) in kept.iter().zip(arrivals).enumerate() {
        sorted.sort(at, arrival, &ground);
        let replayed = outcome(&mut sorted, (at, arrival), &ground);
        if let Replayed::TakenIn { key, duplicate, .. } = &replayed
            && !*duplicate
            && kept.shift_seconds != 0
        {
            shifts.push(ShiftRow {
                id: ids.make(now),
                key: key.clone(),
                seconds: kept.shift_seconds,
                reason: word.reason.clone(),
                at: now,
                by: word.by.clone(),
            });
        }
        done.push(replayed);
    }
    let hand = Hand { shelf, ids };
    let judged = batch::store_and_judge(tx, hand, &mut sorted, &mut ground, now).await?;
    store::shift::record(tx, &shifts).await?;
    let before = Before {
        events: judged.events,
        ..Before::default()
    };
    alerting::raise_after(tx, before, (&judged.news, &ById::default()), ids, now).await?;
    clearing::clear(tx, shelf, &clearing::concerned(&judged.known), now).await?;
    Ok(done)
}

/// What sorting has just made of the arrival.
fn outcome(sorted: &mut Sorted<'_>, (at, arrival): (usize, &Arrival), ground: &Ground) -> Replayed {
    let owed = sorted.owed.pop();
    if let Some((_, Refused { code, problems, .. }, _)) = sorted.set_aside.pop() {
        return Replayed::Refused { code, problems };
    }
    match (owed, &arrival.what) {
        (Some(owed), What::Session { session, .. }) => Replayed::TakenIn {
            patient: ground.whose(at, session.completed_at),
            duplicate: owed.outcome == Outcome::Duplicate,
            key: owed.key,
            problems: owed.problems,
        },
        _ => refused(RejectCode::BadField, "holds no session"),
    }
}

fn refused(code: RejectCode, detail: &str) -> Replayed {
    let problems = vec![Problem::new("", code.word(), detail)];
    Replayed::Refused { code, problems }
}

/// Reads a kept message as if it arrived now, from the unit that a person says it is of. A panic over what it says is its own.
fn read(kept: &Kept, now: Instant) -> Arrival {
    std::panic::catch_unwind(AssertUnwindSafe(|| read_kept(kept, now))).unwrap_or_else(|_| Arrival {
        topic: kept.topic.clone(),
        payload: Arc::clone(&kept.payload),
        received_at: now,
        retained: true,
        what: unlike(
            RejectCode::Poison,
            Problem::new("", "poison", "could not be read"),
        ),
    })
}

fn read_kept(kept: &Kept, now: Instant) -> Arrival {
    let topic = match &kept.unit_id {
        Some(unit) => topic::session(unit),
        None => kept.topic.clone(),
    };
    let mut arrival = Arrival::moved(&topic, Arc::clone(&kept.payload), true, now, kept.shift_seconds);
    if matches!(topic::parse(&kept.topic), Some((_, topic::Channel::Status))) {
        let detail = "is a status message: it says nothing that is still of use, and can only be dismissed";
        arrival.what = unlike(RejectCode::BadField, Problem::new("", "status", detail));
    } else if let What::Session { session, .. } = &arrival.what
        && let Some(fault) = wire::session::after_receipt(session, kept.received_at)
    {
        arrival.what = unlike(RejectCode::ClockFault, fault);
    }
    arrival
}

fn unlike(code: RejectCode, problem: Problem) -> What {
    What::Refused(Refused {
        unit_id: None,
        session_id: None,
        code,
        problems: vec![problem],
        completed_at: None,
        content_hash: None,
    })
}
