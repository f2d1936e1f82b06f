//! What a batch must know before it sorts, read in lock order: units, their assignments, patients, sessions already stored.

use std::collections::{HashMap, HashSet};

use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, SessionKey, UnitId};
use crate::domain::time::Instant;
use crate::judging::recall::{Known, Recall};
use crate::store::patient::Turn;
use crate::store::{self, StoreError, Tx};

use super::arrival::{Arrival, What};
use super::hands::{Hands, Lending};

#[derive(Debug, Default)]
pub struct Ground {
    /// Of every unit that is registered, with the turn that stands at them.
    periods: ById<UnitId, Lending>,
    stored: HashMap<SessionKey, [u8; 32]>,
    turns: ById<PatientId, Turn>,
    known: ById<PatientId, Known>,
    /// For each patient the units whose assignments stay as they are while she is locked.
    units: ById<PatientId, Vec<(UnitId, i64)>>,
}

/// That a unit is or was a patient's, by assignments of that turn.
type Lent = (PatientId, UnitId, i64);

impl Ground {
    /// Keeps the units' assignments as they are and locks their patients for change, then looks which sessions are here already.
    pub async fn lock(
        tx: &mut Tx,
        arrivals: &[Arrival],
        (hands, recall): (&Hands, &Recall),
    ) -> Result<Self, StoreError> {
        let named = arrivals.iter().filter_map(|arrival| arrival.unit_id().cloned());
        let named = distinct(named.collect());
        let mut ground = Self {
            periods: hands.remembered(&named),
            ..Self::default()
        };
        let vouched = ground.lock_units(tx, &named, arrivals, (hands, recall)).await?;
        let lent = ground.lent(arrivals);
        let patients = distinct(lent.iter().map(|(patient, ..)| *patient).collect());
        ground.turns = store::patient::take_turn(tx, &patients)
            .await?
            .into_iter()
            .collect();
        ground.known = recall.take(ground.turns.iter().map(|(patient, turn)| (*patient, turn.number)));
        ground.look_after(tx, vouched, hands).await?;
        ground.hold(lent);
        let doubtful = arrivals.iter().filter_map(|arrival| ground.doubtful(arrival));
        let doubtful: Vec<SessionKey> = distinct(doubtful.cloned().collect());
        ground.stored = store::session::known(tx, &doubtful).await?.into_iter().collect();
        Ok(ground)
    }

    /// Whoever changes assignments of a unit locks everybody who has or had it. So a unit needs no lock of its own where one of
    /// them will be locked, by whom it will most likely be vouched for; all others are locked for share. Gives the former.
    async fn lock_units(
        &mut self,
        tx: &mut Tx,
        named: &[UnitId],
        arrivals: &[Arrival],
        (hands, recall): (&Hands, &Recall),
    ) -> Result<Vec<Lent>, StoreError> {
        let vouched = recall.vouched(self.lent(arrivals));
        let units: HashSet<&UnitId> = vouched.iter().map(|(_, unit, _)| unit).collect();
        self.periods.retain(|unit, _| units.contains(unit));
        let others = named.iter().filter(|unit| !units.contains(unit));
        let others: Vec<UnitId> = others.cloned().collect();
        let locked = store::unit::lock_for_share(tx, &others).await?;
        self.periods.extend(hands.of(tx, &locked).await?);
        Ok(vouched)
    }

    /// Those who had not the turn before cannot be believed any more: what their units' turns are is asked, now that no assignment
    /// can change.
    async fn look_after(&self, tx: &mut Tx, vouched: Vec<Lent>, hands: &Hands) -> Result<(), StoreError> {
        let (sure, unsure): (Vec<Lent>, Vec<Lent>) =
            vouched.into_iter().partition(|(patient, unit, turn)| {
                let known = self.known.get(patient);
                known.is_some_and(|known| known.vouches_for(unit, *turn))
            });
        let sure: HashSet<&UnitId> = sure.iter().map(|(_, unit, _)| unit).collect();
        let unsure = unsure.into_iter().map(|(_, unit, _)| unit);
        let unsure = distinct(unsure.filter(|unit| !sure.contains(unit)).collect());
        let stands = store::unit::turns(tx, &unsure).await?;
        let as_thought = |(unit, turn): &(UnitId, i64)| {
            let thought = self.periods.get(unit);
            thought.is_some_and(|(thought, _)| thought == turn)
        };
        if stands.len() == unsure.len() && stands.iter().all(as_thought) {
            Ok(())
        } else {
            // Perhaps it is somebody else who must be locked.
            hands.forget_of(&unsure);
            Err(StoreError::Overtaken {
                what: "an assignment".to_owned(),
            })
        }
    }

    /// Remembers of each patient which units she keeps as they are.
    fn hold(&mut self, lent: Vec<Lent>) {
        let known = self.known.iter_mut();
        self.units = known
            .map(|(patient, known)| (*patient, known.take_units()))
            .collect();
        for (patient, unit, turn) in lent {
            let of_patient = self.units.entry(patient).or_default();
            match of_patient.iter_mut().find(|(known, _)| *known == unit) {
                Some((_, known)) => *known = turn,
                None => of_patient.push((unit, turn)),
            }
        }
    }

    /// Whose past, and whose alerts, the arrivals may change, by which units.
    fn lent(&self, arrivals: &[Arrival]) -> Vec<Lent> {
        let mut lent = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let Some(unit) = arrival.unit_id() else { continue };
            let Some((turn, _)) = self.periods.get(unit) else {
                continue;
            };
            let [then, now] = self.concerned(arrival);
            for patient in then.into_iter().chain(now.filter(|now| Some(*now) != then)) {
                lent.push((patient, unit.clone(), *turn));
            }
        }
        lent
    }

    pub fn is_registered(&self, unit: &UnitId) -> bool {
        self.periods.contains_key(unit)
    }

    /// The patient's turn that this transaction has.
    pub fn turn(&self, patient: PatientId) -> Option<Turn> {
        self.turns.get(&patient).copied()
    }

    /// What stands of the patient, where that is remembered; once.
    pub fn take_known(&mut self, patient: PatientId) -> Option<Known> {
        self.known.remove(&patient)
    }

    /// The units whose assignments stay as they are while the patient is locked, each with its turn; once.
    pub fn take_units(&mut self, patient: PatientId) -> Vec<(UnitId, i64)> {
        self.units.remove(&patient).unwrap_or_default()
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
        let (_, periods) = self.periods.get(unit)?;
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
