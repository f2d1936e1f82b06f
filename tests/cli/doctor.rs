//! The doctor finds each staged fault, says what to do, and disturbs nobody.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use homeward::app;
use homeward::clock::Clock;
use homeward::config::Config;
use homeward::domain::ids::Ids;
use homeward::ingest::arrival::Arrival;
use homeward::ingest::batch::{self, Keeper};
use homeward::store::{Connections, Db};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::databases;
use crate::support::mosquitto::Mosquitto;

fn nowhere() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

struct Machine {
    folder: TempDir,
    over: Vec<(String, String)>,
}

impl Machine {
    /// On which nothing runs and nobody listens.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let over = [
            (
                "HOMEWARD_DATA__DIR",
                folder.path().join("data").display().to_string(),
            ),
            ("HOMEWARD_HTTP__LISTEN", nowhere().to_string()),
            ("HOMEWARD_MQTT__LISTEN", nowhere().to_string()),
        ];
        Self {
            folder,
            over: over.map(|(key, value)| (key.to_owned(), value)).into(),
        }
    }

    fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.over.push((key.to_owned(), value.into()));
        self
    }

    fn doctor(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_homeward"))
            .arg("doctor")
            .args(arguments)
            .env_clear()
            .envs(self.over.iter().map(|(key, value)| (key, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The exit code and a line a check: `verdict check found`.
    fn examined(&self) -> (i32, String) {
        let output = self.doctor(&["--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut lines = String::new();
        for check in report["checks"].as_array().unwrap() {
            let verdict = check["verdict"].as_str().unwrap();
            assert_eq!(verdict == "ok", check["do"].is_null(), "{check}");
            lines += &format!("{verdict} {} {}\n", check["check"], check["found"]).replace('"', "");
        }
        let code = output.status.code().unwrap();
        assert_eq!(report["healthy"], code == 0, "{lines}");
        (code, lines)
    }

    fn config(&self) -> Config {
        Config::from_parts(None, self.over.clone()).unwrap()
    }

    async fn migrated(&self) -> Db {
        let url = format!("sqlite:{}", self.folder.path().join("data/homeward.db").display());
        let db = Db::connect(&url, Connections::default()).await.unwrap();
        db.migrate().await.unwrap();
        db
    }
}

#[track_caller]
fn says(lines: &str, parts: &[&str]) {
    let found = lines
        .lines()
        .any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(found, "{parts:?} is not in\n{lines}");
}

#[test]
fn a_new_machine_is_no_failure_and_is_told_what_comes_next() {
    let machine = Machine::new();
    let (code, lines) = machine.examined();
    assert_eq!(code, 0, "{lines}");
    says(&lines, &["warning database", "there is no database"]);
    says(&lines, &["warning broker", "embedded, and nobody answers"]);
    says(&lines, &["warning service", "nobody listens"]);
    assert!(!machine.folder.path().join("data").exists(), "it made something");
    let plain = String::from_utf8(machine.doctor(&[]).stdout).unwrap();
    assert!(plain.starts_with("ok       configuration  is sound\n"), "{plain}");
    assert!(
        plain.contains("                        -> start `homeward serve`"),
        "{plain}"
    );
    let help = String::from_utf8(machine.doctor(&["--help"]).stdout).unwrap();
    assert!(
        help.contains("Example:\n  homeward doctor") && help.contains("Exit code 0"),
        "{help}"
    );
}

#[test]
fn a_wrong_configuration_is_all_there_is_to_say() {
    let machine = Machine::new().with("HOMEWARD_MQTT__PORT", "1883");
    let (code, lines) = machine.examined();
    assert_eq!(code, 1);
    says(&lines, &["failed configuration", "mqtt.port", "is not a key"]);
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

#[tokio::test]
async fn what_is_wrong_with_a_sqlite_database_is_found() {
    let machine = Machine::new().with("HOMEWARD_DATABASE__MIGRATE_ON_START", "false");
    let (code, lines) = machine.examined();
    assert_eq!(code, 1);
    says(&lines, &["failed database", "there is no database"]);
    let url = format!(
        "sqlite:{}",
        machine.folder.path().join("data/homeward.db").display()
    );
    Db::connect(&url, Connections::default())
        .await
        .unwrap()
        .close()
        .await;
    let (code, lines) = machine.examined();
    assert_eq!(code, 1);
    says(&lines, &["failed schema", "lacks migrations: 1, "]);

    let db = machine.migrated().await;
    let (code, lines) = machine.examined();
    assert_eq!(code, 0, "{lines}");
    for sound in [
        "ok schema",
        "ok durability",
        "ok quarantine",
        "ok outbox",
        "ok units",
        "ok disk",
        "ok permissions",
    ] {
        says(&lines, &[sound]);
    }
    says(&lines, &["warning monitoring", "has never run"]);

    // Set aside, a unit nobody hears, and a process that was killed.
    let now = Clock::Wall.now();
    let keeper = Keeper {
        db: db.clone(),
        shelf: std::sync::Arc::default(),
        recall: std::sync::Arc::new(homeward::judging::recall::Recall::new(100)),
        hands: std::sync::Arc::default(),
        heard: std::sync::Arc::default(),
        trust: std::sync::Arc::default(),
        ids: Ids::random(),
    };
    let arrival = Arrival::of(
        "homeward/v1/units/HU-404/session",
        b"{".as_slice().into(),
        false,
        now,
    );
    batch::commit(&keeper, &[arrival], now).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let killed = homeward::domain::process::Process {
        id: uuid::Uuid::from_u128(1),
        name: "killed".to_owned(),
        version: "0".to_owned(),
        started_at: now - chrono::TimeDelta::hours(1),
        state: homeward::domain::process::ProcessState::Working,
        said_at: now - chrono::TimeDelta::minutes(10),
        verified_at: None,
        waiting_since: None,
    };
    homeward::store::process::say(&mut tx, &killed).await.unwrap();
    tx.commit().await.unwrap();
    let file = machine.folder.path().join("data/homeward.db");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, lines) = machine.examined();
    assert_eq!(code, 1);
    says(&lines, &["warning quarantine", "1 wait (1 not_json)"]);
    says(&lines, &["failed process", "killed has said nothing since"]);
    says(&lines, &["warning permissions", "homeward.db", "mode 644"]);
    db.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_postgres_is_found() {
    let gone = format!("postgres://homeward:s3cret-word@{}/homeward", nowhere());
    let machine = Machine::new().with("HOMEWARD_DATABASE__URL", gone);
    let output = machine.doctor(&[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("failed   database       cannot be reached"),
        "{said}"
    );
    assert!(!said.contains("s3cret-word"), "{said}");
    assert!(!String::from_utf8(output.stderr).unwrap().contains("s3cret-word"));

    let Some(database) = databases::postgres().await else {
        return;
    };
    let (head, tail) = database.url.split_once('?').unwrap();
    let (server, _) = head.rsplit_once('/').unwrap();
    let missing = Machine::new().with("HOMEWARD_DATABASE__URL", format!("{server}/no_such_one?{tail}"));
    let (code, lines) = missing.examined();
    assert_eq!(code, 1);
    says(&lines, &["failed database", "3D000"]);
    let stranger = database.url.replace("postgres@", "no_such_role@");
    let (code, lines) = Machine::new().with("HOMEWARD_DATABASE__URL", stranger).examined();
    assert_eq!(code, 1);
    says(&lines, &["failed database", "28000"]);

    // The tests' own server is set up for speed, which is just what must not be.
    let machine = Machine::new().with("HOMEWARD_DATABASE__URL", database.url.clone());
    let (code, lines) = machine.examined();
    assert_eq!(code, 1);
    says(&lines, &["failed durability", "fsync is off"]);
    says(&lines, &["ok clock"]);
    says(&lines, &["ok schema"]);
    says(&lines, &["ok database", "PostgreSQL"]);
}

#[tokio::test]
async fn what_is_wrong_with_the_broker_is_found() {
    let gone = Machine::new().with("HOMEWARD_MQTT__URL", format!("mqtt://{}", nowhere()));
    let (code, lines) = gone.examined();
    assert_eq!(code, 1);
    says(&lines, &["failed broker", "not reached"]);

    let folder = TempDir::new().unwrap();
    let Some(closed) = Mosquitto::start("allow_anonymous false") else {
        return;
    };
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "n0t-the-word\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o640)).unwrap();
    let machine = Machine::new()
        .with("HOMEWARD_MQTT__URL", format!("mqtt://{}", closed.addr()))
        .with("HOMEWARD_MQTT__USERNAME", "homeward")
        .with("HOMEWARD_MQTT__PASSWORD_FILE", secret.display().to_string());
    let (code, lines) = machine.examined();
    assert_eq!(code, 1);
    says(&lines, &["failed broker", "refused the sign-in"]);
    says(&lines, &["warning permissions", "mqtt.password", "mode 640"]);
    assert!(!lines.contains("n0t-the-word"), "{lines}");

    let rules = folder.path().join("acl");
    std::fs::write(&rules, "topic read homeward/v1/units/+/session\n").unwrap();
    let Some(narrow) = Mosquitto::start(&format!("acl_file {}\nmax_packet_size 20000", rules.display()))
    else {
        return;
    };
    let machine = Machine::new().with("HOMEWARD_MQTT__URL", format!("mqtt://{}", narrow.addr()));
    let (code, lines) = machine.examined();
    assert_eq!(code, 0, "{lines}");
    says(&lines, &["warning round trip"]);
    says(&lines, &["warning broker", "packets of 20000 bytes at most"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_running_service_it_takes_nothing() {
    let Some(mosquitto) = Mosquitto::start("") else {
        return;
    };
    let machine = Machine::new()
        .with("HOMEWARD_MQTT__URL", format!("mqtt://{}", mosquitto.addr()))
        .with("HOMEWARD_MQTT__GROUP", "shared");
    let app = app::start(&machine.config(), Clock::Wall, Ids::random())
        .await
        .unwrap();
    let desk = homeward::desk::Desk {
        db: app.db.clone(),
        clock: Clock::Wall,
        ids: Ids::random(),
    };
    let caller = homeward::desk::Caller::command("test");
    let mut act = desk.begin(caller).await.unwrap();
    homeward::desk::unit::register(&mut act, &"HU-1".parse().unwrap())
        .await
        .unwrap();
    act.commit().await.unwrap();
    let mut unit = home_unit::test_unit::TestUnit::connect(mosquitto.addr(), "HU-1", "")
        .await
        .unwrap();
    // Sessions come all the while; each is receipted, so none went to the doctor instead.
    let examining = std::thread::spawn(move || (machine.examined(), machine));
    let mut number = 0;
    while !examining.is_finished() || number < 50 {
        number += 1;
        let session = home_unit::payload::Session::new(uuid::Uuid::from_u128(number), Clock::Wall.now());
        unit.send(&session).unwrap();
        let receipt = unit.receipt(session.session_id).await.unwrap();
        assert_eq!(receipt.outcome, home_unit::payload::Outcome::Stored);
    }
    let ((code, lines), machine) = examining.join().unwrap();
    assert_eq!(code, 0, "{lines}");
    for sound in ["ok round trip", "ok subscription", "ok service", "ok monitoring"] {
        says(&lines, &[sound]);
    }
    says(&lines, &["ok process", "homeward takes sessions in"]);
    let json = machine.doctor(&["--json"]);
    assert!(!String::from_utf8(json.stdout).unwrap().contains("\"failed\""));
    app.stop().await;
}
