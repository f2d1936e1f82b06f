//! What a batch must know before it sorts, read in lock order: units, their assignments, patients, sessions already stored. Where all
//! of it is remembered nothing is read, and the patients are locked when the batch is written.

use std::collections::HashMap;

use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, SessionKey, UnitId};
use crate::domain::time::Instant;
use crate::judging::recall::{Known, Recall};
use crate::store::patient::Turn;
use crate::store::{self, StoreError, Tx};

use super::arrival::{Arrival, What};
use super::hands::{self, Hands};
use super::named::{Lent, Named, Units, distinct};

#[derive(Debug, Default)]
pub struct Ground {
    units: Units,
    stored: HashMap<SessionKey, [u8; 32]>,
    turns: ById<PatientId, Turn>,
    known: ById<PatientId, Box<Known>>,
    /// For each patient the units whose assignments stay as they are while she is locked.
    hers: ById<PatientId, Vec<(UnitId, i64)>>,
}

impl Ground {
    /// Keeps the units' assignments as they are and locks their patients for change, then looks which sessions are here already.
    pub async fn lock(
        tx: &mut Tx,
        arrivals: &[Arrival],
        (hands, recall): (&Hands, &Recall),
    ) -> Result<Self, StoreError> {
        let mut ground = Self {
            units: Units::of(arrivals),
            ..Self::default()
        };
        let unknown = ground.units.recall(hands);
        let unknown = ground.units.ids(unknown.into_iter());
        ground.units.learn(hands.look_up(tx, &unknown).await?);
        let mut lent = ground.units.lent(arrivals);
        let nobodys = ground.units.nobodys(&lent);
        if !nobodys.is_empty() {
            ground.lock_units(tx, &nobodys).await?;
            lent = ground.units.lent(arrivals);
        }
        let patients = distinct(lent.iter().map(|(patient, ..)| *patient).collect());
        ground.known = recall.take(&patients);
        let by_heart = tx.is_put_off() && nobodys.is_empty();
        if let Some(last) = by_heart
            .then(|| ground.last_turns(&patients, &lent, arrivals))
            .flatten()
        {
            store::patient::take_next_turn(tx, &last).await?;
            ground.turns = last.into_iter().map(next_turn).collect();
            ground.hold(lent);
            return Ok(ground);
        }
        ground.take_turns(tx, &patients).await?;
        ground.look_after(tx, &lent, &nobodys, hands).await?;
        ground.hold(lent);
        let doubtful = arrivals.iter().enumerate();
        let doubtful = doubtful.filter_map(|(at, arrival)| ground.doubtful(at, arrival));
        let doubtful: Vec<SessionKey> = distinct(doubtful.cloned().collect());
        ground.stored = store::session::known(tx, &doubtful).await?.into_iter().collect();
        Ok(ground)
    }

    /// The patients' last turns, where all that a batch must know is remembered, so that it need ask nothing: what stands of each, that
    /// the units are hers, and that the sessions are new. Should anybody have had a turn since then, none of it is written.
    fn last_turns(
        &self,
        patients: &[PatientId],
        lent: &[Lent],
        arrivals: &[Arrival],
    ) -> Option<Vec<(PatientId, i64)>> {
        let last = patients.iter().map(|patient| {
            let known = self.known.get(patient)?;
            Some((*patient, known.last_turn()?))
        });
        let last: Vec<(PatientId, i64)> = last.collect::<Option<_>>()?;
        let vouched = self.vouched(lent);
        let mut arrivals = arrivals.iter().enumerate();
        let sure = lent.iter().all(|(_, place)| vouched[*place])
            && arrivals.all(|(at, arrival)| self.doubtful(at, arrival).is_none());
        sure.then_some(last)
    }

    /// Locks the patients, and forgets of whom it is not the next turn.
    async fn take_turns(&mut self, tx: &mut Tx, patients: &[PatientId]) -> Result<(), StoreError> {
        let turns = store::patient::take_turn(tx, patients).await?;
        self.turns = turns.into_iter().collect();
        let turns = &self.turns;
        self.known
            .retain(|patient, known| turns.get(patient).is_some_and(|turn| known.is_before(*turn)));
        Ok(())
    }

    /// Of each unit whether a patient's memory says that it is as it was.
    fn vouched(&self, lent: &[Lent]) -> Vec<bool> {
        let mut vouched = vec![false; self.units.count()];
        for (patient, place) in lent {
            let Named { id, lending, .. } = self.units.at(*place);
            let known = self.known.get(patient).zip(lending.as_ref());
            vouched[*place] |= known.is_some_and(|(known, (turn, _))| known.vouches_for(id, *turn));
        }
        vouched
    }

    /// No patient's lock keeps the assignments of these units as they are: they are locked for share, and read after that.
    async fn lock_units(&mut self, tx: &mut Tx, nobodys: &[usize]) -> Result<(), StoreError> {
        let names = self.units.ids(nobodys.iter().copied());
        let locked = store::unit::lock_for_share(tx, &names).await?;
        self.units.only_registered(nobodys, &locked);
        self.units.learn(hands::read(tx, &locked).await?);
        Ok(())
    }

    /// Whoever changes assignments of a unit locks everybody who has or had it; so none of those whose patients are locked now can
    /// change any more. Whether it had changed before that a patient says who has had no turn since then, remembered or read; of
    /// all others the turns are asked. Of those that are `locked` it is known anyhow.
    async fn look_after(
        &self,
        tx: &mut Tx,
        lent: &[Lent],
        locked: &[usize],
        hands: &Hands,
    ) -> Result<(), StoreError> {
        let mut sure = self.vouched(lent);
        for (patient, place) in lent {
            let before = self.turns.get(patient).map(|turn| (*patient, turn.number - 1));
            sure[*place] |= before.is_some_and(|before| self.units.at(*place).was_read_at(before));
        }
        for place in locked {
            sure[*place] = true;
        }
        let unsure = lent.iter().filter(|(_, place)| !sure[*place]);
        let unsure = self.units.ids(unsure.map(|(_, place)| *place));
        let stands = store::assignment::turns(tx, &unsure).await?;
        let as_thought = |(unit, turn): &(UnitId, i64)| {
            let thought = self.units.get(unit).and_then(|unit| unit.lending.as_ref());
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
        self.hers = known
            .map(|(patient, known)| (*patient, known.take_units()))
            .collect();
        for (patient, place) in lent {
            let Named { id, lending, .. } = self.units.at(place);
            let Some((turn, _)) = lending else { continue };
            let of_patient = self.hers.entry(patient).or_default();
            match of_patient.iter_mut().find(|(known, _)| known == id) {
                Some((_, known)) => *known = *turn,
                None => of_patient.push((id.clone(), *turn)),
            }
        }
    }

    /// Whether the unit of the arrival at that place is registered.
    pub fn is_registered(&self, at: usize) -> bool {
        self.units.is_registered(at)
    }

    /// Whether no other arrival is of the same unit.
    pub fn is_alone(&self, at: usize) -> bool {
        self.units.is_alone(at)
    }

    /// The patient's turn that this transaction has.
    pub fn turn(&self, patient: PatientId) -> Option<Turn> {
        self.turns.get(&patient).copied()
    }

    /// What stands of the patient, where that is remembered; once.
    pub fn take_known(&mut self, patient: PatientId) -> Option<Box<Known>> {
        self.known.remove(&patient)
    }

    /// The units whose assignments stay as they are while the patient is locked, each with its turn; once.
    pub fn take_units(&mut self, patient: PatientId) -> Vec<(UnitId, i64)> {
        self.hers.remove(&patient).unwrap_or_default()
    }

    /// The arrival's session, unless it is known to be new to its patient. One that is stored although memory says
    /// otherwise (its time was moved, or it says something else) is refused by the store, and then everything is looked up.
    fn doubtful<'a>(&self, at: usize, arrival: &'a Arrival) -> Option<&'a SessionKey> {
        let What::Session { session, .. } = &arrival.what else {
            return None;
        };
        let patient = self.whose(at, session.completed_at);
        let known = patient.and_then(|patient| self.known.get(&patient));
        let has = known.and_then(|known| known.has(&session.key, session.completed_at));
        (has != Some(false)).then_some(&session.key)
    }

    /// The patient whom the unit of the arrival at that place was assigned to at that time.
    pub fn whose(&self, at: usize, time: Instant) -> Option<PatientId> {
        self.units.whose(at, time)
    }

    /// The content of the session of this key that is stored.
    pub fn stored(&self, key: &SessionKey) -> Option<&[u8; 32]> {
        self.stored.get(key)
    }

    /// Whose readings wait in the arrival at that place, which is set aside: those of the patient of its time, where that can be
    /// believed; else the patient's who has the unit now.
    pub fn whose_set_aside(
        &self,
        at: usize,
        completed_at: Option<Instant>,
        received_at: Instant,
    ) -> Option<PatientId> {
        self.units.whose_set_aside(at, completed_at, received_at)
    }
}

const fn next_turn((patient, last): (PatientId, i64)) -> (PatientId, Turn) {
    let turn = Turn {
        number: last + 1,
        missing: false,
    };
    (patient, turn)
}
