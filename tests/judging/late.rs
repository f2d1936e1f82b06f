//! Late or out of order, a session is judged as of its own time, and what it reaches is judged again.

use homeward::domain::alert::About;
use homeward::domain::finding::{Class, FindingState, Severity};

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, ankles, both, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, frame};

on_both_databases!(
    a_late_lower_weight_makes_a_later_one_a_rise,
    a_late_reading_may_take_a_finding_back,
    a_combination_reaches_over_sessions,
    a_chain_of_jumps_is_judged_again,
    a_burst_of_stored_sessions_is_one_alert,
    a_reading_of_1970_does_not_have_the_past_judged_again,
    readings_older_than_their_session_are_found,
    a_session_that_ended_before_may_hold_the_later_reading,
    a_jump_older_than_its_session_keeps_its_own_past,
    a_past_reading_may_be_later_than_its_session,
);

async fn a_late_lower_weight_makes_a_later_one_a_rise(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    for (number, day, kg) in [(1, "17", 82.0), (3, "19", 83.0), (4, "20", 83.1)] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).weighs(kg), taken).await;
    }
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
    let now = at("20T12:00");
    ward.send("HU-1", session(2, at("18T09:00")).weighs(81.0), now)
        .await;
    assert_eq!(
        ward.findings(patient).await,
        ["3 gain amber late", "4 gain amber"]
    );
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!((alert.opened_at, alert.version), (now, 1));
    // A lower one still: the numbers change, the findings stay.
    ward.send("HU-1", session(5, at("18T10:00")).weighs(80.5), at("20T13:00"))
        .await;
    assert_eq!(
        ward.findings(patient).await,
        ["3 gain amber late", "4 gain amber"]
    );
    let all = ward.all_findings(patient).await;
    let differences: Vec<_> = all
        .iter()
        .map(|row| row.finding.numbers.difference.map(|by| by.to_string()))
        .collect();
    assert_eq!(differences, [Some("2.5".to_owned()), Some("2.6".to_owned())]);
    assert!(all.iter().all(|row| row.made_at == now));
    assert_eq!(
        ward.open(About::Patient(patient), Class::Clinical).await,
        alert,
        "numbers alone are no news"
    );
}

async fn a_late_reading_may_take_a_finding_back(database: TestDatabase) {
    let ward = Ward::over(database);
    let previous = serde_json::json!({ "id": "leap", "kind": "change", "measure": "weight", "direction": "rise", "by": 2.0,
        "within_days": 3, "reference": "previous", "severity": "red" });
    let patient = ward.patient_with("HU-1", plan(&[previous])).await;
    for (number, day, kg) in [(1, "17", 80.0), (3, "19", 82.5)] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).weighs(kg), taken).await;
    }
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    ward.send("HU-1", session(2, at("18T09:00")).weighs(81.5), at("20T12:00"))
        .await;
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
    assert_eq!(ward.superseded(patient).await, ["3 leap red"]);
    let stands = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(
        stands, alert,
        "red never closes by itself, and a finding struck through is no news"
    );
    assert_eq!(ward.on_alert(&stands).await, ["(3 leap red)"]);
    // So again once the reading between is gone: the same finding, current again, on the same alert.
    ward.decide(
        &crate::support::ward::key("HU-1", 2),
        0,
        homeward::domain::reading::Decision::Exclude,
        at("20T13:00"),
    )
    .await;
    let all = ward.all_findings(patient).await;
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].state, all[0].made_at),
        (FindingState::Current, at("19T09:00"))
    );
    assert_eq!(
        ward.open(About::Patient(patient), Class::Clinical).await.version,
        alert.version + 1
    );
}

async fn a_combination_reaches_over_sessions(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward
        .patient_with("HU-1", plan(&[gain(), ankles(), both(48)]))
        .await;
    ward.send("HU-1", session(1, at("17T09:00")).weighs(80.0), at("17T09:00"))
        .await;
    ward.send(
        "HU-1",
        session(3, at("19T09:00")).weighs(81.0).ankles("no"),
        at("19T09:00"),
    )
    .await;
    ward.send("HU-1", session(4, at("20T09:00")).weighs(82.0), at("20T09:00"))
        .await;
    assert_eq!(ward.findings(patient).await, ["4 gain amber"]);
    assert_eq!(
        ward.open(About::Patient(patient), Class::Clinical).await.severity,
        Severity::Amber
    );
    // The answer of the 18th comes late: context alone, but exactly 48 hours before the rise.
    let now = at("20T12:00");
    ward.send("HU-1", session(2, at("18T09:00")).ankles("yes"), now)
        .await;
    assert_eq!(
        ward.findings(patient).await,
        ["2 swollen context late", "4 both red", "4 gain amber"]
    );
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!((alert.severity, alert.version), (Severity::Red, 2));
    assert_eq!(
        ward.on_alert(&alert).await,
        ["4 both red", "4 gain amber"],
        "context never stands on an alert"
    );
    // The other way round: the rise is stored, the answer comes in time.
    ward.send("HU-1", session(5, at("21T09:00")).ankles("yes"), at("21T09:00"))
        .await;
    assert_eq!(
        ward.findings(patient).await,
        [
            "2 swollen context late",
            "4 both red",
            "4 gain amber",
            "5 both red",
            "5 swollen context"
        ]
    );
}

async fn a_chain_of_jumps_is_judged_again(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    // 70 alone, then 80 (a jump), 80.5 (repeats it, so it counts), 81.
    for (number, hour, kg) in [(1, "08", 70.0), (2, "09", 80.0), (3, "10", 80.5), (4, "11", 81.0)] {
        let taken = at(&format!("19T{hour}:00"));
        ward.send("HU-1", session(number, taken).weighs(kg), taken).await;
    }
    assert_eq!(
        ward.states(patient).await,
        ["accepted", "weight_jump", "accepted", "accepted"]
    );
    assert_eq!(
        ward.findings(patient).await,
        ["2 suspect amber weight_jump", "3 gain amber", "4 gain amber"]
    );
    // A second witness of 70 comes late: then it is the 80s that are a stranger's, all of them.
    ward.send("HU-1", session(5, at("19T07:00")).weighs(70.2), at("19T12:00"))
        .await;
    assert_eq!(
        ward.states(patient).await,
        [
            "accepted",
            "accepted",
            "weight_jump",
            "weight_jump",
            "weight_jump"
        ]
    );
    assert_eq!(
        ward.findings(patient).await,
        [
            "2 suspect amber weight_jump",
            "3 suspect amber weight_jump",
            "4 suspect amber weight_jump"
        ]
    );
    assert_eq!(ward.superseded(patient).await, ["3 gain amber", "4 gain amber"]);
}

async fn a_burst_of_stored_sessions_is_one_alert(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let days = (10..20_u128).map(|day| {
        let taken = at(&format!("{day}T09:00"));
        frame(
            "HU-1",
            session(day, taken).breathes(if day % 2 == 0 { 91.0 } else { 89.0 }),
            now,
        )
    });
    let batch: Vec<_> = days.collect();
    // In two batches, the later days first.
    ward.take_in(&batch[5..], now).await;
    ward.take_in(&batch[..5], now).await;
    assert_eq!(ward.alerts().await.len(), 1);
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!((alert.severity, alert.version), (Severity::Red, 2));
    let told = ward.on_alert(&alert).await;
    assert_eq!(told.len(), 10);
    assert!(told.iter().all(|told| told.ends_with(" late")));
}

async fn a_reading_of_1970_does_not_have_the_past_judged_again(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    ward.send("HU-1", session(1, at("17T09:00")).weighs(80.0), at("17T09:00"))
        .await;
    // Whoever judges session 1 again would have to decode it.
    spoil_document(&ward, 1).await;
    let mut control = session(2, at("20T09:00"))
        .weighs(82.5)
        .takes("glucose", 6.0, "mmol/L")
        .taken("1970-01-01T00:00:00Z".parse().unwrap())
        .takes("glucose", 6.0, "mmol/L")
        .taken("2099-01-01T00:00:00Z".parse().unwrap())
        .takes("spo2", 97.0, "%")
        .taken("1970-01-01T00:00:00Z".parse().unwrap());
    control.readings[1].context = Some("control_solution".to_owned());
    control.readings[2].context = Some("control_solution".to_owned());
    ward.send("HU-1", control, at("20T09:00")).await;
    assert_eq!(
        ward.states(patient).await,
        [
            "accepted",
            "accepted",
            "control_solution",
            "control_solution",
            "time"
        ]
    );
    assert_eq!(
        ward.findings(patient).await,
        ["2 gain amber", "2 suspect amber time"]
    );
    // Nor does the control solution of 2099 have its session judged again by each that follows.
    spoil_document(&ward, 2).await;
    ward.send("HU-1", session(3, at("21T09:00")).weighs(84.5), at("21T09:00"))
        .await;
    assert_eq!(
        ward.findings(patient).await,
        ["2 gain amber", "2 suspect amber time", "3 gain amber"]
    );
}

async fn readings_older_than_their_session_are_found(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    ward.send("HU-1", session(1, at("14T09:00")).weighs(80.0), at("14T09:00"))
        .await;
    ward.send("HU-1", session(2, at("20T09:00")).weighs(85.0), at("20T09:00"))
        .await;
    // A unit that does not say when it began sends what it measured four days before.
    let mut stored = session(3, at("20T09:30")).weighs(82.5).taken(at("16T09:00"));
    stored.started_at = None;
    ward.send("HU-1", stored, at("20T09:30")).await;
    assert_eq!(
        ward.findings(patient).await,
        ["3 gain amber"],
        "against 80 on the 14th, six days before its session"
    );
    let rise = ward.all_findings(patient).await;
    assert_eq!(rise[0].finding.at, at("16T09:00"));
}

async fn a_session_that_ended_before_may_hold_the_later_reading(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    ward.unit("HU-2").await;
    ward.assign("HU-2", patient, "01T08:00", None, at("01T08:00"))
        .await;
    ward.send("HU-2", session(1, at("19T08:55")).weighs(82.5), at("19T08:55"))
        .await;
    // Completed after session 1, and its weight taken before that of session 1.
    let around = session(2, at("19T09:00")).weighs(80.0).taken(at("19T08:50"));
    ward.send("HU-1", around, at("19T09:00")).await;
    assert_eq!(ward.findings(patient).await, ["1 gain amber"]);
}

async fn a_jump_older_than_its_session_keeps_its_own_past(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    for (number, when, kg) in [
        (1, "05T09:00", 80.0),
        (2, "17T09:00", 80.0),
        (3, "17T10:00", 90.0),
    ] {
        ward.send("HU-1", session(number, at(when)).weighs(kg), at(when))
            .await;
    }
    let mut stored = session(4, at("20T09:00")).weighs(90.0).taken(at("17T11:00"));
    stored.started_at = None;
    ward.send("HU-1", stored, at("20T09:00")).await;
    let jumped = ["accepted", "accepted", "weight_jump", "weight_jump"];
    assert_eq!(
        ward.states(patient).await,
        jumped,
        "80 was measured twice in 14 days"
    );
    // What comes late has session 4 judged again, whose weight of the 17th looks back to the 5th.
    ward.send("HU-1", session(5, at("19T12:00")).ankles("no"), at("20T10:00"))
        .await;
    assert_eq!(ward.states(patient).await, jumped);
}

async fn a_past_reading_may_be_later_than_its_session(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    // Exactly 14 days before the last weight, though its session ended half a minute earlier.
    let first = session(1, at("05T10:59:30")).weighs(80.0).taken(at("05T11:00"));
    ward.send("HU-1", first, at("05T11:00")).await;
    for (number, when, kg) in [
        (2, "17T12:00", 80.0),
        (3, "18T10:00", 90.0),
        (4, "19T11:00", 90.0),
    ] {
        ward.send(
            "HU-1",
            session(number, at(when)).weighs(kg).taken(at(when)),
            at(when),
        )
        .await;
    }
    let states = ward.states(patient).await;
    assert_eq!(
        states,
        ["accepted", "accepted", "weight_jump", "weight_jump"],
        "80 was measured twice in 14 days"
    );
}

async fn spoil_document(ward: &Ward, number: u128) {
    let sql = "update session set document = 'spoilt' where session_id = $1";
    ward.execute(sql, uuid::Uuid::from_u128(number)).await;
}
