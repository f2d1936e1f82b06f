//! What this process knows of patients from its last batches. It is never searched for what has changed: a patient's turn
//! number says whether anybody has locked her since, and then all of it is read anew.

use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, SessionKey, UnitId};
use crate::domain::time::Instant;
use crate::store::patient::Turn;

use super::open_alerts::OpenAlerts;
use super::plans::Plans;
use super::standing::Standing;

/// How much longer than rules need it the past is kept: data that comes a day late still finds it.
pub(super) const SPARE: TimeDelta = TimeDelta::days(1);

/// What a session of five readings takes in memory, in bytes.
pub const SESSION_BYTES: u64 = 400;
/// As how many sessions the rest of a patient counts: with her unit and six rules that others have too it was measured as 1,840 bytes.
const PATIENT: usize = 5;

/// A patient as the transaction of that turn left her. It moves from the memory into the next transaction and back, and is
/// never copied: who cannot find it reads the store.
#[derive(Debug)]
pub struct Known {
    pub(super) turn: Turn,
    pub(super) plans: Plans,
    /// Every session completed from here on is among `sessions`, and every older one with a reading out of time.
    pub(super) since: Instant,
    /// By `completed_at`, unit and session.
    pub(super) sessions: Vec<Standing>,
    /// Whether one of them may hold a reading out of time.
    pub(super) is_odd: bool,
    pub(super) open: OpenAlerts,
    /// Units that were hers under her lock, each with its turn: nobody has changed whose they are without locking her.
    pub(super) units: Vec<(UnitId, i64)>,
}

impl Known {
    /// What a batch found and wrote of a patient; the part of the past that no rule will ask for is left out.
    pub(super) fn new(
        turn: Turn,
        plans: Plans,
        (since, mut sessions): (Instant, Vec<Standing>),
        open: OpenAlerts,
    ) -> Box<Self> {
        sessions
            .sort_by(|one, other| (one.completed_at(), one.key()).cmp(&(other.completed_at(), other.key())));
        let wanted = sessions
            .last()
            .map(|newest| newest.completed_at() - plans.reach - SPARE);
        let since = wanted.map_or(since, |wanted| wanted.max(since));
        let is_wanted = |row: &Standing| row.completed_at() >= since || row.out_of_time;
        // Not at once, since it moves all others.
        let unwanted = sessions.iter().filter(|row| !is_wanted(row)).count();
        if unwanted * 8 > sessions.len() {
            sessions.retain(is_wanted);
        }
        Box::new(Self {
            turn,
            plans,
            since,
            is_odd: sessions.iter().any(|row| row.out_of_time),
            sessions,
            open,
            units: Vec::new(),
        })
    }

    /// Whether this is the very next turn: then nothing of it has changed.
    pub const fn is_before(&self, turn: Turn) -> bool {
        self.turn.number + 1 == turn.number
    }

    /// The number of the turn that left her so, unless she is missing: then it must be asked whether she still is.
    pub fn last_turn(&self) -> Option<i64> {
        (!self.turn.missing).then_some(self.turn.number)
    }

    /// Whether the unit's assignments stand as they did at that turn, by what stands of the patient.
    pub fn vouches_for(&self, unit: &UnitId, turn: i64) -> bool {
        self.units.iter().any(|(known, at)| *at == turn && known == unit)
    }

    /// These units are vouched for from now on.
    pub fn keep_units(&mut self, units: Vec<(UnitId, i64)>) {
        self.units = units;
    }

    /// How much of the memory it takes, in sessions.
    fn weight(&self) -> usize {
        PATIENT + self.sessions.len()
    }

    pub const fn open(&self) -> &OpenAlerts {
        &self.open
    }

    pub fn take_units(&mut self) -> Vec<(UnitId, i64)> {
        std::mem::take(&mut self.units)
    }

    /// Whether the patient has this session already, where that is known: of those completed long ago it is not.
    pub fn has(&self, key: &SessionKey, completed_at: Instant) -> Option<bool> {
        // By the part that is near and nearly always differs.
        let is_it = |row: &Standing| row.key().session_id == key.session_id && row.key() == key;
        let has = self.sessions.iter().any(is_it);
        (has || completed_at >= self.since).then_some(has)
    }
}

/// Patients seen lately, kept over batches, up to so much memory.
#[derive(Debug)]
pub struct Recall {
    most: usize,
    kept: Mutex<Kept>,
}

/// What came of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    Kept,
    /// There is no room for more.
    Full,
    /// It was of before everyone was forgotten.
    Forgotten,
}

/// Whoever is not seen while `young` fills up is forgotten with `old`.
#[derive(Debug, Default)]
struct Kept {
    young: ById<PatientId, Box<Known>>,
    old: ById<PatientId, Box<Known>>,
    /// What `young` takes, in sessions.
    weight: usize,
    /// How often everyone was forgotten.
    forgotten: u64,
}

impl Kept {
    fn take(&mut self, patient: PatientId) -> Option<Box<Known>> {
        let Some(known) = self.young.remove(&patient) else {
            return self.old.remove(&patient);
        };
        self.weight -= known.weight();
        Some(known)
    }
}

impl Recall {
    /// Keeps at most about so many sessions, a patient counted as [`PATIENT`] of them. With none every batch reads the past.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    /// Those of the patients who are remembered. They are out of the memory until [`Recall::keep`], and what is remembered counts for
    /// something only where the caller's turn is the next: see [`Known::is_before`].
    pub fn take(&self, patients: &[PatientId]) -> ById<PatientId, Box<Known>> {
        let mut kept = self.kept();
        let mut known = ById::with_capacity_and_hasher(patients.len(), BuildHasherDefault::default());
        known.extend(
            patients
                .iter()
                .filter_map(|patient| Some((*patient, kept.take(*patient)?))),
        );
        known
    }

    /// Keeps what a transaction left. Only after its commit: the number of a turn that was undone is taken again.
    pub fn keep(&self, known: Vec<(PatientId, Box<Known>)>) {
        if self.most == 0 {
            return;
        }
        let mut kept = self.kept();
        for (patient, known) in known {
            kept.take(patient);
            kept.weight += known.weight();
            kept.young.insert(patient, known);
            if kept.weight > self.most / 2 {
                kept.old = std::mem::take(&mut kept.young);
                kept.weight = 0;
            }
        }
    }

    /// Stands for what is remembered now: see [`Recall::offer`].
    pub fn forgotten(&self) -> u64 {
        self.kept().forgotten
    }

    /// Keeps those of whom nothing is known, unless everyone was forgotten since they were begun to be read: then nothing of it
    /// counts. `also` is done only where they are kept.
    pub fn offer(&self, known: Vec<(PatientId, Box<Known>)>, forgotten: u64, also: impl FnOnce()) -> Offered {
        let mut kept = self.kept();
        if self.most == 0 {
            return Offered::Full;
        }
        if kept.forgotten != forgotten {
            return Offered::Forgotten;
        }
        also();
        for (patient, known) in known {
            if !kept.young.contains_key(&patient) && !kept.old.contains_key(&patient) {
                kept.weight += known.weight();
                kept.young.insert(patient, known);
            }
        }
        // Whoever is met with makes everybody else old in time, and then forgotten.
        if kept.weight < self.most / 2 {
            Offered::Kept
        } else {
            Offered::Full
        }
    }

    /// Forgets everyone: a database that came back may have come back as of an earlier time, and would count turns again.
    pub fn forget(&self) {
        let mut kept = self.kept();
        *kept = Kept {
            forgotten: kept.forgotten + 1,
            ..Kept::default()
        };
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
