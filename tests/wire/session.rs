//! What is stored: the contract's example word for word, and every optional key that may be odd.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use homeward::domain::measure::Measure;
use homeward::domain::reading::Context;
use homeward::domain::session::Trigger;
use homeward::wire::session::{clock_fault, decode};

use super::{CONTRACT, read, received, told, unit, with};

fn at(minute: u32, second: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 9, minute, second).unwrap()
}

#[test]
fn the_contracts_example_is_read_in_full() {
    let decoded = read(CONTRACT).unwrap();
    assert_eq!(decoded.problems, []);
    let session = decoded.session;
    assert_eq!(
        session.key.to_string(),
        "HU-7/0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11"
    );
    assert_eq!(
        (session.seq, session.trigger, session.request_id),
        (Some(412), Trigger::Scheduled, None)
    );
    assert_eq!(session.plan_version, Some(3));
    assert_eq!(
        (session.started_at, session.completed_at),
        (Some(at(1, 12)), at(4, 3))
    );
    assert_eq!(
        (session.sent_at, session.received_at),
        (Some(at(4, 4)), received())
    );
    let readings: Vec<_> = session
        .readings
        .iter()
        .map(|r| {
            (
                r.index,
                r.measure.unwrap().code(),
                r.value.unwrap().to_string(),
                r.taken_at,
                r.fault,
            )
        })
        .collect();
    assert_eq!(
        readings,
        [
            (0, "weight", "84.2".to_owned(), at(1, 40), None),
            (1, "systolic_bp", "142".to_owned(), at(2, 30), None),
            (2, "diastolic_bp", "88".to_owned(), at(2, 30), None),
            (3, "spo2", "93".to_owned(), at(3, 2), None),
        ]
    );
    let spo2 = &session.readings[3];
    assert_eq!((spo2.comparator, spo2.context), (None, Some(Context::OnAir)));
    assert_eq!(spo2.sent.source.as_deref(), Some("device"));
    assert_eq!(
        (
            spo2.sent.measure.as_ref(),
            spo2.sent.value.as_str(),
            spo2.sent.unit.as_ref()
        ),
        ("spo2", "93", "%")
    );
    let answers: Vec<_> = session
        .answers
        .iter()
        .map(|a| (a.index, &*a.question, &*a.answer, a.answered_at))
        .collect();
    assert_eq!(answers, [(0, "ankles_swollen", "yes", Some(at(3, 40)))]);
}

#[test]
fn required_keys_alone_are_enough() {
    let decoded = read(&with("yes", "no")).unwrap();
    assert_eq!(decoded.problems, []);
    let session = decoded.session;
    assert_eq!(
        (session.seq, session.plan_version, session.started_at),
        (None, None, None)
    );
    assert_eq!(session.trigger, Trigger::Scheduled);
    let empty = r#"{"session_id":"0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11","completed_at":"2026-11-21T09:04:03Z","readings":[],"answers":[]}"#;
    assert!(read(empty).unwrap().session.readings.is_empty());
}

#[test]
fn null_is_the_same_as_absent_for_optional_keys() {
    let nulls = with(
        r#""unit": "kg""#,
        r#""unit": "kg", "comparator": null, "source": null, "peripheral": null, "context": null"#,
    );
    let decoded = read(&nulls).unwrap();
    assert_eq!(decoded.problems, []);
    assert_eq!(decoded.session, read(&with("kg", "kg")).unwrap().session);
}

#[test]
fn an_unreadable_optional_key_is_dropped_and_listed() {
    let odd = with(
        r#"{"session_id""#,
        r#"{"seq": "x", "trigger": 4, "request_id": "r-1", "plan_version": 2.5, "started_at": "yesterday", "sent_at": 7, "session_id""#,
    )
    .replace("\"unit\": \"kg\"", r#""unit": "kg", "source": [], "peripheral": {"model": 3}"#)
    .replace("\"answer\": \"yes\"", r#""answer": "yes", "answered_at": "2026-11-21 at nine""#);
    let decoded = read(&odd).unwrap();
    assert_eq!(
        told(&decoded.problems),
        [
            ("bad_field", "/seq"),
            ("unknown_trigger", "/trigger"),
            ("bad_field", "/request_id"),
            ("bad_field", "/plan_version"),
            ("bad_field", "/started_at"),
            ("bad_field", "/sent_at"),
            ("bad_field", "/readings/0/source"),
            ("bad_field", "/readings/0/peripheral/model"),
            ("bad_field", "/answers/0/answered_at"),
        ]
    );
    assert_eq!((decoded.session.seq, decoded.session.started_at), (None, None));
    let unknown = read(&with(
        "\"unit\": \"kg\"",
        r#""unit": "kg", "source": "psychic", "peripheral": "cuff""#,
    ))
    .unwrap();
    assert_eq!(
        told(&unknown.problems),
        [
            ("unknown_source", "/readings/0/source"),
            ("bad_field", "/readings/0/peripheral")
        ]
    );
}

#[test]
fn unknown_keys_are_passed_over_however_deep() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let payload = with(
        r#"{"session_id""#,
        &format!(r#"{{"x": {deep}, "y": "\\u0000", "session_id""#),
    );
    assert_eq!(read(&payload).unwrap().problems, []);
    // The same in a key that we read: still no deeper than one level.
    let payload = with(
        "\"unit\": \"kg\"",
        &format!("\"unit\": \"kg\", \"source\": {deep}"),
    );
    assert_eq!(
        told(&read(&payload).unwrap().problems),
        [("bad_field", "/readings/0/source")]
    );
}

#[test]
fn times_are_instants_cut_to_microseconds() {
    let completed = |text: &str| {
        read(&with("2026-11-21T09:04:03+00:00", text))
            .unwrap()
            .session
            .completed_at
    };
    assert_eq!(completed("2026-11-21T10:04:03+01:00"), at(4, 3));
    assert_eq!(completed("2026-11-21T09:04:03Z"), at(4, 3));
    assert_eq!(
        completed("2026-11-21T09:04:03.123456789-00:00"),
        at(4, 3) + TimeDelta::microseconds(123_456)
    );
    assert_eq!(
        completed("2016-12-31T23:59:60Z"),
        Utc.with_ymd_and_hms(2017, 1, 1, 0, 0, 0).unwrap()
    );
    assert_eq!(completed("0001-01-01T00:00:00Z").timestamp(), -62_135_596_800);
}

#[test]
fn a_number_may_answer_and_escapes_are_undone() {
    let decoded = read(&with("\"yes\"", "7.5")).unwrap();
    assert_eq!(
        (decoded.session.answers[0].answer.as_str(), decoded.problems.len()),
        ("7.5", 0)
    );
    let escaped = read(&with("ankles_swollen", "ankles\\u005fswollen\\n\\ud83d\\ude00")).unwrap();
    assert_eq!(escaped.session.answers[0].question, "ankles_swollen\n😀");
    assert_eq!(
        read(&with("\"weight\"", "\"w\\u0065ight\""))
            .unwrap()
            .session
            .readings[0]
            .measure,
        Some(Measure::Weight)
    );
}

#[test]
fn the_most_that_a_session_may_hold_is_taken() {
    let reading = r#"{"measure":"spo2","value":97,"unit":"%","taken_at":"2026-11-21T09:02:00Z"}"#;
    let answer = r#"{"question":"q","answer":"yes"}"#;
    let payload = |readings: usize, answers: usize| {
        format!(
            r#"{{"session_id":"0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11","completed_at":"2026-11-21T09:04:03Z","readings":[{}],"answers":[{}]}}"#,
            vec![reading; readings].join(","),
            vec![answer; answers].join(","),
        )
    };
    let session = read(&payload(256, 64)).unwrap().session;
    assert_eq!(
        (
            session.readings.len(),
            session.readings[255].index,
            session.answers[63].index
        ),
        (256, 255, 63)
    );
    let full = with("{\"session_id\"", "{ \"session_id\"");
    let padded = format!("{full}{}", " ".repeat(256 * 1024 - full.len()));
    assert!(decode(&unit(), padded.as_bytes(), received()).is_ok());
}

#[test]
fn a_session_from_the_future_or_from_long_ago_is_a_clock_fault() {
    let session = read(CONTRACT).unwrap().session;
    let fault = |now: DateTime<Utc>| clock_fault(&session, now).map(|problem| (problem.code, problem.at));
    let of_the_clock = Some(("clock_fault".to_owned(), "/completed_at".to_owned()));
    let (ten, year) = (TimeDelta::minutes(10), TimeDelta::days(400));
    let one = TimeDelta::microseconds(1);
    assert_eq!(fault(at(4, 3) - ten), None);
    assert_eq!(fault(at(4, 3) - ten - one), of_the_clock);
    assert_eq!(fault(at(4, 3) + year), None);
    assert_eq!(fault(at(4, 3) + year + one), of_the_clock);
}
