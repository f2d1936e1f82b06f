//! What is looked at again and again is one look that counts. Which rows that takes is decided here, without a clock or a
//! database; what was decided holds only once it is committed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Counted, Looking, Sure};
use crate::domain::ids::{Ids, PatientId};
use crate::domain::time::Instant;
use crate::store::audit_read::{Asked, Entered, LONGEST, Left, Look};

/// Whoever comes back later has looked anew.
const GAP: TimeDelta = TimeDelta::minutes(5);
/// Patients of open looks that are remembered; beyond, the looks that have rested longest are, which costs a row more
/// when they are gone on with, and loses nothing.
const MOST_HELD: usize = 100_000;

/// The looks that may still be gone on with.
#[derive(Debug, Default)]
pub(super) struct Open {
    looks: HashMap<Thing, Spell>,
    held: usize,
}

/// Who asks for what by which address: another page of a list, or another search, is another thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Thing {
    pub(super) asked: Asked,
    pub(super) address: [u8; 32],
}

#[derive(Debug)]
struct Spell {
    id: Uuid,
    first_at: Instant,
    last_at: Instant,
    times: i64,
    places: i64,
    shown: HashMap<Option<PatientId>, Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    place: i64,
    times_before: i64,
}

/// What one transaction writes.
#[derive(Debug, Default)]
pub(super) struct Rows {
    looks: BTreeMap<Uuid, Look>,
    /// Those of them that are not there yet.
    new: HashSet<Uuid>,
    pub(super) entered: Vec<Entered>,
    pub(super) left: Vec<Left>,
    /// Which of the looks were foreseen and do not count.
    pub(super) passed_over: HashSet<usize>,
    touched: Vec<Thing>,
}

impl Rows {
    /// Those that are new, and those that are gone on with.
    pub(super) fn looks(&self) -> (Vec<&Look>, Vec<&Look>) {
        self.looks.values().partition(|look| self.new.contains(&look.id))
    }
}

impl Open {
    /// The rows of these looks, in the order in which they came.
    pub(super) fn fold(&mut self, lookings: Vec<Looking>, ids: &Ids) -> Rows {
        let mut rows = Rows::default();
        for (place, looking) in lookings.into_iter().enumerate() {
            self.make_room(looking.at);
            let Looking {
                asked,
                address,
                patients,
                at,
                sure,
            } = looking;
            let thing = Thing { asked, address };
            match sure {
                Sure::Yes => {}
                Sure::Foreseen(counts) => match self.looks.get(&thing) {
                    Some(spell) if spell.goes_on(at) && spell.shows() == patients => {
                        let _ = counts.set(Counted {
                            row: spell.id,
                            times: spell.times + 1,
                            before: spell.last_at,
                        });
                    }
                    _ => {
                        rows.passed_over.insert(place);
                        continue;
                    }
                },
                Sure::TakenBack(counts) => {
                    if let Some(counted) = counts.get() {
                        self.take_back(thing, counted, &mut rows);
                    }
                    continue;
                }
            }
            let spell = match self.looks.remove(&thing) {
                Some(spell) if spell.goes_on(at) => spell,
                ended => {
                    self.held -= ended.map_or(0, |spell| spell.shown.len());
                    let spell = Spell::begin(ids.make(at), at);
                    rows.new.insert(spell.id);
                    spell
                }
            };
            self.held -= spell.shown.len();
            let spell = spell.seen(&thing.asked, &patients, at, &mut rows);
            self.held += spell.shown.len();
            rows.touched.push(thing.clone());
            self.looks.insert(thing, spell);
        }
        rows
    }

    /// Who is in what may be gone on with.
    pub(super) fn shows(&self, thing: &Thing, at: Instant) -> Option<Vec<PatientId>> {
        let spell = self.looks.get(thing).filter(|spell| spell.goes_on(at));
        spell.map(Spell::shows)
    }

    /// It did not come to that look. Where another has been counted since then it stays: what came and went with that one rests on
    /// it, and one look too many is told, never one too few.
    fn take_back(&mut self, thing: Thing, counted: &Counted, rows: &mut Rows) {
        let spell = self.looks.get_mut(&thing);
        let Some(spell) = spell.filter(|spell| (spell.id, spell.times) == (counted.row, counted.times))
        else {
            return;
        };
        spell.times -= 1;
        spell.last_at = counted.before;
        rows.looks.insert(spell.id, spell.look(&thing.asked));
        rows.touched.push(thing);
    }

    /// What could not be committed is not gone on with.
    pub(super) fn forget(&mut self, rows: &Rows) {
        for thing in &rows.touched {
            self.held -= self.looks.remove(thing).map_or(0, |spell| spell.shown.len());
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.held < MOST_HELD {
            return;
        }
        self.looks.retain(|_, spell| spell.goes_on(now));
        self.held = self.looks.values().map(|spell| spell.shown.len()).sum();
        if self.held < MOST_HELD {
            return;
        }
        let mut spells: Vec<(Thing, Spell)> = self.looks.drain().collect();
        spells.sort_by_key(|(_, spell)| Reverse(spell.last_at));
        self.held = 0;
        for (thing, spell) in spells {
            if self.held + spell.shown.len() > MOST_HELD / 2 {
                break;
            }
            self.held += spell.shown.len();
            self.looks.insert(thing, spell);
        }
    }
}

impl Spell {
    fn begin(id: Uuid, at: Instant) -> Self {
        Self {
            id,
            first_at: at,
            last_at: at,
            times: 0,
            places: 0,
            shown: HashMap::new(),
        }
    }

    /// A clock that was set back begins anew too.
    fn goes_on(&self, at: Instant) -> bool {
        self.first_at <= at && at - self.last_at < GAP && at - self.first_at < LONGEST
    }

    fn seen(mut self, asked: &Asked, patients: &[PatientId], at: Instant, rows: &mut Rows) -> Self {
        let now_shown: HashSet<Option<PatientId>> = if patients.is_empty() {
            HashSet::from([None])
        } else {
            patients.iter().copied().map(Some).collect()
        };
        let (id, last_at, times) = (self.id, self.last_at, self.times);
        self.shown.retain(|patient, held| {
            let stays = now_shown.contains(patient);
            if !stays {
                rows.left.push(Left {
                    look: id,
                    place: held.place,
                    last_at,
                    times: times - held.times_before,
                });
            }
            stays
        });
        // In the order in which they were shown.
        let nobody = patients.is_empty().then_some(None);
        for patient in patients.iter().copied().map(Some).chain(nobody) {
            if self.shown.contains_key(&patient) {
                continue;
            }
            let held = Held {
                place: self.places,
                times_before: times,
            };
            self.places += 1;
            self.shown.insert(patient, held);
            rows.entered.push(Entered {
                look: id,
                place: held.place,
                patient,
                actor_id: asked.actor_id,
                at,
                times_before: held.times_before,
            });
        }
        self.times += 1;
        self.last_at = last_at.max(at);
        rows.looks.insert(id, self.look(asked));
        self
    }

    /// In the order of their ids; nobody where that is nobody's.
    fn shows(&self) -> Vec<PatientId> {
        let mut patients: Vec<PatientId> = self.shown.keys().copied().flatten().collect();
        patients.sort_unstable();
        patients
    }

    fn look(&self, asked: &Asked) -> Look {
        Look {
            id: self.id,
            asked: asked.clone(),
            last_at: self.last_at,
            times: self.times,
        }
    }
}
