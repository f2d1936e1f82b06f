//! A reading that cannot be used is still a reading: only what leaves us without its required keys rejects the session.

use std::borrow::Cow;

use super::content::Content;
use super::document::{Raw, present};
use super::faults::{Faults, Place, a_text, a_time};
use super::keys::{Object as _, known_keys};
use super::number::Decimal;
use super::unit;
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::reading::{Comparator, Context, Reading, Sent, Suspicion};

known_keys!(ReadingKeys {
    measure,
    value,
    unit,
    taken_at,
    comparator,
    source,
    peripheral,
    context
});
known_keys!(PeripheralKeys { model, serial });

/// Where a reading may come from.
pub const SOURCES: [&str; 2] = ["device", "manual"];
/// What a meter's LO and HI are.
pub(super) const COMPARATORS: [(&str, Comparator); 2] = [("<", Comparator::Less), (">", Comparator::Greater)];
/// The words for circumstances, each with the measure that it belongs to.
pub(super) const CONTEXTS: [(&str, Context, Measure); 11] = [
    ("before_meal", Context::BeforeMeal, Measure::Glucose),
    ("after_meal", Context::AfterMeal, Measure::Glucose),
    ("fasting", Context::Fasting, Measure::Glucose),
    ("control_solution", Context::ControlSolution, Measure::Glucose),
    ("on_air", Context::OnAir, Measure::Spo2),
    ("on_oxygen", Context::OnOxygen, Measure::Spo2),
    ("alert", Context::Alert, Measure::RespiratoryRate),
    ("new_confusion", Context::NewConfusion, Measure::RespiratoryRate),
    ("voice", Context::Voice, Measure::RespiratoryRate),
    ("pain", Context::Pain, Measure::RespiratoryRate),
    ("unresponsive", Context::Unresponsive, Measure::RespiratoryRate),
];
/// What units write where JSON has no number.
pub(super) const NOT_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Reads the reading at `index`; `None` where a fault that rejects the session was added to `faults`.
pub(super) fn decode(
    index: u16,
    raw: Raw<'_>,
    faults: &mut Faults,
    content: &mut Content,
) -> Option<Reading> {
    let place = Place::Reading(index);
    let mut keys = ReadingKeys::default();
    if keys.fill(Some(raw)).is_err() {
        faults.reject(format!("/readings/{index}"), "must be an object");
        return None;
    }
    faults.twice(place, &keys.twice);
    let measure = faults.required((place, "measure"), keys.measure, a_text());
    let value = faults.required((place, "value"), keys.value, (Value::read, Value::WANTED));
    let unit = faults.required((place, "unit"), keys.unit, a_text());
    let taken_at = faults.required((place, "taken_at"), keys.taken_at, a_time());
    let source = faults.optional((place, "source"), keys.source, a_text());
    if source
        .as_ref()
        .is_some_and(|source| !SOURCES.contains(&source.as_ref()))
    {
        faults.mark(
            place.of("source"),
            "unknown_source",
            "is neither device nor manual",
        );
    }

    content.value(keys.measure);
    match &value {
        Some(Value::Number(number)) => content.number(number),
        _ => content.value(keys.value),
    }
    content.value(keys.unit);
    content.time_or_value(keys.taken_at, taken_at);
    content.value(keys.comparator);
    content.value(keys.source);
    content.value(keys.context);
    peripheral(index, keys.peripheral, faults, content);

    let (measure, value, unit, taken_at) = (measure?, value?, unit?, taken_at?);
    let known = measure.parse::<Measure>().ok();
    let comparator = comparator(place, keys.comparator, faults);
    let circumstance = context(place, keys.context, known, faults);
    let (milli, fault) = judge_value(place, known, &value, &unit, faults);
    Some(Reading {
        index,
        measure: known,
        value: milli,
        comparator,
        taken_at,
        context: circumstance,
        fault,
        sent: Sent {
            measure: kept(measure, known.map(Measure::code)),
            value: keys.value.map(|raw| raw.get().to_owned()).unwrap_or_default(),
            unit: kept(unit, known.map(|measure| measure.facts().unit)),
            comparator: keys.comparator.and_then(Raw::text).map(Into::into),
            context: keys.context.and_then(Raw::text).map(Into::into),
            source: source.map(Into::into),
        },
    })
}

/// The text as sent, which is nearly always the one that is expected.
fn kept(sent: Cow<'_, str>, expected: Option<&'static str>) -> Cow<'static, str> {
    match expected {
        Some(expected) if sent == expected => Cow::Borrowed(expected),
        _ => Cow::Owned(sent.into_owned()),
    }
}

/// What may stand as a reading's value.
enum Value<'a> {
    Number(Decimal<'a>),
    /// Null, or one of the three strings that units write where JSON has no number.
    NotFinite,
}

impl<'a> Value<'a> {
    const WANTED: &'static str = "must be a number, null, \"NaN\", \"Infinity\" or \"-Infinity\"";

    fn read(raw: Raw<'a>) -> Option<Self> {
        match raw.get() {
            "null" => Some(Self::NotFinite),
            quoted if quoted.starts_with('"') => NOT_FINITE
                .contains(&raw.text()?.as_ref())
                .then_some(Self::NotFinite),
            number => Decimal::parse(number).map(Self::Number),
        }
    }
}

/// The value in the measure's own unit, or the first reason, in engine.md's order, why there is none. The receipt
/// lists every reason. A number too large to keep is not listed: like all values out of range it was sent rightly.
fn judge_value(
    place: Place,
    measure: Option<Measure>,
    value: &Value<'_>,
    unit: &str,
    faults: &mut Faults,
) -> (Option<Milli>, Option<Suspicion>) {
    let factor = measure.map(|measure| unit::factor(measure, unit));
    let mut first = None;
    let mut why = |at: &str, suspicion: Suspicion, detail: &str| {
        faults.mark(place.of(at), suspicion.code(), detail);
        first = first.or(Some(suspicion));
    };
    match factor {
        None => why("measure", Suspicion::UnknownMeasure, "is no measure that we know"),
        Some(None) => why(
            "unit",
            Suspicion::UnknownUnit,
            "is no unit that this measure is accepted in",
        ),
        Some(Some(_)) => {}
    }
    match (value, factor.flatten()) {
        (Value::NotFinite, _) => why("value", Suspicion::NotFinite, "is no finite number"),
        (Value::Number(number), Some(factor)) => match number.milli(factor) {
            Some(milli) => return (Some(milli), None),
            None => first = Some(Suspicion::OutOfRange),
        },
        (Value::Number(_), None) => {}
    }
    (None, first)
}

fn comparator(place: Place, raw: Option<Raw<'_>>, faults: &mut Faults) -> Option<Comparator> {
    let raw = present(raw)?;
    let said = raw.text();
    let known = COMPARATORS
        .iter()
        .find(|(word, _)| said.as_deref() == Some(*word));
    if known.is_none() {
        faults.mark(
            place.of("comparator"),
            "bad_comparator",
            "is neither < nor >, and is ignored",
        );
    }
    known.map(|(_, comparator)| *comparator)
}

fn context(
    place: Place,
    raw: Option<Raw<'_>>,
    measure: Option<Measure>,
    faults: &mut Faults,
) -> Option<Context> {
    let raw = present(raw)?;
    let context = raw.text().and_then(|said| word_of_context(&said, measure));
    if context.is_none() {
        faults.mark(
            place.of("context"),
            "unknown_context",
            "is no context of this measure, and is ignored",
        );
    }
    context
}

/// What a word says of a reading of this measure: the words belong to measures. With an unknown measure there is nothing
/// to hold the word against.
pub(super) fn word_of_context(said: &str, measure: Option<Measure>) -> Option<Context> {
    let fits = |owner: Measure| measure.is_none_or(|measure| measure == owner);
    let known = CONTEXTS.iter().find(|(word, ..)| *word == said);
    known
        .filter(|(.., owner)| fits(*owner))
        .map(|(_, context, _)| *context)
}

/// Kept in the document only; here it is checked, and part of the content.
fn peripheral(index: u16, raw: Option<Raw<'_>>, faults: &mut Faults, content: &mut Content) {
    let Some(raw) = present(raw) else {
        return content.absent();
    };
    let mut keys = PeripheralKeys::default();
    if keys.fill(Some(raw)).is_err() {
        faults.mark(
            Place::Reading(index).of("peripheral"),
            super::faults::BAD_FIELD,
            "must be an object",
        );
        return content.value(Some(raw));
    }
    let place = Place::Peripheral(index);
    faults.twice(place, &keys.twice);
    faults.optional((place, "model"), keys.model, a_text());
    faults.optional((place, "serial"), keys.serial, a_text());
    content.list(2);
    content.value(keys.model);
    content.value(keys.serial);
}
