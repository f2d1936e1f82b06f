//! What a batch must know before it sorts, read in lock order: units, their assignments, patients, sessions already stored. Where all
//! of it is remembered nothing is read, and the patients are locked when the batch is written.

use std::collections::{HashMap, HashSet};

use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, SessionKey, UnitId};
use crate::domain::time::Instant;
use crate::judging::recall::{Known, Recall};
use crate::store::assignment::Assignment;
use crate::store::patient::Turn;
use crate::store::{self, StoreError, Tx};

use super::arrival::{Arrival, What};
use super::hands::{self, Hands, Lending};

#[derive(Debug, Default)]
pub struct Ground {
    /// Of every unit that is registered, with the turn that stands at them.
    periods: ById<UnitId, Lending>,
    /// Of units that were read and not remembered: see [`hands::Read`].
    read: ById<UnitId, Vec<(PatientId, i64)>>,
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
        let unknown = hands.unknown(tx, &named, &ground.periods).await?;
        ground.learn(unknown);
        let mut lent = ground.lent(arrivals);
        let nobodys = nobodys(named, &lent);
        if !nobodys.is_empty() {
            ground.lock_units(tx, &nobodys).await?;
            lent = ground.lent(arrivals);
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
        let doubtful = arrivals.iter().filter_map(|arrival| ground.doubtful(arrival));
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
        let sure = lent.iter().all(|(_, unit, _)| vouched.contains(unit))
            && arrivals.iter().all(|arrival| self.doubtful(arrival).is_none());
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

    /// The units of which a patient's memory says that they are as they were.
    fn vouched<'a>(&self, lent: &'a [Lent]) -> HashSet<&'a UnitId> {
        let vouched = lent.iter().filter(|(patient, unit, turn)| {
            let known = self.known.get(patient);
            known.is_some_and(|known| known.vouches_for(unit, *turn))
        });
        vouched.map(|(_, unit, _)| unit).collect()
    }

    /// No patient's lock keeps the assignments of these units as they are: they are locked for share, and read after that.
    async fn lock_units(&mut self, tx: &mut Tx, units: &[UnitId]) -> Result<(), StoreError> {
        for unit in units {
            self.periods.remove(unit);
        }
        let locked = store::unit::lock_for_share(tx, units).await?;
        let nobodys = locked.iter().map(|unit| (unit.clone(), Lending::default()));
        self.periods.extend(nobodys);
        self.learn(hands::read(tx, &locked).await?);
        Ok(())
    }

    fn learn(&mut self, read: Vec<hands::Read>) {
        for hands::Read { unit, lending, turns } in read {
            self.periods.insert(unit.clone(), lending);
            self.read.insert(unit, turns);
        }
    }

    /// Whoever changes assignments of a unit locks everybody who has or had it; so none of those whose patients are locked now can
    /// change any more. Whether it had changed before that a patient says who has had no turn since then, remembered or read; of
    /// all others the turns are asked. Of those that are `sure` it is known anyhow.
    async fn look_after(
        &self,
        tx: &mut Tx,
        lent: &[Lent],
        sure: &[UnitId],
        hands: &Hands,
    ) -> Result<(), StoreError> {
        let just_read = lent.iter().filter(|(patient, unit, _)| {
            let before = self.turns.get(patient).map(|turn| (*patient, turn.number - 1));
            let read = before.zip(self.read.get(unit));
            read.is_some_and(|(before, read)| read.contains(&before))
        });
        let mut vouched = self.vouched(lent);
        vouched.extend(just_read.map(|(_, unit, _)| unit).chain(sure));
        let sure = vouched;
        let unsure = lent
            .iter()
            .map(|(_, unit, _)| unit)
            .filter(|unit| !sure.contains(unit));
        let unsure = distinct(unsure.cloned().collect());
        let stands = store::assignment::turns(tx, &unsure).await?;
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
            let Some((turn, periods)) = self.periods.get(unit) else {
                continue;
            };
            let [then, now] = concerned(arrival, periods);
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
        had(periods, at)
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
        let (_, periods) = self.periods.get(unit)?;
        had_set_aside(periods, completed_at, received_at)
    }
}

const fn next_turn((patient, last): (PatientId, i64)) -> (PatientId, Turn) {
    let turn = Turn {
        number: last + 1,
        missing: false,
    };
    (patient, turn)
}

/// Who had a unit of these periods at that time.
fn had(periods: &[Assignment], at: Instant) -> Option<PatientId> {
    let mut periods = periods.iter();
    let period = periods.find(|period| period.holds_at(at));
    period.map(|period| period.patient_id)
}

/// See [`Ground::whose_set_aside`].
fn had_set_aside(
    periods: &[Assignment],
    completed_at: Option<Instant>,
    received_at: Instant,
) -> Option<PatientId> {
    completed_at
        .and_then(|at| had(periods, at))
        .or_else(|| had(periods, received_at))
}

/// Whose past, and whose alerts, the arrival may change: a session's patient, and should it be set aside perhaps the
/// patient who has the unit now.
fn concerned(arrival: &Arrival, periods: &[Assignment]) -> [Option<PatientId>; 2] {
    let received_at = arrival.received_at;
    match &arrival.what {
        What::Session { session, .. } => [had(periods, session.completed_at), had(periods, received_at)],
        What::Refused(refused) => [had_set_aside(periods, refused.completed_at, received_at), None],
        What::Status { .. } | What::Nothing => [None, None],
    }
}

/// The units that nobody has, or had, whom the arrivals concern; unknown ones among them.
fn nobodys(named: Vec<UnitId>, lent: &[Lent]) -> Vec<UnitId> {
    let somebodys: HashSet<&UnitId> = lent.iter().map(|(_, unit, _)| unit).collect();
    let others = named.into_iter().filter(|unit| !somebodys.contains(unit));
    others.collect()
}

/// Sorted, each once.
fn distinct<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}
