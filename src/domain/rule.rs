//! A rule is data that a nurse wrote, already found sound: `plan::parse` refuses what engine.md refuses, so the engine never asks again.

use serde::{Deserialize, Serialize};

use super::finding::{Severity, Side};
use super::measure::Measure;
use super::number::Milli;

/// One rule of a plan. Its id is unique in the plan and matches `[a-z][a-z0-9_]{0,63}`; that of limits is `limits.<measure>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: String,
    /// No new alert if the rule's alert was closed by a person within so many days; see engine.md "Repeats".
    pub repeat_after_days: Option<u16>,
    pub kind: RuleKind,
}

/// What makes the rule fire. Each kind that the engine judges is one file in `engine/rules/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKind {
    Limits(Limits),
    Change(Change),
    Answer(AnswerRule),
    Combination(Combination),
    Missed(Missed),
    Incomplete(Incomplete),
    Adherence(Adherence),
}

impl RuleKind {
    /// The contract's word for the kind.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Limits(_) => "limits",
            Self::Change(_) => "change",
            Self::Answer(_) => "answer",
            Self::Combination(_) => "combination",
            Self::Missed(_) => "missed",
            Self::Incomplete(_) => "incomplete",
            Self::Adherence(_) => "adherence",
        }
    }
}

/// Bounds on one measure, strictly ascending where present. Beyond is strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub measure: Measure,
    pub red_low: Option<Milli>,
    pub amber_low: Option<Milli>,
    pub amber_high: Option<Milli>,
    pub red_high: Option<Milli>,
}

/// A rise or fall by at least `by` (inclusive) against a reference in the window of days before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub measure: Measure,
    pub direction: Direction,
    pub by: Milli,
    pub within_days: u16,
    pub reference: Reference,
    pub severity: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Rise,
    Fall,
}

/// Which earlier reading a change is measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    Lowest,
    Highest,
    Earliest,
    Previous,
}

/// Fires when the session's answer to the question is one of the codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRule {
    pub question: String,
    pub any_of: Vec<String>,
    pub severity: Severity,
}

/// Satisfied by rules that fired in this session or, within the hours, in earlier ones; at least one of them in this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    /// How many of `terms` must hold: all for `all_of`, 1 for `any_of`, n for `at_least`.
    pub need: usize,
    pub terms: Vec<Term>,
    /// `None`: this session only.
    pub within_hours: Option<u32>,
    pub severity: Severity,
}

/// One term of a combination: any of these names will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term(pub Vec<Named>);

/// A rule, or one side of a `limits` rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named {
    pub rule: String,
    pub side: Option<Side>,
}

/// Fires at each missed due time from the `after`-th in a row on. Compliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    pub after: u32,
    pub severity: Severity,
}

/// Fires when so many scheduled sessions in a row lack an accepted reading of one of the measures. Compliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    pub measures: Vec<Measure>,
    pub sessions_in_row: u32,
    pub severity: Severity,
}

/// Fires when fewer than `at_least` of the last 7 countable days were kept. Compliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adherence {
    /// 1 to 7.
    pub at_least: u32,
    pub severity: Severity,
}
