//! What is looked at again and again is one look that counts. Which rows that takes is decided here, without a clock or a
//! database; what was decided holds only once it is committed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::TimeDelta;
use uuid::Uuid;

use super::Looking;
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
    asked: Asked,
    address: [u8; 32],
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
    pub(super) entered: Vec<Entered>,
    pub(super) left: Vec<Left>,
    touched: Vec<Thing>,
}

impl Rows {
    pub(super) fn looks(&self) -> Vec<Look> {
        self.looks.values().cloned().collect()
    }
}

impl Open {
    /// The rows of these looks, in the order in which they came.
    pub(super) fn fold(&mut self, lookings: Vec<Looking>, ids: &Ids) -> Rows {
        let mut rows = Rows::default();
        for looking in lookings {
            self.make_room(looking.at);
            let Looking {
                asked,
                address,
                patients,
                at,
            } = looking;
            let thing = Thing { asked, address };
            let spell = match self.looks.remove(&thing) {
                Some(spell) if spell.goes_on(at) => spell,
                ended => {
                    self.held -= ended.map_or(0, |spell| spell.shown.len());
                    Spell::begin(ids.make(at), at)
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
        let look = Look {
            id,
            asked: asked.clone(),
            last_at: self.last_at,
            times: self.times,
        };
        rows.looks.insert(id, look);
        self
    }
}
