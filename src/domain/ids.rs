//! Random ids are `UUIDv7` from one seedable source; what can come twice has an id made from what it identifies.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::time::Instant;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )*};
}

id! {
    PatientId, EpisodeId, TeamId, StaffId, TokenId, AssignmentId, AlertId, DecisionId, OutboxId, QuarantineId,
    ShiftId, HospitalAdmissionId, RehearsalId, PauseId,
    /// `UUIDv5` of what the finding says of whom: see `finding::identity`.
    FindingId,
    /// `UUIDv5` of `unit_id/session_id/index`: see [`ReadingId::of`].
    ReadingId,
}

/// The `UUIDv5` of the DNS name `homeward.reading`: the namespace that engine.md fixes for reading ids.
const READING_NAMESPACE: Uuid = Uuid::from_u128(0x7fba_3b24_bed6_55d7_9a25_9f79_0eb2_de9d);

impl ReadingId {
    /// The id of the reading at `index` (from 0) of a session.
    pub fn of(session: &SessionKey, index: u16) -> Self {
        ReadingIds::of(session).at(index)
    }
}

/// Makes the ids of one session's readings: what their names have in common is written once.
#[derive(Debug)]
pub struct ReadingIds {
    name: String,
    common: usize,
}

impl ReadingIds {
    pub fn of(session: &SessionKey) -> Self {
        let mut name = session.spelt();
        name.push('/');
        Self {
            common: name.len(),
            name,
        }
    }

    /// The id of the reading at `index` (from 0).
    pub fn at(&mut self, index: u16) -> ReadingId {
        self.name.truncate(self.common);
        // Writing to a String cannot fail.
        let _ = write!(self.name, "{index}");
        ReadingId(Uuid::new_v5(&READING_NAMESPACE, self.name.as_bytes()))
    }
}

/// A home unit's name, which is also its MQTT user name: `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitId(Arc<str>);

/// The text is not a unit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a unit id is 1 to 64 letters, digits, '-' or '_', beginning with a letter or digit")]
pub struct NotAUnitId;

impl UnitId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UnitId {
    type Err = NotAUnitId;

    fn from_str(text: &str) -> Result<Self, NotAUnitId> {
        let lawful = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if starts && text.len() <= 64 && text.bytes().all(lawful) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(NotAUnitId)
        }
    }
}

impl TryFrom<String> for UnitId {
    type Error = NotAUnitId;

    fn try_from(text: String) -> Result<Self, NotAUnitId> {
        text.parse()
    }
}

impl From<UnitId> for String {
    fn from(id: UnitId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What identifies a session: the unit that sent it and the id that the unit gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionKey {
    pub unit_id: UnitId,
    pub session_id: Uuid,
}

impl SessionKey {
    /// `unit_id/session_id`.
    pub fn spelt(&self) -> String {
        let mut id = Uuid::encode_buffer();
        let id = self.session_id.hyphenated().encode_lower(&mut id);
        let unit = self.unit_id.as_str();
        // With room for the reading's index that often follows.
        let mut spelt = String::with_capacity(unit.len() + id.len() + 8);
        for part in [unit, "/", id] {
            spelt.push_str(part);
        }
        spelt
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelt())
    }
}

/// Where new ids come from: chance, or a seed in tests and the demo. Clones share the source.
///
/// Ids made in the same millisecond rise, so that the later of two acts at one instant sorts later.
#[derive(Debug, Clone)]
pub struct Ids(Arc<Mutex<Source>>);

#[derive(Debug)]
struct Source {
    /// The state of a `SplitMix64` generator; `None`: the operating system's randomness.
    seed: Option<u64>,
    millis: u64,
    /// The 74 bits of the last id that are not time or version.
    tail: u128,
}

impl Ids {
    pub fn random() -> Self {
        Self::from_seed(None)
    }

    /// The same ids in the same order for the same times, every run.
    pub fn seeded(seed: u64) -> Self {
        Self::from_seed(Some(seed))
    }

    fn from_seed(seed: Option<u64>) -> Self {
        Self(Arc::new(Mutex::new(Source {
            seed,
            millis: 0,
            tail: 0,
        })))
    }

    /// A new `UUIDv7` of this time, as whichever id is wanted.
    pub fn make<Id: From<Uuid>>(&self, now: Instant) -> Id {
        let mut source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Id::from(source.next(u64::try_from(now.timestamp_millis()).unwrap_or(0)))
    }
}

impl Source {
    const TAIL: u128 = (1 << 74) - 1;

    fn next(&mut self, millis: u64) -> Uuid {
        let chance = self.chance();
        self.tail = if millis == self.millis {
            self.tail + 1 + (chance & 0xffff_ffff)
        } else {
            chance >> 1
        } & Self::TAIL;
        self.millis = millis;
        let (high, low) = (self.tail >> 62, self.tail & ((1 << 62) - 1));
        let all = ((high << 64) | low).to_be_bytes();
        let mut tail = [0; 10];
        tail.copy_from_slice(&all[6..]);
        uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
    }

    /// 74 bits.
    fn chance(&mut self) -> u128 {
        let wide = match &mut self.seed {
            None => Uuid::new_v4().as_u128(),
            Some(state) => (u128::from(split_mix(state)) << 64) | u128::from(split_mix(state)),
        };
        // A v4 id's fixed bits lie in the middle 70: fold the ends over them.
        (wide ^ (wide >> 54)) & Self::TAIL
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
