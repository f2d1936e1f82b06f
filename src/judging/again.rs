//! When a person changes what was judged: a plan, a decision, whose a unit was. Same locks, same verdicts, same transaction as the act.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::alert::About;
use crate::domain::finding::{Class, FindingState};
use crate::domain::ids::{FindingId, Ids, PatientId, SessionKey, UnitId};
use crate::domain::reading::Decision;
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::engine::{self, ToJudge};
use crate::store::plan_put::Rejudged;
use crate::store::shown::ShownSession;
use crate::store::{self, Tx};

use super::alerting::{self, News};
use super::clearing;
use super::past;
use super::plans::PlanShelf;
use super::rejudge::{Judgement, JudgingFault, Work, judge, leave_unassigned};
use super::technical;

/// Judges patients' sessions again from the instants given; tells what that did to findings. The caller has locked the patients.
pub async fn rejudge(
    tx: &mut Tx,
    changed: &[(PatientId, Instant)],
    ids: &Ids,
    now: Instant,
) -> Result<Rejudged, JudgingFault> {
    let again = judge_again(tx, changed, now).await?;
    alerting::raise(tx, &again.news, ids, now).await?;
    clearing::clear(tx, &again.shelf, &again.concerned, now).await?;
    Ok(again.rejudged)
}

/// What judging again brought.
struct Again {
    news: Vec<News>,
    /// Of the patients, those whose sessions nobody judges.
    unplanned: BTreeSet<PatientId>,
    rejudged: Rejudged,
    /// Alerts that may end by it.
    concerned: Vec<(About, Class)>,
    shelf: PlanShelf,
}

async fn judge_again(
    tx: &mut Tx,
    changed: &[(PatientId, Instant)],
    now: Instant,
) -> Result<Again, JudgingFault> {
    let mut since: BTreeMap<PatientId, Instant> = BTreeMap::new();
    for (patient, from) in changed {
        since
            .entry(*patient)
            .and_modify(|known| *known = (*known).min(*from))
            .or_insert(*from);
    }
    let works = since
        .iter()
        .map(|(patient, since)| Work::new(*patient, Vec::new(), Some(*since)));
    // Plans that this transaction has just written must not reach a shelf that outlives it: it may yet be undone.
    let shelf = PlanShelf::default();
    let Judgement { news, rejudged, .. } = judge(tx, &shelf, works.collect(), now).await?;
    let patients: Vec<PatientId> = since.into_keys().collect();
    let plans = shelf.of(tx, &patients).await?;
    let (planned, unplanned): (Vec<_>, Vec<_>) = patients
        .into_iter()
        .partition(|patient| plans.get(patient).is_some_and(|plans| !plans.is_empty()));
    technical::no_longer_unjudged(tx, &planned, now).await?;
    let unplanned = unplanned.into_iter().collect();
    let concerned = plans
        .iter()
        .flat_map(|(patient, plans)| clearing::classes(*patient, plans));
    let concerned = concerned.collect();
    Ok(Again {
        news,
        unplanned,
        rejudged,
        concerned,
        shelf,
    })
}

/// A stored session that changes hands.
pub(super) struct Moved {
    pub(super) session: Session,
    pub(super) decisions: Vec<(u16, Decision)>,
    pub(super) before: Option<PatientId>,
    pub(super) after: Option<PatientId>,
    /// From when on both sides are judged again.
    pub(super) since: Instant,
}

impl Moved {
    pub(super) fn to_judge(&self) -> ToJudge<'_> {
        ToJudge {
            session: &self.session,
            decisions: &self.decisions,
        }
    }
}

/// Gives a unit's sessions to whom they belong after its assignments have changed, and judges both sides again.
/// The caller has locked the unit for update and every patient it was or is assigned to. Gives how many sessions moved.
pub async fn hand_over(tx: &mut Tx, unit: &UnitId, ids: &Ids, now: Instant) -> Result<usize, JudgingFault> {
    let moved = moved(tx, unit).await?;
    change_hands(tx, unit, &moved, ids, now).await?;
    Ok(moved.len())
}

/// Gives the unit's sessions to whom each goes, under the same locks.
pub(super) async fn change_hands(
    tx: &mut Tx,
    unit: &UnitId,
    moved: &[Moved],
    ids: &Ids,
    now: Instant,
) -> Result<(), JudgingFault> {
    if moved.is_empty() {
        return Ok(());
    }
    let hands: Vec<(SessionKey, Option<PatientId>)> = moved
        .iter()
        .map(|moved| (moved.session.key.clone(), moved.after))
        .collect();
    store::holding::hand_over(tx, &hands).await?;
    let keys: Vec<SessionKey> = hands.into_iter().map(|(key, _)| key).collect();
    let gone: BTreeSet<FindingId> = (store::finding::of_sessions(tx, &keys).await?.into_iter())
        .filter(|row| row.state == FindingState::Current)
        .map(|row| row.id)
        .collect();
    store::finding::supersede(tx, &gone.into_iter().collect::<Vec<_>>()).await?;

    let mut changed: Vec<(PatientId, Instant)> = Vec::new();
    for one in moved {
        let sides = [one.before, one.after].into_iter().flatten();
        changed.extend(sides.map(|patient| (patient, one.since)));
    }
    let Again {
        mut news,
        unplanned,
        mut concerned,
        shelf,
        ..
    } = judge_again(tx, &changed, now).await?;
    let judged_by_nobody = moved
        .iter()
        .filter_map(|moved| moved.after)
        .filter(|patient| unplanned.contains(patient))
        .map(|patient| (patient, unit));
    news.extend(technical::no_plans(tx, judged_by_nobody, now).await?);
    let left: Vec<&Moved> = moved.iter().filter(|moved| moved.after.is_none()).collect();
    let to_judge: Vec<ToJudge<'_>> = left.iter().map(|moved| moved.to_judge()).collect();
    leave_unassigned(tx, &to_judge).await?;
    news.extend(technical::unassigned(tx, left.iter().map(|moved| &moved.session), now).await?);
    let losers: BTreeSet<PatientId> = moved.iter().filter_map(|moved| moved.before).collect();
    without_sessions(tx, losers, now).await?;
    alerting::raise(tx, &news, ids, now).await?;
    concerned.push((About::Unit(unit.clone()), Class::Technical));
    clearing::clear(tx, &shelf, &concerned, now).await?;
    Ok(())
}

/// The unit's sessions that do not belong to whom they stand under.
async fn moved(tx: &mut Tx, unit: &UnitId) -> Result<Vec<Moved>, JudgingFault> {
    let assignments = store::assignment::of_units(tx, std::slice::from_ref(unit)).await?;
    let owner = |at: Instant| {
        assignments
            .iter()
            .find(|one| one.holds_at(at))
            .map(|one| one.patient_id)
    };
    let sessions = store::shown::of_unit(tx, unit, Instant::UNIX_EPOCH, None).await?;
    let moving: Vec<(ShownSession, Option<PatientId>)> = sessions
        .into_iter()
        .map(|session| {
            let belongs = owner(session.completed_at);
            (session, belongs)
        })
        .filter(|(session, belongs)| *belongs != session.patient_id)
        .collect();
    let keys: Vec<SessionKey> = moving.iter().map(|(session, _)| session.key.clone()).collect();
    let mut decisions = past::decisions(tx, &keys).await?;
    let moved = moving.into_iter().map(|(shown, after)| {
        let session = past::decoded(&shown.key, &shown.document, shown.received_at)?;
        let decisions = decisions.remove(&shown.key).unwrap_or_default();
        let to_judge = ToJudge {
            session: &session,
            decisions: &decisions,
        };
        Ok(Moved {
            since: engine::span(to_judge).first,
            before: shown.patient_id,
            session,
            decisions,
            after,
        })
    });
    moved.collect()
}

/// Nobody needs to judge the sessions of a patient who turns out to have none.
async fn without_sessions(
    tx: &mut Tx,
    losers: BTreeSet<PatientId>,
    now: Instant,
) -> Result<(), JudgingFault> {
    let losers: Vec<PatientId> = losers.into_iter().collect();
    let latest = store::shown::latest_of_patients(tx, &losers).await?;
    let empty = losers.into_iter().filter(|patient| !latest.contains_key(patient));
    Ok(technical::no_longer_unjudged(tx, &empty.collect::<Vec<_>>(), now).await?)
}
