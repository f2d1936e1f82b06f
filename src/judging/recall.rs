//! What this process knows of patients from its last batches. It is never searched for what has changed: a patient's turn
//! number says whether anybody has locked her since, and then all of it is read anew.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, SessionKey};
use crate::domain::time::Instant;
use crate::engine;

use super::plans::Plans;
use super::standing::Standing;

/// How much longer than rules need it the past is kept: data that comes a day late still finds it.
const SPARE: TimeDelta = TimeDelta::days(1);

/// A patient as the transaction of that turn left her. It moves from the memory into the next transaction and back, and is
/// never copied: who cannot find it reads the store.
#[derive(Debug)]
pub struct Known {
    pub(super) turn: i64,
    pub(super) plans: Plans,
    /// Every session completed from here on is among `sessions`, and every older one with a reading out of time.
    pub(super) since: Instant,
    /// By `completed_at`, unit and session.
    pub(super) sessions: Vec<Standing>,
    /// False where she is known to have no open amber alert of the classes that sessions may end.
    pub(super) may_have_amber: bool,
}

impl Known {
    /// What a batch found and wrote of a patient; the part of the past that no rule will ask for is left out.
    pub(super) fn new(
        turn: i64,
        plans: Plans,
        (since, mut sessions): (Instant, Vec<Standing>),
        may_have_amber: bool,
    ) -> Self {
        sessions
            .sort_by(|one, other| (one.completed_at(), one.key()).cmp(&(other.completed_at(), other.key())));
        let wanted = sessions
            .last()
            .map(|newest| newest.completed_at() - engine::reach(&plans) - SPARE);
        let since = wanted.map_or(since, |wanted| wanted.max(since));
        sessions.retain(|row| row.completed_at() >= since || row.out_of_time);
        Self {
            turn,
            plans,
            since,
            sessions,
            may_have_amber,
        }
    }

    /// Whether the patient has this session already, where that is known: of those completed long ago it is not.
    pub fn has(&self, key: &SessionKey, completed_at: Instant) -> Option<bool> {
        // By the part that is near and nearly always differs.
        let is_it = |row: &Standing| row.key().session_id == key.session_id && row.key() == key;
        let has = self.sessions.iter().any(is_it);
        (has || completed_at >= self.since).then_some(has)
    }
}

/// Patients seen lately, kept over batches, up to a number of sessions.
#[derive(Debug)]
pub struct Recall {
    most: usize,
    kept: Mutex<Kept>,
}

/// Whoever is not seen while `young` fills up is forgotten with `old`.
#[derive(Debug, Default)]
struct Kept {
    young: ById<PatientId, Known>,
    old: ById<PatientId, Known>,
    /// Sessions in `young`.
    sessions: usize,
}

impl Kept {
    fn take(&mut self, patient: PatientId) -> Option<Known> {
        let Some(known) = self.young.remove(&patient) else {
            return self.old.remove(&patient);
        };
        self.sessions -= known.sessions.len();
        Some(known)
    }
}

impl Recall {
    /// Keeps at most about so many sessions, of some 400 bytes each. With none every batch reads the past.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    /// Those patients of whom all is known, given the turns that the caller's transaction has just taken. They are out of the
    /// memory until [`Recall::keep`].
    pub fn take(&self, turns: impl Iterator<Item = (PatientId, i64)>) -> ById<PatientId, Known> {
        let mut kept = self.kept();
        turns
            .filter_map(|(patient, turn)| {
                let known = kept.take(patient)?;
                (known.turn + 1 == turn).then_some((patient, known))
            })
            .collect()
    }

    /// Keeps what a transaction left. Only after its commit: the number of a turn that was undone is taken again.
    pub fn keep(&self, known: Vec<(PatientId, Known)>) {
        let mut kept = self.kept();
        for (patient, known) in known {
            kept.take(patient);
            kept.sessions += known.sessions.len();
            kept.young.insert(patient, known);
            if kept.sessions > self.most / 2 {
                kept.old = std::mem::take(&mut kept.young);
                kept.sessions = 0;
            }
        }
    }

    /// Forgets everyone: a database that came back may have come back as of an earlier time, and would count turns again.
    pub fn forget(&self) {
        *self.kept() = Kept::default();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
