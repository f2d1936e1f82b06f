//! Two processes on one database: what each does must be what one alone would have done. Each of the first three tests
//! fails where the lock that it is about is taken out (tried).

use std::sync::Arc;

use chrono::TimeDelta;
use homeward::domain::alert::{About, Alert};
use homeward::domain::finding::Class;
use homeward::domain::ids::PatientId;
use homeward::domain::time::Instant;
use homeward::ingest::arrival::Arrival;
use homeward::ingest::batch::{self, Keeper};
use homeward::store::unit::Sighting;
use homeward::store::{self, Connections, Db};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::databases::{self, TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, ankles, both, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, frame, key, receipts, tell};

on_both_databases!(
    many_processes_judge_as_one_would,
    units_change_hands_while_their_sessions_arrive,
);

/// Waits until somebody on this database waits for a lock in a statement that says so, alone or among others.
async fn until_it_waits(ward: &Ward, statement: &str, rival: &tokio::task::JoinHandle<()>) {
    let Db::Postgres { readers, .. } = &ward.db else {
        panic!("only PostgreSQL tells who waits")
    };
    let pattern = format!("%{statement}%");
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                 and query like $1",
        )
        .bind(&pattern)
        .fetch_one(readers.lend().await.unwrap().work().unwrap())
        .await
        .unwrap();
        if waiting > 0 {
            return;
        }
        assert!(!rival.is_finished(), "the rival did not wait: {statement}");
        tokio::task::yield_now().await;
    }
}

/// A patient whose gain in weight is judged, who has both.
async fn with_two_units(ward: &Ward) -> PatientId {
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    ward.unit("HU-2").await;
    ward.assign("HU-2", patient, "01T08:00", None, at("01T08:00"))
        .await;
    patient
}

#[tokio::test]
async fn the_second_to_judge_a_patient_sees_what_the_first_stored() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let ward = Ward::over(database);
    let patient = with_two_units(&ward).await;
    let (first, second) = (Ward::on(&ward.db, 2), Ward::on(&ward.db, 3));
    let now = at("19T12:00");
    let mut tx = first.db.begin().await.unwrap();
    let lighter = [frame("HU-1", session(1, at("18T09:00")).weighs(80.0), now)];
    batch::take_in(&mut tx, &first.keeper, &lighter, now)
        .await
        .unwrap();
    let rival = tokio::spawn(async move {
        let owed = second
            .send("HU-2", session(2, at("19T09:00")).weighs(82.5), now)
            .await;
        assert_eq!(receipts(&owed), ["2 stored"]);
    });
    // For the patient's turn.
    until_it_waits(&ward, "with one as materialized", &rival).await;
    tx.commit().await.unwrap();
    rival.await.unwrap();
    assert_eq!(ward.findings(patient).await, ["2 gain amber"]);
}

/// What it remembers no longer holds by the time at which it is written.
#[tokio::test]
async fn who_goes_by_memory_alone_waits_and_then_looks_again() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let ward = Ward::over(database);
    let patient = with_two_units(&ward).await;
    let (first, second) = (Ward::on(&ward.db, 2), Ward::on(&ward.db, 3));
    let now = at("19T12:00");
    second
        .send("HU-2", session(1, at("17T09:00")).weighs(81.0), now)
        .await;
    let mut tx = first.db.begin().await.unwrap();
    let lighter = [frame("HU-1", session(2, at("18T09:00")).weighs(80.0), now)];
    batch::take_in(&mut tx, &first.keeper, &lighter, now)
        .await
        .unwrap();
    let rival = tokio::spawn(async move {
        let heavier = [frame("HU-2", session(3, at("19T09:00")).weighs(82.5), now)];
        let committed = batch::commit(&second.keeper, &heavier, now).await.unwrap();
        assert!(committed.again, "it was written by what had been remembered");
        assert_eq!(receipts(&committed.owed), ["3 stored"]);
    });
    until_it_waits(&ward, "with w0 as", &rival).await;
    tx.commit().await.unwrap();
    rival.await.unwrap();
    assert_eq!(ward.findings(patient).await, ["3 gain amber"]);
}

/// People take no patient's turn: the alert's own version says that one of them came first.
#[tokio::test]
async fn what_joins_an_alert_by_memory_alone_is_refused_where_a_person_came_first() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let about = About::Patient(patient);
    // Opened by whoever met her first, joined unasked, joined where it was claimed, opened where it was closed, joined unasked.
    for (number, again, versions) in [
        (1, false, &[1][..]),
        (2, false, &[2]),
        (3, true, &[4]),
        (4, true, &[5, 1]),
        (5, false, &[5, 2]),
    ] {
        // Never wary, whatever came before.
        let keeper = Keeper {
            trust: Arc::default(),
            ..ward.keeper.clone()
        };
        let taken = at(&format!("{:02}T09:00", 10 + number));
        if again {
            let open = ward.open(about.clone(), Class::Clinical).await;
            match number {
                3 => ward.claim(&open).await,
                _ => ward.close(&open, taken).await,
            }
        }
        let low = [frame("HU-1", session(number, taken).breathes(85.0), taken)];
        let committed = batch::commit(&keeper, &low, taken).await.unwrap();
        assert_eq!(receipts(&committed.owed), [format!("{number} stored")]);
        assert_eq!(committed.again, again, "session {number}");
        let mut alerts = ward.alerts_of(patient).await;
        alerts.sort_by_key(|alert| alert.opened_at);
        let stand: Vec<i64> = alerts.iter().map(|alert| alert.version).collect();
        assert_eq!(stand, versions, "after session {number}");
    }
    assert_eq!(ward.findings(patient).await.len(), 5);
}

#[tokio::test]
async fn an_assignment_waits_for_the_sessions_that_rest_on_the_old_one() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2()]))).await;
    ward.unit("HU-1").await;
    let (first, second) = (Ward::on(&ward.db, 2), Ward::on(&ward.db, 3));
    let now = at("19T12:00");
    let mut tx = first.db.begin().await.unwrap();
    let nobodys = [frame("HU-1", session(1, at("18T09:00")).breathes(85.0), now)];
    batch::take_in(&mut tx, &first.keeper, &nobodys, now)
        .await
        .unwrap();
    let rival = tokio::spawn(async move {
        second.assign("HU-1", patient, "01T08:00", None, now).await;
    });
    until_it_waits(&ward, "select unit_id from home_unit", &rival).await;
    tx.commit().await.unwrap();
    rival.await.unwrap();
    assert_eq!(ward.findings(patient).await, ["1 limits.spo2.red_low red late"]);
}

#[tokio::test]
async fn sessions_wait_for_an_assignment_that_is_being_entered() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2()]))).await;
    ward.unit("HU-1").await;
    let second = Ward::on(&ward.db, 3);
    let now = at("19T12:00");
    let tx = ward.begin_to_assign("HU-1", patient, "01T08:00", now).await;
    let rival = tokio::spawn(async move {
        second
            .send("HU-1", session(1, at("18T09:00")).breathes(85.0), now)
            .await;
    });
    until_it_waits(&ward, "select unit_id from home_unit", &rival).await;
    tx.commit().await.unwrap();
    rival.await.unwrap();
    assert_eq!(ward.findings(patient).await, ["1 limits.spo2.red_low red late"]);
    assert_eq!(
        ward.session(&key("HU-1", 1)).await.unwrap().patient_id,
        Some(patient)
    );
}

/// All that could change whose the unit is locks its patient.
#[tokio::test]
async fn a_unit_that_somebody_has_is_not_locked() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("19T12:00");
    let mut tx = ward.db.begin().await.unwrap();
    let breathes = |number, saturation| session(number, at("18T09:00")).breathes(saturation);
    ward.send("HU-1", breathes(1, 97.0), now).await;
    store::unit::lock_for_update(&mut tx, &["HU-1".parse().unwrap()])
        .await
        .unwrap();
    assert_eq!(
        receipts(&ward.send("HU-1", breathes(2, 85.0), now).await),
        ["2 stored"]
    );
    // Another process knows nobody.
    let second = Ward::on(&ward.db, 3);
    assert_eq!(
        receipts(&second.send("HU-1", breathes(3, 84.0), now).await),
        ["3 stored"]
    );
    // It had the turn last: the first looks at the unit again, and finds it as it was.
    assert_eq!(
        receipts(&ward.send("HU-1", breathes(4, 85.0), now).await),
        ["4 stored"]
    );
    tx.rollback().await.unwrap();
    assert_eq!(ward.findings(patient).await.len(), 3);
}

/// Whether the process that takes the sessions in knows the patient or nobody.
#[tokio::test]
async fn sessions_wait_for_an_assignment_that_is_being_corrected() {
    for knows in [true, false] {
        let Some(database) = databases::postgres().await else {
            return;
        };
        let ward = Ward::over(database);
        let ingest = if knows {
            ward.beside()
        } else {
            Ward::on(&ward.db, 4)
        };
        wait_for_a_correction(&ward, ingest).await;
    }
}

/// The patient's lock alone decides: whoever enters another's period has it, and the session that waits for it is the other's.
async fn wait_for_a_correction(ward: &Ward, ingest: Ward) {
    let rules = plan(&[spo2()]);
    let first = ward.patient(Some(rules.clone())).await;
    let second = ward.patient(Some(rules)).await;
    ward.unit("HU-1").await;
    let period = ward.assign("HU-1", first, "01T08:00", None, at("01T08:00")).await;
    let now = at("19T12:00");
    let breathes = |number, day: &str| session(number, at(&format!("{day}T09:00"))).breathes(85.0);
    ward.send("HU-1", breathes(1, "15"), now).await;
    let desk = Ward::on(&ward.db, 9);
    desk.correct(period, "01T08:00", Some("16T12:00"), now).await;
    let tx = desk.begin_to_assign("HU-1", second, "16T12:00", now).await;
    let rival = tokio::spawn(async move {
        let owed = ingest
            .take_in(
                &[
                    frame("HU-1", breathes(2, "15"), now),
                    frame("HU-1", breathes(3, "18"), now),
                ],
                now,
            )
            .await;
        assert_eq!(receipts(&owed), ["2 stored", "3 stored"]);
    });
    until_it_waits(ward, "with one as materialized", &rival).await;
    tx.commit().await.unwrap();
    rival.await.unwrap();
    let low = |number: u32| format!("{number} limits.spo2.red_low red late");
    assert_eq!(ward.findings(first).await, [low(1), low(2)]);
    assert_eq!(ward.findings(second).await, [low(3)]);
}

/// Nobody's patient is there to be locked: only the row itself tells the second that it came too late.
#[tokio::test]
async fn a_session_of_nobody_that_two_store_at_once_is_stored_by_one() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let ward = Ward::over(database);
    ward.unit("HU-1").await;
    let (first, second) = (Ward::on(&ward.db, 2), Ward::on(&ward.db, 3));
    let now = at("19T12:00");
    let batch = move || [frame("HU-1", session(1, at("18T09:00")).weighs(80.0), now)];
    let mut tx = first.db.begin().await.unwrap();
    batch::take_in(&mut tx, &first.keeper, &batch(), now)
        .await
        .unwrap();
    let rival = tokio::spawn(async move {
        assert_eq!(receipts(&second.take_in(&batch(), now).await), ["1 duplicate"]);
    });
    until_it_waits(&ward, "insert into session", &rival).await;
    tx.commit().await.unwrap();
    rival.await.unwrap();
    let findings = ward.findings_of(&key("HU-1", 1)).await;
    assert_eq!(
        findings.iter().map(tell).collect::<Vec<_>>(),
        ["1 unassigned amber late"]
    );
    assert_eq!(ward.alerts().await.len(), 1);
}

fn status(unit: &str, now: Instant) -> Arrival {
    let payload = json!({ "online": true, "at": now }).to_string();
    let topic = format!("homeward/v1/units/{unit}/status");
    Arrival::of(&topic, payload.into_bytes().into(), false, now)
}

/// The unit that reports was heard of a moment ago, the other was not: both records are locked in the order of names all the same.
#[tokio::test]
async fn a_batch_that_waits_for_a_units_record_holds_none_that_comes_after_it() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let ward = Ward::over(database);
    for unit in ["HU-1", "HU-2"] {
        ward.unit(unit).await;
    }
    let second = Ward::on(&ward.db, 3);
    let (before, now) = (at("19T11:00"), at("19T12:00"));
    second
        .send("HU-2", session(1, at("19T10:00")).weighs(80.0), before)
        .await;
    let moment = now - TimeDelta::seconds(1);
    second.take_in(&[status("HU-1", moment)], moment).await;

    let mut tx = ward.db.begin().await.unwrap();
    let sighting = Sighting::of("HU-1".parse().unwrap(), now);
    store::unit::seen(&mut tx, &[sighting]).await.unwrap();
    let rival = tokio::spawn(async move {
        let weighs = session(2, at("19T11:30")).weighs(80.0);
        let owed = second
            .take_in(&[frame("HU-2", weighs, now), status("HU-1", now)], now)
            .await;
        assert_eq!(receipts(&owed), ["2 stored"]);
    });
    // In the statement that writes all of its batch, of which the server tells the beginning; nothing else is locked.
    until_it_waits(&ward, "with w0 as (insert into session", &rival).await;
    let Db::Postgres { writers, .. } = &ward.db else {
        panic!("only PostgreSQL locks rows")
    };
    let free = sqlx::query("select 1 from unit_status where unit_id = 'HU-2' for update nowait");
    free.fetch_one(writers.lend().await.unwrap().work().unwrap())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    rival.await.unwrap();
}

/// Five patients with two units each.
async fn five(ward: &Ward) -> Vec<PatientId> {
    let mut patients = Vec::new();
    for number in 0..5 {
        let rules = plan(&[gain(), spo2(), ankles(), both(48)]);
        let patient = ward.patient_with(&format!("HU-{number}"), rules).await;
        let other = format!("HV-{number}");
        ward.unit(&other).await;
        ward.assign(&other, patient, "01T08:00", None, at("01T08:00"))
            .await;
        patients.push(patient);
    }
    patients
}

/// Sessions of all of them over some days, in no order, some twice.
fn two_hundred(chance: &mut StdRng) -> Vec<Arrival> {
    let now = at("21T12:00");
    let mut arrivals: Vec<Arrival> = (0..200)
        .map(|number| {
            let unit = format!(
                "{}-{}",
                ["HU", "HV"][chance.random_range(0..2)],
                chance.random_range(0..5)
            );
            let taken = at(&format!(
                "{:02}T{:02}:30",
                chance.random_range(5..21),
                chance.random_range(6..22)
            ));
            let kg = [80.0, 80.5, 82.0, 83.0, 95.0][chance.random_range(0..5)];
            let percent = [97.0, 91.0, 88.0, 20.0][chance.random_range(0..4)];
            let ankles = ["yes", "no"][chance.random_range(0..2)];
            frame(
                &unit,
                session(number, taken).weighs(kg).breathes(percent).ankles(ankles),
                now,
            )
        })
        .collect();
    let again: Vec<Arrival> = arrivals.iter().take(30).cloned().collect();
    arrivals.extend(again);
    arrivals.shuffle(chance);
    arrivals
}

/// All that is current or superseded about these patients, and their alerts, without ids and times.
async fn outcome(ward: &Ward, patients: &[PatientId]) -> Vec<String> {
    let mut told = Vec::new();
    for (number, patient) in patients.iter().enumerate() {
        for row in ward.all_findings(*patient).await {
            if row.state == homeward::domain::finding::FindingState::Current {
                told.push(format!("{number}: {} {}", tell(&row), row.finding.sentence));
            }
        }
        told.push(format!("{number}: {:?}", ward.states(*patient).await));
    }
    // How often an amber one ended by itself and another was opened depends on the order.
    for alert in ward.alerts().await.into_iter().filter(Alert::is_open) {
        told.push(format!(
            "{:?} {:?} {:?}",
            alert.about, alert.class, alert.severity
        ));
    }
    told.sort();
    told
}

/// Takes in as a lane does: what may pass is tried again. Gives how often that was.
async fn take_in(process: &Ward, batch: &[Arrival]) -> u32 {
    let mut tries = 0;
    loop {
        match process.try_take_in(batch, at("21T12:00")).await {
            Ok(_) => return tries,
            Err(fault) => assert!(fault.is_passing() && tries < 50, "{fault}"),
        }
        tries += 1;
    }
}

async fn many_processes_judge_as_one_would(database: TestDatabase) {
    let mut chance = StdRng::seed_from_u64(20_261_121);
    let arrivals = two_hundred(&mut chance);
    let alone = Ward::over(databases::sqlite().await);
    let patients = five(&alone).await;
    take_in(&alone, &arrivals).await;
    let at_once = outcome(&alone, &patients).await;
    assert!(
        at_once.iter().any(|told| told.contains("both red"))
            && at_once.iter().any(|told| told.contains("weight_jump"))
    );

    let ward = Ward::over(database);
    assert_eq!(five(&ward).await, patients);
    let connections = Connections {
        writers: 3,
        readers: 1,
    };
    let other = Db::connect(ward.url(), connections).await.unwrap();
    let mut shares = vec![Vec::new(); 4];
    for arrival in arrivals {
        shares[chance.random_range(0..4_usize)].push(arrival);
    }
    let mut tasks = JoinSet::new();
    for (process, share) in (2..).zip(shares) {
        let process = Ward::on(if process % 2 == 0 { &ward.db } else { &other }, process);
        let sizes: Vec<usize> = (0..share.len()).map(|_| chance.random_range(1..9)).collect();
        tasks.spawn(async move {
            let mut rest = share.as_slice();
            for size in sizes {
                let (batch, later) = rest.split_at(size.min(rest.len()));
                take_in(&process, batch).await;
                rest = later;
            }
        });
    }
    tasks.join_all().await;
    other.close().await;
    let several = outcome(&ward, &patients).await;
    // Alerts depend on order only in how severe they once were, and here everything that was red is red in the end.
    assert_eq!(several, at_once);
}

async fn units_change_hands_while_their_sessions_arrive(database: TestDatabase) {
    let ward = Ward::over(database);
    let rules = plan(&[gain(), spo2()]);
    let (first, second) = (
        ward.patient(Some(rules.clone())).await,
        ward.patient(Some(rules)).await,
    );
    for unit in ["HU-1", "HU-2"] {
        ward.unit(unit).await;
    }
    let period = ward.assign("HU-1", first, "01T08:00", None, at("01T08:00")).await;
    ward.assign("HU-2", second, "01T08:00", None, at("01T08:00"))
        .await;
    let mut chance = StdRng::seed_from_u64(7);
    let mut arrivals: Vec<Arrival> = (0..60)
        .map(|number| {
            let taken = at(&format!(
                "{:02}T{:02}:30",
                chance.random_range(5..21),
                chance.random_range(6..22)
            ));
            let unit = ["HU-1", "HU-2"][chance.random_range(0..2)];
            let kg = [80.0, 81.0, 82.5][chance.random_range(0..3)];
            frame(
                unit,
                session(number, taken).weighs(kg).breathes(91.0),
                at("21T12:00"),
            )
        })
        .collect();
    arrivals.shuffle(&mut chance);
    let mut tasks = JoinSet::new();
    for (process, share) in (2..).zip(arrivals.chunks(30).map(<[Arrival]>::to_vec)) {
        let process = Ward::on(&ward.db, process);
        tasks.spawn(async move {
            for batch in share.chunks(3) {
                take_in(&process, batch).await;
            }
        });
    }
    let desk = Ward::on(&ward.db, 9);
    tasks.spawn(async move {
        let now = at("21T12:00");
        for day in ["15", "08", "18"] {
            desk.correct(period, "01T08:00", Some(&format!("{day}T12:00")), now)
                .await;
        }
        desk.correct(period, "01T08:00", Some("10T12:00"), now).await;
        desk.assign("HU-1", second, "10T12:00", None, now).await;
    });
    tasks.join_all().await;

    let alone = Ward::over(databases::sqlite().await);
    let rules = plan(&[gain(), spo2()]);
    let patients = [
        alone.patient(Some(rules.clone())).await,
        alone.patient(Some(rules)).await,
    ];
    for unit in ["HU-1", "HU-2"] {
        alone.unit(unit).await;
    }
    alone
        .assign("HU-1", patients[0], "01T08:00", Some("10T12:00"), at("01T08:00"))
        .await;
    alone
        .assign("HU-1", patients[1], "10T12:00", None, at("01T08:00"))
        .await;
    alone
        .assign("HU-2", patients[1], "01T08:00", None, at("01T08:00"))
        .await;
    take_in(&alone, &arrivals).await;
    for (patient, wanted) in [(first, patients[0]), (second, patients[1])] {
        assert_eq!(ward.findings(patient).await, alone.findings(wanted).await);
        assert_eq!(ward.states(patient).await, alone.states(wanted).await);
        assert!(!ward.findings(patient).await.is_empty());
    }
}
