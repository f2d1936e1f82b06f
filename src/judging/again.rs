//! When a person changes what was judged: a plan, a decision, whose a unit was. Same locks, same verdicts, same transaction as the act.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::finding::FindingState;
use crate::domain::ids::{FindingId, Ids, PatientId, SessionKey, UnitId};
use crate::domain::time::Instant;
use crate::store::{self, Tx};

use super::alerting;
use super::plans::PlanShelf;
use super::rejudge::{JudgingFault, Work, judge};
use super::technical;

/// Judges patients' sessions again from the instants given. The caller has locked the patients.
pub async fn rejudge(
    tx: &mut Tx,
    changed: &[(PatientId, Instant)],
    ids: &Ids,
    now: Instant,
) -> Result<(), JudgingFault> {
    let mut since: BTreeMap<PatientId, Instant> = BTreeMap::new();
    for (patient, from) in changed {
        since
            .entry(*patient)
            .and_modify(|known| *known = (*known).min(*from))
            .or_insert(*from);
    }
    let works = since.iter().map(|(patient, since)| Work {
        patient: *patient,
        incoming: Vec::new(),
        since: Some(*since),
    });
    // Plans that this transaction has just written must not reach a shelf that outlives it: it may yet be undone.
    let shelf = PlanShelf::default();
    let judgement = judge(tx, &shelf, works.collect(), now).await?;
    let patients: Vec<PatientId> = since.into_keys().collect();
    let planned = shelf.of(tx, &patients).await?;
    let planned = patients
        .into_iter()
        .filter(|patient| planned.get(patient).is_some_and(|plans| !plans.is_empty()));
    technical::plans_are_set(tx, &planned.collect::<Vec<_>>(), now).await?;
    alerting::raise(tx, &judgement.news, ids, now).await?;
    Ok(())
}

/// Gives a unit's sessions to whom they belong after its assignments have changed, and judges both sides again.
/// The caller has locked the unit for update and every patient it was or is assigned to.
pub async fn hand_over(tx: &mut Tx, unit: &UnitId, ids: &Ids, now: Instant) -> Result<usize, JudgingFault> {
    let assignments = store::assignment::of_units(tx, std::slice::from_ref(unit)).await?;
    let owner = |at: Instant| {
        assignments
            .iter()
            .find(|one| one.holds_at(at))
            .map(|one| one.patient_id)
    };
    let mut moved: Vec<(SessionKey, Option<PatientId>)> = Vec::new();
    let mut changed: Vec<(PatientId, Instant)> = Vec::new();
    for session in store::shown::of_unit(tx, unit, Instant::UNIX_EPOCH, None).await? {
        let belongs = owner(session.completed_at);
        if belongs != session.patient_id {
            let taken = session
                .series
                .iter()
                .filter(|reading| reading.state.counts())
                .map(|reading| reading.taken_at);
            let first = taken.fold(session.completed_at, Instant::min);
            changed.extend(
                [belongs, session.patient_id]
                    .into_iter()
                    .flatten()
                    .map(|patient| (patient, first)),
            );
            moved.push((session.key, belongs));
        }
    }
    if moved.is_empty() {
        return Ok(0);
    }
    store::holding::hand_over(tx, &moved).await?;
    let keys: Vec<SessionKey> = moved.iter().map(|(key, _)| key.clone()).collect();
    let gone: BTreeSet<FindingId> = (store::finding::of_sessions(tx, &keys).await?.into_iter())
        .filter(|row| row.state == FindingState::Current)
        .map(|row| row.id)
        .collect();
    store::finding::supersede(tx, &gone.into_iter().collect::<Vec<_>>()).await?;
    rejudge(tx, &changed, ids, now).await?;
    Ok(moved.len())
}
