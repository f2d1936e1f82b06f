//! One transaction: lock, sort, judge, set aside, raise. It can be tried again with the same arrivals, since it changes none of them.

use std::sync::Arc;

use crate::domain::ids::{Ids, PatientId, SessionKey};
use crate::domain::time::Instant;
use crate::judging::alerting::{self, Before, News};
use crate::judging::clearing::{self, Endings};
use crate::judging::plans::PlanShelf;
use crate::judging::recall::{Known, Recall};
use crate::judging::{self, Incoming, JudgingFault, Work, technical};
use crate::metrics::ingest::Tally;
use crate::store::event::NewEvent;
use crate::store::unit::Sighting;
use crate::store::{Db, StoreError, Tx};
use crate::wire::problem::Problem;
use crate::wire::receipt::Outcome;

use super::arrival::Arrival;
use super::ground::Ground;
use super::hands::Hands;
use super::heard::Heard;
use super::sorting::Sorted;
use super::trust::Trust;
use super::{outgoing, set_aside};

/// What a batch needs beside its arrivals.
#[derive(Debug, Clone)]
pub struct Keeper {
    pub db: Db,
    pub shelf: Arc<PlanShelf>,
    pub recall: Arc<Recall>,
    pub hands: Arc<Hands>,
    pub heard: Arc<Heard>,
    pub trust: Arc<Trust>,
    pub ids: Ids,
}

impl Keeper {
    /// Forgets what was known from earlier batches: see `Recall::forget`.
    pub(super) fn forget(&self) {
        self.recall.forget();
        self.hands.forget();
    }
}

/// The receipt that a session's unit is owed once the transaction has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    pub key: SessionKey,
    /// As the unit spelt it.
    pub session_id: String,
    pub outcome: Outcome,
    pub received_at: Instant,
    pub problems: Vec<Problem>,
}

#[derive(Debug, thiserror::Error)]
pub enum BatchFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Judging(#[from] JudgingFault),
    #[error("taking the batch in failed on a fault of the program: {0}")]
    Panic(String),
}

impl BatchFault {
    /// Whether the same batch may succeed if it is tried again: the fault lies with the connection or a rival
    /// transaction, not with the data.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(fault) => fault.is_retryable(),
            Self::Judging(fault) => fault.store().is_some_and(StoreError::is_retryable),
            Self::Panic(_) => false,
        }
    }

    /// Whether a rival wrote the same at the same moment, or what was remembered no longer holds.
    pub(super) fn is_overtaken(&self) -> bool {
        match self {
            Self::Store(fault) => fault.is_overtaken(),
            Self::Judging(fault) => fault.store().is_some_and(StoreError::is_overtaken),
            Self::Panic(_) => false,
        }
    }
}

/// What a committed batch leaves to be done, and to be counted.
#[derive(Debug, Default)]
pub struct Committed {
    pub owed: Vec<Owed>,
    pub tally: Tally,
    /// Taken in only the second time.
    pub again: bool,
}

/// Stores, judges and raises. The receipts are owed only once this has returned.
pub async fn commit(keeper: &Keeper, arrivals: &[Arrival], now: Instant) -> Result<Committed, BatchFault> {
    let by_heart = keeper.trust.is_given();
    let mut done = attempt((keeper, by_heart), keeper, arrivals, now).await;
    let mut again = false;
    if by_heart && is_overtaken(&done) {
        keeper.trust.disappointed();
        again = true;
        done = attempt((keeper, false), keeper, arrivals, now).await;
    }
    if is_overtaken(&done) {
        // What was remembered does not hold: now everything is looked up.
        let stranger = Keeper {
            recall: Arc::new(Recall::new(0)),
            hands: Arc::default(),
            ..keeper.clone()
        };
        again = true;
        done = attempt((&stranger, false), keeper, arrivals, now).await;
    }
    done.map(|committed| Committed { again, ..committed })
}

/// Whether somebody else had a turn meanwhile, or what was remembered does not hold.
fn is_overtaken(done: &Result<Committed, BatchFault>) -> bool {
    let fault = done.as_ref().err().filter(|fault| fault.is_overtaken());
    if let Some(fault) = fault {
        tracing::debug!(%fault, "a batch is taken in once more");
    }
    fault.is_some()
}

/// By what one keeper remembers, and by that alone where that is enough; what becomes known is remembered by the other.
async fn attempt(
    (by, by_heart): (&Keeper, bool),
    keeper: &Keeper,
    arrivals: &[Arrival],
    now: Instant,
) -> Result<Committed, BatchFault> {
    let begun = tokio::time::Instant::now();
    let mut tx = if by_heart {
        keeper.db.begin_late().await?
    } else {
        keeper.db.begin().await?.writing_together()
    };
    let connected = begun.elapsed();
    let taken = take_in(&mut tx, by, arrivals, now).await?;
    let worked = begun.elapsed();
    tx.commit().await?;
    let ended = begun.elapsed();
    keeper.recall.keep(taken.known);
    keeper.heard.recorded(taken.heard);
    let mut tally = taken.tally;
    tally.phases = vec![
        ("connect", connected),
        ("work", worked.saturating_sub(connected)),
        ("commit", ended.saturating_sub(worked)),
    ];
    Ok(Committed {
        owed: taken.owed,
        tally,
        again: false,
    })
}

/// What a transaction leaves behind once it has committed.
#[derive(Debug)]
pub struct Taken {
    pub owed: Vec<Owed>,
    pub known: Vec<(PatientId, Box<Known>)>,
    pub heard: Vec<Sighting>,
    pub tally: Tally,
}

/// The steps of [`commit`], in the caller's transaction.
pub async fn take_in(
    tx: &mut Tx,
    keeper: &Keeper,
    arrivals: &[Arrival],
    now: Instant,
) -> Result<Taken, BatchFault> {
    let mut ground = Ground::lock(tx, arrivals, (&keeper.hands, &keeper.recall)).await?;
    let mut sorted = Sorted::default();
    for (at, arrival) in arrivals.iter().enumerate() {
        sorted.sort(at, arrival, &ground);
    }
    let mut tally = tally(arrivals, &sorted);
    let Judged {
        mut news,
        mut known,
        events,
    } = store_and_judge(tx, keeper.hand(), &mut sorted, &mut ground, now).await?;
    news.extend(set_aside::keep(tx, std::mem::take(&mut sorted.set_aside), &keeper.ids, now).await?);
    for news in &news {
        tally.finding(&news.finding.finding.kind, news.finding.finding.severity);
    }
    clearing::joined(&mut known, &news);
    // Where something had to be asked, this is asked too.
    let over = tx
        .is_put_off()
        .then(|| clearing::take_what_is_over(&mut known, &news));
    let endings = Endings::of(over.unwrap_or_default(), now);
    let cleared = endings.cleared.clone();
    let open = known.iter().filter(|_| !news.is_empty());
    let open = open.map(|(patient, known)| (*patient, known.open())).collect();
    let before = Before { events, endings };
    let raised = alerting::raise_after(tx, before, (&news, &open), &keeper.ids, now).await?;
    // Before it is looked what may end: all that is written until here goes together.
    let heard = outgoing::heard(tx, arrivals, (&ground, &sorted.statuses), &keeper.heard).await?;
    tally.cleared = clearing::clear_remembering(tx, &keeper.shelf, &mut known, raised, now).await?;
    tally.cleared.extend(cleared);
    outgoing::statuses(tx, &sorted.statuses, &keeper.ids, now).await?;
    Ok(Taken {
        owed: sorted.owed,
        known,
        heard,
        tally,
    })
}

/// What judging needs beside the sessions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand<'a> {
    pub(super) shelf: &'a PlanShelf,
    pub(super) ids: &'a Ids,
}

impl Keeper {
    fn hand(&self) -> Hand<'_> {
        Hand {
            shelf: &self.shelf,
            ids: &self.ids,
        }
    }
}

/// What came of the sessions that a batch takes in, beside what is written of them.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) news: Vec<News>,
    pub(super) known: Vec<(PatientId, Box<Known>)>,
    /// What the stream is to be told of before the alerts.
    pub(super) events: Vec<NewEvent>,
}

/// Takes in what was sorted as new. A replay from quarantine goes on here too.
pub(super) async fn store_and_judge(
    tx: &mut Tx,
    hand: Hand<'_>,
    sorted: &mut Sorted<'_>,
    ground: &mut Ground,
    now: Instant,
) -> Result<Judged, BatchFault> {
    let mut judged = judge(tx, hand, std::mem::take(&mut sorted.new), ground, now).await?;
    let unassigned = keep_unassigned(tx, std::mem::take(&mut sorted.unassigned), now).await?;
    judged.news.extend(unassigned);
    Ok(judged)
}

fn tally(arrivals: &[Arrival], sorted: &Sorted<'_>) -> Tally {
    let mut tally = Tally {
        messages: arrivals.len(),
        ..Tally::default()
    };
    for owed in &sorted.owed {
        *tally.receipts.entry(owed.outcome.word()).or_default() += 1;
    }
    for (_, refused, _) in &sorted.set_aside {
        *tally.rejected.entry(refused.code.word()).or_default() += 1;
    }
    tally
}

async fn judge(
    tx: &mut Tx,
    hand: Hand<'_>,
    new: std::collections::BTreeMap<PatientId, Vec<Incoming>>,
    ground: &mut Ground,
    now: Instant,
) -> Result<Judged, BatchFault> {
    let works = new
        .into_iter()
        .map(|(patient, incoming)| {
            Work::new(patient, incoming, None).remembered(ground.turn(patient), ground.take_known(patient))
        })
        .collect();
    let judgement = judging::judge(tx, hand.shelf, works, now).await?;
    outgoing::retests(tx, &judgement.taken_in, hand.ids, now).await?;
    let mut news = judgement.news;
    let mut known = judgement.known;
    for (patient, known) in &mut known {
        known.keep_units(ground.take_units(*patient));
    }
    let unplanned = judgement
        .taken_in
        .iter()
        .filter(|taken| taken.judged.plan_version.is_none())
        .map(|taken| (taken.patient, &taken.session.key.unit_id));
    news.extend(technical::no_plans(tx, unplanned, now).await?);
    Ok(Judged {
        news,
        known,
        events: outgoing::sessions(&judgement.taken_in, now),
    })
}

async fn keep_unassigned(
    tx: &mut Tx,
    unassigned: Vec<Incoming>,
    now: Instant,
) -> Result<Vec<News>, BatchFault> {
    let sessions = judging::keep_unassigned(tx, unassigned).await?;
    Ok(technical::unassigned(tx, sessions.iter().map(AsRef::as_ref), now).await?)
}
