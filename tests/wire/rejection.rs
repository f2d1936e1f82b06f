//! Every rejection of the contract, with every place that is at fault, and the id to receipt it under where there is one.

use std::collections::BTreeMap;

use homeward::wire::session::{RejectCode, Rejection, decode};
use proptest::prelude::*;
use serde_json::value::RawValue;
use uuid::{Uuid, uuid};

use super::{CONTRACT, read, received, told, unit, with};

const ID: Uuid = uuid!("0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11");

fn rejected(payload: &str) -> Rejection {
    read(payload).expect_err(payload)
}

#[test]
fn what_is_no_json_is_told_apart_and_receipted_where_its_id_stands() {
    for (payload, id) in [
        ("", None),
        ("hello", None),
        ("{\"session_id\": ", None),
        ("\u{feff}{}", None),
        (&CONTRACT[..CONTRACT.len() - 1], Some(ID)),
        (&CONTRACT[..30], None),
        (&format!("{CONTRACT} x"), Some(ID)),
        (&format!("{CONTRACT}{CONTRACT}"), Some(ID)),
        (&CONTRACT.replace("84.2", "084.2"), Some(ID)),
        (&CONTRACT.replace("84.2", "NaN"), Some(ID)),
        (&CONTRACT.replace("device", "de\u{0}vice"), Some(ID)),
    ] {
        let rejection = rejected(payload);
        assert_eq!(
            (rejection.code, rejection.session_id),
            (RejectCode::NotJson, id),
            "{payload}"
        );
        assert_eq!(told(&rejection.problems), [("not_json", "")]);
    }
}

#[test]
fn what_is_no_utf8_is_not_json_and_still_receipted() {
    let mut bytes = CONTRACT.as_bytes().to_vec();
    let at = CONTRACT.find("OX-1").unwrap();
    bytes[at] = 0xff;
    let rejection = decode(&unit(), &bytes, received()).unwrap_err();
    assert_eq!(
        (rejection.code, rejection.session_id),
        (RejectCode::NotJson, Some(ID))
    );
}

#[test]
fn json_that_is_no_object_is_a_bad_field() {
    for payload in ["[]", "null", "5", "\"x\"", " [1, {\"session_id\": 4}] "] {
        let rejection = rejected(payload);
        assert_eq!(
            (rejection.code, rejection.session_id),
            (RejectCode::BadField, None)
        );
        assert_eq!(told(&rejection.problems), [("bad_field", "")]);
    }
}

#[test]
fn a_required_key_that_is_missing_or_wrong_rejects() {
    let id = "\"0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11\"";
    let done = "\"2026-11-21T09:04:03+00:00\"";
    let cases = [
        (with(id, "null"), "/session_id"),
        (with(id, "7"), "/session_id"),
        (with(id, "\"0193a0c27b7e7cc39a510e2f6f1f4c11\""), "/session_id"),
        (
            with(id, "\"{0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11}\""),
            "/session_id",
        ),
        (
            with(id, "\"0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c1g\""),
            "/session_id",
        ),
        (with("session_id", "sessionid"), "/session_id"),
        (with(done, "null"), "/completed_at"),
        (with(done, "1763715843"), "/completed_at"),
        (with(done, "\"2026-11-21T09:04:03\""), "/completed_at"),
        (with(done, "\"2026-11-21\""), "/completed_at"),
        (with(done, "\"2026-13-21T09:04:03Z\""), "/completed_at"),
        (with(done, "\"0000-06-01T00:00:00Z\""), "/completed_at"),
        (with(done, "\"9999-12-31T23:59:59-01:00\""), "/completed_at"),
        (with("completed_at", "completed"), "/completed_at"),
        (with("\"readings\"", "\"reading\""), "/readings"),
        (with("\"answers\"", "\"answer\""), "/answers"),
        (with("\"measure\"", "\"m\""), "/readings/0/measure"),
        (with("\"weight\"", "null"), "/readings/0/measure"),
        (with("\"weight\"", "3"), "/readings/0/measure"),
        (with("\"value\"", "\"v\""), "/readings/0/value"),
        (with("84.2", "\"84.2\""), "/readings/0/value"),
        (with("84.2", "\"nan\""), "/readings/0/value"),
        (with("84.2", "true"), "/readings/0/value"),
        (with("84.2", "[84.2]"), "/readings/0/value"),
        (with("84.2", "{}"), "/readings/0/value"),
        (with("\"unit\"", "\"u\""), "/readings/0/unit"),
        (with("\"kg\"", "null"), "/readings/0/unit"),
        (with("\"kg\"", "\"\\ud800\""), "/readings/0/unit"),
        (with("\"taken_at\"", "\"t\""), "/readings/0/taken_at"),
        (
            with("\"2026-11-21T09:01:40+00:00\"", "\"09:01\""),
            "/readings/0/taken_at",
        ),
        (with("\"question\"", "\"q\""), "/answers/0/question"),
        (with("\"ankles_swollen\"", "null"), "/answers/0/question"),
        (with("\"answer\":", "\"a\":"), "/answers/0/answer"),
        (with("\"yes\"", "null"), "/answers/0/answer"),
        (with("\"yes\"", "true"), "/answers/0/answer"),
        (with("\"yes\"", "[\"yes\"]"), "/answers/0/answer"),
        (
            with(
                "{\"question\": \"ankles_swollen\", \"answer\": \"yes\"}",
                "\"yes\"",
            ),
            "/answers/0",
        ),
        (
            with("[{\"question\": \"ankles_swollen\", \"answer\": \"yes\"}]", "{}"),
            "/answers",
        ),
        (
            with(
                "[{\"question\": \"ankles_swollen\", \"answer\": \"yes\"}]",
                "null",
            ),
            "/answers",
        ),
        (with("\"readings\": [", "\"readings\": [null, "), "/readings/0"),
        (with("\"readings\": [", "\"readings\": [[], "), "/readings/0"),
    ];
    for (payload, place) in cases {
        let rejection = rejected(&payload);
        assert_eq!(rejection.code, RejectCode::BadField, "{payload}");
        assert_eq!(told(&rejection.problems), [("bad_field", place)], "{payload}");
        assert_eq!(rejection.session_id, (place != "/session_id").then_some(ID));
    }
}

#[test]
fn every_fault_is_named_not_only_the_first() {
    let payload = r#"{"session_id": 1, "readings": [{"measure": 1, "value": "1"}, 4, {"unit": "kg"}], "answers": [{}]}"#;
    let rejection = rejected(payload);
    let places: Vec<&str> = rejection
        .problems
        .iter()
        .map(|problem| problem.at.as_str())
        .collect();
    assert_eq!(
        places,
        [
            "/session_id",
            "/completed_at",
            "/readings/0/measure",
            "/readings/0/value",
            "/readings/0/unit",
            "/readings/0/taken_at",
            "/readings/1",
            "/readings/2/measure",
            "/readings/2/value",
            "/readings/2/taken_at",
            "/answers/0/question",
            "/answers/0/answer",
        ]
    );
}

#[test]
fn a_known_key_that_stands_twice_could_mean_either_and_rejects() {
    for (payload, place, id) in [
        (
            with("\"value\": 84.2", "\"value\": 84.2, \"value\": 48.2"),
            "/readings/0/value",
            Some(ID),
        ),
        (
            with("\"answer\": \"yes\"", "\"answer\": \"yes\", \"answer\": \"no\""),
            "/answers/0/answer",
            Some(ID),
        ),
        (
            with("\"answers\"", "\"readings\": [], \"answers\""),
            "/readings",
            Some(ID),
        ),
        (
            with(
                "{\"session_id\"",
                "{\"session_id\": \"11111111-7b7e-7cc3-9a51-0e2f6f1f4c11\", \"session_id\"",
            ),
            "/session_id",
            None,
        ),
    ] {
        let rejection = rejected(&payload);
        assert_eq!((rejection.code, rejection.session_id), (RejectCode::BadField, id));
        assert_eq!(told(&rejection.problems), [("bad_field", place)]);
    }
    let unknown = with("{\"session_id\"", "{\"note\": 1, \"note\": 2, \"session_id\"");
    assert!(read(&unknown).is_ok());
}

#[test]
fn a_nul_character_rejects_wherever_it_stands() {
    for (payload, place) in [
        (with("ankles_swollen", "ankles\\u0000"), "/answers/0/question"),
        (with("\"weight\"", "\"\\u0000weight\""), "/readings/0/measure"),
        (
            with("{\"session_id\"", "{\"note\": \"a\\u0000b\", \"session_id\""),
            "/note",
        ),
        (
            with(
                "{\"session_id\"",
                "{\"note\": {\"a/b\": [1, \"\\\\\\u0000\"]}, \"session_id\"",
            ),
            "/note/a~1b/1",
        ),
        (with("{\"session_id\"", "{\"no\\u0000te\": 4, \"session_id\""), ""),
        (with("\"unit\"", "\"no\\u0000te\": 4, \"unit\""), "/readings/0"),
    ] {
        let rejection = rejected(&payload);
        assert_eq!(
            (rejection.code, rejection.session_id),
            (RejectCode::BadField, Some(ID))
        );
        assert_eq!(told(&rejection.problems), [("bad_field", place)], "{payload}");
    }
    let deep = format!("{}\"\\u0000\"{}", "[".repeat(5_000), "]".repeat(5_000));
    let rejection = rejected(&with(
        "{\"session_id\"",
        &format!("{{\"x\": {deep}, \"session_id\""),
    ));
    assert_eq!(told(&rejection.problems), [("bad_field", "/x/0/0/0/0/0/0/0")]);
    assert!(
        read(&with("ankles_swollen", "\\\\u0000")).is_ok(),
        "a backslash and then u0000 is no NUL"
    );
}

#[test]
fn too_many_and_too_large_are_told_with_their_id() {
    let answer = r#"{"question": "ankles_swollen", "answer": "yes"}"#;
    let payload = with(answer, &vec![answer; 65].join(","));
    let rejection = rejected(&payload);
    assert_eq!(
        (rejection.code, rejection.session_id),
        (RejectCode::TooMany, Some(ID))
    );
    assert_eq!(told(&rejection.problems), [("too_many", "/answers")]);
    let reading =
        r#"{"measure": "weight", "value": 84.2, "unit": "kg", "taken_at": "2026-11-21T09:01:40+00:00"}"#;
    let rejection = rejected(&with(reading, &vec!["0"; 257].join(",")));
    assert_eq!(told(&rejection.problems), [("too_many", "/readings")]);

    let padded = format!("{CONTRACT}{}", " ".repeat(256 * 1024 + 1 - CONTRACT.len()));
    let rejection = rejected(&padded);
    assert_eq!(
        (rejection.code, rejection.session_id),
        (RejectCode::TooLarge, Some(ID))
    );
    assert_eq!(told(&rejection.problems), [("too_large", "")]);
    let noise = vec![0xff; 300 * 1024];
    let rejection = decode(&unit(), &noise, received()).unwrap_err();
    assert_eq!(
        (rejection.code, rejection.session_id),
        (RejectCode::TooLarge, None)
    );
}

#[test]
fn a_bomb_of_brackets_neither_overflows_nor_hides_the_id() {
    for bomb in ["[".repeat(200_000), "{\"a\":".repeat(40_000)] {
        let rejection = rejected(&bomb);
        assert_eq!(
            (rejection.code, rejection.session_id),
            (RejectCode::NotJson, None)
        );
        let rejection = rejected(&with("84.2", &bomb));
        assert_eq!(
            (rejection.code, rejection.session_id),
            (RejectCode::NotJson, Some(ID))
        );
    }
}

#[test]
fn a_problem_never_repeats_what_was_sent() {
    let payload = with("\"kg\"", "\"SECRET-1\"")
        .replace("\"yes\"", "\"yes\", \"answered_at\": \"SECRET-2\"")
        .replace("84.2", "\"SECRET-3\"");
    let rejection = rejected(&payload);
    assert!(!format!("{:?}", rejection.problems).contains("SECRET"));
    let rejection = rejected(&format!("{payload} SECRET-4"));
    assert!(!format!("{:?}", rejection.problems).contains("SECRET"));
}

#[test]
fn a_payload_full_of_one_fault_makes_no_endless_receipt() {
    let twice = with(
        "{\"session_id\"",
        &format!("{{{}\"session_id\"", "\"seq\": 1, ".repeat(20_000)),
    );
    assert_eq!(told(&rejected(&twice).problems), [("bad_field", "/seq")]);
    let noise = with(
        "{\"session_id\"",
        &format!("{{\"x\": [{}0], \"session_id\"", "\"\\u0000\",".repeat(20_000)),
    );
    let rejection = rejected(&noise);
    assert_eq!(
        (rejection.problems.len(), rejection.problems[63].at.as_str()),
        (64, "/x/63")
    );
}

#[test]
fn the_contracts_words_for_rejections_are_kept() {
    let words = RejectCode::ALL.map(RejectCode::word);
    assert_eq!(
        words,
        [
            "not_json",
            "bad_field",
            "too_many",
            "too_large",
            "clock_fault",
            "unregistered",
            "session_conflict",
            "poison"
        ]
    );
    assert!(
        RejectCode::ALL
            .into_iter()
            .all(|code| RejectCode::from_word(code.word()) == Some(code))
    );
    assert_eq!(RejectCode::from_word("odd"), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&unit(), &bytes, received());
    }

    #[test]
    fn a_session_broken_anywhere_is_read_or_refused_with_a_reason(
        at in 0..CONTRACT.len(), length in 0..40_usize, put in "[\\[\\]{}\",:0-9a-z\\\\.+-]{0,12}",
    ) {
        let end = (at + length).min(CONTRACT.len());
        prop_assume!(CONTRACT.is_char_boundary(at) && CONTRACT.is_char_boundary(end));
        let broken = format!("{}{put}{}", &CONTRACT[..at], &CONTRACT[end..]);
        match read(&broken) {
            Ok(decoded) => prop_assert!(decoded.session.readings.len() <= 4),
            Err(rejection) => prop_assert!(!rejection.problems.is_empty()),
        }
    }
}

/// A payload with so many bytes of it taken out somewhere, and something else put in their place.
fn mangled() -> impl Strategy<Value = String> {
    const PIECES: [&str; 28] = [
        "", " ", "\n", "\u{1}", "\u{7f}", "é", "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00e", "\\u00e9",
        "\\ud800", "\\n", "\\x", "0", "01", "-", "1.", "1.5e+3", "1e", "null", "nul", "true",
    ];
    let piece = prop::sample::select(PIECES.to_vec());
    (
        any::<prop::sample::Index>(),
        0..12_usize,
        prop::collection::vec(piece, 0..5),
    )
        .prop_map(|(at, out, pieces)| {
            let whole: Vec<char> = super::with("yes", "no").chars().collect();
            let at = at.index(whole.len());
            let end = (at + out).min(whole.len());
            let (before, after) = (&whole[..at], &whole[end..]);
            before
                .iter()
                .copied()
                .chain(pieces.concat().chars())
                .chain(after.iter().copied())
                .collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_json_is_what_the_library_takes_for_it(payload in mangled()) {
        let sound = serde_json::from_str::<Box<RawValue>>(&payload);
        let read = super::read(&payload);
        let not_json = matches!(&read, Err(rejection) if rejection.code == RejectCode::NotJson);
        prop_assert_eq!(not_json, sound.is_err(), "{} {:?}", payload, read);
        // An object is read as one, but for a key that is no text.
        let keys_are_texts = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(&payload).is_ok();
        let no_object = matches!(&read, Err(rejection) if rejection.problems.iter().any(|problem| problem.at.is_empty()));
        prop_assert_eq!(no_object, !keys_are_texts, "{} {:?}", payload, read);
    }
}
