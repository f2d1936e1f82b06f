//! Batteries, clocks and silence: what a unit says, or does not say, becomes an alert that ends with its cause.

use std::sync::Arc;

use homeward::domain::alert::{About, AlertState};
use homeward::domain::finding::{Class, Severity};
use homeward::domain::ids::{PatientId, PauseId};
use homeward::domain::pause::{Pause, PauseReason};
use homeward::domain::time::Instant;
use homeward::ingest::arrival::Arrival;
use homeward::metrics::alerts::Alerts;
use homeward::store;
use homeward::store::heartbeat::Process;
use homeward::workers::unit_watch::UnitWatch;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, plan, session};
use crate::support::ward::{Ward, at, frame, unit};

on_both_databases!(
    a_low_battery_is_told_until_it_is_charged,
    a_clock_that_is_out_is_told_until_it_is_right,
    a_unit_that_falls_silent_is_told_until_it_is_heard,
    a_unit_that_never_spoke_is_silent_too,
    nobody_waits_for_a_unit_whose_patient_is_away,
    a_unit_is_not_silent_for_what_is_dated_back,
    nobody_s_and_a_discharged_patient_s_units_may_be_silent,
    our_own_outage_makes_no_unit_silent_and_no_clock_slow,
    troubles_go_with_the_unit,
    a_new_plan_changes_how_long_it_may_be_silent,
    two_workers_tell_once,
    a_number_that_does_not_come_is_told_until_it_does,
    a_unit_that_begins_anew_has_lost_nothing,
);

fn worker(ward: &Ward) -> UnitWatch {
    UnitWatch::new(
        ward.db.clone(),
        Arc::default(),
        ward.keeper.ids.clone(),
        Alerts::default(),
    )
}

fn status(unit_id: &str, body: &Value, retained: bool, now: Instant) -> Arrival {
    let topic = format!("homeward/v1/units/{unit_id}/status");
    Arrival::of(&topic, body.to_string().into_bytes().into(), retained, now)
}

async fn reports(ward: &Ward, battery: i64, now: Instant) {
    let body = json!({ "online": true, "at": now, "sent_at": now, "battery_pct": battery });
    ward.take_in(&[status("HU-1", &body, false, now)], now).await;
}

async fn beat(ward: &Ward, now: Instant) {
    let process = Process {
        id: Uuid::from_u128(1),
        kind: "ingest".to_owned(),
        started_at: at("01T08:00"),
    };
    let mut tx = ward.db.begin().await.unwrap();
    store::heartbeat::beat(&mut tx, &process, now).await.unwrap();
    tx.commit().await.unwrap();
}

/// As if the service had run all the time until now; then what is due.
async fn step(ward: &Ward, now: Instant) -> usize {
    beat(ward, now).await;
    ward.change(vec!["delete from ingest_outage".to_owned()]).await;
    worker(ward).step(now).await.unwrap()
}

/// `new` or `closed`, with what stands on it, oldest first.
async fn told(ward: &Ward, whose: impl Into<Option<PatientId>>) -> Vec<String> {
    let mut told = Vec::new();
    for alert in ward.alerts_of(whose).await {
        assert_eq!((alert.class, alert.severity), (Class::Technical, Severity::Amber));
        let on = ward.on_alert(&alert).await.join(", ");
        told.push(format!("{}: {on}", alert.state.word()));
    }
    told
}

async fn a_low_battery_is_told_until_it_is_charged(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    reports(&ward, 20, at("21T09:00")).await;
    step(&ward, at("21T09:01")).await;
    assert_eq!(
        told(&ward, patient).await,
        Vec::<String>::new(),
        "20 is not below 20"
    );
    reports(&ward, 19, at("21T10:00")).await;
    assert_eq!(step(&ward, at("21T10:01")).await, 1);
    assert_eq!(told(&ward, patient).await, ["new: battery_low amber"]);
    // A last will says nothing of it, nor does the same again.
    let will = json!({ "online": false, "at": at("21T10:00") });
    ward.take_in(&[status("HU-1", &will, false, at("21T10:10"))], at("21T10:10"))
        .await;
    reports(&ward, 15, at("21T10:20")).await;
    assert_eq!(step(&ward, at("21T10:21")).await, 0);
    assert_eq!(
        ward.open(About::Patient(patient), Class::Technical).await.version,
        1
    );
    reports(&ward, 80, at("21T11:00")).await;
    assert_eq!(step(&ward, at("21T11:01")).await, 1);
    assert_eq!(told(&ward, patient).await, ["closed: (battery_low amber)"]);
    ward.cleared(About::Patient(patient), Class::Technical).await;
    reports(&ward, 5, at("21T12:00")).await;
    step(&ward, at("21T12:01")).await;
    assert_eq!(
        told(&ward, patient).await,
        ["closed: (battery_low amber)", "new: battery_low amber"]
    );
}

async fn a_clock_that_is_out_is_told_until_it_is_right(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let sent = |number: u128, sent_at: &str, now: &str| {
        let mut said = serde_json::to_value(session(number, at("21T08:00")).weighs(80.0)).unwrap();
        said["sent_at"] = json!(at(sent_at));
        frame("HU-1", said, at(now))
    };
    for (number, sent_at, now, wanted) in [
        (1, "21T08:55", "21T09:00", &[][..]),
        (2, "21T09:12", "21T09:05", &["new: clock_skew amber"]),
        (3, "21T09:06", "21T09:06", &["closed: (clock_skew amber)"]),
    ] {
        let now = at(now);
        ward.take_in(&[sent(number, sent_at, &now.format("%dT%H:%M").to_string())], now)
            .await;
        step(&ward, now).await;
        assert_eq!(told(&ward, patient).await, wanted, "{number}");
    }
    // What the broker had kept, and a last will, say nothing of the clock.
    let now = at("21T12:00");
    let old = json!({ "online": true, "at": at("21T09:00"), "sent_at": at("21T09:00") });
    let will = json!({ "online": false, "at": at("21T09:00"), "sent_at": at("21T09:00") });
    ward.take_in(
        &[status("HU-1", &old, true, now), status("HU-1", &will, false, now)],
        now,
    )
    .await;
    step(&ward, now).await;
    assert_eq!(told(&ward, patient).await, ["closed: (clock_skew amber)"]);
    let now = at("21T13:00");
    ward.take_in(&[status("HU-1", &old, false, now)], now).await;
    step(&ward, now).await;
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    let findings = ward.all_findings(patient).await;
    let sentence = &findings.last().unwrap().finding.sentence;
    assert_eq!(sentence, "The clock of unit HU-1 is 240 minutes behind.");
    assert_eq!(alert.opened_at, now);
}

async fn a_unit_that_falls_silent_is_told_until_it_is_heard(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let heard = at("20T09:00");
    ward.send("HU-1", session(1, heard).weighs(80.0), heard).await;
    step(&ward, heard).await;
    assert_eq!(
        step(&ward, at("21T11:00")).await,
        0,
        "26 hours are not more than 26"
    );
    assert_eq!(step(&ward, at("21T11:00:01")).await, 1);
    assert_eq!(told(&ward, patient).await, ["new: unit_silent amber"]);
    assert_eq!(step(&ward, at("21T12:30")).await, 0, "it is told once");
    let now = at("21T13:00");
    ward.take_in(&[status("HU-1", &json!({ "online": true }), false, now)], now)
        .await;
    assert_eq!(step(&ward, now).await, 1);
    assert_eq!(told(&ward, patient).await, ["closed: (unit_silent amber)"]);
    assert_eq!(step(&ward, at("22T15:00")).await, 0);
    assert_eq!(step(&ward, at("22T15:01")).await, 1);
}

async fn nobody_waits_for_a_unit_whose_patient_is_away(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let heard = at("10T09:00");
    ward.send("HU-1", session(1, heard).weighs(80.0), heard).await;
    step(&ward, at("11T12:00")).await;
    assert_eq!(told(&ward, patient).await, ["new: unit_silent amber"]);
    let pause = Pause {
        id: PauseId(Uuid::from_u128(1)),
        patient_id: patient,
        from: at("11T08:00"),
        to: None,
        reason: PauseReason::Hospital,
        version: 1,
        created_at: at("11T12:30"),
    };
    let mut tx = ward.db.begin().await.unwrap();
    store::pause::insert(&mut tx, &pause).await.unwrap();
    tx.commit().await.unwrap();
    step(&ward, at("11T12:30")).await;
    assert_eq!(told(&ward, patient).await, ["closed: (unit_silent amber)"]);
    step(&ward, at("14T12:00")).await;
    let ended = Pause {
        to: Some(at("14T12:00")),
        ..pause
    };
    let mut tx = ward.db.begin().await.unwrap();
    assert!(store::pause::update(&mut tx, &ended, 1).await.unwrap());
    tx.commit().await.unwrap();
    // Home again, she has the whole time anew.
    step(&ward, at("15T14:00")).await;
    assert_eq!(told(&ward, patient).await, ["closed: (unit_silent amber)"]);
    step(&ward, at("15T14:00:01")).await;
    assert_eq!(
        told(&ward, patient).await,
        ["closed: (unit_silent amber)", "new: unit_silent amber"]
    );
}

async fn a_unit_that_never_spoke_is_silent_too(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    step(&ward, at("02T10:00")).await;
    assert_eq!(told(&ward, patient).await, Vec::<String>::new());
    step(&ward, at("02T10:01")).await;
    assert_eq!(told(&ward, patient).await, ["new: unit_silent amber"]);
    let mut tx = ward.db.read().await.unwrap();
    assert_eq!(
        store::unit::status_of(&mut tx, &[unit("HU-1")]).await.unwrap(),
        []
    );
    drop(tx);
    let now = at("02T11:00");
    let kept = json!({ "online": true, "at": at("01T07:00") });
    ward.take_in(&[status("HU-1", &kept, true, now)], now).await;
    ward.send("HU-1", session(1, now).weighs(80.0), now).await;
    step(&ward, now).await;
    assert_eq!(told(&ward, patient).await, ["closed: (unit_silent amber)"]);
}

async fn a_unit_is_not_silent_for_what_is_dated_back(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.unit("HU-1").await;
    let patient = ward.patient(Some(plan(&[]))).await;
    ward.assign("HU-1", patient, "01T08:00", None, at("20T09:00"))
        .await;
    step(&ward, at("21T11:00")).await;
    assert_eq!(told(&ward, patient).await, Vec::<String>::new());
    step(&ward, at("21T11:00:01")).await;
    assert_eq!(told(&ward, patient).await, ["new: unit_silent amber"]);
}

async fn nobody_s_and_a_discharged_patient_s_units_may_be_silent(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.unit("HU-9").await;
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let heard = at("20T09:00");
    let mut tx = ward.db.begin().await.unwrap();
    let mut record = store::patient::get(&mut tx, patient).await.unwrap().unwrap();
    record.status = homeward::domain::patient::PatientStatus::Discharged;
    assert!(store::patient::update(&mut tx, &record, 1).await.unwrap());
    tx.commit().await.unwrap();
    for name in ["HU-1", "HU-9"] {
        let body = json!({ "online": true, "battery_pct": 90 });
        ward.take_in(&[status(name, &body, false, heard)], heard).await;
    }
    for day in ["20", "22", "25"] {
        step(&ward, at(&format!("{day}T09:00"))).await;
    }
    assert_eq!(told(&ward, None).await, Vec::<String>::new());
    // A battery is somebody's business all the same.
    let now = at("26T09:00");
    let body = json!({ "online": true, "battery_pct": 9 });
    ward.take_in(&[status("HU-9", &body, false, now)], now).await;
    step(&ward, now).await;
    assert_eq!(told(&ward, None).await, ["new: battery_low amber"]);
    ward.open(About::Unit(unit("HU-9")), Class::Technical).await;
}

async fn our_own_outage_makes_no_unit_silent_and_no_clock_slow(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let heard = at("20T09:00");
    ward.send("HU-1", session(1, heard).weighs(80.0), heard).await;
    step(&ward, heard).await;
    beat(&ward, at("20T20:00")).await;
    // We are back, and have not yet proved it; then we have.
    assert_eq!(worker(&ward).step(at("21T12:00")).await.unwrap(), 0);
    beat(&ward, at("21T12:00")).await;
    let kept = json!({ "online": true, "sent_at": at("21T08:00") });
    for (now, wanted) in [("21T12:30", 0), ("21T12:59", 0), ("21T13:00", 1)] {
        beat(&ward, at(now) - chrono::TimeDelta::minutes(1)).await;
        ward.change(vec![
            "delete from ingest_outage where from_at > '2026-11-21T00:00:00+00:00'".to_owned(),
        ])
        .await;
        beat(&ward, at(now)).await;
        assert_eq!(worker(&ward).step(at(now)).await.unwrap(), wanted, "{now}");
    }
    assert_eq!(told(&ward, patient).await, ["new: unit_silent amber"]);
    // Sent while we were away, and kept by the broker.
    let now = at("21T13:01");
    ward.take_in(&[status("HU-1", &kept, false, now)], now).await;
    assert_eq!(worker(&ward).step(now).await.unwrap(), 1);
    assert_eq!(told(&ward, patient).await, ["closed: (unit_silent amber)"]);
}

async fn troubles_go_with_the_unit(database: TestDatabase) {
    let ward = Ward::over(database);
    let first = ward.patient(Some(plan(&[]))).await;
    let second = ward.patient(Some(plan(&[]))).await;
    ward.unit("HU-1").await;
    let period = ward.assign("HU-1", first, "01T08:00", None, at("01T08:00")).await;
    reports(&ward, 10, at("21T09:00")).await;
    step(&ward, at("21T09:00")).await;
    assert_eq!(told(&ward, first).await, ["new: battery_low amber"]);
    ward.correct(period, "01T08:00", Some("21T10:00"), at("21T09:30"))
        .await;
    ward.assign("HU-1", second, "21T12:00", None, at("21T09:30"))
        .await;
    step(&ward, at("21T09:31")).await;
    assert_eq!(told(&ward, first).await, ["new: battery_low amber"]);
    step(&ward, at("21T10:00")).await;
    assert_eq!(told(&ward, first).await, ["closed: (battery_low amber)"]);
    let between = ward.open(About::Unit(unit("HU-1")), Class::Technical).await;
    step(&ward, at("21T12:00")).await;
    assert_eq!(told(&ward, second).await, ["new: battery_low amber"]);
    let ended = ward.cleared(About::Unit(unit("HU-1")), Class::Technical).await;
    assert_eq!(ended.id, between.id);
    assert!(matches!(ended.state, AlertState::Closed(_)));
}

async fn a_new_plan_changes_how_long_it_may_be_silent(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let heard = at("20T09:00");
    ward.send("HU-1", session(1, heard).weighs(80.0), heard).await;
    step(&ward, heard).await;
    let mut sooner = plan(&[]);
    sooner["max_silence_hours"] = json!(4);
    sooner["effective_from"] = json!("2026-11-20T14:00:00+00:00");
    ward.put_plan(patient, sooner, at("20T12:00")).await;
    assert_eq!(step(&ward, at("20T13:30")).await, 0);
    assert_eq!(step(&ward, at("20T14:00")).await, 1);
}

async fn two_workers_tell_once(database: TestDatabase) {
    let ward = Ward::over(database);
    let now = at("21T09:00");
    let mut patients = Vec::new();
    for number in 0..20 {
        let name = format!("HU-{number}");
        patients.push(ward.patient_with(&name, plan(&[])).await);
        let body = json!({ "online": true, "battery_pct": 10 });
        ward.take_in(&[status(&name, &body, false, now)], now).await;
    }
    beat(&ward, now).await;
    let both = [worker(&ward), worker(&ward)];
    let steps = both.iter().map(|worker| worker.step(now));
    let done = futures_util::future::join_all(steps).await;
    let told: usize = done.into_iter().map(Result::unwrap).sum();
    assert_eq!(told, 20);
    assert_eq!(ward.alerts().await.len(), 20);
    assert_eq!(worker(&ward).step(now).await.unwrap(), 0);
}

fn numbered(number: u128, seq: i64, completed_at: Instant, received_at: Instant) -> Arrival {
    let mut said = serde_json::to_value(session(number, completed_at).weighs(80.0)).unwrap();
    said["seq"] = json!(seq);
    said["sent_at"] = Value::Null;
    frame("HU-1", said, received_at)
}

async fn a_number_that_does_not_come_is_told_until_it_does(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    for (number, seq, day) in [(1, 7, "18"), (2, 8, "19"), (3, 10, "20")] {
        let now = at(&format!("{day}T09:00"));
        ward.take_in(&[numbered(number, seq, now, now)], now).await;
        step(&ward, now).await;
    }
    assert_eq!(step(&ward, at("21T08:59")).await, 0);
    assert_eq!(step(&ward, at("21T09:00")).await, 1);
    assert_eq!(told(&ward, patient).await, ["new: seq_gap amber"]);
    let findings = ward.all_findings(patient).await;
    assert_eq!(
        findings[0].finding.sentence,
        "A session of unit HU-1 never came: number 9."
    );
    // It was kept by the unit all the time.
    let now = at("21T10:00");
    ward.take_in(&[numbered(4, 9, at("19T12:00"), now)], now).await;
    assert_eq!(step(&ward, now).await, 1);
    assert_eq!(told(&ward, patient).await, ["closed: (seq_gap amber)"]);
}

async fn a_unit_that_begins_anew_has_lost_nothing(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    for (number, seq, day) in [(1, 40, "17"), (2, 1, "18"), (3, 2, "19"), (4, 3, "20")] {
        let now = at(&format!("{day}T09:00"));
        ward.take_in(&[numbered(number, seq, now, now)], now).await;
        step(&ward, now).await;
    }
    step(&ward, at("21T10:00")).await;
    assert_eq!(told(&ward, patient).await, Vec::<String>::new());
    // A number of this series that it has given before; 40 is of another.
    let now = at("21T11:00");
    ward.take_in(&[numbered(5, 3, now, now)], now).await;
    assert_eq!(step(&ward, now).await, 1);
    assert_eq!(told(&ward, patient).await, ["new: seq_repeat amber"]);
    for day in ["22", "23", "24", "25", "26", "27"] {
        let now = at(&format!("{day}T11:00"));
        reports(&ward, 90, now).await;
        assert_eq!(step(&ward, now).await, 0);
    }
    reports(&ward, 90, at("28T11:00")).await;
    assert_eq!(step(&ward, at("28T12:00")).await, 1);
    assert_eq!(told(&ward, patient).await, ["closed: (seq_repeat amber)"]);
}
