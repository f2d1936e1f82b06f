//! What a batch must know before it sorts, read in lock order: units, their assignments, patients, sessions already stored. Where all
//! of it is remembered nothing is read, and the patients are locked when the batch is written.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

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
    /// For each arrival the place of its unit among `units`.
    of: Vec<Option<usize>>,
    units: Vec<Named>,
    /// Of no more names than a batch has messages, whatever is sent.
    places: ById<UnitId, usize>,
    stored: HashMap<SessionKey, [u8; 32]>,
    turns: ById<PatientId, Turn>,
    known: ById<PatientId, Box<Known>>,
    /// For each patient the units whose assignments stay as they are while she is locked.
    hers: ById<PatientId, Vec<(UnitId, i64)>>,
}

/// A unit that arrivals name; a batch looks at it a dozen times for each of them, and finds it by its place.
#[derive(Debug)]
struct Named {
    id: UnitId,
    /// By how many arrivals.
    times: usize,
    /// Where it is registered: whose it is and was, and the turn that stands at it.
    lending: Option<Lending>,
    /// Where it was read and not remembered: see [`hands::Read`].
    read: Vec<(PatientId, i64)>,
}

/// That the unit at that place is or was a patient's.
type Lent = (PatientId, usize);

impl Ground {
    /// Keeps the units' assignments as they are and locks their patients for change, then looks which sessions are here already.
    pub async fn lock(
        tx: &mut Tx,
        arrivals: &[Arrival],
        (hands, recall): (&Hands, &Recall),
    ) -> Result<Self, StoreError> {
        let mut ground = Self::naming(arrivals);
        hands.remind(
            ground
                .units
                .iter_mut()
                .map(|unit| (&mut unit.id, &mut unit.lending)),
        );
        let unknown = ground.ids(|unit| unit.lending.is_none());
        ground.learn(hands.look_up(tx, &unknown).await?);
        let mut lent = ground.lent(arrivals);
        let nobodys = ground.nobodys(&lent);
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
        let doubtful = arrivals.iter().enumerate();
        let doubtful = doubtful.filter_map(|(at, arrival)| ground.doubtful(at, arrival));
        let doubtful: Vec<SessionKey> = distinct(doubtful.cloned().collect());
        ground.stored = store::session::known(tx, &doubtful).await?.into_iter().collect();
        Ok(ground)
    }

    /// Of which nothing is known but the units' names.
    fn naming(arrivals: &[Arrival]) -> Self {
        let mut ground = Self {
            of: Vec::with_capacity(arrivals.len()),
            units: Vec::with_capacity(arrivals.len()),
            places: ById::with_capacity_and_hasher(arrivals.len(), BuildHasherDefault::default()),
            ..Self::default()
        };
        for arrival in arrivals {
            let place = arrival.unit_id().map(|unit| {
                let place = ground.places.get(unit).copied().unwrap_or(ground.units.len());
                if place == ground.units.len() {
                    ground.places.insert(unit.clone(), place);
                    ground.units.push(Named {
                        id: unit.clone(),
                        times: 0,
                        lending: None,
                        read: Vec::new(),
                    });
                }
                ground.units[place].times += 1;
                place
            });
            ground.of.push(place);
        }
        ground
    }

    /// The units of which that holds, sorted.
    fn ids(&self, holds: impl Fn(&Named) -> bool) -> Vec<UnitId> {
        let units = self.units.iter().filter(|unit| holds(unit));
        distinct(units.map(|unit| unit.id.clone()).collect())
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
        let mut vouched = vec![false; self.units.len()];
        for (patient, place) in lent {
            let Named { id, lending, .. } = &self.units[*place];
            let known = self.known.get(patient).zip(lending.as_ref());
            vouched[*place] |= known.is_some_and(|(known, (turn, _))| known.vouches_for(id, *turn));
        }
        vouched
    }

    /// No patient's lock keeps the assignments of these units as they are: they are locked for share, and read after that.
    async fn lock_units(&mut self, tx: &mut Tx, nobodys: &[usize]) -> Result<(), StoreError> {
        let names = nobodys.iter().map(|place| self.units[*place].id.clone());
        let names = distinct(names.collect());
        for place in nobodys {
            self.units[*place].lending = None;
        }
        let locked = store::unit::lock_for_share(tx, &names).await?;
        for unit in &locked {
            if let Some(named) = self.named(unit) {
                named.lending = Some(Lending::default());
            }
        }
        self.learn(hands::read(tx, &locked).await?);
        Ok(())
    }

    fn learn(&mut self, read: Vec<hands::Read>) {
        for hands::Read { unit, lending, turns } in read {
            if let Some(named) = self.named(&unit) {
                (named.lending, named.read) = (Some(lending), turns);
            }
        }
    }

    fn named(&mut self, unit: &UnitId) -> Option<&mut Named> {
        self.units.get_mut(*self.places.get(unit)?)
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
            sure[*place] |= before.is_some_and(|before| self.units[*place].read.contains(&before));
        }
        for place in locked {
            sure[*place] = true;
        }
        let unsure = lent.iter().filter(|(_, place)| !sure[*place]);
        let unsure = distinct(unsure.map(|(_, place)| self.units[*place].id.clone()).collect());
        let stands = store::assignment::turns(tx, &unsure).await?;
        let as_thought = |(unit, turn): &(UnitId, i64)| {
            let place = self.places.get(unit);
            let thought = place.and_then(|place| self.units[*place].lending.as_ref());
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
            let Named { id, lending, .. } = &self.units[place];
            let Some((turn, _)) = lending else { continue };
            let of_patient = self.hers.entry(patient).or_default();
            match of_patient.iter_mut().find(|(known, _)| known == id) {
                Some((_, known)) => *known = *turn,
                None => of_patient.push((id.clone(), *turn)),
            }
        }
    }

    /// Whose past, and whose alerts, the arrivals may change, by which units.
    fn lent(&self, arrivals: &[Arrival]) -> Vec<Lent> {
        let mut lent = Vec::with_capacity(arrivals.len());
        for (arrival, place) in arrivals.iter().zip(&self.of) {
            let Some(place) = *place else { continue };
            let Some((_, periods)) = &self.units[place].lending else {
                continue;
            };
            let [then, now] = concerned(arrival, periods);
            for patient in then.into_iter().chain(now.filter(|now| Some(*now) != then)) {
                lent.push((patient, place));
            }
        }
        lent
    }

    /// The units that nobody has, or had, whom the arrivals concern; unknown ones among them.
    fn nobodys(&self, lent: &[Lent]) -> Vec<usize> {
        let mut somebodys = vec![false; self.units.len()];
        for (_, place) in lent {
            somebodys[*place] = true;
        }
        let nobodys = somebodys
            .iter()
            .enumerate()
            .filter(|(_, is_somebodys)| !**is_somebodys);
        nobodys.map(|(place, _)| place).collect()
    }

    /// The unit of the arrival at that place.
    fn unit(&self, at: usize) -> Option<&Named> {
        self.units.get(self.of.get(at).copied().flatten()?)
    }

    fn periods(&self, at: usize) -> Option<&[Assignment]> {
        let (_, periods) = self.unit(at)?.lending.as_ref()?;
        Some(periods)
    }

    /// Whether the unit of the arrival at that place is registered.
    pub fn is_registered(&self, at: usize) -> bool {
        self.unit(at).is_some_and(|unit| unit.lending.is_some())
    }

    /// Whether no other arrival is of the same unit.
    pub fn is_alone(&self, at: usize) -> bool {
        self.unit(at).is_some_and(|unit| unit.times == 1)
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
        had(self.periods(at)?, time)
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
        had_set_aside(self.periods(at)?, completed_at, received_at)
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

/// Sorted, each once.
fn distinct<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}
