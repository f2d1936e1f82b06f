//! What is sent is a pure function of seed and index: no list is kept of it, a checker computes it anew, and the
//! index is found again in the session id that a receipt carries.

use chrono::{DateTime, Utc};
use uuid::{Builder, Uuid};

use super::fault::Fault;
use super::shuffle::{Shuffle, mix};
use super::spec::{Breach, Kind, Planned, Shares, Spec, Timetable};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    #[error("there is no unit to send for")]
    NoUnits,
    #[error("duplicates, conflicts and malformed sessions together are more than all")]
    Shares,
    #[error("more sessions than a run can tell apart (a million million)")]
    TooMany,
}

#[derive(Debug, Clone)]
pub struct Recipe {
    seed: u64,
    units: Vec<String>,
    time: Timetable,
    planned: Planned,
    kinds: Shuffle,
    lates: Shuffle,
    breaches: Shuffle,
}

/// The bits of a session id that hold the index.
const INDEX_BITS: u32 = 40;
const FREE_BITS: u128 = (1 << 62) - 1;

impl Recipe {
    pub fn new(
        seed: u64,
        units: Vec<String>,
        sessions: u64,
        time: Timetable,
        shares: Shares,
    ) -> Result<Self, RecipeError> {
        if units.is_empty() {
            return Err(RecipeError::NoUnits);
        }
        if sessions >= 1 << INDEX_BITS {
            return Err(RecipeError::TooMany);
        }
        let malformed = part(shares.malformed, sessions);
        let planned = Planned {
            sessions,
            duplicates: part(shares.duplicates, sessions),
            conflicts: part(shares.conflicts, sessions),
            malformed,
            unanswerable: Fault::unanswerable_among(malformed),
            late: part(shares.late, sessions),
            breaches: part(shares.breaches, sessions),
        };
        if malformed + planned.duplicates + planned.conflicts > sessions {
            return Err(RecipeError::Shares);
        }
        Ok(Self {
            seed,
            units,
            time,
            planned,
            kinds: Shuffle::new(seed, 1, sessions),
            lates: Shuffle::new(seed, 2, sessions),
            breaches: Shuffle::new(seed, 3, sessions),
        })
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn units(&self) -> &[String] {
        &self.units
    }

    pub fn sessions(&self) -> u64 {
        self.planned.sessions
    }

    pub fn planned(&self) -> Planned {
        self.planned
    }

    pub fn time(&self) -> Timetable {
        self.time
    }

    /// What the session of an index below `sessions` is.
    pub fn spec(&self, index: u64) -> Spec {
        let units = self.units.len() as u64;
        let late = self.lates.place(index) < self.planned.late;
        let breach = self.breaches.place(index);
        Spec {
            index,
            unit: usize::try_from(index % units).unwrap_or(0),
            nth: index / units,
            completed_at: self.completed_at(index, late),
            kind: self.kind(index),
            late,
            breach: (breach < self.planned.breaches).then(|| Breach::of(breach)),
        }
    }

    pub fn kind(&self, index: u64) -> Kind {
        let Planned {
            malformed,
            duplicates,
            conflicts,
            ..
        } = self.planned;
        match self.kinds.place(index) {
            place if place < malformed => Kind::Malformed(Fault::of(place)),
            place if place < malformed + duplicates => Kind::Duplicate {
                at_once: place % 2 == 0,
            },
            place if place < malformed + duplicates + conflicts => Kind::Conflict,
            _ => Kind::Good,
        }
    }

    /// The unit whose topics the session goes over.
    pub fn unit_id(&self, index: u64) -> &str {
        &self.units[usize::try_from(index % self.units.len() as u64).unwrap_or(0)]
    }

    /// A version 7 UUID: its time is the session's, and the index stands in its free bits, covered by the seed.
    pub fn session_id(&self, spec: &Spec) -> Uuid {
        let check = u128::from(self.dice(4, spec.index) >> (2 + INDEX_BITS));
        let free = (check << INDEX_BITS | u128::from(spec.index)) ^ self.cover();
        let mut random = [0; 10];
        random[..2].copy_from_slice(&self.dice(5, spec.index).to_be_bytes()[..2]);
        random[2..].copy_from_slice(&u64::try_from(free & FREE_BITS).unwrap_or(0).to_be_bytes());
        let millis = u64::try_from(spec.completed_at).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// The index whose session has this id; none where the session is not of this run.
    pub fn find(&self, session_id: Uuid) -> Option<u64> {
        let free = (session_id.as_u128() ^ self.cover()) & FREE_BITS;
        let index = u64::try_from(free & ((1 << INDEX_BITS) - 1)).ok()?;
        let ours = index < self.sessions() && self.session_id(&self.spec(index)) == session_id;
        ours.then_some(index)
    }

    /// The earliest and the latest completion there can be.
    pub fn span(&self) -> [Option<DateTime<Utc>>; 2] {
        let last_turn = self.sessions().saturating_sub(1);
        let (first, last) = match self.time {
            Timetable::Steps { start, step } => {
                let nth = i64::try_from(last_turn / self.units.len() as u64).unwrap_or(i64::MAX);
                (start, start.saturating_add(nth.saturating_mul(step)) + step / 2)
            }
            Timetable::Live { start, .. } => (start, self.turn(last_turn)),
        };
        let lag = if self.planned.late > 0 {
            LONGEST_LAG * self.lag_unit()
        } else {
            0
        };
        [first.saturating_sub(lag), last].map(DateTime::from_timestamp_millis)
    }

    /// Bits for one decision about one index, the same at every call.
    pub(super) fn dice(&self, tag: u64, index: u64) -> u64 {
        mix(mix(self.seed ^ (tag << 56)) ^ index)
    }

    fn completed_at(&self, index: u64, late: bool) -> i64 {
        let lag = if late {
            let whole = 1 + i64::try_from(self.dice(6, index) % 10).unwrap_or(0);
            whole * self.lag_unit() + self.lag_unit() / 2
        } else {
            0
        };
        self.turn(index).saturating_sub(lag)
    }

    /// When a session that is not late is completed.
    fn turn(&self, index: u64) -> i64 {
        match self.time {
            Timetable::Steps { start, step } => {
                let units = self.units.len() as u64;
                let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
                // Units take turns by the second, as people do not all measure at one time.
                let offset = signed(index % units).saturating_mul(1000) % (step / 2).max(1);
                start
                    .saturating_add(signed(index / units).saturating_mul(step))
                    .saturating_add(offset)
            }
            Timetable::Live { start, gap_micros } => {
                let millis = index.saturating_mul(gap_micros) / 1000;
                start.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX))
            }
        }
    }

    fn lag_unit(&self) -> i64 {
        match self.time {
            Timetable::Steps { step, .. } => step,
            Timetable::Live { .. } => DAY,
        }
    }

    /// Keeps two seeds' ids apart, and the index from being read off.
    fn cover(&self) -> u128 {
        u128::from(mix(self.seed ^ 0x1D)) & FREE_BITS
    }
}

/// A day in milliseconds.
pub(crate) const DAY: i64 = 86_400_000;

/// Steps (or days) by which a late session is before its turn at most.
pub(crate) const LONGEST_LAG: i64 = 11;

/// The share of a number, rounded to the nearest.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of less than 2^40, and the cast of what is negative or no number gives 0"
)]
fn part(share: f64, of: u64) -> u64 {
    ((share * of as f64).round() as u64).min(of)
}
