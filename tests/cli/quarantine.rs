//! Quarantine from the command line, while the service may be writing to the same database.

use std::process::{Command, Output};

use chrono::{DateTime, TimeDelta, Utc};
use homeward::store;
use homeward::store::audit::ActorKind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::trail::looks;
use crate::support::unit_says::{Says as _, gain, plan, session, spo2};
use crate::support::ward::{Payload, Ward, key, tell};

on_both_databases!(
    five_hundred_messages_of_a_wrong_clock_are_replayed_at_once,
    one_message_is_shown_replayed_and_dismissed,
    those_of_a_misnamed_unit_are_given_to_the_right_one,
    commands_work_while_sessions_arrive,
);

/// The program as it is installed, on the ward's database.
fn homeward(ward: &Ward, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_homeward"))
        .args(arguments)
        .env_clear()
        .env("HOMEWARD_DATABASE__URL", ward.url())
        .output()
        .unwrap()
}

/// What it prints, and its exit code, which must be this.
#[track_caller]
fn says(ward: &Ward, code: i32, arguments: &[&str]) -> (String, String) {
    let output = homeward(ward, arguments);
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
    (out, err)
}

#[track_caller]
fn json(ward: &Ward, arguments: &[&str]) -> Value {
    let (out, _) = says(ward, 0, &[arguments, &["--json"]].concat());
    serde_json::from_str(&out).unwrap()
}

/// The program has the machine's own clock: what it judges as of now must have been sent lately.
fn lately() -> DateTime<Utc> {
    let now = homeward::clock::Clock::Wall.now();
    now - TimeDelta::days(2) - TimeDelta::microseconds(i64::from(now.timestamp_subsec_micros()))
}

async fn five_hundred_messages_of_a_wrong_clock_are_replayed_at_once(database: TestDatabase) {
    let ward = Ward::over(database);
    let came = lately();
    let mut plan = plan(&[gain(), spo2()]);
    plan["effective_from"] = json!(came - TimeDelta::days(1000));
    let patient = ward.patient(Some(plan)).await;
    let since = came - TimeDelta::days(1000);
    for name in ["HU-1", "HU-2"] {
        ward.unit(name).await;
        ward.assign_for(name, patient, (since, None), came).await;
    }
    // The unit's clock is 500 days behind; a session every half hour of the last ten days.
    let behind = TimeDelta::days(500);
    for number in 0..500_u32 {
        let taken = came - TimeDelta::minutes(30) * i32::try_from(number).unwrap() - behind;
        let said = session(u128::from(number), taken).breathes(if number == 7 { 85.0 } else { 97.0 });
        ward.send("HU-1", said, came).await;
    }
    ward.send("HU-2", session(1, came - behind).breathes(97.0), came)
        .await;
    let seconds = behind.num_seconds().to_string();
    let listed = json(&ward, &["quarantine", "list", "--unit", "HU-1", "--limit", "500"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 500);
    let replay = [
        "quarantine",
        "replay",
        "--all",
        "--reason",
        "clock_fault",
        "--unit",
        "HU-1",
        "--shift",
        &seconds,
        "--note",
        "the unit's battery was changed",
    ];
    let summary = json(&ward, &replay);
    assert_eq!(
        (&summary["stored"], &summary["duplicate"], &summary["rejected"]),
        (&json!(500), &json!(0), &json!(0))
    );
    assert_eq!(ward.history(patient).await.len(), 500);
    let found = ward.findings_of(&key("HU-1", 7)).await;
    let found: Vec<String> = found.iter().map(tell).collect();
    assert_eq!(found, ["7 limits.spo2.red_low red late"]);
    let waits = json(&ward, &["quarantine", "list"]);
    assert_eq!(
        waits["items"][0]["unit_id"], "HU-2",
        "the other unit's still waits"
    );
    let mut tx = ward.db.read().await.unwrap();
    let shifts = store::shift::of_sessions(&mut tx, &[key("HU-1", 7)])
        .await
        .unwrap();
    assert_eq!(shifts[0].reason, "the unit's battery was changed");
    assert_eq!(shifts[0].by.name, "homeward quarantine replay");
    drop(tx);
    let (out, _) = says(&ward, 0, &replay);
    assert_eq!(out, "0 stored, 0 stored already, 0 refused again.\n");
    let listed = json(
        &ward,
        &["quarantine", "list", "--state", "replayed", "--limit", "500"],
    );
    assert_eq!(listed["items"][0]["taken_in"]["outcome"], "stored");
    assert_eq!(listed["items"].as_array().unwrap().len(), 500);
}

async fn one_message_is_shown_replayed_and_dismissed(database: TestDatabase) {
    let ward = Ward::over(database);
    let came = lately();
    ward.send("HU-9", session(1, came).breathes(97.0), came).await;
    ward.send("HU-9", "{", came).await;
    let listed = json(&ward, &["quarantine", "list", "--reason", "unregistered"]);
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let (out, err) = says(&ward, 1, &["quarantine", "replay", &id]);
    assert!(
        out.contains("rejected") && out.contains("no unit is registered under this name"),
        "{out}"
    );
    assert_eq!(err, "One message was refused again.\n");
    let (out, _) = says(&ward, 0, &["quarantine", "show", &id]);
    assert!(out.contains("refused again 1 times, last: unregistered"), "{out}");
    ward.unit("HU-1").await;
    let (out, _) = says(&ward, 0, &["quarantine", "replay", &id, "--unit", "HU-1"]);
    assert_eq!(out, "1 stored, 0 stored already, 0 refused again.\n");
    assert!(ward.session(&key("HU-1", 1)).await.is_some());
    let (_, err) = says(&ward, 1, &["quarantine", "replay", &id]);
    assert!(
        err.starts_with("Refused: the message was replayed by homeward quarantine replay at"),
        "{err}"
    );
    let shown = json(&ward, &["quarantine", "show", &id]);
    assert_eq!(
        (&shown["state"], &shown["taken_in"]["unit_id"]),
        (&json!("replayed"), &json!("HU-1"))
    );
    let listed = json(&ward, &["quarantine", "list"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    // Who has the machine is on record as well.
    let looks = looks(&ward.db).await;
    let acts: Vec<_> = looks
        .iter()
        .map(|seen| {
            (
                seen.asked.act.as_str(),
                seen.asked.actor_kind,
                seen.asked.subject_id.as_deref(),
            )
        })
        .collect();
    let (list, show) = ("quarantine.read", "quarantined_message.read");
    assert_eq!(
        acts,
        [
            (list, ActorKind::Command, None),
            (show, ActorKind::Command, Some(id.as_str())),
            (show, ActorKind::Command, Some(id.as_str())),
            (list, ActorKind::Command, None),
        ]
    );
    let bad = listed["items"][0]["id"].as_str().unwrap();
    says(&ward, 1, &["quarantine", "replay", bad]);
    let dismissed = json(&ward, &["quarantine", "dismiss", bad, "--reason", "line noise"]);
    assert_eq!(
        (&dismissed["state"], &dismissed["decision_reason"]),
        (&json!("dismissed"), &json!("line noise"))
    );
    let (_, err) = says(&ward, 1, &["quarantine", "dismiss", bad, "--reason", "again"]);
    assert!(err.contains("was dismissed by"), "{err}");
    says(
        &ward,
        1,
        &[
            "quarantine",
            "dismiss",
            &Uuid::from_u128(5).to_string(),
            "--reason",
            "x",
        ],
    );
    assert_eq!(json(&ward, &["quarantine", "list"]), json!({ "items": [] }));
}

async fn those_of_a_misnamed_unit_are_given_to_the_right_one(database: TestDatabase) {
    let ward = Ward::over(database);
    let came = lately();
    ward.unit("HU-1").await;
    for number in 1..=3 {
        ward.send("HU1", session(number, came).breathes(97.0), came).await;
    }
    ward.send("HU2", session(4, came).breathes(97.0), came).await;
    let (out, _) = says(
        &ward,
        0,
        &[
            "quarantine",
            "replay",
            "--all",
            "--unit",
            "HU1",
            "--as-unit",
            "HU-1",
        ],
    );
    assert_eq!(out, "3 stored, 0 stored already, 0 refused again.\n");
    let (_, err) = says(&ward, 1, &["quarantine", "replay", "--all"]);
    assert_eq!(err, "One message was refused again.\n");
}

async fn commands_work_while_sessions_arrive(database: TestDatabase) {
    let ward = Ward::over(database);
    let came = lately();
    ward.unit("HU-1").await;
    for number in 1..=120 {
        ward.send("HU-9", session(number, came).breathes(97.0), came)
            .await;
    }
    let busy = Ward::on(&ward.db, 5);
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let arriving = tokio::spawn(async move {
        let mut number = 1000;
        while stopped.try_recv().is_err() {
            let payload = Payload::from(session(number, came).breathes(97.0)).0;
            busy.send("HU-1", payload, came).await;
            number += 1;
            tokio::task::yield_now().await;
        }
        number - 1000
    });
    let url = ward.url().to_owned();
    let replayed = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_homeward"))
            .args(["quarantine", "replay", "--all", "--as-unit", "HU-1", "--json"])
            .env_clear()
            .env("HOMEWARD_DATABASE__URL", url)
            .output()
            .unwrap()
    });
    let output = replayed.await.unwrap();
    stop.send(()).unwrap();
    let arrived = arriving.await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["stored"], json!(120));
    assert!(arrived > 0);
}
