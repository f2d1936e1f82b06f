//! Every fault that marks a reading without losing it or its neighbours.

use homeward::domain::reading::{Comparator, Context, Suspicion};

use super::{read, told, with};

#[test]
fn a_value_is_read_from_its_digits_and_kept_as_sent() {
    for (sent, value) in [
        ("84.20", "84.2"),
        ("842e-1", "84.2"),
        ("1E2", "100"),
        ("-0", "0"),
        ("84.0005", "84.001"),
    ] {
        let session = read(&with("84.2", sent)).unwrap().session;
        assert_eq!(session.readings[0].value.unwrap().to_string(), value);
        assert_eq!(session.readings[0].sent.value, sent);
    }
}

#[test]
fn one_bad_reading_is_marked_and_the_others_stand() {
    let cases = [
        (
            "\"weight\"",
            "\"girth\"",
            Suspicion::UnknownMeasure,
            "/readings/0/measure",
        ),
        (
            "\"weight\"",
            "\"Weight\"",
            Suspicion::UnknownMeasure,
            "/readings/0/measure",
        ),
        (
            "\"weight\"",
            "\"blood_pressure\"",
            Suspicion::UnknownMeasure,
            "/readings/0/measure",
        ),
        ("\"kg\"", "\"lbs\"", Suspicion::UnknownUnit, "/readings/0/unit"),
        ("\"kg\"", "\"mm[Hg]\"", Suspicion::UnknownUnit, "/readings/0/unit"),
        ("\"kg\"", "\"\"", Suspicion::UnknownUnit, "/readings/0/unit"),
        ("84.2", "null", Suspicion::NotFinite, "/readings/0/value"),
        ("84.2", "\"NaN\"", Suspicion::NotFinite, "/readings/0/value"),
        ("84.2", "\"Infinity\"", Suspicion::NotFinite, "/readings/0/value"),
        ("84.2", "\"-Infinity\"", Suspicion::NotFinite, "/readings/0/value"),
    ];
    for (part, replacement, suspicion, place) in cases {
        let good = r#"{"measure":"spo2","value":97,"unit":"%","taken_at":"2026-11-21T09:02:00Z"}"#;
        let payload = with(part, replacement).replace("\"readings\": [", &format!("\"readings\": [{good},"));
        let place = place.replace('0', "1");
        let decoded = read(&payload).unwrap();
        assert_eq!(
            told(&decoded.problems),
            [(suspicion.code(), place.as_str())],
            "{replacement}"
        );
        let readings = &decoded.session.readings;
        assert_eq!(
            (readings[0].value.unwrap().to_string().as_str(), readings[0].fault),
            ("97", None)
        );
        assert_eq!(
            (readings[1].value, readings[1].fault),
            (None, Some(suspicion)),
            "{replacement}"
        );
    }
}

#[test]
fn of_several_faults_the_first_marks_and_all_are_listed() {
    let all = with("\"weight\", \"value\": 84.2", "\"girth\", \"value\": null");
    let decoded = read(&all).unwrap();
    assert_eq!(
        told(&decoded.problems),
        [
            ("unknown_measure", "/readings/0/measure"),
            ("not_finite", "/readings/0/value")
        ]
    );
    assert_eq!(decoded.session.readings[0].fault, Some(Suspicion::UnknownMeasure));
    let unit_too = with("84.2, \"unit\": \"kg\"", "\"NaN\", \"unit\": \"stone\"");
    let decoded = read(&unit_too).unwrap();
    assert_eq!(
        told(&decoded.problems),
        [
            ("unknown_unit", "/readings/0/unit"),
            ("not_finite", "/readings/0/value")
        ]
    );
    assert_eq!(decoded.session.readings[0].fault, Some(Suspicion::UnknownUnit));
}

#[test]
fn a_number_too_large_to_keep_is_out_of_range_and_no_fault_of_the_message() {
    for huge in ["1e300", "-1e1000000", "123456789012345678901234567890"] {
        let decoded = read(&with("84.2", huge)).unwrap();
        assert_eq!(decoded.problems, []);
        let reading = &decoded.session.readings[0];
        assert_eq!(
            (reading.value, reading.fault),
            (None, Some(Suspicion::OutOfRange))
        );
        assert_eq!(reading.sent.value, huge);
    }
    // Out of the possible range, but a number: that is for the engine to say.
    let decoded = read(&with("84.2", "842000")).unwrap();
    assert_eq!(decoded.session.readings[0].fault, None);
}

#[test]
fn a_meters_lo_and_hi_are_kept_and_other_comparators_listed() {
    let comparator = |text: &str| {
        with(
            "\"unit\": \"kg\"",
            &format!("\"unit\": \"kg\", \"comparator\": {text}"),
        )
    };
    let low = read(&comparator("\"<\"")).unwrap();
    assert_eq!(
        (low.session.readings[0].comparator, low.problems.len()),
        (Some(Comparator::Less), 0)
    );
    let high = read(&comparator("\">\"")).unwrap();
    assert_eq!(high.session.readings[0].comparator, Some(Comparator::Greater));
    assert_eq!(high.session.readings[0].sent.comparator.as_deref(), Some(">"));
    for other in ["\">=\"", "\"\"", "5", "{}", "\"<>\""] {
        let decoded = read(&comparator(other)).unwrap();
        assert_eq!(
            told(&decoded.problems),
            [("bad_comparator", "/readings/0/comparator")],
            "{other}"
        );
        let reading = &decoded.session.readings[0];
        assert_eq!((reading.comparator, reading.fault), (None, None));
        assert!(reading.value.is_some());
    }
}

#[test]
fn a_context_belongs_to_its_measure() {
    let reading = |measure: &str, unit: &str, context: &str| {
        with("\"weight\"", &format!("\"{measure}\""))
            .replace("\"kg\"", &format!("\"{unit}\", \"context\": {context}"))
    };
    let glucose = read(&reading("glucose", "mmol/L", "\"control_solution\"")).unwrap();
    assert_eq!(
        glucose.session.readings[0].context,
        Some(Context::ControlSolution)
    );
    let breathing = read(&reading("respiratory_rate", "/min", "\"new_confusion\"")).unwrap();
    assert_eq!(breathing.session.readings[0].context, Some(Context::NewConfusion));
    for strange in [
        reading("glucose", "mmol/L", "\"on_air\""),
        reading("spo2", "%", "\"upside_down\""),
        reading("spo2", "%", "7"),
    ] {
        let decoded = read(&strange).unwrap();
        assert_eq!(
            told(&decoded.problems),
            [("unknown_context", "/readings/0/context")]
        );
        assert_eq!(
            (
                decoded.session.readings[0].context,
                decoded.session.readings[0].fault
            ),
            (None, None)
        );
    }
}
