//! A rule is data that a nurse wrote, already found sound: `plan::parse` refuses what engine.md refuses, so the engine never asks again.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::finding::{Severity, Side};
use super::measure::Measure;
use super::number::Milli;

/// One rule of a plan. Its id is unique in the plan and matches `[a-z][a-z0-9_]{0,63}`; that of limits is `limits.<measure>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    pub id: String,
    /// No new alert if the rule's alert was closed by a person within so many days; see engine.md "Repeats".
    pub repeat_after_days: Option<u16>,
    pub kind: RuleKind,
}

/// What makes the rule fire. Each kind that the engine judges is one file in `engine/rules/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RuleKind {
    Limits(Limits),
    Change(Change),
    Persistence(Persistence),
    Count(Count),
    Mean(Mean),
    Baseline(Baseline),
    Target(Target),
    Trend(Trend),
    Answer(AnswerRule),
    Score(Score),
    News2(News2Rule),
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
            Self::Persistence(_) => "persistence",
            Self::Count(_) => "count",
            Self::Mean(_) => "mean",
            Self::Baseline(_) => "baseline",
            Self::Target(_) => "target",
            Self::Trend(_) => "trend",
            Self::Answer(_) => "answer",
            Self::Score(_) => "score",
            Self::News2(_) => "news2",
            Self::Combination(_) => "combination",
            Self::Missed(_) => "missed",
            Self::Incomplete(_) => "incomplete",
            Self::Adherence(_) => "adherence",
        }
    }
}

/// Bounds on one measure, strictly ascending where present. Beyond is strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    pub measure: Measure,
    pub red_low: Option<Milli>,
    pub amber_low: Option<Milli>,
    pub amber_high: Option<Milli>,
    pub red_high: Option<Milli>,
}

/// A rise or fall by at least `by` (inclusive) against a reference in the window of days before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Change {
    pub measure: Measure,
    pub direction: Direction,
    pub by: Milli,
    pub within_days: u16,
    pub reference: Reference,
    pub severity: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Rise,
    Fall,
}

/// Which earlier reading a change is measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    Lowest,
    Highest,
    Earliest,
    Previous,
}

/// Bounds that a rule has on one side or both; `low` is below `high`. Beyond is strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Band {
    pub low: Option<Milli>,
    pub high: Option<Milli>,
}

/// A reading beyond a bound, if at least `at_least` of the last `of_last` readings, itself included, are beyond the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Persistence {
    pub measure: Measure,
    pub band: Band,
    /// From 1 to `of_last`.
    pub at_least: u32,
    pub of_last: u32,
    pub within_days: u16,
    pub severity: Severity,
}

/// A reading beyond a bound, if so many in the hours up to it are beyond the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Count {
    pub measure: Measure,
    pub band: Band,
    pub at_least: u32,
    pub within_hours: u32,
    pub severity: Severity,
}

/// The mean of the readings of so many local days, today among them, beyond a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mean {
    pub measure: Measure,
    pub band: Band,
    pub over_days: u16,
    pub min_readings: u32,
    /// On how many different local days, at the least.
    pub min_days: u16,
    pub severity: Severity,
}

/// A reading more than `k` standard deviations from the mean of the readings of the days before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Baseline {
    pub measure: Measure,
    pub edge: Edge,
    pub k: TenThousandths,
    pub over_days: u16,
    /// At least 2: one reading has no deviation.
    pub min_readings: u32,
    /// The least standard deviation reckoned with.
    pub min_sd: Milli,
    pub severity: Severity,
}

/// Which end of a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    Low,
    High,
}

/// A factor above zero with four decimals, as whole ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TenThousandths(pub i64);

impl fmt::Display for TenThousandths {
    /// The shortest decimal: `1.645`, `2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:04}", self.0 / 10_000, self.0 % 10_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A value that a nurse set for the patient, such as a dry weight, and how far from it is too far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    pub measure: Measure,
    pub value: Milli,
    pub low_by: Option<Milli>,
    pub high_by: Option<Milli>,
    pub severity: Severity,
}

/// A fast moving average of daily means that has left a slow one by at least `by` (inclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trend {
    pub measure: Measure,
    pub direction: Direction,
    /// Less than `long_days`.
    pub short_days: u16,
    pub long_days: u16,
    pub by: Milli,
    pub severity: Severity,
}

impl Trend {
    /// Over how many local days the averages run, today among them.
    pub const fn over_days(&self) -> u16 {
        self.long_days.saturating_mul(4)
    }
}

/// Fires when the session's answer to the question is one of the codes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerRule {
    pub question: String,
    pub any_of: Vec<String>,
    pub severity: Severity,
}

/// Points for answers of one session, added up. An answer that is not here gives none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Score {
    /// By question, then by answer.
    pub weights: BTreeMap<String, BTreeMap<String, Milli>>,
    pub at_least: Milli,
    pub severity: Severity,
}

/// The National Early Warning Score 2 of a session: red from `red_at`, amber from `amber_at`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct News2Rule {
    pub scale: OxygenScale,
    /// Below `red_at`.
    pub amber_at: u8,
    pub red_at: u8,
    /// Whether a single parameter that scores 3 is amber, whatever the total.
    pub single_three: bool,
}

/// How oxygen saturation scores. Scale 2 is for confirmed hypercapnic failure with a prescribed 88–92 %.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OxygenScale {
    One,
    Two { approved_by: String },
}

/// Satisfied by rules that fired in this session or, within the hours, in earlier ones; at least one of them in this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Combination {
    /// How many of `terms` must hold: all for `all_of`, 1 for `any_of`, n for `at_least`.
    pub need: usize,
    pub terms: Vec<Term>,
    /// `None`: this session only.
    pub within_hours: Option<u32>,
    pub severity: Severity,
}

/// One term of a combination: any of these names will do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term(pub Vec<Named>);

/// A rule, or one side of a `limits` rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named {
    pub rule: String,
    pub side: Option<Side>,
}

/// Fires at each missed due time from the `after`-th in a row on. Compliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Missed {
    pub after: u32,
    pub severity: Severity,
}

/// Fires when so many scheduled sessions in a row lack an accepted reading of one of the measures. Compliance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Incomplete {
    pub measures: Vec<Measure>,
    pub sessions_in_row: u32,
    pub severity: Severity,
}

/// Fires when fewer than `at_least` of the last 7 countable days were kept. Compliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Adherence {
    /// 1 to 7.
    pub at_least: u32,
    pub severity: Severity,
}
