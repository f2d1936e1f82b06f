//! Sentences are read out on the telephone: plain, calm, with the unit said, and nobody blamed.

use std::fmt::Write as _;

use chrono_tz::Tz;

use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::plan::Plan;
use crate::domain::question::QuestionKind;
use crate::domain::reading::{Comparator, Reading};
use crate::domain::session::NOT_ANSWERED;
use crate::domain::time::Instant;

/// The language of the desk.
const LANGUAGE: &str = "en";

/// Words from outside are cut to this many characters: a sentence is not the place for a payload.
const FOREIGN_WORDS: usize = 60;

/// `84.2 kg`.
pub(super) fn amount(value: Milli, measure: Measure) -> String {
    format!("{value} {}", measure.facts().shown_unit)
}

/// What the meter showed: `84.2 kg`, `below 1.1 mmol/L`.
pub(super) fn shown(value: Milli, comparator: Option<Comparator>, measure: Measure) -> String {
    let amount = amount(value, measure);
    match comparator {
        None => amount,
        Some(Comparator::Less) => format!("below {amount}"),
        Some(Comparator::Greater) => format!("above {amount}"),
    }
}

/// As [`shown`], or what was sent where no number could be made of it.
pub(super) fn reading(reading: &Reading, measure: Measure) -> String {
    match reading.value {
        Some(value) => shown(value, reading.comparator, measure),
        None => sent(reading),
    }
}

/// Value and unit as they came: `“80 st”`.
pub(super) fn sent(reading: &Reading) -> String {
    let value = reading.sent.value.trim_matches('"');
    format!("“{}”", foreign(&format!("{value} {}", reading.sent.unit)))
}

/// The zone in which times are told: the plan's, or the service's where there is no plan.
pub(super) fn zone(plan: Option<&Plan>) -> Tz {
    plan.map_or(Tz::Europe__London, |plan| plan.timezone)
}

/// The measure's spoken name at the beginning of a sentence.
pub(super) fn opening(measure: Measure) -> String {
    capital(measure.facts().spoken)
}

pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Words that we did not write, cut short.
pub(super) fn foreign(words: &str) -> String {
    let words = words.trim();
    match words.char_indices().nth(FOREIGN_WORDS) {
        None => words.to_owned(),
        Some((end, _)) => format!("{}…", &words[..end]),
    }
}

/// `1 day`, `3 days`.
pub(super) fn days(days: impl TryInto<u64>) -> String {
    counted(days, "day")
}

/// `1 hour`, `24 hours`.
pub(super) fn hours(hours: u32) -> String {
    counted(hours, "hour")
}

/// `1 reading`, `3 readings`.
pub(super) fn readings(count: impl TryInto<u64>) -> String {
    counted(count, "reading")
}

fn counted(count: impl TryInto<u64>, what: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// The patient's local time: `20 Nov 2026, 09:04`.
pub(super) fn moment(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).format("%-d %b %Y, %H:%M").to_string()
}

/// `a`, `a and b`, `a, b and c`; or with another last word.
pub(super) fn list(items: &[String], last: &str) -> String {
    let mut text = String::new();
    for (place, item) in items.iter().enumerate() {
        let join = match place {
            0 => "",
            _ if place + 1 == items.len() => last,
            _ => ", ",
        };
        let _ = write!(text, "{join}{item}");
    }
    text
}

/// The question as the patient reads it in English; its id where there is no English text.
pub(super) fn question(plan: &Plan, id: &str) -> String {
    let question = plan.questions.iter().find(|question| question.id == id);
    let text = question.and_then(|question| question.text.get(LANGUAGE));
    format!(
        "“{}”",
        text.map_or_else(|| id.replace('_', " "), |text| foreign(text))
    )
}

/// An answer in words: the English text of a choice, else its code.
pub(super) fn answer(plan: &Plan, question: &str, code: &str) -> String {
    if code == NOT_ANSWERED {
        return "not answered".to_owned();
    }
    let asked = plan.questions.iter().find(|asked| asked.id == question);
    asked
        .filter(|asked| asked.kind == QuestionKind::Choice)
        .and_then(|asked| asked.options.iter().find(|option| option.code == code))
        .and_then(|option| option.text.get(LANGUAGE))
        .map_or_else(|| foreign(&code.replace('_', " ")), |text| foreign(text))
}
