//! What we send, letter by letter as the contract writes it.

use chrono::{TimeZone, Utc};
use homeward::domain::measure::Measure;
use homeward::wire::plan::parse;
use homeward::wire::problem::Problem;
use homeward::wire::receipt::{Outcome, Receipt};
use homeward::wire::request::{Request, RequestKind};
use homeward::wire::unit_plan;
use uuid::uuid;

use super::received;

fn text(payload: Vec<u8>) -> String {
    String::from_utf8(payload).unwrap()
}

#[test]
fn a_receipt_is_written_as_in_the_contract() {
    let receipt = Receipt {
        session_id: "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11".to_owned(),
        outcome: Outcome::Stored,
        received_at: received(),
        problems: vec![Problem::new(
            "/readings/0/unit",
            "unknown_unit",
            "is no unit of weight",
        )],
    };
    assert_eq!(
        text(receipt.encode()),
        r#"{"session_id":"0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11","outcome":"stored","received_at":"2026-11-21T09:04:05Z","problems":[{"at":"/readings/0/unit","code":"unknown_unit","detail":"is no unit of weight"}]}"#
    );
    for (outcome, word) in [
        (Outcome::Stored, "stored"),
        (Outcome::Duplicate, "duplicate"),
        (Outcome::Rejected, "rejected"),
    ] {
        assert_eq!(outcome.word(), word);
        let receipt = Receipt {
            outcome,
            problems: Vec::new(),
            ..receipt.clone()
        };
        assert!(text(receipt.encode()).contains(&format!(r#""outcome":"{word}""#)));
        assert!(text(receipt.encode()).ends_with(r#""problems":[]}"#));
    }
}

#[test]
fn a_receipt_spells_the_id_as_the_unit_did() {
    use homeward::wire::receipt::spelling;
    let id = uuid!("0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11");
    for spelt in [
        "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11",
        "0193A0C2-7B7E-7CC3-9A51-0E2F6F1F4C11",
        "0193a0C2-7b7e-7cc3-9A51-0e2f6f1f4c11",
    ] {
        let payload = format!(r#"{{"seq": 7, "session_id": "{spelt}", "readings": ["#);
        assert_eq!(spelling(payload.as_bytes(), id), spelt);
    }
    for elsewhere in [&b""[..], b"0193a0c2", &[0xff; 40]] {
        assert_eq!(spelling(elsewhere, id), "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11");
    }
}

#[test]
fn a_request_is_written_as_in_the_contract() {
    let retest = Request {
        request_id: uuid!("01940000-7b7e-7cc3-9a51-0e2f6f1f4c11"),
        kind: RequestKind::Retest,
        measures: vec![Measure::SystolicBp, Measure::Spo2],
        text: None,
        expires_at: Utc.with_ymd_and_hms(2026, 11, 21, 9, 34, 5).unwrap(),
    };
    assert_eq!(
        text(retest.encode()),
        r#"{"request_id":"01940000-7b7e-7cc3-9a51-0e2f6f1f4c11","kind":"retest","measures":["systolic_bp","spo2"],"text":null,"expires_at":"2026-11-21T09:34:05Z"}"#
    );
    let message = Request {
        kind: RequestKind::Message,
        measures: Vec::new(),
        text: Some("We will ring at ten.".to_owned()),
        ..retest
    };
    assert!(
        text(message.encode()).contains(r#""kind":"message","measures":[],"text":"We will ring at ten.""#)
    );
}

#[test]
fn a_unit_is_told_what_to_ask_and_no_limits() {
    let body = r#"{
      "reason": "x", "effective_from": "2026-11-21T00:00:00Z", "measures": ["weight", "blood_pressure"],
      "schedule": {"times": ["19:30", "07:00"], "days": ["sun", "mon"], "grace_min": 60},
      "rules": [{"id": "limits.weight", "kind": "limits", "measure": "weight", "amber_high": 87.5}],
      "questions": [
        {"id": "ankles", "type": "yes_no", "text": {"en": "Swollen?", "ur": "سوجن؟"}},
        {"id": "compared", "type": "choice", "text": {"en": "Compared?"}, "options": [{"code": "worse", "text": {"en": "Worse"}}]}
      ]
    }"#;
    assert_eq!(
        text(unit_plan::encode(&parse(body, 7).unwrap())),
        concat!(
            r#"{"version":7,"timezone":"Europe/London","#,
            r#""schedule":{"times":["19:30","07:00"],"days":["mon","sun"],"window_before_min":120,"grace_min":60},"#,
            r#""measures":["weight","blood_pressure"],"#,
            r#""questions":[{"id":"ankles","type":"yes_no","text":{"en":"Swollen?","ur":"سوجن؟"}},"#,
            r#"{"id":"compared","type":"choice","text":{"en":"Compared?"},"options":[{"code":"worse","text":{"en":"Worse"}}]}]}"#
        )
    );
    let bare = r#"{"reason": "x", "effective_from": "2026-11-21T00:00:00Z", "measures": [], "rules": []}"#;
    assert_eq!(
        text(unit_plan::encode(&parse(bare, 1).unwrap())),
        r#"{"version":1,"timezone":"Europe/London","schedule":null,"measures":[],"questions":[]}"#
    );
}
