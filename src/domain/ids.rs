//! Random ids are `UUIDv7` from one seedable source; what can come twice has an id made from what it identifies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    /// `UUIDv5` of what the finding says of whom: see `finding::identity`.
    FindingId,
    /// `UUIDv5` of `unit_id/session_id/index`: see [`ReadingId::of`].
    ReadingId,
}

/// The `UUIDv5` of the DNS name `homeward.reading`: the namespace that engine.md fixes for reading ids.
fn reading_namespace() -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"homeward.reading")
}

impl ReadingId {
    /// The id of the reading at `index` (from 0) of a session.
    pub fn of(session: &SessionKey, index: u16) -> Self {
        let name = format!("{}/{}/{index}", session.unit_id, session.session_id.hyphenated());
        Self(Uuid::new_v5(&reading_namespace(), name.as_bytes()))
    }
}

/// A home unit's name, which is also its MQTT user name: `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitId(String);

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
            Ok(Self(text.to_owned()))
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
        id.0
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

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.unit_id, self.session_id.hyphenated())
    }
}
