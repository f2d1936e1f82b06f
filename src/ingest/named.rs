//! The units that a batch names: whose they are and were, and whom its arrivals concern. A batch looks at a unit a dozen times for
//! each arrival, and finds it by its place.

use std::hash::BuildHasherDefault;

use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, UnitId};
use crate::domain::time::Instant;
use crate::store::assignment::Assignment;

use super::arrival::{Arrival, What};
use super::hands::{self, Hands, Lending};

#[derive(Debug, Default)]
pub(super) struct Units {
    /// For each arrival the place of its unit among `all`.
    of: Vec<Option<usize>>,
    all: Vec<Named>,
    /// Of no more names than a batch has messages, whatever is sent.
    places: ById<UnitId, usize>,
}

/// A unit that arrivals name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) id: UnitId,
    /// By how many arrivals.
    times: usize,
    /// Where it is registered: whose it is and was, and the turn that stands at it.
    pub(super) lending: Option<Lending>,
    /// Where it was read and not remembered: see [`hands::Read`].
    read: Vec<(PatientId, i64)>,
}

impl Named {
    /// Whether it was read in the same moment in which that turn stood at the patient.
    pub(super) fn was_read_at(&self, turn: (PatientId, i64)) -> bool {
        self.read.contains(&turn)
    }
}

/// That the unit at that place is or was a patient's.
pub(super) type Lent = (PatientId, usize);

impl Units {
    /// Of which nothing is known but the names.
    pub(super) fn of(arrivals: &[Arrival]) -> Self {
        let mut units = Self {
            of: Vec::with_capacity(arrivals.len()),
            all: Vec::with_capacity(arrivals.len()),
            places: ById::with_capacity_and_hasher(arrivals.len(), BuildHasherDefault::default()),
        };
        for arrival in arrivals {
            let place = arrival.unit_id().map(|unit| units.name(unit));
            units.of.push(place);
        }
        units
    }

    /// Once more; gives its place.
    fn name(&mut self, unit: &UnitId) -> usize {
        let place = self.places.get(unit).copied().unwrap_or(self.all.len());
        if place == self.all.len() {
            self.places.insert(unit.clone(), place);
            self.all.push(Named {
                id: unit.clone(),
                times: 0,
                lending: None,
                read: Vec::new(),
            });
        }
        self.all[place].times += 1;
        place
    }

    pub(super) const fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn at(&self, place: usize) -> &Named {
        &self.all[place]
    }

    /// The one of this name.
    pub(super) fn get(&self, unit: &UnitId) -> Option<&Named> {
        self.all.get(*self.places.get(unit)?)
    }

    fn get_mut(&mut self, unit: &UnitId) -> Option<&mut Named> {
        self.all.get_mut(*self.places.get(unit)?)
    }

    /// Those at these places, sorted.
    pub(super) fn ids(&self, places: impl Iterator<Item = usize>) -> Vec<UnitId> {
        distinct(places.map(|place| self.all[place].id.clone()).collect())
    }

    /// Learns what is remembered; gives the places of those of which nothing is.
    pub(super) fn recall(&mut self, hands: &Hands) -> Vec<usize> {
        let all = self.all.iter_mut();
        hands.remind(all.map(|unit| (&mut unit.id, &mut unit.lending)));
        let unknown = |place: &usize| self.all[*place].lending.is_none();
        (0..self.all.len()).filter(unknown).collect()
    }

    pub(super) fn learn(&mut self, read: Vec<hands::Read>) {
        for hands::Read { unit, lending, turns } in read {
            if let Some(named) = self.get_mut(&unit) {
                (named.lending, named.read) = (Some(lending), turns);
            }
        }
    }

    /// Those at these places are registered only where they are among the others, and were lent to nobody until that is read.
    pub(super) fn only_registered(&mut self, places: &[usize], registered: &[UnitId]) {
        for place in places {
            self.all[*place].lending = None;
        }
        for unit in registered {
            if let Some(named) = self.get_mut(unit) {
                named.lending = Some(Lending::default());
            }
        }
    }

    /// Whose past, and whose alerts, the arrivals may change, by which units.
    pub(super) fn lent(&self, arrivals: &[Arrival]) -> Vec<Lent> {
        let mut lent = Vec::with_capacity(arrivals.len());
        for (arrival, place) in arrivals.iter().zip(&self.of) {
            let Some(place) = *place else { continue };
            let Some((_, periods)) = &self.all[place].lending else {
                continue;
            };
            let [then, now] = concerned(arrival, periods);
            for patient in then.into_iter().chain(now.filter(|now| Some(*now) != then)) {
                lent.push((patient, place));
            }
        }
        lent
    }

    /// The places of those that nobody has, or had, whom the arrivals concern; unknown ones among them.
    pub(super) fn nobodys(&self, lent: &[Lent]) -> Vec<usize> {
        let mut somebodys = vec![false; self.all.len()];
        for (_, place) in lent {
            somebodys[*place] = true;
        }
        let nobodys = somebodys
            .iter()
            .enumerate()
            .filter(|(_, is_somebodys)| !**is_somebodys);
        nobodys.map(|(place, _)| place).collect()
    }

    /// The unit of the arrival of that number.
    fn of_arrival(&self, number: usize) -> Option<&Named> {
        self.all.get(self.of.get(number).copied().flatten()?)
    }

    /// Whether the unit of the arrival of that number is registered.
    pub(super) fn is_registered(&self, number: usize) -> bool {
        self.of_arrival(number).is_some_and(|unit| unit.lending.is_some())
    }

    /// Whether no other arrival is of the same unit as that.
    pub(super) fn is_alone(&self, number: usize) -> bool {
        self.of_arrival(number).is_some_and(|unit| unit.times == 1)
    }

    fn periods(&self, number: usize) -> Option<&[Assignment]> {
        let (_, periods) = self.of_arrival(number)?.lending.as_ref()?;
        Some(periods)
    }

    /// The patient whom the unit of the arrival of that number was assigned to at that time.
    pub(super) fn whose(&self, number: usize, time: Instant) -> Option<PatientId> {
        had(self.periods(number)?, time)
    }

    /// Whose readings wait in the arrival of that number, which is set aside: those of the patient of its time, where that can be
    /// believed; else the patient's who has the unit now.
    pub(super) fn whose_set_aside(
        &self,
        number: usize,
        completed_at: Option<Instant>,
        received_at: Instant,
    ) -> Option<PatientId> {
        had_set_aside(self.periods(number)?, completed_at, received_at)
    }
}

/// Who had a unit of these periods at that time.
fn had(periods: &[Assignment], at: Instant) -> Option<PatientId> {
    let mut periods = periods.iter();
    let period = periods.find(|period| period.holds_at(at));
    period.map(|period| period.patient_id)
}

/// See [`Units::whose_set_aside`].
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
pub(super) fn distinct<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}
