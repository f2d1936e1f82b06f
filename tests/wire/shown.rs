//! What is shown of a stored document is what was taken in: two ways of reading it, and no difference.

use std::borrow::Cow;

use homeward::domain::time::Instant;
use homeward::wire::session::decode_moved;
use homeward::wire::shown::words;
use proptest::prelude::*;

use super::{CONTRACT, received, unit, with};

/// Compares both ways, where the document is taken at all.
fn same(document: &str, seconds: i64) -> bool {
    let Ok(decoded) = decode_moved(&unit(), document, received(), seconds) else {
        return false;
    };
    let shown = words(document, seconds).unwrap_or_else(|| panic!("not shown: {document}"));
    let (readings, answers) = (decoded.session.readings, decoded.session.answers);
    assert_eq!(shown.readings.len(), readings.len());
    for (said, read) in shown.readings.iter().zip(&readings) {
        assert_eq!(said.measure, read.sent.measure, "{document}");
        assert_eq!(said.value.get(), read.sent.value, "{document}");
        assert_eq!(said.unit, read.sent.unit, "{document}");
        assert_eq!(
            said.comparator.as_deref(),
            read.sent.comparator.as_deref(),
            "{document}"
        );
        assert_eq!(said.source.as_deref(), read.sent.source.as_deref(), "{document}");
        assert_eq!(said.context, read.context, "{document}");
    }
    let answered: Vec<(Cow<'_, str>, Cow<'_, str>, Option<Instant>)> = answers
        .iter()
        .map(|answer| {
            (
                answer.question.as_str().into(),
                answer.answer.as_str().into(),
                answer.answered_at,
            )
        })
        .collect();
    let said: Vec<_> = (shown.answers.into_iter())
        .map(|answer| (answer.question, answer.answer, answer.answered_at))
        .collect();
    assert_eq!(said, answered, "{document}");
    true
}

#[test]
fn the_contracts_example_is_shown_as_it_was_taken() {
    assert!(same(CONTRACT, 0));
    assert!(same(CONTRACT, -3600));
}

/// Values that a key may hold; those that stand for an id, a time or a number too, to be odd elsewhere.
const ODD: &[&str] = &[
    "null",
    "\"device\"",
    "\"manual\"",
    "\"on_air\"",
    "\"fasting\"",
    "\"new_confusion\"",
    "\"<\"",
    "\">\"",
    "\"spo2\"",
    "\"%\"",
    "\"steps\"",
    "\"\\u0073po2\"",
    "\"half a pair: \\ud800\"",
    "\"\\ud83d\\ude00 \\\"quoted\\\"\"",
    "\"NaN\"",
    "\"\"",
    "97",
    "-0.5e2",
    "1e400",
    "true",
    "[]",
    "[[[{}]]]",
    "{\"model\": 1, \"model\": 2}",
    "\"2026-11-21T09:03:40+00:00\"",
    "\"2026-11-21T09:03:40.1234567Z\"",
    "\"2026-11-21 09:03\"",
];

const KEYS: [&str; 10] = [
    "measure",
    "value",
    "unit",
    "taken_at",
    "comparator",
    "source",
    "context",
    "peripheral",
    "answered_at",
    "own",
];

proptest! {
    #[test]
    fn whatever_is_taken_is_shown_as_it_was_taken(
        changes in prop::collection::vec((0..KEYS.len(), 0..ODD.len()), 0..4),
        answer in 0..ODD.len(),
        seconds in prop::sample::select(vec![0_i64, 60, -86_400]),
    ) {
        let mut reading = vec![
            ("measure", "\"spo2\""), ("value", "93"), ("unit", "\"%\""), ("taken_at", "\"2026-11-21T09:03:02+00:00\""),
        ];
        let mut answers = vec![("question", "\"ankles_swollen\""), ("answer", ODD[answer])];
        for (key, value) in changes {
            let keys = if KEYS[key] == "answered_at" { &mut answers } else { &mut reading };
            keys.retain(|(known, _)| *known != KEYS[key]);
            keys.push((KEYS[key], ODD[value]));
        }
        let object = |keys: &[(&str, &str)]| {
            let keys: Vec<String> = keys.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
            format!("{{{}}}", keys.join(", "))
        };
        let document = format!(
            "{{\"session_id\": \"0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11\", \"completed_at\": \"2026-11-21T09:04:03Z\", \
             \"own\": {}, \"readings\": [{}], \"answers\": [{}]}}",
            ODD[answer], object(&reading), object(&answers),
        );
        same(&document, seconds);
    }
}

#[test]
fn most_of_the_odd_ones_are_taken() {
    for (odd, taken) in [
        (
            "\"comparator\": 7, \"source\": [], \"context\": \"fasting\"",
            true,
        ),
        ("\"comparator\": \"≤\", \"context\": null", true),
        ("\"source\": \"by \\\"hand\\\"\"", true),
        ("\"source\": \"one\", \"source\": \"two\"", false),
    ] {
        let document = with("\"unit\": \"kg\"", &format!("\"unit\": \"kg\", {odd}"));
        assert_eq!(same(&document, 0), taken, "{odd}");
    }
}
