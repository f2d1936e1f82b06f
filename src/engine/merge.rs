//! A patient with two conditions gets both sets of rules. Where they differ the tighter is proposed, because a limit that is
//! missed does more harm than one that is looked at; a nurse decides, and is shown every choice.

use std::sync::Arc;

use crate::domain::finding::Severity;
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::rule::{Band, Limits, Rule, RuleKind};

/// A rule of the proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    pub id: String,
    pub pick: Pick,
    /// The rules that bear its name, as (set, place), where they differ.
    pub choices: Vec<(usize, usize)>,
    /// Why it is proposed, where there was a choice.
    pub why: Option<String>,
}

/// Where a proposed rule comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// As it stands in a set, at a place.
    Whole { set: usize, place: usize },
    /// The tighter of each bound.
    Bounds(Limits),
}

/// Merges sets of rules, each with its name, in their order.
pub fn merge(sets: &[(&str, &[Arc<Rule>])]) -> Vec<Merged> {
    let mut merged: Vec<Merged> = Vec::new();
    for (set, (name, rules)) in sets.iter().enumerate() {
        for (place, rule) in rules.iter().enumerate() {
            let Some(known) = merged.iter().position(|known| known.id == rule.id) else {
                merged.push(whole(rule.id.clone(), set, place));
                continue;
            };
            let entry = &mut merged[known];
            let stands = standing(entry, sets);
            if stands.as_ref() == Some(rule) {
                continue;
            }
            let Some(stands) = stands else {
                continue;
            };
            if subject(&stands.kind) != subject(&rule.kind) {
                let other = Merged {
                    choices: vec![entry.origin(), (set, place)],
                    why: Some(format!(
                        "{} is about something else in each: both are kept, under two names",
                        rule.id
                    )),
                    ..whole(format!("{name}_{}", rule.id), set, place)
                };
                merged.push(other);
                continue;
            }
            if entry.choices.is_empty() {
                entry.choices.push(entry.origin());
            }
            entry.choices.push((set, place));
            if let (RuleKind::Limits(one), RuleKind::Limits(other)) = (&stands.kind, &rule.kind) {
                entry.pick = Pick::Bounds(tighter_bounds(one, other));
                entry.why = Some("the tighter of each bound".to_owned());
                continue;
            }
            let (second, why) = is_tighter(&rule.kind, &stands.kind);
            if second {
                entry.pick = Pick::Whole { set, place };
            }
            entry.why = Some(why);
        }
    }
    merged
}

fn whole(id: String, set: usize, place: usize) -> Merged {
    Merged {
        id,
        pick: Pick::Whole { set, place },
        choices: Vec::new(),
        why: None,
    }
}

impl Merged {
    /// Where it came from first.
    fn origin(&self) -> (usize, usize) {
        match (&self.pick, self.choices.first()) {
            (_, Some(first)) => *first,
            (Pick::Whole { set, place }, None) => (*set, *place),
            (Pick::Bounds(_), None) => (0, 0),
        }
    }
}

/// The rule as it is proposed so far.
fn standing(entry: &Merged, sets: &[(&str, &[Arc<Rule>])]) -> Option<Arc<Rule>> {
    match &entry.pick {
        Pick::Whole { set, place } => sets.get(*set)?.1.get(*place).cloned(),
        Pick::Bounds(limits) => Some(Arc::new(Rule {
            id: entry.id.clone(),
            repeat_after_days: None,
            kind: RuleKind::Limits(*limits),
        })),
    }
}

/// The higher low and the lower high. An amber bound that the red one has overtaken says nothing any more.
fn tighter_bounds(one: &Limits, other: &Limits) -> Limits {
    let low = |one: Option<Milli>, other: Option<Milli>| one.max(other);
    let high = |one: Option<Milli>, other: Option<Milli>| match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let (red_low, red_high) = (
        low(one.red_low, other.red_low),
        high(one.red_high, other.red_high),
    );
    Limits {
        measure: one.measure,
        red_low,
        amber_low: low(one.amber_low, other.amber_low).filter(|amber| red_low.is_none_or(|red| red < *amber)),
        amber_high: high(one.amber_high, other.amber_high)
            .filter(|amber| red_high.is_none_or(|red| *amber < red)),
        red_high,
    }
}

/// What a rule is about: two of one name and one subject differ only in their numbers.
fn subject(kind: &RuleKind) -> (&'static str, Option<Measure>, String) {
    let word = kind.word();
    match kind {
        RuleKind::Limits(rule) => (word, Some(rule.measure), String::new()),
        RuleKind::Change(rule) => (
            word,
            Some(rule.measure),
            format!("{:?} {:?}", rule.direction, rule.reference),
        ),
        RuleKind::Trend(rule) => (word, Some(rule.measure), format!("{:?}", rule.direction)),
        RuleKind::Persistence(rule) => (word, Some(rule.measure), String::new()),
        RuleKind::Count(rule) => (word, Some(rule.measure), String::new()),
        RuleKind::Mean(rule) => (word, Some(rule.measure), String::new()),
        RuleKind::Baseline(rule) => (word, Some(rule.measure), format!("{:?}", rule.edge)),
        RuleKind::Target(rule) => (word, Some(rule.measure), rule.value.to_string()),
        RuleKind::Answer(rule) => (word, None, rule.question.clone()),
        RuleKind::News2(rule) => (word, None, format!("{:?}", rule.scale)),
        // What they combine is not a number: two of one name are two rules.
        RuleKind::Combination(rule) => (word, None, format!("{:?} {:?}", rule.need, rule.terms)),
        RuleKind::Score(rule) => (word, None, format!("{:?}", rule.weights)),
        RuleKind::Missed(_) | RuleKind::Incomplete(_) | RuleKind::Adherence(_) => (word, None, String::new()),
    }
}

/// Whether the first is tighter than the second, by the first thing in which they differ; and why, with what speaks against it.
fn is_tighter(one: &RuleKind, other: &RuleKind) -> (bool, String) {
    let pairs = tightness(one).into_iter().zip(tightness(other));
    let differing: Vec<(&'static str, bool)> = pairs
        .filter(|((_, one), (_, other))| one != other)
        .map(|((what, one), (_, other))| (what, one > other))
        .collect();
    let Some((what, first)) = differing.first().copied() else {
        return (
            false,
            "they differ in nothing that makes one tighter: the first is proposed".to_owned(),
        );
    };
    let against: Vec<&str> = differing
        .iter()
        .filter(|(_, one)| *one != first)
        .map(|(what, _)| *what)
        .collect();
    let why = if against.is_empty() {
        format!("tighter in {what}")
    } else {
        format!("tighter in {what}, but wider in {}", against.join(" and "))
    };
    (first, why)
}

/// What makes a rule tight, the weightiest first; more is tighter.
fn tightness(kind: &RuleKind) -> Vec<(&'static str, i64)> {
    let severity = |severity: Severity| {
        let rank = match severity {
            Severity::Context => 0,
            Severity::Amber => 1,
            Severity::Red => 2,
        };
        ("severity", rank)
    };
    let less = |amount: Milli| -amount.thousandths();
    let fewer = |count: u32| -i64::from(count);
    let band = |band: Band| {
        let low = band.low.map_or(i64::MIN, Milli::thousandths);
        let high = band.high.map_or(i64::MIN, |high| -high.thousandths());
        [("low", low), ("high", high)]
    };
    let mut all = Vec::new();
    match kind {
        RuleKind::Change(rule) => {
            all.extend([
                severity(rule.severity),
                ("by", less(rule.by)),
                ("within_days", rule.within_days.into()),
            ]);
        }
        RuleKind::Trend(rule) => all.extend([severity(rule.severity), ("by", less(rule.by))]),
        RuleKind::Persistence(rule) => {
            all.push(severity(rule.severity));
            all.extend(band(rule.band));
            all.extend([
                ("at_least", fewer(rule.at_least)),
                ("within_days", rule.within_days.into()),
            ]);
        }
        RuleKind::Count(rule) => {
            all.push(severity(rule.severity));
            all.extend(band(rule.band));
            all.extend([
                ("at_least", fewer(rule.at_least)),
                ("within_hours", rule.within_hours.into()),
            ]);
        }
        RuleKind::Mean(rule) => {
            all.push(severity(rule.severity));
            all.extend(band(rule.band));
            all.extend([
                ("min_readings", fewer(rule.min_readings)),
                ("min_days", fewer(rule.min_days.into())),
            ]);
        }
        RuleKind::Baseline(rule) => {
            all.extend([
                severity(rule.severity),
                ("k", -rule.k.0),
                ("min_sd", less(rule.min_sd)),
            ]);
            all.push(("min_readings", fewer(rule.min_readings)));
        }
        RuleKind::Target(rule) => {
            let by = |by: Option<Milli>| by.map_or(i64::MIN, less);
            all.extend([
                severity(rule.severity),
                ("low_by", by(rule.low_by)),
                ("high_by", by(rule.high_by)),
            ]);
        }
        RuleKind::Answer(rule) => {
            let answers = i64::try_from(rule.any_of.len()).unwrap_or(i64::MAX);
            all.extend([severity(rule.severity), ("any_of", answers)]);
        }
        RuleKind::Score(rule) => all.extend([severity(rule.severity), ("at_least", less(rule.at_least))]),
        RuleKind::News2(rule) => {
            all.extend([
                ("red_at", fewer(rule.red_at.into())),
                ("amber_at", fewer(rule.amber_at.into())),
            ]);
            all.push(("single_three", rule.single_three.into()));
        }
        RuleKind::Combination(rule) => {
            let hours = rule.within_hours.map_or(0, i64::from);
            all.extend([severity(rule.severity), ("within_hours", hours)]);
        }
        RuleKind::Missed(rule) => all.extend([severity(rule.severity), ("after", fewer(rule.after))]),
        RuleKind::Incomplete(rule) => {
            all.extend([
                severity(rule.severity),
                ("sessions_in_row", fewer(rule.sessions_in_row)),
            ]);
        }
        RuleKind::Adherence(rule) => {
            all.extend([severity(rule.severity), ("at_least", rule.at_least.into())]);
        }
        RuleKind::Limits(_) => {}
    }
    all
}
