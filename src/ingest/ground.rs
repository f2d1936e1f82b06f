//! What a batch must know before it sorts, read in lock order: units, their assignments, patients, sessions already stored.

use std::collections::HashMap;

use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, SessionKey, UnitId};
use crate::domain::time::Instant;
use crate::judging::recall::{Known, Recall};
use crate::store::{self, StoreError, Tx};

use super::arrival::{Arrival, What};
use super::hands::{Hands, Periods};

#[derive(Debug)]
pub struct Ground {
    /// Of every unit that is registered.
    periods: ById<UnitId, Periods>,
    stored: HashMap<SessionKey, [u8; 32]>,
    turns: ById<PatientId, i64>,
    known: ById<PatientId, Known>,
}

impl Ground {
    /// Locks the units for share and their patients for change, then looks which sessions are here already.
    pub async fn lock(
        tx: &mut Tx,
        arrivals: &[Arrival],
        (hands, recall): (&Hands, &Recall),
    ) -> Result<Self, StoreError> {
        let named = arrivals.iter().filter_map(|arrival| arrival.unit_id().cloned());
        let named = distinct(named.collect());
        let units = store::unit::lock_for_share(tx, &named).await?;
        let periods = hands.of(tx, &units).await?;
        let mut ground = Self {
            periods,
            stored: HashMap::new(),
            turns: ById::default(),
            known: ById::default(),
        };
        let patients = arrivals.iter().flat_map(|arrival| ground.concerned(arrival));
        let patients: Vec<PatientId> = distinct(patients.flatten().collect());
        ground.turns = store::patient::take_turn(tx, &patients)
            .await?
            .into_iter()
            .collect();
        ground.known = recall.take(ground.turns.iter().map(|(patient, turn)| (*patient, *turn)));
        let doubtful = arrivals.iter().filter_map(|arrival| ground.doubtful(arrival));
        let doubtful: Vec<SessionKey> = distinct(doubtful.cloned().collect());
        ground.stored = store::session::known(tx, &doubtful).await?.into_iter().collect();
        Ok(ground)
    }

    pub fn is_registered(&self, unit: &UnitId) -> bool {
        self.periods.contains_key(unit)
    }

    /// The patient's turn that this transaction has.
    pub fn turn(&self, patient: PatientId) -> Option<i64> {
        self.turns.get(&patient).copied()
    }

    /// What stands of the patient, where that is remembered; once.
    pub fn take_known(&mut self, patient: PatientId) -> Option<Known> {
        self.known.remove(&patient)
    }

    /// The arrival's session, unless it is known to be new to its patient. One that is stored although memory says
    /// otherwise (its time was moved, or it says something else) is refused by the store, and then everything is looked up.
    fn doubtful<'a>(&self, arrival: &'a Arrival) -> Option<&'a SessionKey> {
        let What::Session { session, .. } = &arrival.what else {
            return None;
        };
        let patient = self.whose(&session.key.unit_id, session.completed_at);
        let known = patient.and_then(|patient| self.known.get(&patient));
        let has = known.and_then(|known| known.has(&session.key, session.completed_at));
        (has != Some(false)).then_some(&session.key)
    }

    /// The patient whom the unit was assigned to at that time.
    pub fn whose(&self, unit: &UnitId, at: Instant) -> Option<PatientId> {
        let periods = self.periods.get(unit)?;
        periods
            .iter()
            .find(|assignment| assignment.holds_at(at))
            .map(|assignment| assignment.patient_id)
    }

    /// The content of the session of this key that is stored.
    pub fn stored(&self, key: &SessionKey) -> Option<&[u8; 32]> {
        self.stored.get(key)
    }

    /// Whose readings wait in a message that is set aside: those of the patient of its time, where that can be believed;
    /// else the patient's who has the unit now.
    pub fn whose_set_aside(
        &self,
        unit: &UnitId,
        completed_at: Option<Instant>,
        received_at: Instant,
    ) -> Option<PatientId> {
        completed_at
            .and_then(|at| self.whose(unit, at))
            .or_else(|| self.whose(unit, received_at))
    }

    /// Whose past, and whose alerts, the arrival may change: a session's patient, and should it be set aside perhaps the
    /// patient who has the unit now.
    fn concerned(&self, arrival: &Arrival) -> [Option<PatientId>; 2] {
        match &arrival.what {
            What::Session { session, .. } => {
                let unit = &session.key.unit_id;
                [
                    self.whose(unit, session.completed_at),
                    self.whose(unit, arrival.received_at),
                ]
            }
            What::Refused(refused) => {
                let (completed_at, received_at) = (refused.completed_at, arrival.received_at);
                let unit = refused.unit_id.as_ref();
                [
                    unit.and_then(|unit| self.whose_set_aside(unit, completed_at, received_at)),
                    None,
                ]
            }
            What::Status { .. } | What::Nothing => [None, None],
        }
    }
}

/// Sorted, each once.
fn distinct<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}
