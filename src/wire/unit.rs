//! Units are texts, compared letter by letter: UCUM is case-sensitive, and a unit that we guess at is a wrong number.

use super::number::Factor;
use crate::domain::measure::Measure::{
    self, DiastolicBp, Fev1, Glucose, HeartRate, PeakFlow, RespiratoryRate, SystolicBp, Temperature, Weight,
};

/// What measures are accepted in besides their own unit, and the exact way from there: engine.md, "Measures and numbers".
const ALSO: [(Measure, &str, Factor); 12] = [
    (SystolicBp, "kPa", Factor::ratio(750_062, 100_000)),
    (DiastolicBp, "kPa", Factor::ratio(750_062, 100_000)),
    (HeartRate, "{beats}/min", Factor::NONE),
    (HeartRate, "bpm", Factor::NONE),
    (RespiratoryRate, "{breaths}/min", Factor::NONE),
    (Weight, "g", Factor::ratio(1, 1000)),
    (Weight, "[lb_av]", Factor::ratio(45_359_237, 100_000_000)),
    (Weight, "[stone_av]", Factor::ratio(635_029_318, 100_000_000)),
    (
        Temperature,
        "[degF]",
        Factor {
            minus: 32,
            times: 5,
            per: 9,
        },
    ),
    (Glucose, "mg/dL", Factor::ratio(10_000, 180_156)),
    (PeakFlow, "L/s", Factor::ratio(60, 1)),
    (Fev1, "mL", Factor::ratio(1, 1000)),
];

/// The exact way from a unit as sent to the measure's own; `None` where the measure is not accepted in that unit.
pub fn factor(measure: Measure, unit: &str) -> Option<Factor> {
    if unit == measure.facts().unit {
        return Some(Factor::NONE);
    }
    ALSO.iter()
        .find(|(of, text, _)| *of == measure && *text == unit)
        .map(|(.., factor)| *factor)
}

/// Every unit that a measure is accepted in, its own first.
pub fn accepted(measure: Measure) -> Vec<&'static str> {
    let also = ALSO.iter().filter(|(of, ..)| *of == measure);
    std::iter::once(measure.facts().unit)
        .chain(also.map(|(_, unit, _)| *unit))
        .collect()
}
