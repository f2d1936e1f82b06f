//! What stands is what judging gives, until somebody damages it: then the command says where, and mends it if it is told to.

use std::process::{Command, Output};

use homeward::domain::alert::About;
use homeward::domain::finding::Class;
use homeward::domain::ids::PatientId;
use homeward::domain::reading::Decision;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, ankles, both, from, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, key, tell};

on_both_databases!(
    a_history_with_everything_in_it_stands_as_it_is_judged,
    damage_is_named_by_its_place_and_mended_only_where_asked,
    a_period_leaves_the_rest_alone,
    what_cannot_be_meant_is_wrong_use,
);

fn homeward(ward: &Ward, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_homeward"))
        .arg("replay")
        .args(arguments)
        .env_clear()
        .env("HOMEWARD_DATABASE__URL", ward.url())
        .output()
        .unwrap()
}

#[track_caller]
fn json(ward: &Ward, code: i32, arguments: &[&str]) -> Value {
    let output = homeward(ward, &[arguments, &["--json"]].concat());
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
    serde_json::from_str(&out).unwrap()
}

fn counts(summary: &Value) -> [u64; 5] {
    ["patients", "sessions", "findings", "differences", "mended"].map(|key| summary[key].as_u64().unwrap())
}

/// `session what finding parts`.
fn differences(summary: &Value) -> Vec<String> {
    let items = summary["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            let number = item["session_id"]
                .as_str()
                .unwrap()
                .parse::<Uuid>()
                .unwrap()
                .as_u128();
            let parts: Vec<&str> = item["parts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|part| part.as_str().unwrap())
                .collect();
            let what = item["what"].as_str().unwrap();
            let finding = item["finding"].as_str().unwrap_or("-");
            format!("{number} {what} {finding} [{}]", parts.join(" "))
        })
        .collect()
}

/// Two weeks with a rise of weight and a symptom, a jump that was accepted, a reading excluded, a version dated back, a late session.
async fn history(ward: &Ward) -> PatientId {
    let rules = [gain(), spo2(), ankles(), both(48)];
    let patient = ward.patient_with("HU-1", plan(&rules)).await;
    for (number, day, kg, breath) in [
        (1, "10", 80.0, 97.0),
        (2, "11", 80.5, 91.0),
        (3, "12", 82.2, 96.0),
        (4, "13", 95.0, 89.0),
        (5, "14", 82.0, 95.0),
        (7, "16", 84.5, 88.0),
    ] {
        let taken = at(&format!("{day}T09:00"));
        let said = session(number, taken)
            .weighs(kg)
            .breathes(breath)
            .ankles(if number == 3 { "yes" } else { "no" });
        ward.send("HU-1", said, taken).await;
    }
    let now = at("17T09:00");
    ward.send(
        "HU-1",
        session(6, at("15T09:00")).weighs(81.0).breathes(91.5),
        now,
    )
    .await;
    ward.decide(&key("HU-1", 7), 1, Decision::Exclude, now).await;
    ward.put_plan(patient, from("12T00:00", plan(&[gain(), spo2()])), now)
        .await;
    patient
}

async fn a_history_with_everything_in_it_stands_as_it_is_judged(database: TestDatabase) {
    let ward = Ward::over(database);
    history(&ward).await;
    let nobody = ward.patient(None).await;
    let summary = json(&ward, 0, &[]);
    let [patients, sessions, findings, differences, mended] = counts(&summary);
    assert_eq!(
        (patients, sessions, differences, mended),
        (2, 7, 0, 0),
        "{summary}"
    );
    assert!(findings >= 5, "it has something to compare: {summary}");
    assert_eq!(
        counts(&json(&ward, 0, &["--patient", &nobody.to_string()])),
        [1, 0, 0, 0, 0]
    );
    let output = homeward(&ward, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text,
        format!("2 patients, 7 sessions, {findings} findings: 0 differ from what stands.\n")
    );
}

async fn damage_is_named_by_its_place_and_mended_only_where_asked(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = history(&ward).await;
    let before = ward.all_findings(patient).await;
    let sessions = ward.history(patient).await;
    let alerts = ward.alerts().await.len();
    let damaged = |number: u128, rule: &str| {
        let found = before.iter().find(|row| {
            row.finding.rule == rule
                && row.finding.session == Some(key("HU-1", number))
                && row.state == homeward::domain::finding::FindingState::Current
        });
        found
            .unwrap_or_else(|| {
                panic!(
                    "{rule} of {number} in {:?}",
                    before.iter().map(tell).collect::<Vec<_>>()
                )
            })
            .id
            .0
    };
    let said = damaged(2, "limits.spo2");
    ward.execute(
        "update finding set detail = replace(detail, '91', '90.5') where id = $1",
        said,
    )
    .await;
    let lowered = damaged(4, "limits.spo2");
    ward.execute("update finding set severity = 'context' where id = $1", lowered)
        .await;
    let lost = damaged(7, "gain");
    ward.execute("update finding set state = 'superseded' where id = $1", lost)
        .await;
    // What was superseded by the version dated back stands again.
    let revived = before
        .iter()
        .find(|row| row.finding.rule == "both")
        .expect("it was superseded")
        .id
        .0;
    ward.execute("update finding set state = 'current' where id = $1", revived)
        .await;
    ward.execute(
        "update session set fired = '[]' where session_id = $1",
        key("HU-1", 3).session_id,
    )
    .await;
    let expected = [
        "2 differs limits.spo2.amber_low amber [numbers sentence]",
        "3 session - [fired]",
        "3 unfounded both red []",
        "4 differs limits.spo2.red_low red [severity]",
        "7 missing gain amber []",
    ];
    let summary = json(&ward, 1, &[]);
    assert_eq!(differences(&summary), expected);
    assert!(
        !summary.to_string().contains("90.5"),
        "it shows no reading: {summary}"
    );
    assert_eq!(
        differences(&json(&ward, 1, &[])),
        expected,
        "looking changes nothing"
    );
    let lines = homeward(&ward, &["--patient", &patient.to_string()]);
    assert_eq!(lines.status.code(), Some(1));
    let text = String::from_utf8(lines.stdout).unwrap();
    assert!(
        text.contains("  differs  limits.spo2.red_low red  severity\n"),
        "{text}"
    );
    let mended = json(&ward, 0, &["--mend"]);
    assert_eq!(
        (differences(&mended).len(), counts(&mended)[4]),
        (5, 5),
        "{mended}"
    );
    assert_eq!(counts(&json(&ward, 0, &[]))[3], 0);
    assert_eq!(
        ward.all_findings(patient).await,
        before,
        "with when each was first made"
    );
    assert_eq!(ward.history(patient).await, sessions);
    assert_eq!(
        ward.alerts().await.len(),
        alerts,
        "what was lost stood on the alert that is open"
    );
    ward.open(About::Patient(patient), Class::Clinical).await;
    let recorded = ward.recorded().await;
    let (act, detail) = recorded.last().unwrap();
    assert_eq!(
        (act.as_str(), detail),
        ("findings.mend", &json!({"differences": 5, "mended": 5}))
    );
}

async fn a_period_leaves_the_rest_alone(database: TestDatabase) {
    let ward = Ward::over(database);
    history(&ward).await;
    for number in [2, 5] {
        let sql = "update session set plan_version = 9 where session_id = $1";
        ward.execute(sql, key("HU-1", number).session_id).await;
    }
    let (early, late) = ("2026-11-12T00:00:00Z", "2026-11-14T00:00:00Z");
    assert_eq!(
        differences(&json(&ward, 1, &[])),
        ["2 session - [plan_version]", "5 session - [plan_version]"]
    );
    assert_eq!(
        differences(&json(&ward, 1, &["--from", early])),
        ["5 session - [plan_version]"]
    );
    assert_eq!(
        differences(&json(&ward, 1, &["--to", late])),
        ["2 session - [plan_version]"]
    );
    assert_eq!(
        counts(&json(&ward, 0, &["--from", early, "--to", late])),
        [1, 2, 3, 0, 0]
    );
    assert_eq!(counts(&json(&ward, 0, &["--from", early, "--mend"]))[4], 1);
    assert_eq!(
        differences(&json(&ward, 1, &[])),
        ["2 session - [plan_version]"],
        "what lies before stays as it is"
    );
}

async fn what_cannot_be_meant_is_wrong_use(database: TestDatabase) {
    let ward = Ward::over(database);
    for (code, arguments) in [
        (2, &["--from", "2026-11-12"][..]),
        (
            2,
            &["--from", "2026-11-12T00:00:00Z", "--to", "2026-11-12T00:00:00Z"],
        ),
        (2, &["--patient", "somebody"]),
        (1, &["--patient", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11"]),
        (0, &["--help"]),
        (0, &[]),
    ] {
        assert_eq!(
            homeward(&ward, arguments).status.code(),
            Some(code),
            "{arguments:?}"
        );
    }
}
