//! A process that has met its patients before anything of theirs came judges as one that reads everything, whatever happened since.

use std::sync::Arc;

use homeward::clock::Clock;
use homeward::domain::alert::About;
use homeward::domain::finding::Class;
use homeward::domain::ids::PatientId;
use homeward::ingest::acquaintance::{meet, run};
use homeward::judging::acquaintance;
use homeward::judging::recall::{Offered, Recall};
use homeward::store;
use homeward::store::patient::Turn;
use tokio::sync::watch;

use crate::support::databases::{self, TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, gain, plan, session, spo2};
use crate::support::ward::{Ward, at};

on_both_databases!(
    who_was_met_is_judged_as_whoever_is_read,
    what_changed_since_they_were_met_counts,
    whoever_has_no_unit_is_not_met,
    what_was_read_before_everybody_was_forgotten_is_not_kept,
    nobody_is_pushed_out_by_whoever_is_met,
    what_comes_while_they_are_read_counts,
    everybody_is_met_however_many_they_are,
    a_memory_of_another_database_makes_nothing_poison,
);

const NOW: &str = "19T12:00";

/// Another process on the ward's database, which has met everybody.
async fn met(ward: &Ward, seed: u64) -> Ward {
    let process = Ward::on(&ward.db, seed);
    let everybody = meet(&process.keeper, None, at(NOW)).await.unwrap();
    let rest = meet(&process.keeper, everybody.last, at(NOW)).await.unwrap();
    assert_eq!((everybody.patients > 0, rest.last), (true, None));
    assert_eq!([everybody, rest].map(|met| met.offered), [Offered::Kept; 2]);
    process
}

/// Two patients with a past; the second has an open alert.
async fn two(ward: &Ward) -> [PatientId; 2] {
    let rules = || plan(&[gain(), spo2()]);
    let patients = [
        ward.patient_with("HU-1", rules()).await,
        ward.patient_with("HU-2", rules()).await,
    ];
    for (number, unit, day, kg, percent) in [
        (1, "HU-1", "16", 80.0, 97.0),
        (2, "HU-1", "17", 80.5, 96.0),
        (3, "HU-2", "17", 70.0, 85.0),
    ] {
        let taken = at(&format!("{day}T09:00"));
        ward.send(unit, session(number, taken).weighs(kg).breathes(percent), taken)
            .await;
    }
    patients
}

/// What both patients send then, and what has become of them.
async fn outcome(ward: &Ward, process: &Ward, patients: [PatientId; 2]) -> Vec<Vec<String>> {
    for (number, unit, time, kg, percent) in [
        // Heavier than two days ago, and low.
        (11, "HU-1", "18T09:00", 82.6, 89.0),
        (12, "HU-2", "18T09:00", 70.0, 97.0),
        // Of long before, and between two that are there.
        (13, "HU-1", "02T09:00", 60.0, 97.0),
        (14, "HU-1", "16T20:00", 83.5, 97.0),
        (15, "HU-2", "18T10:00", 73.0, 91.0),
    ] {
        let said = session(number, at(time)).weighs(kg).breathes(percent);
        process.send(unit, said, at(NOW)).await;
    }
    let mut became = Vec::new();
    for patient in patients {
        became.push(ward.findings(patient).await);
        became.push(
            ward.states(patient)
                .await
                .into_iter()
                .map(str::to_owned)
                .collect(),
        );
        let mut alerts: Vec<String> = (ward.alerts_of(patient).await.iter())
            .map(|alert| {
                format!(
                    "{:?} {:?} {} v{}",
                    alert.class,
                    alert.severity,
                    alert.state.word(),
                    alert.version
                )
            })
            .collect();
        alerts.sort();
        became.push(alerts);
    }
    became
}

async fn who_was_met_is_judged_as_whoever_is_read(database: TestDatabase) {
    let ward = Ward::over(database);
    let patients = two(&ward).await;
    let process = met(&ward, 2).await;
    let became = outcome(&ward, &process, patients).await;

    let alone = Ward::over(databases::sqlite().await);
    let patients = two(&alone).await;
    let stranger = Ward::on(&alone.db, 2);
    assert_eq!(became, outcome(&alone, &stranger, patients).await);
    assert!(became.iter().all(|lines| !lines.is_empty()), "{became:#?}");
}

async fn what_changed_since_they_were_met_counts(database: TestDatabase) {
    async fn change(ward: &Ward, patients: [PatientId; 2]) {
        let desk = Ward::on(&ward.db, 9);
        desk.put_plan(patients[0], plan(&[spo2()]), at("18T12:00")).await;
        let open = desk.open(About::Patient(patients[1]), Class::Clinical).await;
        desk.close(&open, at("18T12:00")).await;
        // Another process has had her turn.
        let said = session(5, at("17T12:00")).weighs(71.0).breathes(96.0);
        desk.send("HU-2", said, at("18T12:00")).await;
        desk.unit("HU-3").await;
        desk.assign("HU-3", patients[0], "10T08:00", None, at("18T12:00"))
            .await;
    }
    let ward = Ward::over(database);
    let patients = two(&ward).await;
    let process = met(&ward, 2).await;
    change(&ward, patients).await;
    let became = outcome(&ward, &process, patients).await;

    let alone = Ward::over(databases::sqlite().await);
    let patients = two(&alone).await;
    change(&alone, patients).await;
    let stranger = Ward::on(&alone.db, 2);
    assert_eq!(became, outcome(&alone, &stranger, patients).await);
}

async fn whoever_has_no_unit_is_not_met(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.patient(Some(plan(&[spo2()]))).await;
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let process = Ward::on(&ward.db, 2);
    let everybody = meet(&process.keeper, None, at(NOW)).await.unwrap();
    assert_eq!(everybody.patients, 1);
    let nobody = meet(&process.keeper, everybody.last, at(NOW)).await.unwrap();
    assert_eq!((nobody.patients, nobody.last), (0, None));
    ward.send("HU-1", session(1, at("18T09:00")).breathes(85.0), at(NOW))
        .await;
    assert_eq!(ward.findings(patient).await.len(), 1);
}

async fn what_was_read_before_everybody_was_forgotten_is_not_kept(database: TestDatabase) {
    let ward = Ward::over(database);
    let patients = two(&ward).await;
    let process = Ward::on(&ward.db, 2);
    let recall = &process.keeper.recall;
    let mut tx = ward.db.read().await.unwrap();
    let turns = store::patient::last_turns(&mut tx, &patients).await.unwrap();
    let mut read = async || {
        let known = acquaintance::read(&mut tx, &process.keeper.shelf, &turns).await;
        known.unwrap()
    };
    let after = |later: i64| {
        let known = recall.take(&patients);
        let is_next = |(patient, turn): &&(PatientId, Turn)| {
            let number = turn.number + later;
            known
                .get(patient)
                .is_some_and(|known| known.is_before(Turn { number, ..*turn }))
        };
        turns.iter().filter(is_next).count()
    };
    let before = recall.forgotten();
    recall.forget();
    let mut kept = false;
    let offered = recall.offer(read().await, before, || kept = true);
    assert_eq!((offered, kept), (Offered::Forgotten, false));
    assert_eq!(after(1), 0);
    let offered = recall.offer(read().await, recall.forgotten(), || kept = true);
    assert_eq!((offered, kept), (Offered::Kept, true));
    // Who has had another turn since is not believed.
    assert_eq!(after(2), 0);
    recall.offer(read().await, recall.forgotten(), || {});
    assert_eq!(after(1), 2);
}

async fn nobody_is_pushed_out_by_whoever_is_met(database: TestDatabase) {
    let ward = Ward::over(database);
    two(&ward).await;
    for (most, offered) in [(0, Offered::Full), (4, Offered::Full), (100, Offered::Kept)] {
        let mut process = Ward::on(&ward.db, 2);
        process.keeper.recall = Arc::new(Recall::new(most));
        let met = meet(&process.keeper, None, at(NOW)).await.unwrap();
        assert_eq!(met.offered, offered, "{most}");
    }
}

/// More than are read at a time.
async fn everybody_is_met_however_many_they_are(database: TestDatabase) {
    let ward = Ward::over(database);
    let mut patients = Vec::new();
    for number in 0..205 {
        patients.push(ward.patient_with(&format!("HU-{number}"), plan(&[spo2()])).await);
    }
    let mut process = Ward::on(&ward.db, 2);
    process.keeper.recall = Arc::new(Recall::new(3_000));
    let (_go_on, stop) = watch::channel(false);
    run(process.keeper.clone(), Clock::fixed(at(NOW)), stop).await;
    assert_eq!(process.keeper.recall.take(&patients).len(), 205);
}

/// As after a restore that no batch has noticed: whom the memory names is not there.
async fn a_memory_of_another_database_makes_nothing_poison(database: TestDatabase) {
    let ward = Ward::over(databases::sqlite().await);
    ward.patient_with("HU-1", plan(&[spo2()])).await;
    let process = met(&ward, 2).await;
    let restored = Ward::over(database);
    let unknown = Ward::on(&restored.db, 3);
    let mut process = process.beside();
    process.keeper.db = restored.db.clone();
    let said = || session(1, at("18T09:00")).breathes(85.0);
    let owed = process.send("HU-1", said(), at(NOW)).await;
    assert_eq!(
        owed[0].problems,
        unknown.send("HU-1", said(), at(NOW)).await[0].problems
    );
    assert_eq!(owed[0].problems[0].code, "unregistered");
}

/// As those of whom nothing is remembered, though with what has come between the reading and now.
async fn what_comes_while_they_are_read_counts(database: TestDatabase) {
    async fn between(ward: &Ward) {
        let other = Ward::on(&ward.db, 8);
        let said = session(5, at("17T12:00")).weighs(79.0).breathes(84.0);
        other.send("HU-1", said, at("18T12:00")).await;
    }
    let ward = Ward::over(database);
    let patients = two(&ward).await;
    let process = Ward::on(&ward.db, 2);
    // The turns of before, and everything else of after.
    let mut tx = ward.db.read().await.unwrap();
    let turns = store::patient::last_turns(&mut tx, &patients).await.unwrap();
    drop(tx);
    between(&ward).await;
    let mut tx = ward.db.read().await.unwrap();
    let known = acquaintance::read(&mut tx, &process.keeper.shelf, &turns)
        .await
        .unwrap();
    drop(tx);
    process.keeper.recall.offer(known, 0, || {});
    let became = outcome(&ward, &process, patients).await;

    let alone = Ward::over(databases::sqlite().await);
    let patients = two(&alone).await;
    between(&alone).await;
    let stranger = Ward::on(&alone.db, 2);
    assert_eq!(became, outcome(&alone, &stranger, patients).await);
}
