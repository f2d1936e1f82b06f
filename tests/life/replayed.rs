//! `homeward replay` beside a service that takes sessions in: what comes meanwhile is no difference, and mending loses nothing.

use std::process::Command;

use chrono::TimeDelta;
use home_unit::payload::Outcome;
use home_unit::test_unit::TestUnit;
use homeward::store::Db;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::databases::{self, TestDatabase};
use crate::support::hub::Hub;
use crate::support::unit_says::{Says as _, ankles, both, gain, plan, session, spo2};
use crate::support::ward::nhs_number;

const UNITS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writing_service_is_compared_and_mended_on_sqlite() {
    a_writing_service_is_compared_and_mended(databases::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writing_service_is_compared_and_mended_on_postgres() {
    if let Some(database) = databases::postgres().await {
        a_writing_service_is_compared_and_mended(database).await;
    }
}

/// Units that send without end, each second session before the one that it follows.
struct Senders {
    units: Vec<TestUnit>,
    sent: u128,
}

impl Senders {
    /// One session of each unit.
    async fn send(&mut self, hub: &Hub) {
        let number = self.sent ^ 1;
        self.sent += 1;
        let step = i32::try_from(number).unwrap();
        let at = hub.now() - TimeDelta::days(29) + TimeDelta::minutes(20) * step;
        let kg = 80.0 + f64::from(step % 7) / 2.0;
        let said = if number.is_multiple_of(3) { "yes" } else { "no" };
        let payload = session(number + 1, at)
            .weighs(kg)
            .breathes(f64::from(88 + step % 9))
            .ankles(said);
        for unit in &mut self.units {
            unit.send(&payload).unwrap();
        }
        for unit in &mut self.units {
            let receipt = unit.receipt(payload.session_id).await.unwrap();
            assert_eq!(receipt.outcome, Outcome::Stored);
        }
    }

    /// Runs the command while the units send; what it answers, and how many sessions came meanwhile.
    async fn beside(&mut self, hub: &Hub, mend: bool) -> (Value, u128) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_homeward"));
        command
            .args(["replay", "--json"])
            .args(mend.then_some("--mend"))
            .env_clear()
            .env("HOMEWARD_DATABASE__URL", hub.database_url());
        let replaying = tokio::task::spawn_blocking(move || command.output().unwrap());
        let before = self.sent;
        while !replaying.is_finished() {
            self.send(hub).await;
        }
        let output = replaying.await.unwrap();
        let (out, err) = (output.stdout, String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}{err}", String::from_utf8_lossy(&out));
        (serde_json::from_slice(&out).unwrap(), self.sent - before)
    }
}

fn counts(summary: &Value) -> [u64; 3] {
    ["patients", "differences", "mended"].map(|key| summary[key].as_u64().unwrap())
}

async fn execute(db: &Db, sql: &'static str, session: Uuid) {
    match db {
        Db::Sqlite { writer, .. } => {
            sqlx::query(sql).bind(session).execute(writer).await.unwrap();
        }
        Db::Postgres { writers, .. } => {
            sqlx::query(sql)
                .bind(session)
                .execute(writers.lend().await.unwrap().work().unwrap())
                .await
                .unwrap();
        }
    }
}

async fn a_writing_service_is_compared_and_mended(database: TestDatabase) {
    let mut hub = Hub::start(database, None).await;
    let rules = [gain(), spo2(), ankles(), both(48)];
    let mut senders = Senders {
        units: Vec::new(),
        sent: 0,
    };
    let mut patients = Vec::new();
    for number in 0..UNITS {
        let unit = format!("HU-{number}");
        let nhs = nhs_number(number);
        patients.push(hub.patient(nhs.as_str(), &unit, Some(plan(&rules))).await);
        senders.units.push(hub.connect(&unit).await);
    }
    // The first day stands: what is damaged there, nothing that comes later judges again.
    for _ in 0..12 {
        senders.send(&hub).await;
    }
    let mut came = 0;
    for round in 0..6 {
        let (summary, meanwhile) = senders.beside(&hub, round % 2 == 1).await;
        assert_eq!(counts(&summary), [UNITS, 0, 0], "{round}: {summary}");
        came += meanwhile;
    }
    assert!(came > 0, "it was not beside anything");

    let first = Uuid::from_u128(1);
    for sql in [
        "update session set plan_version = 9 where session_id = $1",
        "update finding set state = 'superseded' where rule = 'limits.spo2' and session_id = $1",
    ] {
        execute(hub.db(), sql, first).await;
    }
    let (summary, _) = senders.beside(&hub, true).await;
    let damaged = 2 * UNITS;
    assert_eq!(counts(&summary), [UNITS, damaged, damaged], "{summary}");
    let (summary, _) = senders.beside(&hub, false).await;
    assert_eq!(counts(&summary), [UNITS, 0, 0], "{summary}");

    let sessions = summary["sessions"].as_u64().unwrap();
    assert!(
        sessions <= u64::try_from(senders.sent).unwrap() * UNITS,
        "{summary}"
    );
    for (patient, unit) in patients.iter().zip(senders.units) {
        let alerts = hub
            .get(&format!("alerts?class=clinical&patient_id={patient}"))
            .await;
        assert_eq!(
            alerts["items"].as_array().unwrap().len(),
            1,
            "one, and still open"
        );
        assert_eq!(alerts["items"][0]["severity"], json!("red"));
        let (last, path) = (senders.sent, format!("patients/{patient}/sessions?limit=500"));
        let mut page = hub.get(&path).await;
        let mut stored = page["items"].as_array().unwrap().len();
        while let Some(cursor) = page["next_cursor"].as_str() {
            page = hub.get(&format!("{path}&cursor={cursor}")).await;
            stored += page["items"].as_array().unwrap().len();
        }
        assert_eq!(u128::try_from(stored).unwrap(), last, "nothing was lost");
        unit.disconnect().await;
    }
    hub.stop().await;
}
