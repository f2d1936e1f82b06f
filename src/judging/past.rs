//! What a change reaches: sessions that must be judged again, and the older ones that only serve as their past.

use std::collections::HashMap;

use chrono::TimeDelta;

use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, SessionKey};
use crate::domain::reading::Decision;
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::engine::ToJudge;
use crate::store::session::Document;
use crate::store::{self, StoreError, Tx};
use crate::wire;

use super::plans::Plans;
use super::recall::Known;
use super::standing::{Reach, Standing};

/// A reading is in time up to a minute after its session ended (engine.md, `time`); so a session may hold readings
/// that are this much later than its `completed_at`.
const LATEST_IN_TIME: TimeDelta = TimeDelta::minutes(1);

type Sessions = Vec<Standing>;

/// What one patient's change needs from the store.
#[derive(Debug)]
pub struct Reached {
    /// Sessions that stay as they are, by `completed_at`, unit and session; their states are final.
    pub past: Sessions,
    /// With `again`, `past` holds every session completed since then, and older ones with a reading out of time.
    pub since: Instant,
    /// Sessions to judge again.
    pub again: Vec<Again>,
}

/// A stored session that is judged again.
#[derive(Debug)]
pub struct Again {
    pub session: Session,
    pub decisions: Vec<(u16, Decision)>,
    pub before: Standing,
}

impl Again {
    pub(super) fn to_judge(&self) -> ToJudge<'_> {
        ToJudge {
            session: &self.session,
            decisions: &self.decisions,
        }
    }
}

/// A patient whose past changed from an instant on: the earliest reading or completion that is new or otherwise judged.
#[derive(Debug)]
pub struct Touched {
    pub patient: PatientId,
    pub from: Instant,
    /// The earliest reading among sessions that are new to the store; it may lie before `from` only by decision.
    pub earliest: Instant,
    pub plans: Plans,
    pub known: Option<Box<Known>>,
}

/// Loads all that the changes reach, in one statement for the whole batch where data came in order.
pub async fn load(tx: &mut Tx, touched: Vec<Touched>) -> Result<ById<PatientId, Reached>, PastFault> {
    let mut reached = ById::default();
    let mut wanted: Vec<(Touched, Instant)> = touched
        .into_iter()
        .map(|change| {
            let since = horizon(change.from.min(change.earliest), &change);
            (change, since)
        })
        .collect();
    // A session to judge again may hold readings older than the change: then the past must begin earlier. The second
    // round asks for no more than that, so two rounds nearly always do.
    while !wanted.is_empty() {
        let mut rows = rows(tx, &mut wanted).await?;
        let mut short = Vec::new();
        for (change, since) in wanted {
            let Found {
                since,
                sessions: mut rows,
                is_odd,
            } = rows.remove(&change.patient).unwrap_or(Found::of(since));
            // A session that ended before the change may hold a reading after it; then combinations of sessions
            // that follow that one are reached too.
            let first = first_reached((&rows, is_odd), Reach::from(change.from));
            let first = first.map_or(change.from, |first| first.min(change.from));
            let again = rows.split_off(rows.partition_point(|row| row.completed_at() < first));
            let oldest = again.iter().flat_map(Standing::matter_at).min();
            match oldest.map(|oldest| horizon(oldest, &change)) {
                Some(needed) if needed < since => short.push((change, needed)),
                _ => drop(reached.insert(change.patient, (since, rows, again))),
            }
        }
        wanted = short;
    }
    assemble(tx, reached).await
}

/// A patient's sessions since then, in order.
#[derive(Debug)]
struct Found {
    since: Instant,
    sessions: Sessions,
    /// Whether one of them may hold a reading out of time.
    is_odd: bool,
}

impl Found {
    const fn of(since: Instant) -> Self {
        Self {
            since,
            sessions: Vec::new(),
            is_odd: false,
        }
    }
}

/// The patients' sessions since then, or since longer: from memory where that holds (there they are no longer then), all others in
/// one statement.
async fn rows(tx: &mut Tx, wanted: &mut [(Touched, Instant)]) -> Result<ById<PatientId, Found>, PastFault> {
    let mut rows = ById::default();
    let mut unknown: Vec<(PatientId, Instant)> = Vec::new();
    for (change, since) in wanted {
        let known = change.known.take().filter(|known| known.since <= *since);
        if known.is_none() {
            unknown.push((change.patient, *since));
        }
        let found = known.map_or_else(
            || Found::of(*since),
            |known| Found {
                since: known.since,
                sessions: known.sessions,
                is_odd: known.is_odd,
            },
        );
        rows.insert(change.patient, found);
    }
    for row in store::session::history(tx, &unknown).await? {
        if let Some(found) = rows.get_mut(&row.patient_id) {
            found.is_odd |= row.out_of_time;
            found.sessions.push(Standing::read(row)?);
        }
    }
    Ok(rows)
}

/// When the first of them was completed, which are in order, that a change can alter.
fn first_reached((rows, is_odd): (&[Standing], bool), change: Reach) -> Option<Instant> {
    // Nearly always the new session follows all others, and none of them need be looked at.
    let from = if is_odd {
        0
    } else {
        rows.partition_point(|row| row.is_before(change))
    };
    let mut reached = rows[from..].iter().filter(|row| row.is_reached(change));
    reached.next().map(Standing::completed_at)
}

/// Sessions completed from here on can matter to a reading taken at `earliest`.
fn horizon(earliest: Instant, change: &Touched) -> Instant {
    earliest - change.plans.reach - LATEST_IN_TIME
}

async fn assemble(
    tx: &mut Tx,
    rows: ById<PatientId, (Instant, Sessions, Sessions)>,
) -> Result<ById<PatientId, Reached>, PastFault> {
    let keys: Vec<SessionKey> = rows
        .values()
        .flat_map(|(_, _, again)| again.iter().map(|row| row.key().clone()))
        .collect();
    let mut documents: HashMap<_, _> = store::session::documents(tx, &keys).await?.into_iter().collect();
    let mut decisions = decisions(tx, &keys).await?;
    let mut reached = ById::default();
    for (patient, (since, past, again)) in rows {
        let again = again
            .into_iter()
            .map(|before| {
                let key = before.key();
                let document = documents.remove(key).ok_or_else(|| unreadable(key, "is gone"))?;
                let session = decoded(key, &document, before.received_at)?;
                let decisions = decisions.remove(key).unwrap_or_default();
                Ok(Again {
                    session,
                    decisions,
                    before,
                })
            })
            .collect::<Result<_, PastFault>>()?;
        reached.insert(patient, Reached { past, since, again });
    }
    Ok(reached)
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

/// The session that a stored document is of, its times moved as a person said.
pub(super) fn decoded(
    key: &SessionKey,
    document: &Document,
    received_at: Instant,
) -> Result<Session, PastFault> {
    wire::session::decode_moved(&key.unit_id, &document.text, received_at, document.shift_seconds)
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
