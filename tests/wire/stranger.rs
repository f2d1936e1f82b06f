//! The simulator's payload types were written apart from ours: where both understand each other, neither is wrong alone.

use chrono::{DateTime, TimeDelta, Utc};
use home_unit::payload;
use home_unit::plan::PlanDoc;
use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::reading::Comparator;
use homeward::wire::receipt::{Outcome, Receipt};
use homeward::wire::request::{Request, RequestKind};
use homeward::wire::session::decode;
use homeward::wire::{plan, status, unit_plan};
use proptest::prelude::*;
use uuid::{Uuid, uuid};

use super::{received, unit};

const ID: Uuid = uuid!("0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11");

/// A reading as the unit means it: measure, thousandths in its own unit, comparator, seconds before the end.
type Meant = (Measure, i64, Option<Comparator>, i64);

fn readings() -> impl Strategy<Value = Vec<Meant>> {
    let comparator =
        prop_oneof![8 => Just(None), 1 => Just(Some(Comparator::Less)), 1 => Just(Some(Comparator::Greater))];
    let reading = (
        prop::sample::select(Measure::ALL.to_vec()),
        -500_000..1_000_000_i64,
        comparator,
        0..600_i64,
    );
    prop::collection::vec(reading, 0..12)
}

fn sent(meant: &[Meant], answers: &[(String, String)], done: DateTime<Utc>) -> payload::Session {
    let session = meant.iter().fold(
        payload::Session::new(ID, done),
        |session, (measure, value, comparator, before)| {
            let facts = measure.facts();
            let value = Milli::new(*value).to_f64();
            let mut reading =
                payload::Reading::new(facts.code, value, facts.unit, done - TimeDelta::seconds(*before));
            reading.comparator = comparator
                .map(|comparator| if comparator == Comparator::Less { "<" } else { ">" }.to_owned());
            session.reading(reading)
        },
    );
    answers.iter().fold(session, |session, (question, answer)| {
        session.answer(question, answer)
    })
}

proptest! {
    #[test]
    fn what_a_unit_means_is_what_we_read(
        meant in readings(),
        answers in prop::collection::vec(("[a-z_]{1,20}", "\\PC{1,12}"), 0..6),
        seq in prop::option::of(0..1_000_000_u64),
        micros in 0..86_400_000_000_i64,
        resent in 1..100_000_i64,
    ) {
        let done = received() - TimeDelta::microseconds(micros);
        let mut session = sent(&meant, &answers, done);
        session.seq = seq;
        let bytes = session.bytes(done).unwrap();
        let decoded = decode(&unit(), &bytes, received()).unwrap();
        prop_assert_eq!(&decoded.problems, &[]);
        let read = &decoded.session;
        prop_assert_eq!((read.key.session_id, read.completed_at, read.sent_at), (ID, done, Some(done)));
        prop_assert_eq!(read.seq.map(i64::unsigned_abs), seq);
        let understood: Vec<Meant> = read
            .readings
            .iter()
            .map(|r| (r.measure.unwrap(), r.value.unwrap().thousandths(), r.comparator, (done - r.taken_at).num_seconds()))
            .collect();
        prop_assert_eq!(&understood, &meant);
        let replies: Vec<(String, String)> = read.answers.iter().map(|a| (a.question.clone(), a.answer.clone())).collect();
        prop_assert_eq!(&replies, &answers);
        // Sent again later it is the same session.
        let again = session.bytes(done + TimeDelta::seconds(resent)).unwrap();
        prop_assert_ne!(&again, &bytes);
        prop_assert_eq!(decode(&unit(), &again, received()).unwrap().content_hash, decoded.content_hash);
    }
}

#[test]
fn a_unit_understands_our_receipts_and_requests() {
    let receipt = Receipt {
        session_id: ID.to_string(),
        outcome: Outcome::Duplicate,
        received_at: received(),
        problems: Vec::new(),
    };
    let understood: payload::Receipt = serde_json::from_slice(&receipt.encode()).unwrap();
    assert_eq!(
        (understood.session_id, understood.outcome),
        (ID.to_string(), payload::Outcome::Duplicate)
    );
    assert_eq!(understood.received_at, received());
    let request = Request {
        request_id: ID,
        kind: RequestKind::Retest,
        measures: vec![Measure::Glucose],
        text: None,
        expires_at: received(),
    };
    let understood: payload::Request = serde_json::from_slice(&request.encode()).unwrap();
    assert_eq!(
        (understood.request_id, understood.kind),
        (ID.to_string(), payload::RequestKind::Retest)
    );
    assert_eq!(
        (understood.measures, understood.expires_at),
        (Some(vec!["glucose".to_owned()]), Some(received()))
    );
}

#[test]
fn a_unit_understands_its_plan() {
    let body = r#"{"reason": "x", "effective_from": "2026-11-21T00:00:00Z", "measures": ["weight"], "rules": [],
        "schedule": {"times": ["09:00"], "days": ["sat"]},
        "questions": [{"id": "q", "type": "number", "text": {"en": "How many steps?"}}]}"#;
    let understood: PlanDoc =
        serde_json::from_slice(&unit_plan::encode(&plan::parse(body, 2).unwrap())).unwrap();
    assert_eq!(
        (understood.version, understood.measures.as_slice()),
        (2, &["weight".to_owned()][..])
    );
    assert_eq!(understood.questions[0].kind, "number");
    // The Saturday of `received`, nine o'clock London time in winter, is five minutes gone: due again in a week.
    let due = understood.next_due(received()).unwrap();
    assert_eq!(due, received() + TimeDelta::days(7) - TimeDelta::seconds(245));
}

#[test]
fn we_understand_a_units_status() {
    let said = payload::Status {
        online: true,
        at: received(),
        sent_at: Some(received()),
        battery_pct: Some(76),
        firmware: Some("2.4.1".to_owned()),
        queued: Some(3),
    };
    let read = status::decode(&serde_json::to_vec(&said).unwrap()).unwrap();
    assert_eq!(
        (read.online, read.at, read.sent_at),
        (Some(true), Some(received()), Some(received()))
    );
    assert_eq!(
        (read.battery_pct, read.firmware.as_deref(), read.queued),
        (Some(76), Some("2.4.1"), Some(3))
    );
    assert_eq!(read.problems, []);
}
