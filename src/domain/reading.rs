//! A reading that cannot be believed is kept, shown and flagged; it is never dropped and never counted.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::measure::Measure;
use super::number::Milli;
use super::time::Instant;

/// One value of one measure, as the unit sent it and as we understand it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Its place in the session's `readings`, from 0.
    pub index: u16,
    /// `None` where the name is unknown; `sent.measure` has it.
    pub measure: Option<Measure>,
    /// In the measure's own unit, in thousandths; `None` where no usable number was sent (see `fault`).
    pub value: Option<Milli>,
    pub comparator: Option<Comparator>,
    /// By the unit's clock.
    pub taken_at: Instant,
    pub context: Option<Context>,
    /// What makes the value unusable whatever its neighbours say; found when it was decoded.
    pub fault: Option<Suspicion>,
    pub sent: Sent,
}

impl Reading {
    /// The value that rules compare: one thousandth beyond the number where the meter only said LO or HI.
    pub fn judged(&self) -> Option<Milli> {
        judged_value(self.value, self.comparator)
    }
}

/// The value that rules compare, of a value and its comparator: see [`Reading::judged`].
pub fn judged_value(value: Option<Milli>, comparator: Option<Comparator>) -> Option<Milli> {
    value.map(|value| match comparator {
        None => value,
        Some(Comparator::Less) => value - Milli::new(1),
        Some(Comparator::Greater) => value + Milli::new(1),
    })
}

/// What stood on the wire, kept beside what we made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub measure: Cow<'static, str>,
    /// The JSON text of the value: `84.2`, `null`, `"NaN"`.
    pub value: String,
    pub unit: Cow<'static, str>,
    pub comparator: Option<String>,
    pub context: Option<String>,
    /// `device` or `manual`, where the unit said so.
    pub source: Option<String>,
}

/// A meter that shows LO or HI knows only that the value lies beyond the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    /// `<`
    Less,
    /// `>`
    Greater,
}

/// The circumstances of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    BeforeMeal,
    AfterMeal,
    Fasting,
    ControlSolution,
    OnAir,
    OnOxygen,
    Alert,
    NewConfusion,
    Voice,
    Pain,
    Unresponsive,
}

/// Whether a reading feeds the rules. Only `Accepted` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadingState {
    /// Nothing speaks against it.
    Accepted,
    /// A person said that it counts, whatever the check says.
    AcceptedByDecision,
    Suspect(Suspicion),
    /// A person said that it does not count.
    ExcludedByDecision,
    /// Glucose measured on control solution: not the patient's at all.
    ControlSolution,
}

impl ReadingState {
    pub const fn counts(self) -> bool {
        matches!(self, Self::Accepted | Self::AcceptedByDecision)
    }

    /// The contract's word: `accepted`, `suspect` or `excluded`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted | Self::AcceptedByDecision => "accepted",
            Self::Suspect(_) => "suspect",
            Self::ExcludedByDecision | Self::ControlSolution => "excluded",
        }
    }

    /// The code that stands beside the word; a person's decision has its own record instead.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Suspect(why) => Some(why.code()),
            Self::ControlSolution => Some("control_solution"),
            Self::Accepted | Self::AcceptedByDecision | Self::ExcludedByDecision => None,
        }
    }
}

/// Why a reading is suspect; where several apply the first of this order is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suspicion {
    UnknownMeasure,
    UnknownUnit,
    NotFinite,
    Time,
    OutOfRange,
    SystolicNotAboveDiastolic,
    WeightJump,
}

impl Suspicion {
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownMeasure => "unknown_measure",
            Self::UnknownUnit => "unknown_unit",
            Self::NotFinite => "not_finite",
            Self::Time => "time",
            Self::OutOfRange => "out_of_range",
            Self::SystolicNotAboveDiastolic => "systolic_not_above_diastolic",
            Self::WeightJump => "weight_jump",
        }
    }
}

/// What a person decided about a reading; the last decision counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Exclude,
    Accept,
}

impl Decision {
    /// The contract's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exclude => "exclude",
            Self::Accept => "accept",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Exclude, Self::Accept]
            .into_iter()
            .find(|decision| decision.word() == word)
    }
}
