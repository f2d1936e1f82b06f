//! Whoever watches the service from outside is told the truth: exact counts, and at every moment whether it works.
#![expect(clippy::float_cmp, reason = "they are whole numbers, and told exactly")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use home_unit::payload::Outcome;
use homeward::app::{self, App};
use homeward::clock::Clock;
use homeward::config::Config;
use homeward::domain::ids::Ids;
use serde_json::Value;
use tempfile::TempDir;

use super::{on_every_ground, saturation, saturation_plan};
use crate::support::databases::{self, TestDatabase};
use crate::support::hub::{Hub, nine_o_clock};
use crate::support::mosquitto::Mosquitto;

on_every_ground!(every_message_is_counted_once_and_nobody_named);

pub(super) fn value(text: &str, series: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not in {text}"))
        .parse()
        .unwrap()
}

/// Asks until the answer is as wanted; the test's own limit is that of the runner.
pub(super) async fn until(
    mut ask: impl AsyncFnMut() -> (u16, String),
    wanted: impl Fn(u16, &str) -> bool,
) -> String {
    let asking = async {
        loop {
            let (status, text) = ask().await;
            if wanted(status, &text) {
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asking)
        .await
        .expect("it never answered as wanted")
}

async fn every_message_is_counted_once_and_nobody_named(mut hub: Hub) {
    let patient = hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    let before = hub.page("/metrics").await.1;
    assert_eq!(value(&before, "homeward_receipts_total{outcome=\"stored\"}"), 0.0);
    let red = saturation(1, hub.now(), 88.0);
    for (sent, outcome) in [
        (red.clone(), Outcome::Stored),
        (saturation(2, hub.now(), 97.0), Outcome::Stored),
        (red, Outcome::Duplicate),
        (saturation(2, hub.now(), 70.0), Outcome::Rejected),
    ] {
        unit.send(&sent).unwrap();
        assert_eq!(unit.receipt(sent.session_id).await.unwrap().outcome, outcome);
    }
    unit.send_raw("{ this is not json").unwrap();
    let last = saturation(3, hub.now(), 96.0);
    unit.send(&last).unwrap();
    unit.receipt(last.session_id).await.unwrap();

    let (status, text) = hub.page("/metrics").await;
    assert_eq!(status, 200);
    for (series, expected) in [
        ("homeward_receipts_total{outcome=\"stored\"}", 3.0),
        ("homeward_receipts_total{outcome=\"duplicate\"}", 1.0),
        ("homeward_receipts_total{outcome=\"rejected\"}", 1.0),
        ("homeward_rejected_total{reason=\"not_json\"}", 1.0),
        ("homeward_rejected_total{reason=\"session_conflict\"}", 1.0),
        ("homeward_findings_total{kind=\"limits\",severity=\"red\"}", 1.0),
        (
            "homeward_findings_total{kind=\"session_conflict\",severity=\"red\"}",
            1.0,
        ),
        ("homeward_ingest_held_messages", 0.0),
        ("homeward_ingest_lag_seconds", 0.0),
        ("homeward_ingest_stores", 1.0),
        ("homeward_ingest_retries_total", 0.0),
        ("homeward_broker_connected{connection=\"inbound\"}", 1.0),
        ("homeward_broker_connected{connection=\"outbound\"}", 1.0),
        ("homeward_worker_failures_total{worker=\"heartbeat\"}", 0.0),
        ("homeward_database_up", 1.0),
        ("homeward_heartbeat_age_seconds{of=\"process\"}", 0.0),
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
    let messages = value(&text, "homeward_ingest_messages_total");
    assert_eq!(value(&text, "homeward_ingest_batch_messages_sum"), messages);
    assert!(messages >= 6.0);
    let batches = value(&text, "homeward_ingest_batch_seconds_count");
    for phase in ["connect", "work", "commit"] {
        let series = format!("homeward_ingest_phase_seconds_count{{phase=\"{phase}\"}}");
        assert_eq!(value(&text, &series), batches);
    }
    for detail in [
        "Wilhelmina",
        "Testperson",
        "9434765919",
        "HU-1",
        "0121 496",
        &patient,
    ] {
        assert!(!text.contains(detail), "{detail}");
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amber_that_the_next_session_ends_is_counted() {
    let mut hub = Hub::start(databases::sqlite().await, None).await;
    let mut plan = saturation_plan();
    plan["measures"] = serde_json::json!(["spo2"]);
    plan["amber_auto_close"] = serde_json::json!(true);
    hub.patient("9434765919", "HU-1", Some(plan)).await;
    let mut unit = hub.connect("HU-1").await;
    let series = "homeward_alerts_cleared_total{class=\"clinical\",why=\"in_order\"}";
    for (number, percent, expected) in [(1, 91.0, 0.0), (2, 97.0, 1.0), (3, 96.0, 1.0)] {
        let sent = saturation(number, hub.now(), percent);
        unit.send(&sent).unwrap();
        unit.receipt(sent.session_id).await.unwrap();
        hub.clock.advance(Duration::from_mins(1));
        assert_eq!(value(&hub.page("/metrics").await.1, series), expected, "{number}");
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_of_the_dashboard_and_the_rules_is_told() {
    let mut hub = Hub::start(databases::sqlite().await, None).await;
    hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    unit.send_raw("{ this is not json").unwrap();
    let red = saturation(1, hub.now(), 88.0);
    unit.send(&red).unwrap();
    unit.receipt(red.session_id).await.unwrap();
    hub.page("/metrics").await;
    let text = hub.page("/metrics").await.1;
    let told = |name: &str| {
        text.lines().any(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        })
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/deploy");
    let dashboard = std::fs::read_to_string(folder.join("grafana/homeward.json")).unwrap();
    let json: Value = serde_json::from_str(&dashboard).unwrap();
    assert!(json["panels"].as_array().unwrap().len() > 10);
    let rules = std::fs::read_to_string(folder.join("prometheus/homeward.rules.yml")).unwrap();
    for (file, text) in [("dashboard", dashboard), ("rules", rules)] {
        let mut names = 0;
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let is_name = word.starts_with("homeward_") || word.starts_with("process_");
            if is_name && word != "process_id" {
                assert!(told(word), "{file} names {word}, which /metrics does not tell");
                names += 1;
            }
        }
        assert!(names > 8, "{file} names {names}");
    }
    hub.stop().await;
}

/// A configuration of a process that shares the database with others.
fn configuration(database: &TestDatabase, folder: &TempDir, broker: &str, name: &str) -> Config {
    let over = [
        ("HOMEWARD_DATABASE__URL", database.url.clone()),
        ("HOMEWARD_DATA__DIR", folder.path().display().to_string()),
        ("HOMEWARD_HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ("HOMEWARD_MQTT__LISTEN", "127.0.0.1:0".to_owned()),
        ("HOMEWARD_MQTT__URL", broker.to_owned()),
        ("HOMEWARD_MQTT__CLIENT_ID", name.to_owned()),
        ("HOMEWARD_MQTT__GROUP", "shared".to_owned()),
    ];
    Config::from_parts(None, over.map(|(key, value)| (key.to_owned(), value))).unwrap()
}

async fn page(app: &App, path: &str) -> (u16, String) {
    let response = reqwest::get(format!("http://{}{path}", app.http)).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn nowhere() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_while_its_broker_is_not_there_and_can_be_stopped() {
    let (database, folder) = (databases::sqlite().await, TempDir::new().unwrap());
    let config = configuration(&database, &folder, &format!("mqtt://{}", nowhere()), "one");
    let clock = Clock::fixed(nine_o_clock());
    let app = app::begin(&config, clock.clone(), Ids::seeded(1)).await.unwrap();
    assert_eq!(page(&app, "/healthz").await.0, 200);
    let (status, text) = page(&app, "/readyz").await;
    assert_eq!(status, 503);
    assert!(
        text.contains("is being reached: nothing can arrive yet") && text.contains("waits for the broker"),
        "{text}"
    );
    // With the reason, as soon as there is one.
    let refused = |status, text: &str| status == 503 && text.contains("refused");
    until(async || page(&app, "/readyz").await, refused).await;
    let told = tokio::time::timeout(Duration::from_secs(20), app.run_until(async {})).await;
    told.expect("it did not stop").unwrap();

    let app = app::begin(&config, clock, Ids::seeded(2)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), app.stop())
        .await
        .expect("it did not stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_broker_and_its_return_are_told_at_once() {
    let Some(mut mosquitto) = Mosquitto::start("") else {
        return;
    };
    let (database, folder) = (databases::sqlite().await, TempDir::new().unwrap());
    let broker = format!("mqtt://{}", mosquitto.addr());
    let config = configuration(&database, &folder, &broker, "one");
    let app = app::start(&config, Clock::fixed(nine_o_clock()), Ids::seeded(1))
        .await
        .unwrap();
    assert_eq!(page(&app, "/readyz").await.0, 200, "ready when it has started");
    mosquitto.kill();
    let lost = |status, text: &str| status == 503 && text.contains("not subscribed");
    until(async || page(&app, "/readyz").await, lost).await;
    mosquitto.start_again();
    until(async || page(&app, "/readyz").await, |status, _| status == 200).await;
    let text = page(&app, "/metrics").await.1;
    assert_eq!(value(&text, "homeward_broker_reconnects_total"), 2.0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_the_database_is_the_lag() {
    let database = databases::sqlite().await;
    let other = database.db.clone();
    let mut hub = Hub::start(database, None).await;
    hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    assert_eq!(hub.get("service").await["ingest_lag_seconds"], 0);
    assert_eq!(hub.get("service").await["last_verified_seconds_ago"], 0);

    // Somebody else holds the only writer.
    let writer = other.begin().await.unwrap();
    let sent = saturation(1, hub.now(), 88.0);
    unit.send(&sent).unwrap();
    let held = |_, text: &str| value(text, "homeward_ingest_held_messages") > 0.0;
    until(async || hub.page("/metrics").await, held).await;
    hub.clock.advance(Duration::from_secs(70));
    let lags = |_, text: &str| value(text, "homeward_ingest_lag_seconds") >= 70.0;
    until(async || hub.page("/metrics").await, lags).await;
    assert_eq!(hub.get("service").await["ingest_lag_seconds"], 70);
    assert_eq!(hub.get("service").await["works"], false);
    let (status, text) = hub.page("/readyz").await;
    assert_eq!(status, 503);
    assert!(
        text.contains("is not stored yet") || text.contains("nothing has been stored since"),
        "{text}"
    );
    writer.rollback().await.unwrap();
    unit.receipt(sent.session_id).await.unwrap();
    until(async || hub.page("/readyz").await, |status, _| status == 200).await;
    assert_eq!(hub.get("service").await["ingest_lag_seconds"], 0);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_of_several_may_be_away() {
    let (Some(database), Some(mosquitto)) = (databases::postgres().await, Mosquitto::start("")) else {
        return;
    };
    let url = database.url.clone();
    let broker = format!("mqtt://{}", mosquitto.addr());
    let mut hub = Hub::start(database, Some(mosquitto)).await;
    let folder = TempDir::new().unwrap();
    let second = |url: &str, broker: &str, name: &str| {
        let over = [
            ("HOMEWARD_DATABASE__URL", url.to_owned()),
            ("HOMEWARD_DATA__DIR", folder.path().display().to_string()),
            ("HOMEWARD_HTTP__LISTEN", "127.0.0.1:0".to_owned()),
            ("HOMEWARD_MQTT__URL", broker.to_owned()),
            ("HOMEWARD_MQTT__CLIENT_ID", name.to_owned()),
        ];
        Config::from_parts(None, over.map(|(key, value)| (key.to_owned(), value))).unwrap()
    };
    let states = |service: &Value| {
        let mut states: Vec<String> = service["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|process| format!("{} {}", process["name"], process["state"]).replace('"', ""))
            .collect();
        states.sort();
        states
    };
    let with = second(&url, &broker, "two");
    let app = app::start(&with, hub.clock.clone(), Ids::seeded(5))
        .await
        .unwrap();
    assert_eq!(
        states(&hub.get("service").await),
        ["homeward working", "two working"]
    );
    app.stop().await;
    assert_eq!(
        states(&hub.get("service").await),
        ["homeward working"],
        "it said goodbye"
    );

    // A process that cannot reach the broker is not ready; the service works all the same.
    let without = second(&url, &format!("mqtt://{}", nowhere()), "three");
    let app = app::begin(&without, hub.clock.clone(), Ids::seeded(6))
        .await
        .unwrap();
    let listed = async || (200, hub.get("service").await.to_string());
    until(listed, |_, text| text.contains("\"state\":\"starting\"")).await;
    assert_eq!(page(&app, "/readyz").await.0, 503);
    let service = hub.get("service").await;
    assert_eq!(service["works"], true, "{service}");
    // Its word grows old, and nobody takes it for an answer any more.
    app.stop().await;
    hub.clock.advance(Duration::from_secs(40));
    let beaten = |_, text: &str| text.contains("\"last_verified_seconds_ago\":0");
    until(async || (200, hub.get("service").await.to_string()), beaten).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_one_name_are_told_so() {
    let Some(mosquitto) = Mosquitto::start("") else {
        return;
    };
    let (database, folder) = (databases::sqlite().await, TempDir::new().unwrap());
    let broker = format!("mqtt://{}", mosquitto.addr());
    let config = configuration(&database, &folder, &broker, "twin");
    let clock = Clock::fixed(nine_o_clock());
    let first = app::start(&config, clock.clone(), Ids::seeded(1)).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let second = app::begin(&config, clock, Ids::seeded(2)).await.unwrap();
    let named = |status, text: &str| status == 503 && text.contains("two processes share one mqtt.client_id");
    until(async || page(&first, "/readyz").await, named).await;
    first.stop().await;
    second.stop().await;
}
