//! The ways in which a malformed session is malformed: each is rejected by the contract's own words, so that the
//! outcome and its code can be foretold.

/// Why the contract refuses the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The message ends after two thirds; its id was sent whole.
    Cut,
    /// No JSON, and no UTF-8 either.
    NotJson,
    /// The key of the id is misspelt.
    NoId,
    /// A word where a value has to be a number.
    WrongType,
    NoCompletion,
    /// Completed 500 days before its turn.
    Clock,
    /// 65 answers.
    TooMany,
    /// A NUL character in an answer.
    Nul,
}

const ALL: [Fault; 8] = [
    Fault::Cut,
    Fault::NotJson,
    Fault::WrongType,
    Fault::NoCompletion,
    Fault::NoId,
    Fault::Clock,
    Fault::TooMany,
    Fault::Nul,
];

impl Fault {
    /// They take turns.
    pub(super) fn of(place: u64) -> Self {
        ALL[usize::try_from(place % ALL.len() as u64).unwrap_or(0)]
    }

    /// How many of so many malformed sessions have no id that could be read.
    pub(super) fn unanswerable_among(malformed: u64) -> u64 {
        (0..ALL.len() as u64)
            .filter(|place| !Self::of(*place).is_answerable())
            .map(|place| (malformed + ALL.len() as u64 - 1 - place) / ALL.len() as u64)
            .sum()
    }

    /// Whether the session's id can be read, so that it can have a receipt.
    pub fn is_answerable(self) -> bool {
        !matches!(self, Self::NotJson | Self::NoId)
    }

    /// The code of the rejection.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cut | Self::NotJson => "not_json",
            Self::NoId | Self::WrongType | Self::NoCompletion | Self::Nul => "bad_field",
            Self::Clock => "clock_fault",
            Self::TooMany => "too_many",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut_short",
            Self::NotJson => "not_json",
            Self::NoId => "no_session_id",
            Self::WrongType => "word_as_value",
            Self::NoCompletion => "no_completed_at",
            Self::Clock => "500_days_back",
            Self::TooMany => "65_answers",
            Self::Nul => "nul_character",
        }
    }
}
