//! What a change reaches: sessions that must be judged again, and the older ones that only serve as their past.

use std::collections::HashMap;

use chrono::TimeDelta;

use crate::domain::ids::{PatientId, SessionKey};
use crate::domain::reading::{Decision, ReadingState, Suspicion, judged_value};
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::engine::{self, PastReading, PastSession};
use crate::store::series::SeriesReading;
use crate::store::session::HistoryRow;
use crate::store::{self, StoreError, Tx};
use crate::wire;

use super::plans::Plans;

/// A reading is in time up to a minute after its session ended (engine.md, `time`); so a session may hold readings
/// that are this much later than its `completed_at`.
const LATEST_IN_TIME: TimeDelta = TimeDelta::minutes(1);

/// What one patient's change needs from the store.
#[derive(Debug, Default)]
pub struct Reached {
    /// Sessions that stay as they are; their states are final.
    pub past: Vec<PastSession>,
    /// Sessions to judge again.
    pub again: Vec<Again>,
}

/// A stored session that is judged again.
#[derive(Debug)]
pub struct Again {
    pub session: Session,
    pub decisions: Vec<(u16, Decision)>,
    pub before: HistoryRow,
}

/// A patient whose past changed from an instant on: the earliest reading or completion that is new or otherwise judged.
#[derive(Debug, Clone)]
pub struct Touched {
    pub patient: PatientId,
    pub from: Instant,
    /// The earliest reading among sessions that are new to the store; it may lie before `from` only by decision.
    pub earliest: Instant,
    pub plans: Plans,
}

/// Loads all that the changes reach, in one statement for the whole batch where data came in order.
pub async fn load(tx: &mut Tx, touched: &[Touched]) -> Result<HashMap<PatientId, Reached>, PastFault> {
    let mut reached = HashMap::with_capacity(touched.len());
    let mut wanted: Vec<(Touched, Instant)> = touched
        .iter()
        .map(|change| (change.clone(), horizon(change.from.min(change.earliest), change)))
        .collect();
    // A session to judge again may hold readings older than the change: then the past must begin earlier. The second
    // round asks for no more than that, so two rounds nearly always do.
    while !wanted.is_empty() {
        let since: Vec<(PatientId, Instant)> = wanted
            .iter()
            .map(|(change, since)| (change.patient, *since))
            .collect();
        let mut rows: HashMap<PatientId, Vec<HistoryRow>> = HashMap::with_capacity(since.len());
        for row in store::session::history(tx, &since).await? {
            rows.entry(row.patient_id).or_default().push(row);
        }
        let mut short = Vec::new();
        for (change, since) in wanted {
            let rows = rows.remove(&change.patient).unwrap_or_default();
            // A session that ended before the change may hold a reading after it; then combinations of sessions
            // that follow that one are reached too.
            let first = rows
                .iter()
                .filter(|row| is_reached(row, change.from))
                .map(|row| row.completed_at)
                .min();
            let first = first.map_or(change.from, |first| first.min(change.from));
            let (again, past): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.completed_at >= first);
            let oldest = again
                .iter()
                .flat_map(|row| row.series.iter().filter_map(matters_at))
                .min();
            match oldest.map(|oldest| horizon(oldest, &change)) {
                Some(needed) if needed < since => short.push((change, needed)),
                _ => drop(reached.insert(change.patient, (past, again))),
            }
        }
        wanted = short;
    }
    assemble(tx, reached).await
}

/// Sessions completed from here on can matter to a reading taken at `earliest`.
fn horizon(earliest: Instant, change: &Touched) -> Instant {
    earliest - engine::reach(&change.plans) - LATEST_IN_TIME
}

/// Whether a change from `from` on can alter the session's states or findings.
fn is_reached(row: &HistoryRow, from: Instant) -> bool {
    row.completed_at >= from || row.series.iter().filter_map(matters_at).any(|at| at >= from)
}

/// When the reading was taken, if it can matter to others, as `engine::Span` has it. A control solution dated 1970 by a
/// broken clock must not have the whole past judged again, nor one dated 2099 every session from then on.
fn matters_at(reading: &SeriesReading) -> Option<Instant> {
    let matters = reading.state.counts() || reading.state == ReadingState::Suspect(Suspicion::WeightJump);
    matters.then_some(reading.taken_at)
}

async fn assemble(
    tx: &mut Tx,
    rows: HashMap<PatientId, (Vec<HistoryRow>, Vec<HistoryRow>)>,
) -> Result<HashMap<PatientId, Reached>, PastFault> {
    let keys: Vec<SessionKey> = rows
        .values()
        .flat_map(|(_, again)| again.iter().map(|row| row.key.clone()))
        .collect();
    let mut documents: HashMap<_, _> = store::session::documents(tx, &keys).await?.into_iter().collect();
    let mut decisions = decisions(tx, &keys).await?;
    let mut reached = HashMap::with_capacity(rows.len());
    for (patient, (past, again)) in rows {
        let past = past.into_iter().map(past_session).collect::<Result<_, _>>()?;
        let again = again
            .into_iter()
            .map(|before| {
                let document = documents
                    .remove(&before.key)
                    .ok_or_else(|| unreadable(&before.key, "is gone"))?;
                let session = decoded(&before.key, &document, before.received_at)?;
                let decisions = decisions.remove(&before.key).unwrap_or_default();
                Ok(Again {
                    session,
                    decisions,
                    before,
                })
            })
            .collect::<Result<_, PastFault>>()?;
        reached.insert(patient, Reached { past, again });
    }
    Ok(reached)
}

fn past_session(row: HistoryRow) -> Result<PastSession, PastFault> {
    let fired = serde_json::from_str(&row.fired).map_err(|fault| unreadable(&row.key, &fault.to_string()))?;
    let readings = row.series.iter().map(past_reading).collect();
    Ok(PastSession {
        key: row.key,
        completed_at: row.completed_at,
        readings,
        fired,
    })
}

fn past_reading(kept: &SeriesReading) -> PastReading {
    let judged = judged_value(kept.value, kept.comparator);
    PastReading {
        measure: kept.measure,
        judged,
        taken_at: kept.taken_at,
        state: kept.state,
    }
}

/// The last decision on each reading of these (distinct) sessions, where there is one.
pub(super) async fn decisions(
    tx: &mut Tx,
    keys: &[SessionKey],
) -> Result<HashMap<SessionKey, Vec<(u16, Decision)>>, StoreError> {
    let mut decisions = HashMap::<SessionKey, Vec<(u16, Decision)>>::new();
    for row in store::decision::of_sessions(tx, keys).await? {
        let of_session = decisions.entry(row.key).or_default();
        of_session.retain(|(index, _)| *index != row.reading_index);
        of_session.push((row.reading_index, row.decision));
    }
    Ok(decisions)
}

/// The session that a stored document is of.
pub(super) fn decoded(key: &SessionKey, document: &str, received_at: Instant) -> Result<Session, PastFault> {
    wire::session::decode(&key.unit_id, document.as_bytes(), received_at)
        .map(|decoded| decoded.session)
        .map_err(|rejection| unreadable(key, rejection.code.word()))
}

fn unreadable(key: &SessionKey, fault: &str) -> PastFault {
    PastFault::Unreadable {
        session: key.clone(),
        fault: fault.to_owned(),
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PastFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("session {session} can no longer be read: {fault}")]
    Unreadable { session: SessionKey, fault: String },
}
