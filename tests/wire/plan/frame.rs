//! What stands around the rules: times, days, measures, defaults.

use chrono::{TimeDelta, Weekday};
use homeward::domain::rule::{Reference, RuleKind};
use homeward::wire::plan::parse_versioned;
use proptest::prelude::*;
use serde_json::json;

use super::{CONTRACT, LEAST, faults, faults_of, one, plan, told};

#[test]
fn what_is_absent_or_null_has_its_default() {
    let nulls = LEAST.replace(
        '}',
        r#", "until": null, "review_on": null, "timezone": null, "schedule": null, "max_silence_hours": null, "amber_auto_close": null, "questions": null}"#,
    );
    let least = plan(LEAST);
    assert_eq!(least, plan(&nulls));
    assert_eq!(
        (least.timezone, least.max_silence_hours, least.amber_auto_close),
        (chrono_tz::Europe::London, 26, false)
    );
    assert_eq!(
        (
            least.schedule.as_ref(),
            least.until,
            least.rules.len(),
            least.questions.len()
        ),
        (None, None, 0, 0)
    );
    let scheduled = plan(&LEAST.replace('}', r#", "schedule": {"times": ["07:30", "19:00"]}}"#))
        .schedule
        .unwrap();
    let week = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ];
    assert_eq!(
        (
            scheduled.days.as_slice(),
            scheduled.window_before_min,
            scheduled.grace_min
        ),
        (&week[..], 120, 180)
    );
    let fall = plan(&CONTRACT.replacen("\"rise\"", "\"fall\"", 1));
    let RuleKind::Change(change) = &fall.rules[1].kind else {
        panic!("a change")
    };
    assert_eq!(change.reference, Reference::Highest);
}

#[test]
fn a_required_key_that_is_missing_is_told() {
    for key in ["reason", "effective_from", "measures", "rules"] {
        let at = format!("/{key}");
        let gone = LEAST.replacen(&format!("\"{key}\":"), &format!("\"x{key}\":"), 1);
        assert_eq!(
            faults_of(&gone),
            [
                ("unknown_key".to_owned(), format!("/x{key}")),
                ("missing".to_owned(), at)
            ]
        );
    }
}

const FRAME: [(&str, &str, &str, &str); 29] = [
    ("\"discharge letter 19 Nov\"", "\" \"", "empty", "/reason"),
    ("\"discharge letter 19 Nov\"", "7", "wrong_type", "/reason"),
    (
        "\"discharge letter 19 Nov\"",
        "\"a\\u0000b\"",
        "nul_character",
        "/reason",
    ),
    (
        "2026-11-21T00:00:00+00:00",
        "2026-11-21T00:00:00",
        "bad_time",
        "/effective_from",
    ),
    (
        "\"until\": null",
        "\"until\": \"2026-11-21T00:00:00Z\"",
        "until_not_after",
        "/until",
    ),
    ("2027-02-21", "2027-02-30", "bad_date", "/review_on"),
    ("2027-02-21", "2027-2-21", "bad_date", "/review_on"),
    (
        "Europe/London",
        "Europe/Birmingham",
        "unknown_timezone",
        "/timezone",
    ),
    ("[\"09:00\"]", "[]", "empty", "/schedule/times"),
    ("[\"09:00\"]", "[\"9:00\"]", "bad_time", "/schedule/times/0"),
    ("[\"09:00\"]", "[\"24:00\"]", "bad_time", "/schedule/times/0"),
    (
        "[\"09:00\"]",
        "[\"09:00\", \"09:00\"]",
        "duplicate",
        "/schedule/times/1",
    ),
    ("{\"times\": [\"09:00\"], ", "{", "missing", "/schedule/times"),
    ("\"tue\"", "\"mon\"", "duplicate", "/schedule/days/1"),
    ("\"tue\"", "\"Tue\"", "unknown_word", "/schedule/days/1"),
    (
        "\"window_before_min\": 120",
        "\"window_before_min\": -1",
        "not_positive",
        "/schedule/window_before_min",
    ),
    (
        "\"grace_min\": 180",
        "\"grace_min\": 576001",
        "too_long",
        "/schedule/grace_min",
    ),
    (
        "\"grace_min\": 180",
        "\"grace_min\": 1.5",
        "wrong_type",
        "/schedule/grace_min",
    ),
    (
        "\"window_before_min\": 120, \"grace_min\": 180",
        "\"window_before_min\": 0, \"grace_min\": 0",
        "empty_window",
        "/schedule",
    ),
    (
        "\"grace_min\": 180",
        "\"grace\": 180",
        "unknown_key",
        "/schedule/grace",
    ),
    ("\"spo2\"]", "\"spo3\"]", "unknown_measure", "/measures/2"),
    ("\"spo2\"]", "\"weight\"]", "duplicate", "/measures/2"),
    ("\"spo2\"]", "5]", "wrong_type", "/measures/2"),
    (
        "\"max_silence_hours\": 26",
        "\"max_silence_hours\": 0",
        "not_positive",
        "/max_silence_hours",
    ),
    (
        "\"max_silence_hours\": 26",
        "\"max_silence_hours\": 9601",
        "too_long",
        "/max_silence_hours",
    ),
    (
        "\"amber_auto_close\": false",
        "\"amber_auto_close\": \"no\"",
        "wrong_type",
        "/amber_auto_close",
    ),
    (
        "\"amber_auto_close\": false",
        "\"amber_auto_close\": false, \"a~/b\": 1",
        "unknown_key",
        "/a~0~1b",
    ),
    (
        "\"amber_auto_close\": false",
        "\"timezone\": \"Europe/London\"",
        "duplicate_key",
        "/timezone",
    ),
    (
        "\"amber_auto_close\": false",
        "\"version\": 4",
        "unknown_key",
        "/version",
    ),
];

#[test]
fn every_fault_of_the_frame_is_told_at_its_place() {
    for (part, replacement, code, at) in FRAME {
        assert_eq!(faults(part, replacement), one(code, at), "{replacement}");
    }
    for body in ["", "{", "[1] x", "{\"reason\": 01}"] {
        assert_eq!(faults_of(body), one("not_json", ""));
    }
    assert_eq!(faults_of("[]"), one("wrong_type", ""));
    // A key that is no text, in an object of which it leaves nothing.
    assert_eq!(faults_of(r#"{"\ud800": 1}"#), one("wrong_type", ""));
}

#[test]
fn what_is_nested_however_deep_is_a_fault_where_it_begins() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(
        faults("\"amber_auto_close\": false", &format!("\"x\": {deep}")),
        one("unknown_key", "/x")
    );
    assert_eq!(
        faults("\"yes_no\"", &deep),
        one("wrong_type", "/questions/0/type")
    );
}

proptest! {
    #[test]
    fn a_fault_is_told_at_its_place_whatever_keys_stand_there(
        keys in proptest::collection::btree_set("[~/\"\\\\é\u{1}0-9]{0,4}", 1..40), before in 0..5_usize,
    ) {
        let question = |at: usize| format!(r#"{{"id": "q{at}", "type": "yes_no", "text": {{"en": "?"}}}}"#);
        let written: Vec<String> = keys.iter().map(|key| format!("{}: \"?\"", json!(key))).collect();
        let texts = written.join(", ");
        let again = &written[0];
        let odd = format!(r#"{{"id": "odd", "type": "yes_no", {texts}, "text": {{{texts}, {again}}}}}"#);
        let questions: Vec<String> = (0..before).map(question).chain([odd]).collect();
        let body = LEAST.replace('}', &format!(r#", "questions": [{}]}}"#, questions.join(", ")));
        let told = |code: &str, under: &str, key: &String| {
            let key = key.replace('~', "~0").replace('/', "~1");
            (code.to_owned(), format!("/questions/{before}{under}/{key}"))
        };
        let unknown = keys.iter().map(|key| told("unknown_key", "", key));
        let twice = keys.first().map(|key| told("duplicate_key", "/text", key));
        let no_language = keys.iter().map(|key| told("bad_language", "/text", key));
        let expected: Vec<_> = unknown.chain(twice).chain(no_language).collect();
        prop_assert_eq!(faults_of(&body), expected);
    }
}

#[test]
fn a_case_says_its_version_itself() {
    let versioned = |version: &str| LEAST.replacen('{', &format!("{{\"version\": {version}, "), 1);
    assert_eq!(parse_versioned(&versioned("4")).unwrap().version, 4);
    let code = |body: &str| {
        told(&parse_versioned(body).unwrap_err())
            .first()
            .map(|(code, at)| format!("{code} {at}"))
    };
    assert_eq!(code(&versioned("0")).as_deref(), Some("not_positive /version"));
    assert_eq!(code(&versioned("\"1\"")).as_deref(), Some("wrong_type /version"));
    assert_eq!(code(LEAST).as_deref(), Some("missing /version"));
}

#[test]
fn a_temporary_change_has_an_end() {
    let plan = plan(&CONTRACT.replacen("\"until\": null", "\"until\": \"2026-12-05T00:00:00Z\"", 1));
    assert_eq!(plan.until.unwrap() - plan.effective_from, TimeDelta::days(14));
}
