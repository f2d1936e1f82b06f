//! Units are texts, compared letter by letter: UCUM is case-sensitive, and a unit that we guess at is a wrong number.

use super::number::Factor;
use crate::domain::measure::Measure;

/// The exact way from a unit as sent to the measure's own; `None` where the measure is not accepted in that unit.
///
/// The table is engine.md's, "Measures and numbers".
pub fn factor(measure: Measure, unit: &str) -> Option<Factor> {
    if unit == measure.facts().unit {
        return Some(Factor::NONE);
    }
    match (measure, unit) {
        (Measure::SystolicBp | Measure::DiastolicBp, "kPa") => Some(Factor::ratio(750_062, 100_000)),
        (Measure::HeartRate, "{beats}/min" | "bpm") | (Measure::RespiratoryRate, "{breaths}/min") => {
            Some(Factor::NONE)
        }
        (Measure::Weight, "g") | (Measure::Fev1, "mL") => Some(Factor::ratio(1, 1000)),
        (Measure::Weight, "[lb_av]") => Some(Factor::ratio(45_359_237, 100_000_000)),
        (Measure::Weight, "[stone_av]") => Some(Factor::ratio(635_029_318, 100_000_000)),
        (Measure::Temperature, "[degF]") => Some(Factor {
            minus: 32,
            times: 5,
            per: 9,
        }),
        (Measure::Glucose, "mg/dL") => Some(Factor::ratio(10_000, 180_156)),
        (Measure::PeakFlow, "L/s") => Some(Factor::ratio(60, 1)),
        _ => None,
    }
}
