//! What a tester sets of a unit's behaviour; the defaults are a real unit's.

use std::time::Duration;

use crate::queue::Backoff;

/// When the patient takes sessions, in lived time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// The first one, so long after the start (or when the plan comes, if that is later).
    pub first: Option<Duration>,
    /// Further ones at this distance, instead of at the plan's due times.
    pub every: Option<Duration>,
}

/// How the unit behaves, whoever the patient is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habits {
    pub pace: Pace,
    /// Takes no more than so many sessions, retests apart.
    pub sessions: Option<u64>,
    /// Without a plan the patient takes sessions all the same.
    pub unprompted: bool,
    /// From the request to the end of the retest.
    pub retest_after: Duration,
    pub resend: Backoff,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            sessions: None,
            unprompted: false,
            retest_after: Duration::from_secs(90),
            resend: Backoff::default(),
        }
    }
}
