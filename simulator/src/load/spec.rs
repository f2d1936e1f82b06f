//! What a session of a run can be. Duplicates and conflicts are second publications of good sessions; malformed ones
//! have one publication only.

use super::fault::Fault;

/// Shares of all sessions, 0 to 1; exact to the session, scattered by the seed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shares {
    /// Sent a second time with the same content.
    pub duplicates: f64,
    /// Sent a second time, once receipted, under the same id with another content.
    pub conflicts: f64,
    /// Refused by the contract.
    pub malformed: f64,
    /// Completed some steps before their turn.
    pub late: f64,
    /// With one reading far beyond a usual limit.
    pub breaches: f64,
}

/// When sessions are completed. A unit's sessions follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timetable {
    /// Each unit's first within half a step after `start`, then one a step. Milliseconds since 1970, and for a step.
    Steps { start: i64, step: i64 },
    /// Each at the time when it is due to be sent: `start`, then one each so many microseconds.
    Live { start: i64, gap_micros: u64 },
}

/// What one index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    pub index: u64,
    /// The place of the unit among the units.
    pub unit: usize,
    /// Which of the unit's sessions, from 0.
    pub nth: u64,
    /// Milliseconds since 1970. A malformed session may say otherwise.
    pub completed_at: i64,
    pub kind: Kind,
    pub late: bool,
    pub breach: Option<Breach>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Good,
    /// The second comes right behind the first, so that both may lie in one batch, or once the first is receipted.
    Duplicate {
        at_once: bool,
    },
    Conflict,
    Malformed(Fault),
}

/// The reading that lies beyond a usual limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    Systolic,
    Diastolic,
    HeartRate,
    Spo2,
}

/// How many sessions there are of what is asked for in shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Planned {
    pub sessions: u64,
    pub duplicates: u64,
    pub conflicts: u64,
    pub malformed: u64,
    /// Malformed ones whose id nobody could read: no receipt is possible.
    pub unanswerable: u64,
    pub late: u64,
    pub breaches: u64,
}

impl Breach {
    /// They take turns.
    pub(super) fn of(place: u64) -> Self {
        [Self::Systolic, Self::Diastolic, Self::HeartRate, Self::Spo2]
            [usize::try_from(place % 4).unwrap_or(0)]
    }

    /// The measure's name.
    pub fn measure(self) -> &'static str {
        match self {
            Self::Systolic => "systolic_bp",
            Self::Diastolic => "diastolic_bp",
            Self::HeartRate => "heart_rate",
            Self::Spo2 => "spo2",
        }
    }
}
