//! The payload types against the contract's own words.

use serde_json::{Value, json};
use simulator::payload::{Outcome, Receipt, Request, RequestKind, Session, Trigger};
use simulator::topics::{is_unit_id, topic};

/// The contract's example, word for word but for the names of the instrument.
const EXAMPLE: &str = r#"{
  "session_id": "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11", "seq": 412, "trigger": "scheduled", "request_id": null, "plan_version": 3,
  "started_at": "2026-11-21T09:01:12+00:00", "completed_at": "2026-11-21T09:04:03+00:00", "sent_at": "2026-11-21T09:04:04+00:00",
  "readings": [
    {"measure": "weight", "value": 84.2, "unit": "kg", "taken_at": "2026-11-21T09:01:40+00:00"},
    {"measure": "systolic_bp", "value": 142, "unit": "mm[Hg]", "taken_at": "2026-11-21T09:02:30+00:00"},
    {"measure": "spo2", "value": 93, "comparator": null, "unit": "%", "taken_at": "2026-11-21T09:03:02+00:00",
     "source": "device", "peripheral": {"model": "m", "serial": "s"}, "context": "on_air"}
  ],
  "answers": [{"question": "ankles_swollen", "answer": "yes", "answered_at": "2026-11-21T09:03:40+00:00"}]
}"#;

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k, without_nulls(v)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[test]
fn the_contracts_example_comes_back_as_it_was() {
    let session: Session = serde_json::from_str(EXAMPLE).unwrap();
    assert_eq!(session.trigger, Some(Trigger::Scheduled));
    let again = serde_json::to_value(&session).unwrap();
    assert_eq!(again, without_nulls(serde_json::from_str(EXAMPLE).unwrap()));
}

#[test]
fn only_sent_at_differs_between_two_tries() {
    let session: Session = serde_json::from_str(EXAMPLE).unwrap();
    let mut first: Value =
        serde_json::from_slice(&session.bytes(crate::at("2026-11-21T10:00:00Z")).unwrap()).unwrap();
    let mut second: Value =
        serde_json::from_slice(&session.bytes(crate::at("2026-11-21T11:00:00Z")).unwrap()).unwrap();
    assert_ne!(first, second);
    assert_eq!(first["sent_at"].take(), json!("2026-11-21T10:00:00+00:00"));
    assert_eq!(second["sent_at"].take(), json!("2026-11-21T11:00:00+00:00"));
    assert_eq!(first, second);
}

#[test]
fn a_receipt_is_read_with_its_problems() {
    let receipt: Receipt = serde_json::from_value(json!({
        "session_id": "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11", "outcome": "rejected",
        "received_at": "2026-11-21T09:04:05+00:00", "later": 1,
        "problems": [{"at": "/readings/0/unit", "code": "unknown_unit", "detail": "stones"}]
    }))
    .unwrap();
    assert_eq!(receipt.outcome, Outcome::Rejected);
    assert_eq!(receipt.problems[0].at, "/readings/0/unit");
}

#[test]
fn a_request_is_read_with_and_without_what_it_may_lack() {
    let request: Request = serde_json::from_value(json!({
        "request_id": "r", "kind": "retest", "measures": ["spo2"], "text": null,
        "expires_at": "2026-11-21T09:34:05+00:00"
    }))
    .unwrap();
    assert_eq!(
        (request.kind, request.measures),
        (RequestKind::Retest, Some(vec!["spo2".to_owned()]))
    );
    let message: Request =
        serde_json::from_value(json!({"request_id": "m", "kind": "message", "text": "Ring us, please."}))
            .unwrap();
    assert_eq!((message.kind, message.expires_at), (RequestKind::Message, None));
}

#[test]
fn unit_ids_have_the_contracts_form() {
    let longest = "x".repeat(64);
    for good in ["A", "HU-1", "0_-", longest.as_str()] {
        assert!(is_unit_id(good), "{good}");
    }
    let too_long = "x".repeat(65);
    for bad in ["", "-HU", "_1", "HU 1", "HU/1", "HÜ", "+", "#", too_long.as_str()] {
        assert!(!is_unit_id(bad), "{bad}");
    }
    assert_eq!(topic("HU-1", "session"), "homeward/v1/units/HU-1/session");
}
