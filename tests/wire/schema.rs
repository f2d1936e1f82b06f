//! Each schema against its decoder or encoder, so that neither can drift from the other unseen.
//!
//! What a schema cannot say, and a decoder sees: a key that stands twice; JSON that is broken off, too large, not UTF-8 or
//! of half a surrogate pair; a day that its month has not; the years 0 and 10000; a minus sign that is no hyphen in an
//! offset. The ages that make a clock fault are no matter of form at all.

use boon::{Compiler, Schemas};
use chrono::{TimeZone as _, Utc};
use homeward::domain::measure::Measure;
use homeward::wire::problem::Problem;
use homeward::wire::receipt::{Outcome, Receipt};
use homeward::wire::request::{Request, RequestKind};
use homeward::wire::schema::{NAMES, Schema, named};
use homeward::wire::session::{Decoded, MAX_ANSWERS, MAX_READINGS, RejectCode, Rejection, decode};
use homeward::wire::{plan, status, unit_plan};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::uuid;

use super::{CONTRACT, received, unit, with};

/// A schema, ready to be held against payloads.
struct Ready {
    schemas: Schemas,
    index: boon::SchemaIndex,
}

impl Ready {
    fn of(name: &str) -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let document = named(name).unwrap().document();
        let id = document["$id"].as_str().unwrap().to_owned();
        compiler.add_resource(&id, document).unwrap();
        let index = compiler
            .compile(&id, &mut schemas)
            .unwrap_or_else(|fault| panic!("{name}: {fault:#}"));
        Self { schemas, index }
    }

    fn takes(&self, payload: &Value) -> bool {
        self.schemas.validate(payload, self.index).is_ok()
    }

    #[track_caller]
    fn must_take(&self, payload: &Value) {
        if let Err(fault) = self.schemas.validate(payload, self.index) {
            panic!("{fault:#}\n{payload:#}");
        }
    }
}

fn read(payload: &Value) -> Result<Decoded, Rejection> {
    decode(&unit(), payload.to_string().as_bytes(), received())
}

/// The decoder and both schemas are of one mind about it.
fn agree(taken: &Ready, sound: &Ready, payload: &Value) -> Result<(), String> {
    let decoded = read(payload);
    let is_taken = match &decoded {
        Ok(_) => true,
        Err(rejection) if matches!(rejection.code, RejectCode::BadField | RejectCode::TooMany) => false,
        Err(rejection) => return Err(format!("{rejection:?} of {payload}")),
    };
    let is_sound = decoded.as_ref().is_ok_and(|decoded| decoded.problems.is_empty());
    let (says_taken, says_sound) = (taken.takes(payload), sound.takes(payload));
    if (is_taken, is_sound) == (says_taken, says_sound) {
        Ok(())
    } else {
        Err(format!(
            "taken {is_taken}, sound {is_sound}; the schemas say {says_taken}, {says_sound}: {payload:#} {decoded:?}"
        ))
    }
}

#[test]
fn the_contracts_example_is_sound_and_so_is_the_shortest() {
    for name in ["session", "session-sound"] {
        let schema = Ready::of(name);
        schema.must_take(&serde_json::from_str(CONTRACT).unwrap());
        schema.must_take(&serde_json::from_str(&with("yes", "no")).unwrap());
    }
}

#[test]
fn what_is_rejected_is_not_valid() {
    let (taken, sound) = (Ready::of("session"), Ready::of("session-sound"));
    let reading =
        r#"{"measure": "weight", "value": 84.2, "unit": "kg", "taken_at": "2026-11-21T09:01:40+00:00"}"#;
    let answer = r#"{"question": "ankles_swollen", "answer": "yes"}"#;
    let cases = [
        "[]".to_owned(),
        "7".to_owned(),
        with("\"session_id\"", "\"id\""),
        with(
            "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11",
            "0193a0c27b7e7cc39a510e2f6f1f4c11",
        ),
        with("\"completed_at\"", "\"done\""),
        with("2026-11-21T09:04:03+00:00", "2026-11-21T09:04:03"),
        with("2026-11-21T09:04:03+00:00", "2026-11-21T24:04:03+00:00"),
        with("\"readings\"", "\"r\""),
        with("\"answers\"", "\"a\""),
        with(reading, "4"),
        with("\"measure\": \"weight\", ", ""),
        with("\"value\": 84.2, ", ""),
        with("84.2", "\"84.2\""),
        with("84.2", "true"),
        with("\"kg\"", "7"),
        with("2026-11-21T09:01:40+00:00", "yesterday"),
        with("\"question\": \"ankles_swollen\", ", ""),
        with("\"yes\"", "null"),
        with("\"yes\"", "[\"yes\"]"),
        with("ankles_swollen", "ankles\\u0000"),
        with(
            "{\"session_id\"",
            "{\"note\": {\"a\": [1, \"\\u0000\"]}, \"session_id\"",
        ),
        with("{\"session_id\"", "{\"no\\u0000te\": 4, \"session_id\""),
        with(reading, &vec![reading; MAX_READINGS + 1].join(",")),
        with(answer, &vec![answer; MAX_ANSWERS + 1].join(",")),
    ];
    for text in cases {
        let payload: Value = serde_json::from_str(&text).unwrap();
        assert!(read(&payload).is_err(), "{text}");
        assert!(!taken.takes(&payload), "{text}");
        agree(&taken, &sound, &payload).unwrap();
    }
    for (most, one, part) in [(MAX_READINGS, reading, reading), (MAX_ANSWERS, answer, answer)] {
        taken.must_take(&serde_json::from_str(&with(part, &vec![one; most].join(","))).unwrap());
    }
}

/// What a unit may put in a place, rightly and wrongly.
fn anything() -> impl Strategy<Value = Value> {
    let words = [
        "",
        "weight",
        "spo2",
        "glucose",
        "respiratory_rate",
        "girth",
        "kg",
        "[lb_av]",
        "mg/dL",
        "%",
        "mm[Hg]",
        "/min",
        "lbs",
        "<",
        ">",
        "<=",
        "device",
        "manual",
        "psychic",
        "fasting",
        "on_air",
        "alert",
        "upside_down",
        "scheduled",
        "patient",
        "retest",
        "hourly",
        "yes",
        "not_answered",
        "NaN",
        "Infinity",
        "-Infinity",
        "84.2",
        "2026-11-21T09:01:40Z",
        "2026-11-21t10:01:40.123456789+01:00",
        "2026-11-21 09:01:40-00:00",
        "2016-12-31T23:59:60Z",
        "2026-11-21T09:01:40",
        "2026-11-21T09:01Z",
        "2026-13-21T09:01:40Z",
        "2026-11-21T09:60:40Z",
        "2026-11-21T09:01:40+24:00",
        "2026-11-21",
        "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11",
        "0193A0C2-7B7E-7CC3-9A51-0E2F6F1F4C11",
        "{0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11}",
        "0193a0c27b7e7cc39a510e2f6f1f4c11",
        "a\0b",
        "\u{1F600}",
    ];
    let numbers = [
        json!(0),
        json!(-1),
        json!(412),
        json!(412.0),
        json!(2.5),
        json!(84.2),
        json!(1e300),
        json!(-1e19),
    ];
    prop_oneof![
        6 => prop::sample::select(words.to_vec()).prop_map(Value::from),
        3 => prop::sample::select(numbers.to_vec()),
        2 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(json!([])),
        1 => Just(json!({})),
        1 => Just(json!({"model": "OX-1", "serial": null})),
        1 => Just(json!({"model": 3})),
        1 => Just(json!({"x": ["a\0b"]})),
    ]
}

/// Every place of the contract's example, and keys that stand nowhere in it.
fn places() -> Vec<String> {
    let mut places = vec!["/note".to_owned(), "/readings/0/note".to_owned()];
    for key in [
        "session_id",
        "seq",
        "trigger",
        "request_id",
        "plan_version",
        "started_at",
        "completed_at",
        "sent_at",
        "readings",
        "answers",
    ] {
        places.push(format!("/{key}"));
    }
    for index in 0..4 {
        places.push(format!("/readings/{index}"));
        for key in [
            "measure",
            "value",
            "unit",
            "taken_at",
            "comparator",
            "source",
            "peripheral",
            "context",
        ] {
            places.push(format!("/readings/{index}/{key}"));
        }
    }
    places.extend(
        [
            "/readings/3/peripheral/model",
            "/readings/3/peripheral/serial",
            "/answers/0",
        ]
        .map(str::to_owned),
    );
    places.extend(["question", "answer", "answered_at"].map(|key| format!("/answers/0/{key}")));
    places
}

/// Puts a value at a place, or takes away what is there.
fn put(payload: &mut Value, place: &str, value: Option<Value>) {
    let (parent, key) = place.rsplit_once('/').unwrap();
    match (payload.pointer_mut(parent), value) {
        (Some(Value::Object(keys)), Some(value)) => drop(keys.insert(key.to_owned(), value)),
        (Some(Value::Object(keys)), None) => drop(keys.remove(key)),
        (Some(Value::Array(items)), value) => {
            if let (Ok(index), Some(value)) = (key.parse::<usize>(), value)
                && index < items.len()
            {
                items[index] = value;
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_payload_is_valid_where_the_decoder_takes_it_and_sound_where_it_finds_nothing(
        changes in prop::collection::vec((prop::sample::select(places()), prop::option::weighted(0.85, anything())), 0..4),
    ) {
        thread_local! {
            static SCHEMAS: (Ready, Ready) = (Ready::of("session"), Ready::of("session-sound"));
        }
        let mut payload: Value = serde_json::from_str(CONTRACT).unwrap();
        for (place, value) in changes {
            put(&mut payload, &place, value);
        }
        let verdict = SCHEMAS.with(|(taken, sound)| agree(taken, sound, &payload));
        prop_assert!(verdict.is_ok(), "{}", verdict.unwrap_err());
    }

    #[test]
    fn a_status_is_valid_where_the_decoder_can_read_all_of_it(
        values in prop::collection::vec((prop::sample::select(vec!["online", "at", "sent_at", "battery_pct", "firmware", "queued", "note"]), anything()), 0..5),
    ) {
        thread_local! {
            static SCHEMA: Ready = Ready::of("status");
        }
        let payload: Value = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<serde_json::Map<_, _>>().into();
        let read = status::decode(payload.to_string().as_bytes()).unwrap();
        prop_assert_eq!(SCHEMA.with(|schema| schema.takes(&payload)), read.problems.is_empty(), "{} {:?}", payload, read);
    }
}

/// Every combination of measure and unit, and of measure and context: the tables that the schema is made from.
#[test]
fn a_measure_is_sound_in_its_own_units_and_contexts_only() {
    let (taken, sound) = (Ready::of("session"), Ready::of("session-sound"));
    let units = [
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
    ];
    let contexts = [
        "before_meal",
        "after_meal",
        "fasting",
        "control_solution",
        "on_air",
        "on_oxygen",
        "alert",
        "new_confusion",
        "voice",
        "pain",
        "unresponsive",
    ];
    let mut sound_ones = 0;
    for measure in Measure::ALL {
        for unit in units {
            let mut payload: Value = serde_json::from_str(&with("yes", "no")).unwrap();
            payload["readings"][0]["measure"] = measure.code().into();
            payload["readings"][0]["unit"] = unit.into();
            agree(&taken, &sound, &payload).unwrap();
            sound_ones += u32::from(sound.takes(&payload));
        }
        for context in contexts {
            let mut payload: Value = serde_json::from_str(&with("yes", "no")).unwrap();
            payload["readings"][0]["measure"] = measure.code().into();
            payload["readings"][0]["unit"] = measure.facts().unit.into();
            payload["readings"][0]["context"] = context.into();
            agree(&taken, &sound, &payload).unwrap();
        }
    }
    assert_eq!(sound_ones, 22, "ten own units and twelve others");
}

#[test]
fn what_we_send_is_valid_and_half_of_it_is_not() {
    let receipt = Receipt {
        session_id: "0193A0C2-7b7e-7cc3-9a51-0e2f6f1f4c11".to_owned(),
        outcome: Outcome::Rejected,
        received_at: received(),
        problems: vec![Problem::new(
            "/readings/0/unit",
            "unknown_unit",
            "is no unit of weight",
        )],
    };
    let request = Request {
        request_id: uuid!("01940000-7b7e-7cc3-9a51-0e2f6f1f4c11"),
        kind: RequestKind::Retest,
        measures: Measure::ALL.to_vec(),
        text: None,
        expires_at: Utc.with_ymd_and_hms(2026, 11, 21, 9, 34, 5).unwrap(),
    };
    let message = Request {
        kind: RequestKind::Message,
        measures: Vec::new(),
        text: Some("We will ring at ten.".to_owned()),
        ..request.clone()
    };
    let full = r#"{"reason": "x", "effective_from": "2026-11-21T00:00:00Z", "measures": ["weight", "blood_pressure"], "rules": [],
        "schedule": {"times": ["19:30", "07:00"], "days": ["sun", "mon"], "grace_min": 60},
        "questions": [{"id": "a", "type": "yes_no", "text": {"en": "Swollen?"}}, {"id": "n", "type": "number", "text": {"en": "How many?"}},
            {"id": "c", "type": "choice", "text": {"en": "Compared?"}, "options": [{"code": "worse", "text": {"en": "Worse"}}]}]}"#;
    let bare = r#"{"reason": "x", "effective_from": "2026-11-21T00:00:00Z", "measures": [], "rules": []}"#;
    for (name, sent) in [
        ("receipt", receipt.encode()),
        ("request", request.encode()),
        ("request", message.encode()),
        ("plan", unit_plan::encode(&plan::parse(full, 7).unwrap())),
        ("plan", unit_plan::encode(&plan::parse(bare, 1).unwrap())),
    ] {
        let schema = Ready::of(name);
        let payload: Value = serde_json::from_slice(&sent).unwrap();
        schema.must_take(&payload);
        for key in payload.as_object().unwrap().keys() {
            let mut without = payload.clone();
            without.as_object_mut().unwrap().remove(key);
            assert!(!schema.takes(&without), "{name} without {key}");
            let mut odd = payload.clone();
            odd[key] = json!({"odd": true});
            assert!(!schema.takes(&odd), "{name} with odd {key}");
        }
    }
}

#[test]
fn every_schema_says_what_it_is_and_no_two_share_an_id() {
    let all = Schema::all();
    assert_eq!(all.iter().map(|schema| schema.name).collect::<Vec<_>>(), NAMES);
    for schema in &all {
        let document = schema.document();
        assert_eq!(
            document["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        assert_eq!(document["$id"], format!("urn:homeward:v1:{}", schema.name));
        assert_eq!(document["type"], "object");
        assert!(
            homeward::wire::topic::Channel::ALL
                .iter()
                .any(|channel| channel.name() == schema.topic)
        );
    }
    assert!(named("sessions").is_none());
}

#[test]
fn the_schemas_are_as_they_were() {
    for schema in Schema::all() {
        insta::assert_json_snapshot!(schema.name, schema.document());
    }
}
