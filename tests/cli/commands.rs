//! The first people, units and tokens, from the program as it is installed.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use homeward::clock::Clock;
use homeward::config::Config;
use homeward::desk::password::Passwords;
use homeward::desk::{secret, sign_in};
use homeward::domain::ids::Ids;
use homeward::domain::staff::Role;
use homeward::store::{self, Connections, Db};
use homeward::web;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::trail;

struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn url(&self) -> String {
        // In a folder that is not there yet.
        format!("sqlite:{}", self.folder.path().join("data/homeward.db").display())
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_homeward"))
            .args(arguments)
            .env_clear()
            .env("HOMEWARD_DATABASE__URL", self.url())
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses its arguments reads nothing.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        child.wait_with_output().unwrap()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.run(arguments, input);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        assert_eq!(errors(&output), "");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn db(&self) -> Db {
        Db::connect(&self.url(), Connections::default()).await.unwrap()
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const NURSE: [&str; 9] = [
    "staff",
    "add",
    "--username",
    "s.nurse",
    "--name",
    "Sister Nurse",
    "--role",
    "specialist_nurse",
    "--password-stdin",
];

#[tokio::test]
async fn the_first_nurse_unit_and_token() {
    let machine = Machine::new();
    let nurse = [&NURSE[..], &["--team", "North", "--json"]].concat();
    let nurse = machine.json(&nurse, "correct horse battery\nsecond line\n");
    assert_eq!(
        (&nurse["username"], &nurse["active"]),
        (&"s.nurse".into(), &true.into())
    );
    let unit = machine.json(&["unit", "add", "--unit-id", "HU-1", "--json"], "");
    let token = machine.json(
        &["token", "issue", "--name", "wall", "--role", "admin", "--json"],
        "",
    );
    assert_eq!(unit.as_object().unwrap().len(), 2);
    assert_eq!(token.as_object().unwrap().len(), 1);

    let db = machine.db().await;
    let caller = sign_in::by_token(&db, token["token"].as_str().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(caller.role, Role::Admin);
    let mut tx = db.read().await.unwrap();
    let kept = store::unit::secret_hash(&mut tx, &"HU-1".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept, secret::hash(unit["secret"].as_str().unwrap()));
    let teams = store::team::list(&mut tx).await.unwrap();
    assert_eq!(nurse["team_id"], teams[0].id.to_string());
    let acts: Vec<(String, String, &str)> = trail::acts(&db)
        .await
        .into_iter()
        .map(|entry| (entry.act, entry.actor_name, entry.actor_kind.word()))
        .collect();
    let expected = [
        ("token.issue", "homeward token issue"),
        ("unit.register", "homeward unit add"),
        ("staff.add", "homeward staff add"),
        ("team.add", "homeward staff add"),
    ];
    assert_eq!(
        acts,
        expected.map(|(act, by)| (act.to_owned(), by.to_owned(), "command"))
    );
    drop(tx);

    let config = Config::from_parts(None, []).unwrap();
    let service = web::ServiceView::new(Vec::new);
    let state = web::State::new(&config, db, Clock::Wall, Ids::random(), service);
    let password = "correct horse battery".to_owned().into();
    let passwords = Passwords::default();
    let signed = sign_in::sign_in(&state.desk, &passwords, "s.nurse", password, 1);
    assert!(signed.await.unwrap().is_some());
}

#[test]
fn refusals_are_one_plain_sentence_and_exit_1() {
    let machine = Machine::new();
    let unit = ["unit", "add", "--unit-id", "HU-1"];
    assert_eq!(machine.run(&unit, "").status.code(), Some(0));
    let again = machine.run(&unit, "");
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        errors(&again),
        "Refused: a unit with this id is registered already.\n"
    );
    assert!(again.stdout.is_empty());
    let short = machine.run(&NURSE, "short\n");
    assert_eq!(short.status.code(), Some(1));
    assert!(
        errors(&short).contains("at least 12 characters"),
        "{}",
        errors(&short)
    );
}

#[test]
fn wrong_use_is_exit_2_and_says_what_is_right() {
    let machine = Machine::new();
    for (arguments, said) in [
        (
            &["unit", "add", "--unit-id", "no spaces"][..],
            "a unit id is 1 to 64 letters",
        ),
        (
            &["token", "issue", "--name", "x", "--role", "boss"],
            "the roles are call_handler",
        ),
        (
            &[
                "staff",
                "add",
                "--username",
                "u",
                "--name",
                "n",
                "--role",
                "senior",
            ],
            "--password-stdin",
        ),
        (&["quarantine", "list", "--limit", "501"], "501"),
        (
            &["quarantine", "list", "--reason", "odd"],
            "the reasons are not_json",
        ),
        (&["quarantine", "replay"], "--all"),
        (
            &[
                "quarantine",
                "replay",
                "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11",
                "--all",
            ],
            "--all",
        ),
        (
            &[
                "quarantine",
                "replay",
                "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11",
                "--reason",
                "poison",
            ],
            "--all",
        ),
        (
            &["quarantine", "replay", "--all", "--shift", "60"],
            "it needs --unit",
        ),
        (
            &["quarantine", "dismiss", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11"],
            "--reason",
        ),
        (&["conjure"], "conjure"),
        (&[], "Usage"),
    ] {
        let output = machine.run(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            errors(&output).contains(said),
            "{arguments:?}: {}",
            errors(&output)
        );
    }
    assert!(
        !machine.folder.path().join("data").exists(),
        "nothing was touched"
    );
}

#[test]
fn a_wrong_configuration_is_told_whole() {
    let machine = Machine::new();
    let file = machine.folder.path().join("wrong.toml");
    std::fs::write(&file, "[http]\nlisen = 1\n[log]\nlevel = \"loud\"\n").unwrap();
    let output = machine.run(&["check-config", "--config", file.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(
        said.contains("http.lisen") && said.contains("log.level"),
        "{said}"
    );
    let sound = machine.run(&["check-config"], "");
    let shown = String::from_utf8(sound.stdout).unwrap();
    assert_eq!(sound.status.code(), Some(0));
    assert!(
        shown.contains("database.url = (secret)  (HOMEWARD_DATABASE__URL)"),
        "{shown}"
    );
    assert_eq!(
        machine.json(&["check-config", "--json"], "")["http.listen"]["place"],
        "default"
    );
}

#[test]
fn migrations_are_applied_once() {
    let machine = Machine::new();
    let said = |output: Output| String::from_utf8(output.stdout).unwrap();
    assert!(said(machine.run(&["migrate"], "")).contains("applied"));
    assert_eq!(
        said(machine.run(&["migrate"], "")),
        "The database is up to date.\n"
    );
    assert_eq!(
        machine.json(&["quarantine", "list", "--json"], ""),
        serde_json::json!({"items": []})
    );
    let missing = machine.run(
        &["quarantine", "show", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11"],
        "",
    );
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn the_document_is_printed_without_a_service() {
    let machine = Machine::new();
    let printed = machine.json(&["openapi"], "");
    assert_eq!(
        printed,
        serde_json::to_value(homeward::web::openapi::document()).unwrap()
    );
}

#[test]
fn schemas_are_printed_without_a_service_one_or_all() {
    let machine = Machine::new();
    let all = machine.json(&["schema"], "");
    assert_eq!(
        all.as_object().unwrap().len(),
        homeward::wire::schema::NAMES.len()
    );
    for name in homeward::wire::schema::NAMES {
        let one = machine.json(&["schema", name], "");
        assert_eq!(one, homeward::wire::schema::named(name).unwrap().document());
        assert_eq!(one, all[name]);
    }
    let wrong = machine.run(&["schema", "sessions"], "");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(errors(&wrong).contains("session-sound"), "{}", errors(&wrong));
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let machine = Machine::new();
    for command in [
        &["judge"][..],
        &["migrate"],
        &["check-config"],
        &["staff", "add"],
        &["unit", "add"],
        &["token", "issue"],
        &["quarantine", "list"],
        &["quarantine", "show"],
        &["quarantine", "replay"],
        &["quarantine", "dismiss"],
        &["openapi"],
        &["schema"],
    ] {
        let output = machine.run(&[command, &["--help"]].concat(), "");
        let help = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(help.contains("Example:\n  "), "{command:?}: {help}");
    }
}

#[tokio::test]
async fn whoever_only_looks_makes_no_tables() {
    let machine = Machine::new();
    let output = machine.run(&["quarantine", "list"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("homeward migrate"),
        "{}",
        errors(&output)
    );
    let pending = machine.db().await.pending_migrations().await.unwrap();
    assert_eq!(pending.first(), Some(&1), "not even the first was applied");
}
