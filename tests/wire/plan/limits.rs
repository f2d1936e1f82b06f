//! Bounds, and the well person who must not be beyond them.

use homeward::domain::number::Milli;
use homeward::wire::plan::parse;
use proptest::prelude::*;

use super::{LEAST, faults, faults_of, one, plan, with_rules};

const LIMITS: [(&str, &str, &str, &str); 15] = [
    (
        "\"amber_low\": 90",
        "\"amber_low\": 80",
        "not_ascending",
        "/rules/0/amber_low",
    ),
    (
        "\"red_high\": 170",
        "\"red_high\": 150",
        "not_ascending",
        "/rules/0/red_high",
    ),
    (
        "\"red_low\": 80, \"amber_low\": 90, \"amber_high\": 160, \"red_high\": 170",
        "\"red_low\": 170, \"red_high\": 90",
        "not_ascending",
        "/rules/0/red_high",
    ),
    (
        ", \"red_low\": 80, \"amber_low\": 90, \"amber_high\": 160, \"red_high\": 170",
        "",
        "missing",
        "/rules/0",
    ),
    (
        "\"amber_low\": 90",
        "\"amber_low\": 90.0001",
        "too_many_decimals",
        "/rules/0/amber_low",
    ),
    (
        "\"amber_low\": 90",
        "\"amber_low\": \"90\"",
        "wrong_type",
        "/rules/0/amber_low",
    ),
    (
        "\"red_high\": 170",
        "\"red_high\": 1e16",
        "too_large",
        "/rules/0/red_high",
    ),
    (
        "\"limits.systolic_bp\"",
        "\"limits.weight\"",
        "bad_id",
        "/rules/0/id",
    ),
    ("\"limits.systolic_bp\"", "\"systolic\"", "bad_id", "/rules/0/id"),
    (
        "\"measure\": \"systolic_bp\"",
        "\"measure\": \"blood_pressure\"",
        "unknown_measure",
        "/rules/0/measure",
    ),
    (
        "\"measure\": \"systolic_bp\", ",
        "",
        "missing",
        "/rules/0/measure",
    ),
    (
        "\"red_high\": 170",
        "\"red_high\": 170, \"severity\": \"red\"",
        "unknown_key",
        "/rules/0/severity",
    ),
    (
        "\"red_high\": 170",
        "\"red_high\": 170, \"repeat_after_days\": 0",
        "not_positive",
        "/rules/0/repeat_after_days",
    ),
    (
        "\"red_high\": 170",
        "\"red_high\": 170, \"repeat_after_days\": 401",
        "too_long",
        "/rules/0/repeat_after_days",
    ),
    (
        "\"amber_low\": 90",
        "\"amber_low\": 140.001",
        "no_room_for_well",
        "/rules/0",
    ),
];

#[test]
fn limits_are_refused_unless_they_ascend_and_leave_room_for_a_well_person() {
    for (part, replacement, code, at) in LIMITS {
        assert_eq!(faults(part, replacement), one(code, at), "{replacement}");
    }
    let limits = |measure: &str, bounds: &str| {
        with_rules(&format!(
            r#"{{"id": "limits.{measure}", "kind": "limits", "measure": "{measure}", {bounds}}}"#
        ))
    };
    // The edges of a well person's range, inclusive: equal to a bound is not beyond it.
    for (measure, leaves, leaves_none) in [
        ("diastolic_bp", r#""amber_low": 90"#, r#""amber_low": 90.001"#),
        ("diastolic_bp", r#""red_high": 60"#, r#""red_high": 59.999"#),
        ("heart_rate", r#""red_low": 90"#, r#""red_low": 90.001"#),
        ("spo2", r#""amber_low": 98"#, r#""amber_low": 98.001"#),
        ("spo2", r#""amber_high": 88"#, r#""amber_high": 87.999"#),
        ("temperature", r#""amber_high": 36"#, r#""amber_high": 35.9"#),
        ("temperature", r#""amber_low": 37.5"#, r#""amber_low": 37.6"#),
        (
            "glucose",
            r#""red_low": 4, "amber_high": 4.001"#,
            r#""red_low": 10.1, "amber_low": 10.2"#,
        ),
        (
            "respiratory_rate",
            r#""red_low": 8, "amber_low": 12, "amber_high": 20"#,
            r#""amber_high": 11, "red_high": 25"#,
        ),
    ] {
        plan(&limits(measure, leaves));
        assert_eq!(
            faults_of(&limits(measure, leaves_none)),
            one("no_room_for_well", "/rules/0"),
            "{measure} {leaves_none}"
        );
    }
    // For the others nobody is well or unwell by the number alone.
    plan(&limits("weight", r#""amber_low": 399"#));
    plan(&limits("peak_flow", r#""red_low": 899"#));
}

proptest! {
    #[test]
    fn limits_that_are_accepted_ascend_and_leave_a_well_value(bounds in prop::array::uniform4(prop::option::of(70_000..190_000_i64))) {
        let keys = ["red_low", "amber_low", "amber_high", "red_high"];
        let text: Vec<String> = keys.iter().zip(bounds).filter_map(|(key, bound)| Some(format!("\"{key}\": {}", Milli::new(bound?)))).collect();
        let body = LEAST.replacen("\"rules\": []", &format!("\"rules\": [{{\"id\": \"limits.systolic_bp\", \"kind\": \"limits\", \"measure\": \"systolic_bp\"{}{}}}]", if text.is_empty() { "" } else { ", " }, text.join(", ")), 1);
        let present: Vec<i64> = bounds.into_iter().flatten().collect();
        let ascending = !present.is_empty() && present.windows(2).all(|pair| pair[0] < pair[1]);
        // Every whole mmHg and every bound that a well person can have: is one of them beyond nothing?
        let candidates = (100..=140).map(|whole| whole * 1000).chain(present.iter().copied().filter(|bound| (100_000..=140_000).contains(bound)));
        let beyond = |value: i64| bounds[..2].iter().flatten().any(|low| value < *low) || bounds[2..].iter().flatten().any(|high| value > *high);
        let room = candidates.into_iter().any(|value| !beyond(value));
        prop_assert_eq!(parse(&body, 1).is_ok(), ascending && room, "{}", body);
    }
}
