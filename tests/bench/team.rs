//! A whole team's rehearsal, on each database, while somebody measures and somebody looks.

use homeward::clock::Clock;
use homeward::desk::preview::rehearse;
use homeward::desk::rehearsal::{Asked, Proposal, begin, run};
use homeward::desk::{Caller, Desk};
use homeward::domain::ids::{Ids, PatientId, TeamId};
use homeward::domain::rehearsal::RehearsalState;
use homeward::store;
use homeward::store::team::Team;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;
use uuid::Uuid;

use super::cohort::{DAYS, noon, plan, session};
use super::{patients, told};
use crate::support::databases::{self, TestDatabase};
use crate::support::ward::{Ward, frame};

/// Messages of a batch, as ingest takes them in.
const BATCH: usize = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    a_team(databases::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    if let Some(database) = databases::postgres().await {
        a_team(database).await;
    }
}

async fn a_team(database: TestDatabase) {
    let ward = Ward::over(database);
    let (team, of_team) = people(&ward).await;
    let begun = Instant::now();
    live(&ward).await;
    let kind = ward.db.kind();
    let sessions = patients() * usize::try_from(DAYS).unwrap();
    eprintln!(
        "{kind}: {sessions} sessions taken in within {:?}",
        begun.elapsed()
    );
    one_patient(&ward, of_team[0]).await;
    the_team(&ward, team, sessions).await;
}

/// Patients of one team, and one more who belongs to none.
async fn people(ward: &Ward) -> (TeamId, Vec<PatientId>) {
    let june = "2026-06-01T00:00:00Z".parse().unwrap();
    let person = async |unit: &str| {
        let patient = ward.patient(Some(plan(92.0))).await;
        ward.unit(unit).await;
        ward.assign_for(unit, patient, (june, None), noon()).await;
        patient
    };
    let mut all = Vec::new();
    for place in 0..patients() {
        all.push(person(&unit_of(place)).await);
    }
    let team = Team {
        id: TeamId(Uuid::from_u128(1)),
        name: "North".to_owned(),
        created_at: noon(),
    };
    let mut tx = ward.db.begin().await.unwrap();
    store::team::insert(&mut tx, &team).await.unwrap();
    tx.commit().await.unwrap();
    ward.execute("update patient set team_id = $1", team.id.0).await;
    person("HU-beside").await;
    (team.id, all)
}

fn unit_of(place: usize) -> String {
    format!("HU-{place}")
}

/// Everybody's ninety days, day by day.
async fn live(ward: &Ward) {
    for days_ago in (0..DAYS).rev() {
        let sent: Vec<_> = (0..patients())
            .map(|place| (place, session(place, days_ago)))
            .collect();
        for batch in sent.chunks(BATCH) {
            let arrivals: Vec<_> = batch
                .iter()
                .map(|(place, (at, payload))| frame(&unit_of(*place), payload.clone(), *at))
                .collect();
            let last = batch.iter().map(|(_, (at, _))| *at).max().unwrap();
            ward.take_in(&arrivals, last).await;
        }
    }
}

async fn one_patient(ward: &Ward, patient: PatientId) {
    let body = plan(91.0).to_string();
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let mut tx = ward.db.read().await.unwrap();
        let seen = rehearse(&mut tx, patient, (&body, None), noon()).await.unwrap();
        times.push(begun.elapsed());
        assert_eq!(seen.preview.sessions, usize::try_from(DAYS).unwrap());
    }
    eprintln!("{}: one patient's ninety days: {}", ward.db.kind(), told(times));
}

/// The team, while somebody else measures again and again, and somebody looks how far it is.
async fn the_team(ward: &Ward, team: TeamId, sessions: usize) {
    let clock = Clock::fixed(noon());
    let desk = Desk {
        db: ward.db.clone(),
        clock: clock.clone(),
        ids: Ids::seeded(3),
    };
    let proposal = Proposal {
        plan: Some(RawValue::from_string(plan(91.0).to_string()).unwrap()),
        template: None,
    };
    let mut act = desk.begin(Caller::command("test")).await.unwrap();
    let begun = begin(&mut act, team, proposal, Asked::default()).await.unwrap();
    act.commit().await.unwrap();
    let id = begun.row.id;
    let (db, clock_of_it) = (ward.db.clone(), clock.clone());
    let started = Instant::now();
    let running = tokio::spawn(async move { run(&db, &clock_of_it, begun).await.unwrap() });
    let (mut ingest, mut looks, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    let ended = loop {
        let before = Instant::now();
        let (at, payload) = session(1_000_000 + ingest.len(), 0);
        ward.send("HU-beside", payload, at).await;
        ingest.push(before.elapsed());
        let look = Instant::now();
        let mut tx = ward.db.read().await.unwrap();
        let row = store::rehearsal::get(&mut tx, team, id).await.unwrap().unwrap();
        drop(tx);
        looks.push(look.elapsed());
        if steps.last() != Some(&row.judged) {
            steps.push(row.judged);
        }
        if row.state != RehearsalState::Running {
            break row;
        }
        clock.advance(before.elapsed());
    };
    let took = started.elapsed();
    running.await.unwrap();
    assert_eq!(ended.state, RehearsalState::Done);
    let forecast: Value = serde_json::from_str(&ended.forecast.unwrap()).unwrap();
    assert_eq!(forecast["sessions"], sessions);
    assert_eq!(forecast["patients_with_sessions"], patients());
    let kind = ward.db.kind();
    eprintln!("{kind}: a team of {} over {DAYS} days: {took:?}", patients());
    eprintln!("{kind}: said to be at {steps:?}");
    eprintln!("{kind}: meanwhile a session was taken in within {}", told(ingest));
    eprintln!("{kind}: meanwhile a look took {}", told(looks));
    eprintln!("{kind}: {}", forecast["per_day"]);
}
