//! Whole runs of the command against Mosquitto and a service that keeps the contract, or does not.

use std::collections::BTreeMap;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::service::{Service, Temper};
use crate::broker::{Mosquitto, mosquitto};

fn load(broker: &Mosquitto, args: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_home-unit"));
    command
        .args([
            "load",
            "--json",
            "--broker",
            &format!("mqtt://{}", broker.address),
        ])
        .args(args)
        .env("HOME_UNIT_PASSWORD", "service")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn summary(output: &Output, code: i32) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{stderr}\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_dirty_load_over_one_login_gets_exactly_the_receipts_that_were_foretold() {
    let Some(broker) = mosquitto(&[]) else { return };
    let mut service = Service::start(broker.address.port(), now(), Temper::Good).await;
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("expected.jsonl");
    let mut command = load(
        &broker,
        &["--units", "30", "--connections", "2", "--username", "service"],
    );
    command
        .args([
            "--sessions",
            "2000",
            "--duplicates",
            "5%",
            "--conflicts",
            "0.02",
            "--malformed",
            "4%",
        ])
        .args(["--late", "3%", "--window", "300", "--expect"])
        .arg(&expected);
    let output = service.during(command.output()).await.unwrap();
    let summary = summary(&output, 0);
    let expected: Vec<Value> = std::fs::read_to_string(expected)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let count = |outcome: &str| expected.iter().filter(|line| line["outcome"] == outcome).count();
    let counts = &summary["counts"];
    assert_eq!(
        [
            &counts["stored"],
            &counts["duplicate"],
            &counts["rejected"],
            &counts["wrong"],
            &counts["resent"]
        ],
        [count("stored"), count("duplicate"), count("rejected"), 0, 0],
        "{summary}"
    );
    assert_eq!(
        [&counts["first"], &counts["second"], &summary["missing"]],
        [2000, 140, 0]
    );
    assert_eq!(summary["latency_ms"]["count"], 1920);
    // What the service has is what the file says, session by session and fault by fault.
    let stored = expected.iter().filter(|line| line["outcome"] == "stored");
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let mut held = 0;
    for line in stored {
        let session = &service.stored[&(text(line, "unit_id"), text(line, "session_id"))];
        assert_eq!(session["completed_at"], line["completed_at"]);
        held += 1;
    }
    assert_eq!(service.stored.len(), held);
    let mut codes: BTreeMap<String, u64> = BTreeMap::new();
    for line in expected.iter().filter(|line| !line["code"].is_null()) {
        *codes.entry(text(line, "code")).or_default() += 1;
    }
    let quarantine: BTreeMap<_, _> = service
        .quarantine
        .iter()
        .map(|(code, n)| ((*code).to_owned(), *n))
        .collect();
    assert_eq!(quarantine, codes);
}

#[tokio::test]
async fn units_send_again_what_has_no_receipt_at_a_rate_and_by_either_protocol() {
    for version in ["5", "3"] {
        let units = ["HU-1", "HU-2", "HU-3"].map(|unit| (unit, "secret"));
        let Some(broker) = mosquitto(&units) else { return };
        let mut service = Service::start(broker.address.port(), now(), Temper::Forgetful(10)).await;
        let folder = tempfile::tempdir().unwrap();
        let cohort = folder.path().join("units.csv");
        std::fs::write(&cohort, "unit_id,secret\nHU-1,secret\nHU-2,secret\nHU-3,secret\n").unwrap();
        let mut command = load(
            &broker,
            &["--mqtt", version, "--sessions", "300", "--rate", "600", "--now"],
        );
        command
            .args(["--duplicates", "10%", "--resend", "0.2", "--cohort"])
            .arg(&cohort);
        let output = service.during(command.output()).await.unwrap();
        let summary = summary(&output, 0);
        assert_eq!(summary["missing"], 0);
        assert_eq!(service.stored.len(), 300);
        // 330 receipts were due, and one in ten of all that were given never came.
        let count = |what: &str| summary["counts"][what].as_u64().unwrap();
        assert!(count("resent") >= 33, "{summary}");
        assert_eq!(count("stored") + count("stored_receipt_lost"), 300);
        assert!(count("stored_receipt_lost") > 0);
        // Half a second is what the rate takes; a session that was resent waited longer than 0.2 s.
        assert!(summary["seconds"].as_f64().unwrap() >= 0.49, "{summary}");
        assert!(
            summary["latency_ms"]["max"].as_f64().unwrap() >= 200.0,
            "{summary}"
        );
        assert_eq!(summary["step_seconds"], Value::Null);
    }
}

#[tokio::test]
async fn a_session_that_is_never_answered_or_answered_wrongly_is_exit_code_1() {
    for temper in [Temper::SilentOnce, Temper::WrongOnce] {
        let Some(broker) = mosquitto(&[]) else { return };
        let mut service = Service::start(broker.address.port(), now(), temper).await;
        let mut command = load(
            &broker,
            &["--units", "5", "--connections", "1", "--username", "service"],
        );
        command.args(["--sessions", "40", "--timeout", "2"]);
        let output = service.during(command.output()).await.unwrap();
        let summary = summary(&output, 1);
        let stderr = String::from_utf8_lossy(&output.stderr);
        if temper == Temper::SilentOnce {
            assert_eq!(
                (&summary["missing"], &summary["ending"]),
                (&1.into(), &"timed_out".into())
            );
            assert!(
                stderr.contains("1 sessions without their receipt (the time is up)"),
                "{stderr}"
            );
            let name = summary["missing_examples"][0].as_str().unwrap();
            let (unit_id, session_id) = name.split_once(' ').unwrap();
            assert!(
                service
                    .stored
                    .contains_key(&(unit_id.to_owned(), session_id.to_owned()))
            );
        } else {
            assert_eq!(
                (&summary["missing"], &summary["counts"]["wrong"]),
                (&0.into(), &1.into())
            );
            assert!(stderr.contains("1 receipts that should not be"), "{stderr}");
        }
    }
}

#[tokio::test]
async fn a_broker_that_is_killed_and_started_again_costs_nothing() {
    let Some(mut broker) = mosquitto(&[]) else { return };
    let mut service = Service::start(broker.address.port(), now(), Temper::Good).await;
    let mut command = load(
        &broker,
        &["--units", "20", "--connections", "2", "--username", "service"],
    );
    command
        .args([
            "--sessions",
            "1500",
            "--rate",
            "1500",
            "--malformed",
            "5%",
            "--duplicates",
            "5%",
        ])
        .args(["--resend", "1", "--crashes"]);
    let child = command.spawn().unwrap();
    service.until_stored(300).await;
    broker.restart();
    let output = service.during(child.wait_with_output()).await.unwrap();
    let summary = summary(&output, 0);
    assert_eq!(service.stored.len(), 1425, "{summary}");
    assert!(summary["reconnections"].as_u64().unwrap() >= 3, "{summary}");
    assert!(summary["counts"]["resent"].as_u64().unwrap() > 0, "{summary}");
}

#[tokio::test]
async fn a_login_that_may_not_publish_for_others_ends_the_run() {
    let Some(broker) = mosquitto(&[("HU-1", "secret")]) else {
        return;
    };
    let mut command = load(
        &broker,
        &[
            "--units",
            "2",
            "--connections",
            "1",
            "--username",
            "HU-1",
            "--password",
            "secret",
        ],
    );
    command.args(["--sessions", "10"]);
    let output = command.output().await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("external broker"), "{stderr}");
    command = load(
        &broker,
        &[
            "--units",
            "2",
            "--connections",
            "1",
            "--username",
            "HU-1",
            "--password",
            "wrong",
        ],
    );
    let output = command.output().await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("refuses"), "{stderr}");
}

/// What the service's clock shows: the command dates its sessions before its own, which is the wall clock's.
fn now() -> chrono::DateTime<chrono::Utc> {
    simulator::clock::Clock::real().now().real
}
