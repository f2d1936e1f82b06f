//! Alerts that close by themselves: which may, by whom they are said to be closed, and that each closing is on record.

use homeward::domain::alert::{About, AlertState, Outcome};
use homeward::domain::finding::Class;
use homeward::domain::ids::PatientId;
use homeward::domain::reading::Decision;
use homeward::domain::time::Instant;
use homeward::engine::clearing::Why;
use homeward::judging::clearing::{self, Cleared};
use homeward::store;
use homeward::store::audit::ActorKind;
use serde_json::{Value, json};

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::trail;
use crate::support::unit_says::{Says as _, ankles, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, frame, key, nurse};

on_both_databases!(
    the_system_closes_and_says_so,
    red_and_what_somebody_holds_wait_for_a_person,
    an_amber_one_ends_where_the_plan_allows_it,
    the_next_session_must_hold_what_the_alert_rests_on,
    what_a_combination_rested_on_must_come_again,
    a_suspect_reading_is_settled_by_a_later_one,
    a_suspect_reading_is_settled_by_a_person,
    beside_another_cause_a_suspect_reading_settles_nothing,
    other_technical_alerts_end_with_their_cause,
    a_correction_that_leaves_nothing_current_waits_for_a_person,
);

/// The same plan, whose ambers may close by themselves.
fn closing(mut plan: Value) -> Value {
    plan["amber_auto_close"] = json!(true);
    plan
}

/// `new`, `claimed`, or how it ended; oldest first.
async fn stand(ward: &Ward, about: impl Into<Option<PatientId>>) -> Vec<String> {
    let alerts = ward.alerts_of(about).await;
    let told = alerts.iter().map(|alert| {
        let state = match &alert.state {
            AlertState::Closed(closing) => closing.outcome.word(),
            open => open.word(),
        };
        format!("{} {} {state}", alert.class.word(), alert.severity.word())
    });
    told.collect()
}

async fn an_amber_one_ends_where_the_plan_allows_it(database: TestDatabase) {
    let ward = Ward::over(database);
    let by_itself = ward.patient_with("HU-1", closing(plan(&[spo2()]))).await;
    let by_hand = ward.patient_with("HU-2", plan(&[spo2()])).await;
    let held = ward.patient_with("HU-3", closing(plan(&[spo2()]))).await;
    let red = ward.patient_with("HU-4", closing(plan(&[spo2()]))).await;
    let again = ward.patient_with("HU-5", closing(plan(&[spo2()]))).await;
    let units = ["HU-1", "HU-2", "HU-3", "HU-4", "HU-5"];
    let first = [91.0, 91.0, 91.0, 89.0, 91.0];
    let second = [95.0, 95.0, 95.0, 95.0, 91.0];
    for (number, day, values) in [(1, "17", first), (2, "18", second)] {
        let taken = at(&format!("{day}T09:00"));
        let batch = units
            .iter()
            .zip(values)
            .map(|(unit, value)| frame(unit, session(number, taken).breathes(value), taken));
        ward.take_in(&batch.collect::<Vec<_>>(), taken).await;
        if number == 1 {
            ward.claim(&ward.open(About::Patient(held), Class::Clinical).await)
                .await;
        }
    }
    assert_eq!(
        stand(&ward, by_itself).await,
        ["clinical amber cleared_by_itself"]
    );
    assert_eq!(stand(&ward, by_hand).await, ["clinical amber new"]);
    assert_eq!(stand(&ward, held).await, ["clinical amber claimed"]);
    assert_eq!(stand(&ward, red).await, ["clinical red new"]);
    assert_eq!(stand(&ward, again).await, ["clinical amber new"]);
    // What is found later opens another.
    let taken = at("19T09:00");
    ward.send("HU-1", session(3, taken).breathes(91.0), taken).await;
    assert_eq!(
        stand(&ward, by_itself).await,
        ["clinical amber cleared_by_itself", "clinical amber new"]
    );
}

async fn the_next_session_must_hold_what_the_alert_rests_on(database: TestDatabase) {
    let ward = Ward::over(database);
    let mut swollen = ankles();
    swollen["severity"] = json!("amber");
    let plan = closing(plan(&[spo2(), swollen]));
    let whole = ward.patient_with("HU-1", plan.clone()).await;
    let lacks_reading = ward.patient_with("HU-2", plan.clone()).await;
    let lacks_answer = ward.patient_with("HU-3", plan.clone()).await;
    let silent = ward.patient_with("HU-4", plan.clone()).await;
    let suspect = ward.patient_with("HU-5", plan.clone()).await;
    let late = ward.patient_with("HU-6", plan).await;
    let (before, now) = (at("17T09:00"), at("18T09:00"));
    for unit in ["HU-1", "HU-2", "HU-3", "HU-4", "HU-5", "HU-6"] {
        ward.send(unit, session(1, before).breathes(91.0).ankles("yes"), before)
            .await;
    }
    let next = || session(2, now);
    ward.send("HU-1", next().breathes(95.0).ankles("no"), now).await;
    ward.send("HU-2", next().weighs(80.0).ankles("no"), now).await;
    ward.send("HU-3", next().breathes(95.0), now).await;
    ward.send("HU-4", next().breathes(95.0).ankles("not_answered"), now)
        .await;
    ward.send("HU-5", next().breathes(101.0).ankles("no"), now).await;
    // The next by its own time is not the one that came next.
    ward.send(
        "HU-6",
        session(2, at("16T09:00")).breathes(95.0).ankles("no"),
        now,
    )
    .await;
    assert_eq!(stand(&ward, whole).await, ["clinical amber cleared_by_itself"]);
    for patient in [lacks_reading, lacks_answer, silent, late] {
        assert_eq!(stand(&ward, patient).await, ["clinical amber new"]);
    }
    assert_eq!(
        stand(&ward, suspect).await,
        ["clinical amber new", "technical red new"]
    );
    // The one after it holds everything, but it is not the next.
    ward.send(
        "HU-2",
        session(3, at("19T09:00")).breathes(95.0).ankles("no"),
        at("19T09:00"),
    )
    .await;
    assert_eq!(stand(&ward, lacks_reading).await, ["clinical amber new"]);
}

async fn what_a_combination_rested_on_must_come_again(database: TestDatabase) {
    let ward = Ward::over(database);
    let mut gain = gain();
    gain["severity"] = json!("context");
    let either =
        json!({ "id": "either", "kind": "combination", "any_of": ["gain", "swollen"], "severity": "amber" });
    let plan = closing(plan(&[gain, ankles(), either]));
    let weight = ward.patient_with("HU-1", plan.clone()).await;
    let answer = ward.patient_with("HU-2", plan).await;
    for (number, day, kg) in [(1, "15", 80.0), (2, "17", 82.0)] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).weighs(kg).ankles("no"), taken)
            .await;
    }
    let now = at("17T09:00");
    ward.send("HU-2", session(1, now).weighs(80.0).ankles("yes"), now)
        .await;
    let next = at("20T09:00");
    for unit in ["HU-1", "HU-2"] {
        ward.send(unit, session(9, next).weighs(80.5), next).await;
    }
    assert_eq!(stand(&ward, weight).await, ["clinical amber cleared_by_itself"]);
    assert_eq!(stand(&ward, answer).await, ["clinical amber new"]);
}

async fn a_suspect_reading_is_settled_by_a_later_one(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let (before, now) = (at("17T09:00"), at("17T09:10"));
    let twice = session(1, before)
        .takes("weight", 900, "kg")
        .takes("temperature", 370, "Cel");
    ward.send("HU-1", twice, before).await;
    ward.send("HU-1", session(2, now).weighs(80.0), now).await;
    assert_eq!(stand(&ward, patient).await, ["technical amber new"]);
    let later = at("17T09:20");
    ward.send("HU-1", session(3, later).takes("temperature", 37.0, "Cel"), later)
        .await;
    assert_eq!(stand(&ward, patient).await, ["technical amber cleared_by_itself"]);
    assert_eq!(
        ward.findings(patient).await.len(),
        2,
        "they are no truer than before"
    );
    // One that was measured before is not measured again.
    let latest = at("17T09:30");
    ward.send("HU-1", session(4, latest).takes("weight", 900, "kg"), latest)
        .await;
    assert_eq!(
        stand(&ward, patient).await,
        ["technical amber cleared_by_itself", "technical amber new"]
    );
}

async fn beside_another_cause_a_suspect_reading_settles_nothing(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let (before, now) = (at("17T09:00"), at("17T09:10"));
    let asked = session(1, before).takes("weight", 900, "kg").ankles("purple");
    ward.send("HU-1", asked, before).await;
    ward.send("HU-1", session(2, now).weighs(80.0), now).await;
    let found = ward.findings(patient).await;
    let is_of = |rule: &str| found.iter().filter(|told| told.contains(rule)).count();
    assert_eq!((is_of("suspect"), is_of("unknown_answer")), (1, 1), "{found:?}");
    assert_eq!(stand(&ward, patient).await, ["technical amber new"]);
    // Nor where the other comes later.
    let patient = ward.patient_with("HU-2", plan(&[])).await;
    let suspect = session(1, before).takes("weight", 900, "kg");
    let unknown = session(2, now).ankles("purple");
    let again = session(3, at("17T09:20")).weighs(80.0);
    for said in [suspect, unknown, again] {
        let now = said.completed_at;
        ward.send("HU-2", said, now).await;
        assert_eq!(stand(&ward, patient).await, ["technical amber new"]);
    }
}

async fn a_suspect_reading_is_settled_by_a_person(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    let now = at("17T09:00");
    let twice = session(1, now)
        .takes("weight", 900, "kg")
        .takes("temperature", 50, "Cel");
    ward.send("HU-1", twice, now).await;
    let key = key("HU-1", 1);
    ward.decide(&key, 0, Decision::Exclude, at("17T10:00")).await;
    assert_eq!(stand(&ward, patient).await, ["technical amber new"]);
    ward.decide(&key, 1, Decision::Accept, at("17T10:01")).await;
    assert_eq!(stand(&ward, patient).await, ["technical amber cleared_by_itself"]);
}

async fn other_technical_alerts_end_with_their_cause(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.unit("HU-1").await;
    let now = at("17T09:00");
    ward.send("HU-1", session(1, now).breathes(91.0), now).await;
    assert_eq!(stand(&ward, None).await, ["technical amber new"]);
    let patient = ward.patient(None).await;
    ward.assign("HU-1", patient, "01T08:00", None, at("17T10:00"))
        .await;
    assert_eq!(
        stand(&ward, None).await,
        ["technical amber cleared_by_itself", "technical amber new"],
        "whose it is is known now, and that nobody judges it"
    );
    ward.put_plan(patient, plan(&[]), at("17T11:00")).await;
    assert_eq!(stand(&ward, patient).await, ["technical amber cleared_by_itself"]);
}

async fn a_correction_that_leaves_nothing_current_waits_for_a_person(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", closing(plan(&[spo2()]))).await;
    for (number, day, percent) in [(1, "17", 91.0), (2, "18", 91.0), (3, "19", 95.0)] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).breathes(percent), taken)
            .await;
        if number == 1 {
            ward.claim(&ward.open(About::Patient(patient), Class::Clinical).await)
                .await;
        }
    }
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    let released = alert.clone().release(&nurse(), at("19T10:00")).unwrap();
    let mut tx = ward.db.begin().await.unwrap();
    assert!(
        store::alert::update(&mut tx, &released, alert.version)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    for number in [2, 1] {
        ward.decide(&key("HU-1", number), 0, Decision::Exclude, at("19T11:00"))
            .await;
    }
    assert_eq!(stand(&ward, patient).await, ["clinical amber new"]);
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(
        ward.on_alert(&alert).await,
        [
            "(1 limits.spo2.amber_low amber)",
            "(2 limits.spo2.amber_low amber)"
        ]
    );
}

async fn the_system_closes_and_says_so(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    ward.send("HU-1", session(1, at("17T09:00")).breathes(91.0), at("17T09:00"))
        .await;
    let now = at("17T10:00");
    let closed = clear(&ward, About::Patient(patient), Class::Clinical, now).await;
    let stands = ward.alerts_of(patient).await;
    assert_eq!(
        (closed.as_slice(), stands.len()),
        (&[(Class::Clinical, "in_order")][..], 1)
    );
    let alert = &stands[0];
    let AlertState::Closed(closing) = &alert.state else {
        panic!("{alert:#?}");
    };
    assert_eq!((closing.by.as_ref(), closing.at), (None, now));
    assert_eq!(closing.outcome, Outcome::ClearedByItself);
    assert_eq!(closing.note.as_deref(), Some(Why::InOrder.to_string().as_str()));
    assert_eq!((alert.version, alert.updated_at), (2, now));
    let record = trail::acts(&ward.db).await;
    assert_eq!(record.len(), 1);
    let entry = &record[0];
    assert_eq!((entry.actor_kind, entry.actor_id), (ActorKind::System, None));
    assert_eq!(
        (entry.act.as_str(), entry.patient_id),
        ("alert.clear", Some(patient))
    );
    assert_eq!(entry.detail, r#"{"class":"clinical","why":"in_order"}"#);
    assert_eq!(
        clear(&ward, About::Patient(patient), Class::Clinical, now).await,
        []
    );
}

async fn red_and_what_somebody_holds_wait_for_a_person(database: TestDatabase) {
    let ward = Ward::over(database);
    let red = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let held = ward.patient_with("HU-2", plan(&[spo2()])).await;
    let now = at("17T09:00");
    ward.send(
        "HU-1",
        session(1, now).breathes(88.0).takes("weight", 900, "kg"),
        now,
    )
    .await;
    ward.send(
        "HU-2",
        session(2, now).breathes(91.0).takes("weight", 900, "kg"),
        now,
    )
    .await;
    for class in [Class::Clinical, Class::Technical] {
        ward.claim(&ward.open(About::Patient(held), class).await).await;
    }
    let mut closed = Vec::new();
    for patient in [red, held] {
        for class in [Class::Clinical, Class::Technical] {
            let about = About::Patient(patient);
            let cleared = clear(&ward, about.clone(), class, now).await;
            closed.extend(cleared.into_iter().map(|(class, _)| (about.clone(), class)));
        }
    }
    assert_eq!(
        closed,
        [
            (About::Patient(red), Class::Technical),
            (About::Patient(held), Class::Technical)
        ]
    );
}

async fn clear(ward: &Ward, about: About, class: Class, now: Instant) -> Vec<Cleared> {
    let mut tx = ward.db.begin().await.unwrap();
    let open = store::alert::open_for(&mut tx, &[(about, class)]).await.unwrap();
    let due = open.into_iter().map(|alert| (alert, Why::InOrder)).collect();
    let closed = clearing::close(&mut tx, due, now).await.unwrap();
    tx.commit().await.unwrap();
    closed
}
