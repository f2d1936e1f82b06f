//! A session belongs to whoever had its unit when it was completed, even where that is entered or corrected afterwards.

use homeward::domain::alert::About;
use homeward::domain::finding::{Class, FindingState, Severity};
use homeward::domain::ids::PatientId;
use homeward::domain::reading::Decision;

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, frame, key, tell, unit};

on_both_databases!(
    an_assignment_entered_later_adopts_its_sessions,
    what_is_adopted_without_a_plan_says_that_nobody_judges_it,
    a_correction_moves_sessions_from_one_patient_to_the_other,
    an_end_entered_afterwards_leaves_sessions_to_nobody,
    a_session_that_comes_back_is_judged_as_before,
    a_decision_goes_with_its_session,
    a_weight_that_jumped_for_one_may_count_for_the_other,
    a_correction_that_moves_nothing_changes_nothing,
);

async fn an_assignment_entered_later_adopts_its_sessions(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2(), gain()]))).await;
    ward.unit("HU-1").await;
    for (number, (day, kg, percent)) in
        (1..).zip([("18", 80.0, 97.0), ("19", 81.0, 89.0), ("20", 82.5, 97.0)])
    {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).weighs(kg).breathes(percent), taken)
            .await;
    }
    let about_unit = ward.open(About::Unit(unit("HU-1")), Class::Technical).await;
    assert_eq!(
        ward.on_alert(&about_unit).await,
        ["1 unassigned amber", "2 unassigned amber", "3 unassigned amber"]
    );
    let now = at("20T12:00");
    ward.assign("HU-1", patient, "18T12:00", None, now).await;
    assert_eq!(
        ward.history(patient).await.len(),
        2,
        "the first was before the period"
    );
    assert_eq!(ward.findings(patient).await, ["2 limits.spo2.red_low red late"]);
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!((alert.severity, alert.opened_at), (Severity::Red, now));
    assert_eq!(
        ward.on_alert(&about_unit).await,
        [
            "(2 unassigned amber)",
            "(3 unassigned amber)",
            "1 unassigned amber"
        ]
    );
    assert_eq!(
        ward.open(About::Unit(unit("HU-1")), Class::Technical).await,
        about_unit,
        "only struck through"
    );
    // What comes from now on is judged against what was adopted.
    let next = at("21T09:00");
    ward.send("HU-1", session(4, next).weighs(83.0), next).await;
    assert_eq!(
        ward.findings(patient).await,
        ["2 limits.spo2.red_low red late", "4 gain amber"]
    );
}

async fn what_is_adopted_without_a_plan_says_that_nobody_judges_it(database: TestDatabase) {
    let ward = Ward::over(database);
    let (first, second) = (ward.patient(None).await, ward.patient(None).await);
    ward.unit("HU-1").await;
    let taken = at("20T09:00");
    ward.send(
        "HU-1",
        session(1, taken).breathes(80.0).takes("weight", 900, "kg"),
        taken,
    )
    .await;
    let assignment = ward.assign("HU-1", first, "18T12:00", None, at("20T10:00")).await;
    assert_eq!(
        ward.findings(first).await,
        ["1 suspect amber out_of_range", "no_plan amber"]
    );
    let alert = ward.open(About::Patient(first), Class::Technical).await;
    assert_eq!(
        (alert.version, ward.on_alert(&alert).await.len()),
        (1, 2),
        "both at once"
    );
    // The unit was somebody else's: then nobody needs to judge the first one's sessions.
    ward.correct(assignment, "01T08:00", Some("02T08:00"), at("20T11:00"))
        .await;
    ward.assign("HU-1", second, "18T12:00", None, at("20T11:00"))
        .await;
    assert_eq!(ward.findings(first).await, Vec::<String>::new());
    assert_eq!(
        ward.findings(second).await,
        ["1 suspect amber out_of_range late", "no_plan amber"].map(|told| told.replace(" late", ""))
    );
    ward.put_plan(second, plan(&[spo2()]), at("20T12:00")).await;
    assert_eq!(
        ward.findings(second).await,
        ["1 limits.spo2.red_low red", "1 suspect amber out_of_range"]
    );
}

async fn a_correction_moves_sessions_from_one_patient_to_the_other(database: TestDatabase) {
    let ward = Ward::over(database);
    let rules = plan(&[gain()]);
    let (first, second) = (
        ward.patient(Some(rules.clone())).await,
        ward.patient(Some(rules)).await,
    );
    ward.unit("HU-1").await;
    let early = ward
        .assign("HU-1", first, "01T08:00", Some("20T12:00"), at("01T08:00"))
        .await;
    let late = ward
        .assign("HU-1", second, "20T12:00", None, at("01T08:00"))
        .await;
    for (number, day, kg) in [
        (1, "17", 80.0),
        (2, "18", 82.5),
        (3, "19", 80.0),
        (4, "20", 81.0),
        (5, "21", 82.0),
    ] {
        let taken = at(&format!("{day}T13:00"));
        ward.send("HU-1", session(number, taken).weighs(kg), taken).await;
    }
    assert_eq!(ward.findings(first).await, ["2 gain amber"]);
    assert_eq!(ward.findings(second).await, Vec::<String>::new());
    let alert = ward.open(About::Patient(first), Class::Clinical).await;
    // The unit changed hands two days earlier than was entered: sessions 2 and 3 were the second's.
    let now = at("21T15:00");
    assert_eq!(ward.correct(early, "01T08:00", Some("18T12:00"), now).await, 2);
    assert_eq!(ward.findings(first).await, Vec::<String>::new());
    assert_eq!(ward.correct(late, "18T12:00", None, now).await, 2);
    assert_eq!(keys_of(&ward, first).await, [1]);
    assert_eq!(keys_of(&ward, second).await, [2, 3, 4, 5]);
    assert_eq!(ward.superseded(first).await, ["2 gain amber"]);
    assert_eq!(
        ward.findings(second).await,
        ["5 gain amber"],
        "session 5 is judged against session 3 now"
    );
    let stands = ward.open(About::Patient(first), Class::Clinical).await;
    assert_eq!(
        stands, alert,
        "it stays open, struck through, until a person closes it"
    );
    assert_eq!(ward.on_alert(&stands).await, ["(2 gain amber)"]);
    assert_eq!(
        ward.on_alert(&ward.open(About::Patient(second), Class::Clinical).await)
            .await,
        ["5 gain amber"]
    );
    // What nobody had in between is told and done with.
    let about_unit = ward.cleared(About::Unit(unit("HU-1")), Class::Technical).await;
    assert_eq!(
        ward.on_alert(&about_unit).await,
        ["(2 unassigned amber late)", "(3 unassigned amber late)"]
    );
}

async fn an_end_entered_afterwards_leaves_sessions_to_nobody(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2(), gain()]))).await;
    ward.unit("HU-1").await;
    let assignment = ward
        .assign("HU-1", patient, "01T08:00", None, at("01T08:00"))
        .await;
    for (number, day, kg) in [(1, "18", 80.0), (2, "19", 90.0), (3, "20", 82.5)] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).weighs(kg).breathes(85.0), taken)
            .await;
    }
    assert_eq!(
        ward.states(patient).await,
        [
            "accepted",
            "accepted",
            "weight_jump",
            "accepted",
            "accepted",
            "accepted"
        ]
    );
    let now = at("20T12:00");
    assert_eq!(
        ward.correct(assignment, "01T08:00", Some("18T12:00"), now).await,
        2
    );
    assert_eq!(ward.findings(patient).await, ["1 limits.spo2.red_low red"]);
    let left = ward.session(&key("HU-1", 2)).await.unwrap();
    assert_eq!((left.patient_id, left.plan_version), (None, None));
    assert!(
        left.series.iter().all(|reading| reading.state.counts()),
        "doubted within the session only"
    );
    let current: Vec<String> = ward
        .findings_of(&key("HU-1", 2))
        .await
        .iter()
        .filter(|row| row.state == FindingState::Current)
        .map(tell)
        .collect();
    assert_eq!(
        current,
        ["2 unassigned amber late"],
        "silence must not look like health"
    );
    let about_unit = ward.open(About::Unit(unit("HU-1")), Class::Technical).await;
    assert_eq!(
        ward.on_alert(&about_unit).await,
        ["2 unassigned amber late", "3 unassigned amber"]
    );
    // A red one stays until a person closes it.
    assert_eq!(
        ward.open(About::Patient(patient), Class::Clinical).await.severity,
        Severity::Red
    );
}

async fn a_session_that_comes_back_is_judged_as_before(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2()]))).await;
    ward.unit("HU-1").await;
    let assignment = ward
        .assign("HU-1", patient, "01T08:00", None, at("01T08:00"))
        .await;
    let taken = at("20T09:00");
    ward.send("HU-1", session(1, taken).breathes(85.0), taken).await;
    let before = ward.history(patient).await;
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    ward.close(&alert, at("20T09:30")).await;
    ward.correct(assignment, "01T08:00", Some("18T12:00"), at("20T10:00"))
        .await;
    assert_eq!(ward.history(patient).await, []);
    ward.correct(assignment, "01T08:00", None, at("20T11:00")).await;
    assert_eq!(ward.history(patient).await, before);
    assert_eq!(ward.findings(patient).await, ["1 limits.spo2.red_low red"]);
    // It was superseded and is current again: that opens an alert anew.
    assert_eq!(
        ward.open(About::Patient(patient), Class::Clinical)
            .await
            .opened_at,
        at("20T11:00")
    );
    let about_unit = ward.cleared(About::Unit(unit("HU-1")), Class::Technical).await;
    assert_eq!(ward.on_alert(&about_unit).await, ["(1 unassigned amber)"]);
}

async fn a_decision_goes_with_its_session(database: TestDatabase) {
    let ward = Ward::over(database);
    let (first, second) = (
        ward.patient(Some(plan(&[spo2()]))).await,
        ward.patient(Some(plan(&[spo2(), gain()]))).await,
    );
    ward.unit("HU-1").await;
    let assignment = ward.assign("HU-1", first, "01T08:00", None, at("01T08:00")).await;
    let taken = at("20T09:00");
    // The weight was taken by the unit's memory two days before, and somebody vouched for it.
    let sent = session(1, taken)
        .breathes(85.0)
        .weighs(80.0)
        .taken(at("18T09:00"));
    ward.send("HU-1", sent, taken).await;
    ward.decide(&key("HU-1", 1), 0, Decision::Exclude, at("20T10:00"))
        .await;
    ward.correct(assignment, "01T08:00", Some("02T08:00"), at("20T11:00"))
        .await;
    // Decided while it was nobody's.
    ward.decide(&key("HU-1", 1), 1, Decision::Accept, at("20T11:30"))
        .await;
    ward.unit("HU-2").await;
    ward.assign("HU-2", second, "01T08:00", None, at("01T08:00"))
        .await;
    ward.send("HU-2", session(2, at("19T09:00")).weighs(82.5), at("19T09:00"))
        .await;
    assert_eq!(ward.findings(second).await, Vec::<String>::new());
    ward.assign("HU-1", second, "03T08:00", None, at("20T12:00"))
        .await;
    assert_eq!(ward.states(second).await, ["accepted", "excluded", "accepted"]);
    assert_eq!(
        ward.findings(second).await,
        ["2 gain amber late"],
        "judged against the weight of the 18th"
    );
    assert_eq!(ward.findings(first).await, Vec::<String>::new());
}

async fn a_weight_that_jumped_for_one_may_count_for_the_other(database: TestDatabase) {
    let ward = Ward::over(database);
    let rules = plan(&[gain()]);
    let (first, second) = (
        ward.patient(Some(rules.clone())).await,
        ward.patient(Some(rules)).await,
    );
    ward.unit("HU-1").await;
    ward.unit("HU-2").await;
    let assignment = ward.assign("HU-1", first, "01T08:00", None, at("01T08:00")).await;
    ward.assign("HU-2", second, "01T08:00", None, at("01T08:00"))
        .await;
    for (number, day, kg) in [(1, "17", 60.0), (2, "18", 60.0)] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).weighs(kg), taken).await;
    }
    // Taken at 08:50, sent with a session completed at 09:00; the other unit's session lies between.
    let between = session(3, at("19T08:55")).weighs(82.5);
    ward.send("HU-2", between, at("19T08:55")).await;
    let jumped = session(4, at("19T09:00")).weighs(80.0).taken(at("19T08:50"));
    ward.send("HU-1", jumped, at("19T09:00")).await;
    assert_eq!(ward.states(first).await, ["accepted", "accepted", "weight_jump"]);
    assert_eq!(ward.findings(second).await, Vec::<String>::new());
    let now = at("19T12:00");
    ward.correct(assignment, "01T08:00", Some("18T12:00"), now).await;
    ward.assign("HU-1", second, "18T12:00", None, now).await;
    assert_eq!(ward.states(second).await, ["accepted", "accepted"]);
    assert_eq!(
        ward.findings(second).await,
        ["3 gain amber"],
        "82.5 at 08:54 after 80 at 08:50"
    );
}

async fn a_correction_that_moves_nothing_changes_nothing(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2()]))).await;
    ward.unit("HU-1").await;
    let assignment = ward
        .assign("HU-1", patient, "01T08:00", None, at("01T08:00"))
        .await;
    let taken = at("20T09:00");
    ward.take_in(&[frame("HU-1", session(1, taken).breathes(85.0), taken)], taken)
        .await;
    let before = (ward.all_findings(patient).await, ward.alerts().await);
    assert_eq!(
        ward.correct(assignment, "02T08:00", None, at("20T10:00")).await,
        0
    );
    assert_eq!((ward.all_findings(patient).await, ward.alerts().await), before);
}

async fn keys_of(ward: &Ward, patient: PatientId) -> Vec<u128> {
    let history = ward.history(patient).await;
    history.iter().map(|row| row.key.session_id.as_u128()).collect()
}
