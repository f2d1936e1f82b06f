//! A patient as a function of seed and time, not a stream of random numbers: the same patient has the same
//! values on the same morning whatever was asked before, so that a cohort's history and its live days fit.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;

use crate::body::Values;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    HeartFailure,
    Copd,
    Diabetes,
    Hypertension,
}

/// What becomes of the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Story {
    /// Day-to-day noise, and rarely an error of technique.
    Stable,
    /// Slides into what the template's red limits and key questions are there to catch.
    Deteriorating,
    /// Stable, but one scheduled session in three is not taken.
    Forgetful,
    /// Stable, but one session in five has an error of technique.
    PoorTechnique,
}

/// A story with its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    pub story: Story,
    /// Until then the patient is stable.
    pub onset: DateTime<Utc>,
    /// From well to at worst; zero is at once.
    pub over: TimeDelta,
}

impl Course {
    pub fn stable() -> Self {
        Self {
            story: Story::Stable,
            onset: DateTime::UNIX_EPOCH,
            over: TimeDelta::zero(),
        }
    }

    /// The weight gain of three kilograms in three days that a heart-failure team looks for.
    pub fn deteriorating(onset: DateTime<Utc>) -> Self {
        Self {
            story: Story::Deteriorating,
            onset,
            over: TimeDelta::days(3),
        }
    }

    /// 0 well … 1 at worst.
    fn illness(&self, at: DateTime<Utc>) -> f64 {
        if self.story != Story::Deteriorating || at < self.onset {
            return 0.0;
        }
        let over = self.over.as_seconds_f64();
        if over <= 0.0 {
            1.0
        } else {
            ((at - self.onset).as_seconds_f64() / over).min(1.0)
        }
    }
}

#[derive(Debug, Clone)]
pub struct Patient {
    seed: u64,
    condition: Condition,
    course: Course,
    well: Values,
}

/// What goes wrong when people measure themselves: more than half of all false alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Technique {
    CuffOverSleeve,
    ColdFinger,
    SomebodyElseOnTheScale,
}

impl Patient {
    pub fn new(seed: u64, condition: Condition, course: Course) -> Self {
        Self {
            seed,
            condition,
            course,
            well: Values::well(&mut StdRng::seed_from_u64(seed), condition),
        }
    }

    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// 0 well … 1 at worst, by the story.
    pub fn illness(&self, at: DateTime<Utc>) -> f64 {
        self.course.illness(at)
    }

    /// Whether a scheduled session due at `due` is simply not taken.
    pub fn forgets(&self, due: DateTime<Utc>) -> bool {
        self.course.story == Story::Forgetful && self.dice(due, 1).random_bool(1.0 / 3.0)
    }

    /// Minutes from the due time to the end of the session: most people follow the first prompt, some one of
    /// the re-prompts, which come every ten minutes for an hour.
    pub fn minutes_late(&self, due: DateTime<Utc>) -> i64 {
        let mut dice = self.dice(due, 2);
        let prompt = if dice.random_bool(0.75) {
            0
        } else {
            dice.random_range(1..=5)
        };
        prompt * 10 + dice.random_range(4..=9)
    }

    /// What the instruments show. `careful` (a retest, after a word on the telephone) excludes technique errors.
    pub fn values(&self, at: DateTime<Utc>, careful: bool) -> Values {
        let mut values = self.body(at);
        let mut dice = self.dice(at, 3);
        let rate = if self.course.story == Story::PoorTechnique {
            0.2
        } else {
            0.005
        };
        if dice.random_bool(rate) && !careful {
            match [
                Technique::CuffOverSleeve,
                Technique::ColdFinger,
                Technique::SomebodyElseOnTheScale,
            ][dice.random_range(0..3)]
            {
                Technique::CuffOverSleeve => values.systolic += 45.0,
                Technique::ColdFinger => values.spo2 -= 8.0,
                Technique::SomebodyElseOnTheScale => values.weight *= 0.8,
            }
        }
        values
    }

    fn body(&self, at: DateTime<Utc>) -> Values {
        let mut dice = self.dice(at, 4);
        self.well
            .on_a_day(&mut dice)
            .worsened(self.condition, self.course.illness(at))
    }

    /// Dice for one decision at one time: the same at every call.
    fn dice(&self, at: DateTime<Utc>, decision: u64) -> StdRng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&at.timestamp().to_le_bytes());
        seed[16..24].copy_from_slice(&decision.to_le_bytes());
        StdRng::from_seed(seed)
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "heart_failure" => Ok(Self::HeartFailure),
            "copd" => Ok(Self::Copd),
            "diabetes" => Ok(Self::Diabetes),
            "hypertension" => Ok(Self::Hypertension),
            _ => Err("one of heart_failure, copd, diabetes, hypertension".to_owned()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeartFailure => "heart_failure",
            Self::Copd => "copd",
            Self::Diabetes => "diabetes",
            Self::Hypertension => "hypertension",
        })
    }
}

impl FromStr for Story {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "stable" => Ok(Self::Stable),
            "deteriorating" => Ok(Self::Deteriorating),
            "forgetful" => Ok(Self::Forgetful),
            "poor_technique" => Ok(Self::PoorTechnique),
            _ => Err("one of stable, deteriorating, forgetful, poor_technique".to_owned()),
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Deteriorating => "deteriorating",
            Self::Forgetful => "forgetful",
            Self::PoorTechnique => "poor_technique",
        })
    }
}
