//! Plans and requests to units. A notice is marked sent only when the broker has confirmed it: a crash between sends it twice, never not at all.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;

use crate::broker::{Outlet, PublishError};
use crate::domain::ids::UnitId;
use crate::domain::plan::in_force;
use crate::domain::time::Instant;
use crate::judging::plans::PlanShelf;
use crate::store::outbox::{Notice, NoticeKind};
use crate::store::{self, Db, Tx};
use crate::wire::{topic, unit_plan};

use super::WorkerFault;

pub const EVERY: Duration = Duration::from_millis(500);
/// So many at a time; the rest is taken in the next step.
const AT_ONCE: u32 = 200;
const KINDS: [NoticeKind; 2] = [NoticeKind::UnitPlan, NoticeKind::UnitRequest];
/// Nobody else takes a notice for so long.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How long the broker may take to confirm.
const CONFIRM_WITHIN: Duration = Duration::from_secs(20);
/// Waits between tries: a minute at most, since a plan or a retest that comes late is of little use.
const PAUSES: [i64; 4] = [1, 5, 20, 60];

/// Sends what the outbox holds for home units.
#[derive(Debug)]
pub struct UnitPost {
    pub db: Db,
    pub outlet: Outlet,
    pub shelf: Arc<PlanShelf>,
}

/// What goes to the broker for a notice.
#[derive(Debug)]
struct Letter {
    notice: Notice,
    topic: String,
    payload: Vec<u8>,
    retain: bool,
}

impl UnitPost {
    pub async fn step(&self, now: Instant) -> Result<usize, WorkerFault> {
        // A notice claimed now would only be put off, a little longer each time.
        if !self.outlet.is_open() {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        let due = store::outbox::claim(&mut tx, &KINDS, now, now + LEASE, AT_ONCE).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let mut letters = Vec::with_capacity(due.len());
        let mut useless = Vec::new();
        for notice in due {
            match self.letter(&mut tx, notice, now).await? {
                Ok(letter) => letters.push(letter),
                Err(notice) => useless.push(notice),
            }
        }
        for notice in &useless {
            tracing::debug!(notice = %notice.id, "a notice that is of no use any more is not sent");
            store::outbox::sent(&mut tx, notice.id, now).await?;
        }
        tx.commit().await?;
        let sent = letters.len();
        let outcomes = join_all(letters.into_iter().map(|letter| self.send(letter))).await;
        let mut tx = self.db.begin().await?;
        for (notice, outcome) in outcomes {
            match outcome {
                // False where the lease had ended and another process sent it too.
                Ok(()) => drop(store::outbox::sent(&mut tx, notice.id, now).await?),
                // It waits for the connection, not for a time.
                Err(fault @ PublishError::Disconnected) => {
                    store::outbox::failed(&mut tx, notice.id, &fault.to_string(), now).await?;
                }
                Err(fault) => {
                    let tried = usize::try_from(notice.attempts)
                        .unwrap_or_default()
                        .min(PAUSES.len() - 1);
                    let due_at = now + TimeDelta::seconds(PAUSES[tried]);
                    store::outbox::failed(&mut tx, notice.id, &fault.to_string(), due_at).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(sent)
    }

    /// What to publish for the notice; the notice back where there is nothing to publish any more.
    async fn letter(
        &self,
        tx: &mut Tx,
        notice: Notice,
        now: Instant,
    ) -> Result<Result<Letter, Notice>, WorkerFault> {
        let expired = notice.expires_at.is_some_and(|end| end <= now);
        let Ok(unit) = notice.recipient.parse::<UnitId>() else {
            return Ok(Err(notice));
        };
        Ok(match notice.kind {
            _ if expired => Err(notice),
            NoticeKind::UnitRequest => {
                let payload = notice.payload.clone().into_bytes();
                Ok(Letter {
                    topic: topic::request(&unit),
                    payload,
                    retain: false,
                    notice,
                })
            }
            NoticeKind::UnitPlan => {
                let payload = plan_of(tx, &self.shelf, &unit, now).await?;
                Ok(Letter {
                    topic: topic::plan(&unit),
                    payload,
                    retain: true,
                    notice,
                })
            }
            NoticeKind::Mail => Err(notice),
        })
    }

    async fn send(&self, letter: Letter) -> (Notice, Result<(), PublishError>) {
        let publishing = self
            .outlet
            .publish_confirmed(letter.topic, letter.payload, letter.retain);
        let outcome = tokio::time::timeout(CONFIRM_WITHIN, publishing).await;
        (letter.notice, outcome.unwrap_or(Err(PublishError::Unanswered)))
    }
}

/// The plan in force for whoever has the unit now; empty, which clears what the broker retained, where there is none.
pub async fn plan_of(
    tx: &mut Tx,
    shelf: &PlanShelf,
    unit: &UnitId,
    now: Instant,
) -> Result<Vec<u8>, WorkerFault> {
    let assignments = store::assignment::of_units(tx, std::slice::from_ref(unit)).await?;
    let Some(assignment) = assignments.iter().find(|assignment| assignment.holds_at(now)) else {
        return Ok(Vec::new());
    };
    let patient = assignment.patient_id;
    let plans = shelf.of(tx, &[patient]).await?;
    let plan = plans.get(&patient).and_then(|plans| in_force(plans, now));
    Ok(plan.map(unit_plan::encode).unwrap_or_default())
}
