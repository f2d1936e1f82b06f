//! A stored session was checked in full when it came. To show it only the words it was sent in are wanted, and those are
//! read in one go: numbers, times and states of readings stand beside the document already.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{present, text};
use super::number::Decimal;
pub use super::reading::SOURCES;
use super::reading::word_of_context;
use super::time;
use crate::domain::measure::Measure;
use crate::domain::reading::Context;
use crate::domain::time::{Instant, moved};

/// What a session's document says that is stored nowhere else.
#[derive(Debug)]
pub struct Words<'a> {
    /// In the order in which they were sent, which is that of `series`.
    pub readings: Vec<SaidReading<'a>>,
    pub answers: Vec<SaidAnswer<'a>>,
}

/// A reading's keys as they stood on the wire.
#[derive(Debug)]
pub struct SaidReading<'a> {
    pub measure: Cow<'a, str>,
    /// The JSON text: `84.2`, `null`, `"NaN"`.
    pub value: &'a RawValue,
    pub unit: Cow<'a, str>,
    pub comparator: Option<Cow<'a, str>>,
    pub source: Option<Cow<'a, str>>,
    /// `None` too where it is no word of this measure.
    pub context: Option<Context>,
}

/// An answer, its time moved as its session's are.
#[derive(Debug)]
pub struct SaidAnswer<'a> {
    pub question: Cow<'a, str>,
    pub answer: Cow<'a, str>,
    pub answered_at: Option<Instant>,
}

/// Keys that may hold anything are kept raw, so that an odd one hides nothing else.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    readings: Vec<ReadingKeys<'a>>,
    #[serde(borrow)]
    answers: Vec<AnswerKeys<'a>>,
}

#[derive(Deserialize)]
struct ReadingKeys<'a> {
    #[serde(borrow)]
    measure: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow)]
    unit: Cow<'a, str>,
    #[serde(borrow)]
    comparator: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AnswerKeys<'a> {
    #[serde(borrow)]
    question: Cow<'a, str>,
    #[serde(borrow)]
    answer: &'a RawValue,
    #[serde(borrow)]
    answered_at: Option<&'a RawValue>,
}

/// Reads a document that [`decode`](super::session::decode) has taken, with the times in it moved by so many seconds.
/// `None` where it never would have.
pub fn words(document: &str, seconds: i64) -> Option<Words<'_>> {
    let Document { readings, answers } = serde_json::from_str(document).ok()?;
    Some(Words {
        readings: readings.into_iter().map(reading).collect(),
        answers: answers
            .into_iter()
            .map(|keys| answer(keys, seconds))
            .collect::<Option<_>>()?,
    })
}

fn reading(keys: ReadingKeys<'_>) -> SaidReading<'_> {
    let context = present(keys.context).and_then(|raw| {
        let measure = keys.measure.parse::<Measure>().ok();
        word_of_context(&text(raw)?, measure)
    });
    SaidReading {
        measure: keys.measure,
        value: keys.value,
        unit: keys.unit,
        comparator: keys.comparator.and_then(text),
        source: keys.source.and_then(text),
        context,
    }
}

fn answer(keys: AnswerKeys<'_>, seconds: i64) -> Option<SaidAnswer<'_>> {
    let number = || Decimal::parse(keys.answer.get()).map(|_| Cow::Borrowed(keys.answer.get()));
    let answered_at = match keys.answered_at.and_then(text).and_then(|at| time::instant(&at)) {
        Some(at) => Some(moved(at, seconds)?),
        None => None,
    };
    Some(SaidAnswer {
        question: keys.question,
        answer: text(keys.answer).or_else(number)?,
        answered_at,
    })
}
