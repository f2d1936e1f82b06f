//! A rejected session is not lost: it waits whole in quarantine, and the unit is told to forget it.

use uuid::Uuid;

use super::problem::Problem;

/// Why a session cannot be taken in, and the id to receipt it under, where one could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub code: RejectCode,
    pub session_id: Option<Uuid>,
    /// Every fault that was found, each with its place.
    pub problems: Vec<Problem>,
}

/// The contract's reasons for quarantine. Decoding finds the first four; the others need a clock or a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectCode {
    NotJson,
    BadField,
    TooMany,
    TooLarge,
    ClockFault,
    Unregistered,
    SessionConflict,
    Poison,
}

impl RejectCode {
    pub const ALL: [Self; 8] = [
        Self::NotJson,
        Self::BadField,
        Self::TooMany,
        Self::TooLarge,
        Self::ClockFault,
        Self::Unregistered,
        Self::SessionConflict,
        Self::Poison,
    ];

    /// The contract's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::BadField => "bad_field",
            Self::TooMany => "too_many",
            Self::TooLarge => "too_large",
            Self::ClockFault => "clock_fault",
            Self::Unregistered => "unregistered",
            Self::SessionConflict => "session_conflict",
            Self::Poison => "poison",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }
}
