//! The worker that judges by time, beside others: each patient is judged once, a crash loses nothing, one who cannot be judged
//! keeps nobody else from it, and ingest remembers what it knew.

use chrono::TimeDelta;
use homeward::domain::alert::About;
use homeward::domain::finding::Class;
use homeward::domain::ids::PatientId;
use homeward::judging::compliance;
use homeward::judging::plans::PlanShelf;
use homeward::store;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::compliance::{looks, worker};
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, plan, session, spo2};
use crate::support::ward::{Ward, at};

on_both_databases!(
    several_workers_judge_each_patient_once,
    nothing_is_lost_between_judging_and_telling,
    who_cannot_be_judged_keeps_nobody_else_from_it,
    what_ingest_remembers_still_holds,
    who_is_missing_is_judged_at_once_and_others_soon,
    a_patient_without_a_plan_waits_for_one,
    who_is_locked_when_she_is_called_is_called_again,
    who_is_locked_has_her_turn_with_the_next_step,
    a_thousand_due_at_the_same_minute,
);

fn daily() -> Value {
    let mut plan = plan(&[spo2()]);
    plan["schedule"] = json!({ "times": ["09:00"] });
    plan["measures"] = json!(["spo2"]);
    plan
}

async fn patients(ward: &Ward, number: usize) -> Vec<PatientId> {
    let mut patients = Vec::new();
    for _ in 0..number {
        let patient = ward.patient(Some(daily())).await;
        ward.admit(patient, at("20T12:00"), at("20T12:00")).await;
        patients.push(patient);
    }
    patients
}

async fn several_workers_judge_each_patient_once(database: TestDatabase) {
    let ward = Ward::over(database);
    // More than one batch; a share of 100 % is never exceeded, so it is no incident.
    let patients = patients(&ward, 130).await;
    let now = at("21T12:00");
    let mut workers = JoinSet::new();
    for _ in 0..3 {
        let mut worker = worker(&ward.db, &ward.keeper.ids);
        worker.limits.share_percent = 100;
        workers.spawn(async move {
            // One that found everybody taken looks again, as it does each second.
            for _ in 0..20 {
                worker.step(now).await.unwrap();
            }
        });
    }
    workers.join_all().await;
    for patient in &patients {
        assert_eq!(ward.findings(*patient).await, ["missed amber"]);
        let alerts = ward.alerts_of(*patient).await;
        assert_eq!(
            alerts.iter().map(|alert| alert.version).collect::<Vec<_>>(),
            [1],
            "told once"
        );
    }
}

async fn nothing_is_lost_between_judging_and_telling(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = patients(&ward, 1).await[0];
    let now = at("21T12:00");
    let judge = async || {
        let watch = compliance::watch(&mut ward.db.read().await.unwrap(), now)
            .await
            .unwrap();
        let mut tx = ward.db.begin().await.unwrap();
        let marks = store::compliance::claim_due(&mut tx, watch.as_of, 10)
            .await
            .unwrap();
        assert_eq!(marks.len(), 1);
        compliance::look(&mut tx, &PlanShelf::default(), marks, &watch, now)
            .await
            .unwrap();
        tx
    };
    // A process that dies before it commits.
    judge().await.rollback().await.unwrap();
    assert_eq!(ward.findings(patient).await, [""; 0]);
    // One that dies after it has judged.
    judge().await.commit().await.unwrap();
    assert_eq!(ward.findings(patient).await, ["missed amber"]);
    assert!(ward.alerts().await.is_empty());
    ward.looks(now).await;
    let alert = ward.open(About::Patient(patient), Class::Compliance).await;
    assert_eq!(ward.on_alert(&alert).await, ["missed amber"]);
    ward.looks(now).await;
    assert_eq!(ward.alerts().await, [alert], "nothing is told twice");
}

async fn who_cannot_be_judged_keeps_nobody_else_from_it(database: TestDatabase) {
    let ward = Ward::over(database);
    let patients = patients(&ward, 3).await;
    let broken = "update plan_version set body = '{}' where patient_id = $1";
    ward.execute(broken, patients[1].0).await;
    ward.looks(at("21T12:00")).await;
    for (patient, told) in patients.iter().zip([1, 0, 1]) {
        assert_eq!(ward.findings(*patient).await.len(), told);
    }
    let repaired = daily().to_string();
    ward.change(vec![format!("update plan_version set body = '{repaired}'")])
        .await;
    ward.looks(at("21T12:30")).await;
    assert!(
        ward.findings(patients[1]).await.is_empty(),
        "she is put off for an hour"
    );
    ward.looks(at("21T13:00")).await;
    assert_eq!(ward.findings(patients[1]).await, ["missed amber"]);
}

async fn what_ingest_remembers_still_holds(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", daily()).await;
    let turn = async || {
        let mut tx = ward.db.begin().await.unwrap();
        let turns = store::patient::take_turn(&mut tx, &[patient]).await.unwrap();
        tx.rollback().await.unwrap();
        turns[0].1
    };
    ward.send("HU-1", session(1, at("21T09:00")).breathes(97.0), at("21T09:00"))
        .await;
    let before = turn().await;
    let worker = worker(&ward.db, &ward.keeper.ids);
    // A call, and a patient.
    assert_eq!(worker.step(at("21T09:01")).await.unwrap(), 2);
    assert_eq!(
        turn().await,
        before,
        "judging by time changes nothing that judging by arrival rests on"
    );
}

async fn who_is_missing_is_judged_at_once_and_others_soon(database: TestDatabase) {
    let ward = Ward::over(database);
    let (here, away) = (
        ward.patient_with("HU-1", daily()).await,
        ward.patient_with("HU-2", daily()).await,
    );
    for patient in [here, away] {
        ward.admit(patient, at("20T12:00"), at("20T12:00")).await;
    }
    let breathes = |number, time| session(number, at(time)).breathes(97.0);
    ward.send("HU-1", breathes(1, "21T09:00"), at("21T09:00")).await;
    ward.looks(at("21T12:00")).await;
    assert_eq!(ward.findings(away).await, ["missed amber"]);
    assert_eq!(ward.findings(here).await, [""; 0]);
    let now = at("21T12:30");
    for (unit, number) in [("HU-1", 2), ("HU-2", 3)] {
        ward.send(unit, breathes(number, "21T12:30"), now).await;
    }
    let worker = worker(&ward.db, &ward.keeper.ids);
    let marks = async || {
        let mut tx = ward.db.read().await.unwrap();
        let marks = store::compliance::marks(&mut tx, &[here, away]).await.unwrap();
        [here, away].map(|patient| {
            let mark = marks.iter().find(|mark| mark.patient_id == patient);
            mark.unwrap().attended_at
        })
    };
    assert!(worker.step(now).await.unwrap() > 0);
    assert_eq!(marks().await, [Some(at("21T09:00")), Some(now)]);
    let almost = now + TimeDelta::milliseconds(29_999);
    assert_eq!(worker.step(almost).await.unwrap(), 0);
    assert!(worker.step(now + TimeDelta::seconds(30)).await.unwrap() > 0);
    assert_eq!(marks().await, [Some(now), Some(now)]);
}

async fn a_patient_without_a_plan_waits_for_one(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient(None).await;
    ward.admit(patient, at("20T12:00"), at("20T12:00")).await;
    ward.looks(at("21T12:00")).await;
    assert!(ward.findings(patient).await.is_empty());
    ward.put_plan(patient, daily(), at("21T12:30")).await;
    ward.looks(at("21T12:30")).await;
    assert_eq!(ward.findings(patient).await, ["missed amber"]);
}

async fn who_is_locked_when_she_is_called_is_called_again(database: TestDatabase) {
    let ward = Ward::over(database);
    if matches!(ward.db, store::Db::Sqlite { .. }) {
        // There the worker waits for the one writer.
        return;
    }
    let (busy, free) = (
        ward.patient_with("HU-1", daily()).await,
        ward.patient_with("HU-2", daily()).await,
    );
    for patient in [busy, free] {
        ward.admit(patient, at("20T12:00"), at("20T12:00")).await;
    }
    ward.looks(at("20T13:00")).await;
    let came = at("21T09:00");
    for (unit, number) in [("HU-1", 1), ("HU-2", 2)] {
        ward.send(unit, session(number, came).breathes(97.0), came).await;
    }
    let attended = async || {
        let mut tx = ward.db.read().await.unwrap();
        let mut marks = store::compliance::marks(&mut tx, &[busy, free]).await.unwrap();
        marks.sort_by_key(|mark| mark.patient_id == free);
        marks.iter().map(|mark| mark.attended_at).collect::<Vec<_>>()
    };
    let mut acting = ward.db.begin().await.unwrap();
    store::patient::lock(&mut acting, &[busy]).await.unwrap();
    let worker = worker(&ward.db, &ward.keeper.ids);
    let soon = came + TimeDelta::seconds(30);
    assert!(worker.step(soon).await.unwrap() > 0);
    assert_eq!(attended().await, [None, Some(came)]);
    acting.rollback().await.unwrap();
    assert!(worker.step(soon).await.unwrap() > 0);
    assert_eq!(attended().await, [Some(came), Some(came)]);
    assert_eq!(worker.step(soon).await.unwrap(), 0);
}

async fn who_is_locked_has_her_turn_with_the_next_step(database: TestDatabase) {
    let ward = Ward::over(database);
    if matches!(ward.db, store::Db::Sqlite { .. }) {
        // There the worker waits for the one writer.
        return;
    }
    let patients = patients(&ward, 2).await;
    let mut acting = ward.db.begin().await.unwrap();
    store::patient::lock(&mut acting, &patients[..1]).await.unwrap();
    ward.looks(at("21T12:00")).await;
    assert!(ward.findings(patients[0]).await.is_empty());
    assert_eq!(ward.findings(patients[1]).await, ["missed amber"]);
    acting.rollback().await.unwrap();
    ward.looks(at("21T12:00")).await;
    assert_eq!(ward.findings(patients[0]).await, ["missed amber"]);
}

/// A step is taken each second: within so few of them everybody is judged.
async fn a_thousand_due_at_the_same_minute(database: TestDatabase) {
    let ward = Ward::over(database);
    let patients = patients(&ward, 1000).await;
    let worker = worker(&ward.db, &ward.keeper.ids);
    let mut steps = 0;
    while worker.step(at("21T12:00")).await.unwrap() > 0 {
        steps += 1;
    }
    assert!(steps <= 5, "{steps}");
    let alerts = ward.alerts().await;
    assert_eq!(alerts.len(), 1, "all missing at once is one incident");
    assert_eq!(ward.on_alert(&alerts[0]).await, ["sessions_missing red"]);
    ward.close(&alerts[0], at("21T12:10")).await;
    looks(&worker, at("21T12:11")).await;
    let mut tx = ward.db.read().await.unwrap();
    let counts = store::compliance::counts(&mut tx, at("21T12:11")).await.unwrap();
    assert_eq!(counts, (0, 0, 0), "everybody is judged and told");
    for patient in patients.iter().step_by(97) {
        let alerts = ward.alerts_of(*patient).await;
        assert_eq!(
            alerts.iter().map(|alert| alert.opened_at).collect::<Vec<_>>(),
            [at("21T12:11")]
        );
    }
}
