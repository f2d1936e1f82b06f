//! A patient without a plan is told of once; the first plan judges what is stored, and a later version only what it covers.

use std::sync::{Arc, Weak};

use homeward::domain::alert::About;
use homeward::domain::finding::{Class, Severity};
use homeward::judging::alike::Alike;
use homeward::judging::plans::PlanShelf;
use homeward::wire;
use serde_json::json;

use crate::store::fixture::tamper;
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, from, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, frame, receipts};

on_both_databases!(
    that_nobody_judges_is_said_once,
    the_first_plan_judges_what_is_stored,
    a_new_version_judges_the_future,
    a_version_that_begins_in_the_past_supersedes,
    a_temporary_version_ends,
    another_process_knows_of_a_new_version_at_once,
    what_a_restore_took_away_is_judged_by_no_longer,
    what_plans_have_alike_is_in_memory_once,
);

async fn that_nobody_judges_is_said_once(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", None).await;
    let now = at("20T09:00");
    let batch = [
        frame("HU-1", session(1, now).breathes(80.0), now),
        frame("HU-1", session(2, now).breathes(80.0), now),
    ];
    assert_eq!(
        receipts(&ward.take_in(&batch, now).await),
        ["1 stored", "2 stored"]
    );
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    assert_eq!((alert.severity, alert.version), (Severity::Amber, 1));
    assert_eq!(ward.on_alert(&alert).await, ["no_plan amber"]);
    let later = at("21T09:00");
    ward.send("HU-1", session(3, later).breathes(80.0), later).await;
    assert_eq!(
        ward.open(About::Patient(patient), Class::Technical).await,
        alert,
        "nothing new was found"
    );
    assert_eq!(ward.alerts().await.len(), 1, "and nothing was judged");
    // Readings that cannot be believed are told all the same.
    ward.send("HU-1", session(4, later).breathes(20.0), later).await;
    assert_eq!(
        ward.findings(patient).await,
        ["4 suspect red out_of_range", "no_plan amber"]
    );
}

async fn the_first_plan_judges_what_is_stored(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", None).await;
    for (number, day) in [(1, "10"), (2, "19"), (3, "20")] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).breathes(85.0), taken)
            .await;
    }
    let technical = ward.open(About::Patient(patient), Class::Technical).await;
    let now = at("20T12:00");
    // It begins later than what is stored, and is the first all the same.
    ward.put_plan(patient, from("20T10:00", plan(&[spo2()])), now)
        .await;
    assert_eq!(
        ward.findings(patient).await,
        [
            "1 limits.spo2.red_low red late",
            "2 limits.spo2.red_low red late",
            "3 limits.spo2.red_low red"
        ]
    );
    assert_eq!(ward.superseded(patient).await, ["no_plan amber"]);
    assert_eq!(ward.on_alert(&technical).await, ["(no_plan amber)"]);
    assert_eq!(
        ward.cleared(About::Patient(patient), Class::Technical).await.id,
        technical.id,
        "its cause is gone"
    );
    let clinical = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(
        (clinical.severity, clinical.version, clinical.opened_at),
        (Severity::Red, 1, now)
    );
    assert_eq!(
        ward.on_alert(&clinical).await.len(),
        3,
        "one alert with all of them"
    );
    assert!(
        ward.history(patient)
            .await
            .iter()
            .all(|row| row.plan_version == Some(1))
    );
}

async fn a_new_version_judges_the_future(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    ward.send(
        "HU-1",
        session(1, at("19T09:00")).breathes(85.0).weighs(80.0),
        at("19T09:00"),
    )
    .await;
    let before = ward.all_findings(patient).await;
    ward.put_plan(patient, from("20T00:00", plan(&[gain()])), at("19T20:00"))
        .await;
    assert_eq!(ward.all_findings(patient).await, before);
    ward.send(
        "HU-1",
        session(2, at("20T09:00")).breathes(85.0).weighs(82.5),
        at("20T09:00"),
    )
    .await;
    assert_eq!(
        ward.findings(patient).await,
        ["1 limits.spo2.red_low red", "2 gain amber"]
    );
    // What comes late is judged by the version of its time.
    ward.send(
        "HU-1",
        session(3, at("18T09:00")).breathes(85.0).weighs(80.0),
        at("20T10:00"),
    )
    .await;
    assert_eq!(
        ward.findings(patient).await,
        [
            "1 limits.spo2.red_low red",
            "2 gain amber",
            "3 limits.spo2.red_low red late"
        ]
    );
}

async fn a_version_that_begins_in_the_past_supersedes(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    for (number, day, kg) in [(1, "17", 80.0), (2, "18", 81.0), (3, "19", 82.5), (4, "20", 82.6)] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).breathes(91.0).weighs(kg), taken)
            .await;
    }
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!((alert.severity, alert.version), (Severity::Amber, 4));
    ward.close(&alert, at("20T10:00")).await;
    let now = at("20T12:00");
    ward.put_plan(patient, from("18T12:00", plan(&[gain()])), now)
        .await;
    assert_eq!(
        ward.findings(patient).await,
        [
            "1 limits.spo2.amber_low amber",
            "2 limits.spo2.amber_low amber",
            "3 gain amber late",
            "4 gain amber"
        ]
    );
    assert_eq!(
        ward.superseded(patient).await,
        ["3 limits.spo2.amber_low amber", "4 limits.spo2.amber_low amber"]
    );
    let versions: Vec<_> = ward
        .history(patient)
        .await
        .iter()
        .map(|row| row.plan_version)
        .collect();
    assert_eq!(versions, [Some(1), Some(1), Some(2), Some(2)]);
    let opened = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(
        ward.on_alert(&opened).await,
        ["3 gain amber late", "4 gain amber"]
    );
    let all = ward.all_findings(patient).await;
    let made: Vec<_> = all
        .iter()
        .filter(|row| row.finding.rule == "gain")
        .map(|row| row.made_at)
        .collect();
    assert_eq!(made, [now, now]);
    // The same rules again under another number: the same findings, of the version in force now.
    ward.put_plan(patient, from("18T12:00", plan(&[gain()])), at("20T13:00"))
        .await;
    assert_eq!(
        ward.open(About::Patient(patient), Class::Clinical).await,
        opened,
        "only a number changed"
    );
    let all = ward.all_findings(patient).await;
    let gains = all.iter().filter(|row| row.finding.rule == "gain");
    assert!(
        gains
            .clone()
            .all(|row| row.finding.plan_version == Some(3) && row.made_at == now)
    );
}

async fn a_temporary_version_ends(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let mut holiday = from("18T00:00", plan(&[]));
    holiday["until"] = "2026-11-20T00:00:00+00:00".into();
    ward.put_plan(patient, holiday, at("17T12:00")).await;
    for (number, day) in [(1, "17"), (2, "18"), (3, "19"), (4, "20")] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).breathes(91.0), taken)
            .await;
    }
    assert_eq!(
        ward.findings(patient).await,
        ["1 limits.spo2.amber_low amber", "4 limits.spo2.amber_low amber"]
    );
}

async fn another_process_knows_of_a_new_version_at_once(database: TestDatabase) {
    let ward = Ward::over(database);
    let other = Ward::on(&ward.db, 2);
    let patient = ward.patient_with("HU-1", plan(&[])).await;
    other
        .send("HU-1", session(1, at("19T09:00")).breathes(85.0), at("19T09:00"))
        .await;
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
    ward.put_plan(patient, from("19T10:00", plan(&[spo2()])), at("19T10:00"))
        .await;
    other
        .send("HU-1", session(2, at("20T09:00")).breathes(85.0), at("20T09:00"))
        .await;
    assert_eq!(ward.findings(patient).await, ["2 limits.spo2.red_low red"]);
}

/// A shelf outlives the connection over which the database was put back.
async fn what_a_restore_took_away_is_judged_by_no_longer(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let shelf = PlanShelf::default();
    let versions = async || {
        let mut tx = ward.db.begin().await.unwrap();
        let plans = shelf.of(&mut tx, &[patient, patient]).await.unwrap();
        plans[&patient]
            .iter()
            .map(|plan| plan.version)
            .collect::<Vec<_>>()
    };
    assert_eq!(versions().await, [1]);
    for day in ["02T08:00", "03T08:00"] {
        ward.put_plan(patient, plan(&[spo2(), gain()]), at(day)).await;
    }
    assert_eq!(versions().await, [1, 2, 3]);
    let mut tx = ward.db.begin().await.unwrap();
    tamper(&mut tx, "delete from plan_version where version > 2").await;
    tx.commit().await.unwrap();
    assert_eq!(versions().await, [1, 2]);
    ward.put_plan(patient, plan(&[spo2()]), at("04T08:00")).await;
    assert_eq!(versions().await, [1, 2, 3]);
}

async fn what_plans_have_alike_is_in_memory_once(database: TestDatabase) {
    let ward = Ward::over(database);
    let one = ward.patient_with("HU-1", plan(&[gain(), spo2()])).await;
    let other = ward.patient_with("HU-2", plan(&[spo2()])).await;
    let mut tx = ward.db.begin().await.unwrap();
    let plans = PlanShelf::default().of(&mut tx, &[one, other]).await.unwrap();
    let [one, other] = [one, other].map(|patient| &plans[&patient][0]);
    assert_eq!((one.rules.len(), other.rules.len()), (2, 1));
    assert!(Arc::ptr_eq(&one.rules[1], &other.rules[0]));
    assert!(Arc::ptr_eq(&one.questions[0], &other.questions[0]));
    assert!(Arc::ptr_eq(&one.measures, &other.measures));
}

#[test]
fn what_no_plan_is_made_of_any_longer_leaves_the_memory() {
    let mut alike = Alike::default();
    let mut shared = |red_low: u32| {
        let body = plan(&[
            spo2(),
            json!({ "id": "limits.weight", "kind": "limits", "measure": "weight", "red_low": red_low }),
        ]);
        let mut plan = wire::plan::parse(&body.to_string(), 1).unwrap();
        alike.share(&mut plan);
        plan
    };
    let stays = shared(1);
    let left: Vec<Weak<_>> = (2..300)
        .map(|red_low| Arc::downgrade(&shared(red_low).rules[1]))
        .collect();
    let kept = left.iter().filter(|rule| rule.strong_count() > 0).count();
    assert!(kept < 30, "{kept}");
    assert!(Arc::ptr_eq(&stays.rules[1], &shared(1).rules[1]));
    assert!(Arc::ptr_eq(&stays.rules[0], &shared(2).rules[0]));
}
