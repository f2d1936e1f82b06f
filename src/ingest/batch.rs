//! One transaction: lock, sort, judge, set aside, raise. It can be tried again with the same arrivals, since it changes none of them.

use std::sync::Arc;

use crate::domain::ids::{Ids, PatientId, SessionKey};
use crate::domain::time::Instant;
use crate::judging::alerting::{self, News};
use crate::judging::plans::PlanShelf;
use crate::judging::{self, Incoming, JudgingFault, Work, technical};
use crate::store::{Db, StoreError, Tx};
use crate::wire::problem::Problem;
use crate::wire::receipt::Outcome;

use super::arrival::Arrival;
use super::ground::Ground;
use super::sorting::Sorted;
use super::{outgoing, set_aside};

/// What a batch needs beside its arrivals.
#[derive(Debug, Clone)]
pub struct Keeper {
    pub db: Db,
    pub shelf: Arc<PlanShelf>,
    pub ids: Ids,
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
            Self::Judging(JudgingFault::Overtaken) => true,
            Self::Judging(fault) => fault.store().is_some_and(StoreError::is_retryable),
            Self::Panic(_) => false,
        }
    }
}

/// Stores, judges and raises. The receipts are owed only once this has returned.
pub async fn commit(keeper: &Keeper, arrivals: &[Arrival], now: Instant) -> Result<Vec<Owed>, BatchFault> {
    let mut tx = keeper.db.begin().await?;
    let owed = take_in(&mut tx, keeper, arrivals, now).await?;
    tx.commit().await?;
    Ok(owed)
}

/// The steps of [`commit`], in the caller's transaction.
pub async fn take_in(
    tx: &mut Tx,
    keeper: &Keeper,
    arrivals: &[Arrival],
    now: Instant,
) -> Result<Vec<Owed>, BatchFault> {
    let ground = Ground::lock(tx, arrivals).await?;
    let mut sorted = Sorted::default();
    for arrival in arrivals {
        sorted.sort(arrival, &ground);
    }
    let mut news = judge(tx, keeper, std::mem::take(&mut sorted.new), now).await?;
    news.extend(keep_unassigned(tx, std::mem::take(&mut sorted.unassigned), now).await?);
    news.extend(set_aside::keep(tx, std::mem::take(&mut sorted.set_aside), &keeper.ids, now).await?);
    alerting::raise(tx, &news, &keeper.ids, now).await?;
    outgoing::heard(tx, arrivals, &ground).await?;
    outgoing::statuses(tx, &sorted.statuses, &keeper.ids, now).await?;
    Ok(sorted.owed)
}

async fn judge(
    tx: &mut Tx,
    keeper: &Keeper,
    new: std::collections::BTreeMap<PatientId, Vec<Incoming>>,
    now: Instant,
) -> Result<Vec<News>, BatchFault> {
    let works = new
        .into_iter()
        .map(|(patient, incoming)| Work {
            patient,
            incoming,
            since: None,
        })
        .collect();
    let judgement = judging::judge(tx, &keeper.shelf, works, now).await?;
    outgoing::sessions(tx, &judgement.taken_in, now).await?;
    outgoing::retests(tx, &judgement.taken_in, &keeper.ids, now).await?;
    let mut news = judgement.news;
    let unplanned = judgement
        .taken_in
        .iter()
        .filter(|taken| taken.judged.plan_version.is_none())
        .map(|taken| (taken.patient, &taken.session.key.unit_id));
    news.extend(technical::no_plans(tx, unplanned, now).await?);
    Ok(news)
}

async fn keep_unassigned(
    tx: &mut Tx,
    unassigned: Vec<Incoming>,
    now: Instant,
) -> Result<Vec<News>, BatchFault> {
    let sessions = judging::keep_unassigned(tx, unassigned).await?;
    Ok(technical::unassigned(tx, sessions.iter().map(AsRef::as_ref), now).await?)
}
