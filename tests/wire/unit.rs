//! The conversions of engine.md, each with a number worked out by hand.

use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::wire::number::Decimal;
use homeward::wire::unit::factor;

#[test]
fn accepted_units_are_converted_exactly_and_rounded_once() {
    for (measure, value, unit, own) in [
        (Measure::SystolicBp, "142", "mm[Hg]", "142"),
        (Measure::SystolicBp, "16", "kPa", "120.01"),
        (Measure::DiastolicBp, "10.66", "kPa", "79.957"),
        (Measure::HeartRate, "72", "/min", "72"),
        (Measure::HeartRate, "72", "{beats}/min", "72"),
        (Measure::HeartRate, "72", "bpm", "72"),
        (Measure::RespiratoryRate, "16", "/min", "16"),
        (Measure::RespiratoryRate, "16", "{breaths}/min", "16"),
        (Measure::Spo2, "93", "%", "93"),
        (Measure::Weight, "84.2", "kg", "84.2"),
        (Measure::Weight, "84200", "g", "84.2"),
        (Measure::Weight, "84200.5", "g", "84.201"),
        (Measure::Weight, "185.6", "[lb_av]", "84.187"),
        (Measure::Weight, "13.25", "[stone_av]", "84.141"),
        (Measure::Temperature, "37.5", "Cel", "37.5"),
        (Measure::Temperature, "98.6", "[degF]", "37"),
        (Measure::Temperature, "100.4", "[degF]", "38"),
        (Measure::Temperature, "100.5", "[degF]", "38.056"),
        (Measure::Temperature, "-40", "[degF]", "-40"),
        (Measure::Temperature, "0", "[degF]", "-17.778"),
        (Measure::Temperature, "31.9999", "[degF]", "0"),
        (Measure::Temperature, "31.9991", "[degF]", "-0.001"),
        (Measure::Glucose, "5.5", "mmol/L", "5.5"),
        (Measure::Glucose, "100", "mg/dL", "5.551"),
        (Measure::Glucose, "72.0624", "mg/dL", "4"),
        (Measure::PeakFlow, "400", "L/min", "400"),
        (Measure::PeakFlow, "6.7", "L/s", "402"),
        (Measure::Fev1, "2.31", "L", "2.31"),
        (Measure::Fev1, "2310", "mL", "2.31"),
    ] {
        let converted = Decimal::parse(value)
            .unwrap()
            .milli(factor(measure, unit).unwrap())
            .unwrap();
        assert_eq!(converted.to_string(), own, "{value} {unit} of {measure}");
    }
}

#[test]
fn a_unit_belongs_to_its_measure_and_is_written_exactly_so() {
    let all = [
        "mm[Hg]",
        "kPa",
        "/min",
        "{beats}/min",
        "{breaths}/min",
        "bpm",
        "%",
        "kg",
        "g",
        "[lb_av]",
        "[stone_av]",
        "Cel",
        "[degF]",
        "mmol/L",
        "mg/dL",
        "L/min",
        "L/s",
        "L",
        "mL",
        "KG",
        "mmHg",
        "",
        "lb",
        "kg ",
        "°C",
    ];
    let accepted = |measure| {
        all.into_iter()
            .filter(|unit| factor(measure, unit).is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(accepted(Measure::SystolicBp), ["mm[Hg]", "kPa"]);
    assert_eq!(accepted(Measure::DiastolicBp), ["mm[Hg]", "kPa"]);
    assert_eq!(accepted(Measure::HeartRate), ["/min", "{beats}/min", "bpm"]);
    assert_eq!(accepted(Measure::Spo2), ["%"]);
    assert_eq!(accepted(Measure::Weight), ["kg", "g", "[lb_av]", "[stone_av]"]);
    assert_eq!(accepted(Measure::Temperature), ["Cel", "[degF]"]);
    assert_eq!(accepted(Measure::Glucose), ["mmol/L", "mg/dL"]);
    assert_eq!(accepted(Measure::PeakFlow), ["L/min", "L/s"]);
    assert_eq!(accepted(Measure::Fev1), ["L", "mL"]);
    assert_eq!(accepted(Measure::RespiratoryRate), ["/min", "{breaths}/min"]);
}

#[test]
fn an_amount_that_only_its_conversion_brings_into_range_is_kept() {
    let grams = Decimal::parse("9007199254740992").unwrap();
    assert_eq!(
        grams.milli(factor(Measure::Weight, "g").unwrap()),
        Some(Milli::new(Milli::LIMIT))
    );
    assert_eq!(grams.milli(factor(Measure::Weight, "kg").unwrap()), None);
}
