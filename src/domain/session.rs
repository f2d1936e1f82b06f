//! A session is what arrives, is identified, receipted, judged and shown; readings are never handled apart from theirs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::ids::SessionKey;
use super::reading::Reading;
use super::time::{self, Instant};

/// One run at the home unit: readings and answers, sent together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub key: SessionKey,
    pub seq: Option<i64>,
    pub trigger: Trigger,
    /// The retest request that this session answers.
    pub request_id: Option<Uuid>,
    /// What the unit believed was in force; information only.
    pub plan_version: Option<i64>,
    pub started_at: Option<Instant>,
    pub completed_at: Instant,
    pub sent_at: Option<Instant>,
    /// By our clock.
    pub received_at: Instant,
    pub readings: Vec<Reading>,
    pub answers: Vec<Answer>,
}

impl Session {
    /// The same session with every time of what was done moved by so many seconds, for a unit whose clock was wrong;
    /// `sent_at` stays, since it shows how wrong. `None` where a time would leave the years 1 to 9999.
    pub fn moved(mut self, seconds: i64) -> Option<Self> {
        self.started_at = match self.started_at {
            Some(at) => Some(time::moved(at, seconds)?),
            None => None,
        };
        self.completed_at = time::moved(self.completed_at, seconds)?;
        for reading in &mut self.readings {
            reading.taken_at = time::moved(reading.taken_at, seconds)?;
        }
        for answer in &mut self.answers {
            answer.answered_at = match answer.answered_at {
                Some(at) => Some(time::moved(at, seconds)?),
                None => None,
            };
        }
        Some(self)
    }
}

/// What made the unit take the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    Scheduled,
    Patient,
    Retest,
}

impl Trigger {
    pub const ALL: [Self; 3] = [Self::Scheduled, Self::Patient, Self::Retest];

    /// The contract's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Patient => "patient",
            Self::Retest => "retest",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.word() == word)
    }
}

/// One answer to one key question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its place in the session's `answers`, from 0.
    pub index: u16,
    pub question: String,
    /// An option code of the plan, or `not_answered`: asked, no reply, which is not `no`.
    pub answer: String,
    pub answered_at: Option<Instant>,
}

/// The code of a question that was asked and got no reply.
pub const NOT_ANSWERED: &str = "not_answered";
