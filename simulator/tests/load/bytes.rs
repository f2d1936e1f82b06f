//! The hand-written JSON is what the unit's own payload types say, and each fault is the one that it claims.

use serde_json::Value;
use simulator::load::bytes::Copy;
use simulator::load::fault::Fault;
use simulator::load::recipe::Recipe;
use simulator::load::spec::{Breach, Kind, Shares, Spec};
use simulator::payload::{Session, Trigger};

use super::{dirt, recipe};

fn session(recipe: &Recipe, spec: &Spec, copy: Copy) -> Session {
    serde_json::from_slice(&recipe.bytes(spec, copy)).unwrap()
}

#[test]
fn a_session_reads_back_into_the_units_own_types() {
    let recipe = recipe(
        3,
        400,
        Shares {
            malformed: 0.0,
            ..dirt()
        },
    );
    for index in 0..400 {
        let spec = recipe.spec(index);
        let session = session(&recipe, &spec, Copy::First);
        assert_eq!(session.session_id, recipe.session_id(&spec));
        assert_eq!(session.seq, Some(spec.nth + 1));
        assert_eq!(session.trigger, Some(Trigger::Scheduled));
        assert_eq!(session.completed_at.timestamp_millis(), spec.completed_at);
        assert!(session.started_at.unwrap() < session.readings[0].taken_at);
        assert!(
            session
                .readings
                .iter()
                .all(|reading| reading.taken_at < session.completed_at)
        );
        assert_eq!(session.readings[1].taken_at, session.readings[2].taken_at);
        let measures: Vec<_> = session
            .readings
            .iter()
            .map(|r| (r.measure.as_str(), r.unit.as_str()))
            .collect();
        let wanted = [
            ("weight", "kg"),
            ("systolic_bp", "mm[Hg]"),
            ("diastolic_bp", "mm[Hg]"),
            ("heart_rate", "/min"),
            ("spo2", "%"),
        ];
        assert_eq!(measures, wanted);
        assert_eq!(session.answers.len(), 3);
        let beyond = |measure: &str, value: f64| match measure {
            "systolic_bp" => value > 160.0,
            "diastolic_bp" => value > 100.0,
            "heart_rate" => value > 120.0,
            "spo2" => value < 90.0,
            _ => !(40.0..=150.0).contains(&value),
        };
        let breaches: Vec<_> = session
            .readings
            .iter()
            .filter(|reading| beyond(&reading.measure, reading.value.as_f64().unwrap()))
            .map(|reading| reading.measure.as_str())
            .collect();
        assert_eq!(
            breaches,
            spec.breach.map(Breach::measure).into_iter().collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_duplicate_says_the_same_and_a_conflict_something_else() {
    let recipe = recipe(3, 100, Shares::default());
    for index in 0..100 {
        let spec = recipe.spec(index);
        let first = session(&recipe, &spec, Copy::First);
        let again = session(&recipe, &spec, Copy::Again);
        assert!(first.sent_at.is_none() && again.sent_at.is_some());
        assert_eq!(
            Session {
                sent_at: None,
                ..again
            },
            first
        );
        let mut changed = session(&recipe, &spec, Copy::Changed);
        assert_ne!(changed, first);
        changed.readings[3].value = first.readings[3].value.clone();
        assert_eq!(changed, first);
    }
}

#[test]
fn the_times_are_right_at_the_edges_of_the_calendar() {
    for text in [
        "2024-02-29T23:59:59Z",
        "2026-01-01T00:00:00Z",
        "2025-12-31T23:59:59Z",
        "2026-03-01T00:02:50Z",
    ] {
        let start = crate::at(text).timestamp_millis();
        let time = simulator::load::spec::Timetable::Live { start, gap_micros: 1 };
        let recipe = Recipe::new(1, vec!["HU-1".to_owned()], 1, time, Shares::default()).unwrap();
        let session = session(&recipe, &recipe.spec(0), Copy::First);
        assert_eq!(session.completed_at, crate::at(text));
        assert_eq!(
            (session.completed_at - session.started_at.unwrap()).num_seconds(),
            171
        );
    }
}

#[test]
fn every_fault_is_the_one_it_claims() {
    let recipe = recipe(
        9,
        80,
        Shares {
            malformed: 1.0,
            ..Shares::default()
        },
    );
    let mut seen = Vec::new();
    for index in 0..80 {
        let spec = recipe.spec(index);
        let Kind::Malformed(fault) = spec.kind else {
            panic!("{spec:?}")
        };
        seen.push(fault.name());
        let bytes = recipe.bytes(&spec, Copy::First);
        let id = recipe.session_id(&spec).to_string();
        let json = serde_json::from_slice::<Value>(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let is = |key: &str| json.as_ref().unwrap().get(key).is_some();
        assert_eq!(
            text.contains(&format!("\"session_id\":\"{id}\"")),
            fault.is_answerable()
        );
        let right = match fault {
            Fault::Cut => json.is_err() && std::str::from_utf8(&bytes).is_ok(),
            Fault::NotJson => std::str::from_utf8(&bytes).is_err() && text.contains(&index.to_string()),
            Fault::NoId => !is("session_id") && is("completed_at"),
            Fault::WrongType => json.unwrap()["readings"][0]["value"] == "heavy",
            Fault::NoCompletion => is("session_id") && !is("completed_at") && is("started_at"),
            Fault::Clock => {
                let session: Session = serde_json::from_slice(&bytes).unwrap();
                spec.completed_at - session.completed_at.timestamp_millis() == 500 * 86_400_000
            }
            Fault::TooMany => json.unwrap()["answers"].as_array().unwrap().len() == 65,
            Fault::Nul => json.unwrap()["answers"][0]["answer"] == "no\0",
        };
        assert!(right, "{fault:?}: {text}");
    }
    seen.sort_unstable();
    assert_eq!(
        seen.chunk_by(|a, b| a == b).map(<[_]>::len).collect::<Vec<_>>(),
        [10; 8]
    );
}
