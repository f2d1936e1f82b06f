//! `/metrics`: who may read it, and what of it the database says.

use std::time::Duration;

use homeward::domain::staff::Role;
use homeward::metrics::machine::{memory, memory_by};
use serde_json::json;

use super::hub::{Hub, NHS, Reply, spo2};
use crate::support::databases::{self, TestDatabase, on_both_databases};

on_both_databases!(
    what_waits_is_counted_and_names_nobody,
    it_answers_without_the_database,
);

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const HERE: &str = "127.0.0.1:50000";
const ELSEWHERE: &str = "192.0.2.7:50000";

/// The value of one series.
#[track_caller]
pub(crate) fn value(text: &str, series: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

async fn scrape(hub: &Hub) -> Reply {
    let reply = hub.get("/metrics").from(HERE).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.text.ends_with("# EOF\n"));
    reply
}

#[tokio::test]
async fn only_this_machine_may_read_unless_it_is_told_otherwise() {
    let hub = Hub::on(databases::sqlite().await);
    assert_eq!(
        scrape(&hub).await.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    for address in ["[::1]:50000", "[::ffff:127.0.0.1]:50000"] {
        assert_eq!(
            hub.get("/metrics").from(address).send().await.status,
            200,
            "{address}"
        );
    }
    hub.get("/metrics")
        .from(ELSEWHERE)
        .send()
        .await
        .is_problem(401, "not-signed-in", None);
    assert_eq!(hub.get("/metrics").send().await.status, 401, "from nowhere");
    for header in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
        let proxied = hub.get("/metrics").from(HERE).header(header, "127.0.0.1");
        assert_eq!(proxied.send().await.status, 401, "{header}");
    }
}

#[tokio::test]
async fn the_token_opens_it_from_anywhere_and_opens_nothing_else() {
    for (mode, here) in [("loopback", 200), ("token", 401)] {
        let settings = [
            ("HOMEWARD_HTTP__METRICS", mode),
            ("HOMEWARD_HTTP__METRICS_TOKEN", SECRET),
        ];
        let hub = Hub::configured(databases::sqlite().await, &settings, true);
        let asked = async |token: &str| hub.get("/metrics").from(ELSEWHERE).by(token).send().await.status;
        assert_eq!(asked(SECRET).await, 200);
        assert_eq!(asked(&SECRET[1..]).await, 401);
        assert_eq!(hub.get("/metrics").from(HERE).send().await.status, here, "{mode}");
        assert_eq!(hub.get("/api/v1/me").by(SECRET).send().await.status, 401);
        let manager = hub.token(Role::Manager).await;
        assert_eq!(asked(&manager).await, 200);
        let handler = hub.token(Role::CallHandler).await;
        assert_eq!(asked(&handler).await, 403);
    }
}

#[tokio::test]
async fn switched_off_it_does_not_exist() {
    let hub = Hub::configured(
        databases::sqlite().await,
        &[("HOMEWARD_HTTP__METRICS", "off")],
        true,
    );
    let admin = hub.token(Role::Admin).await;
    let reply = hub.get("/metrics").from(HERE).by(&admin).send().await;
    reply.is_problem(404, "not-found", None);
}

async fn what_waits_is_counted_and_names_nobody(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let empty = scrape(&hub).await.text;
    let fresh = "homeward_alerts_open{class=\"clinical\",severity=\"red\",age=\"under_15m\"}";
    assert_eq!(value(&empty, fresh), Some(0.0));
    assert_eq!(value(&empty, "homeward_database_up"), Some(1.0));
    let sent = value(&empty, "homeward_outbox_unsent").unwrap();

    hub.session("HU-1", 1, json!([spo2(85.0, "2026-11-21T11:59:00Z")]))
        .await;
    hub.message("homeward/v1/units/HU-1/session", b"not json").await;
    assert_eq!(
        value(&scrape(&hub).await.text, fresh),
        Some(0.0),
        "kept for some seconds"
    );
    hub.clock.advance(Duration::from_secs(6));
    let later = scrape(&hub).await.text;
    assert_eq!(value(&later, fresh), Some(1.0));
    assert_eq!(
        value(
            &later,
            "homeward_alerts_open{class=\"technical\",severity=\"red\",age=\"under_15m\"}"
        ),
        Some(1.0)
    );
    assert_eq!(
        value(&later, "homeward_quarantine_open{reason=\"not_json\"}"),
        Some(1.0)
    );
    assert_eq!(value(&later, "homeward_quarantine_oldest_seconds"), Some(6.0));
    assert!(value(&later, "homeward_outbox_unsent").unwrap() >= sent);

    hub.clock.advance(Duration::from_mins(15));
    let aged = scrape(&hub).await.text;
    assert_eq!(value(&aged, fresh), Some(0.0));
    assert_eq!(
        value(
            &aged,
            "homeward_alerts_open{class=\"clinical\",severity=\"red\",age=\"under_1h\"}"
        ),
        Some(1.0)
    );
    // Requests by the route's template, and what has none together.
    hub.get(&format!("/api/v1/patients/{}", story.patient))
        .by(&story.admin)
        .ok()
        .await;
    hub.get("/api/v1/patients/9434765919/HU-1").send().await;
    hub.call("BREW".parse().unwrap(), "/nowhere/Ada").send().await;
    let asked = scrape(&hub).await.text;
    assert_eq!(
        value(
            &asked,
            "homeward_http_requests_total{method=\"GET\",route=\"/api/v1/patients/{id}\",status=\"2xx\"}"
        ),
        Some(1.0)
    );
    assert_eq!(
        value(
            &asked,
            "homeward_http_requests_total{method=\"GET\",route=\"none\",status=\"4xx\"}"
        ),
        Some(1.0)
    );
    assert_eq!(
        value(
            &asked,
            "homeward_http_requests_total{method=\"other\",route=\"none\",status=\"4xx\"}"
        ),
        Some(1.0)
    );
    for detail in ["Ada", "Brown", NHS[0], "HU-1", &story.patient] {
        assert!(!asked.contains(detail), "{detail}: {asked}");
    }
}

async fn it_answers_without_the_database(database: TestDatabase) {
    let hub = Hub::on(database);
    hub.story().await;
    hub.database.db.close().await;
    let text = scrape(&hub).await.text;
    assert_eq!(value(&text, "homeward_database_up"), Some(0.0));
    assert!(!text.contains("homeward_alerts_open"), "{text}");
    assert!(
        value(&text, "process_resident_memory_bytes").unwrap() > 1e6,
        "{text}"
    );
    assert!(
        value(
            &text,
            "homeward_http_requests_total{method=\"POST\",route=\"/api/v1/patients\",status=\"2xx\"}"
        ) == Some(1.0),
        "{text}"
    );
}

#[test]
fn no_more_memory_is_counted_on_than_the_control_groups_give() {
    let given = |files: &[(&str, &str)]| {
        memory_by(|file| {
            let said = files.iter().find(|(name, _)| Some(*name) == file.to_str());
            said.map(|(_, text)| (*text).to_owned())
        })
    };
    let machine = ("/proc/meminfo", "MemFree: 1 kB\nMemTotal:       24684084 kB\n");
    let service = (
        "/proc/self/cgroup",
        "4:memory:/other\n0::/system.slice/homeward.service\n",
    );
    let own = "/sys/fs/cgroup/system.slice/homeward.service/memory.max";
    let whole = Some(24_684_084 * 1024);
    assert_eq!(given(&[]), None);
    assert_eq!(given(&[machine]), whole);
    assert_eq!(given(&[machine, service, (own, "max\n")]), whole);
    assert_eq!(given(&[machine, service, (own, "1073741824\n")]), Some(1 << 30));
    let slice = ("/sys/fs/cgroup/system.slice/memory.max", "536870912\n");
    assert_eq!(
        given(&[machine, service, (own, "1073741824\n"), slice]),
        Some(1 << 29)
    );
    // As a container sees itself.
    let container = [
        machine,
        ("/proc/self/cgroup", "0::/\n"),
        ("/sys/fs/cgroup/memory.max", "268435456\n"),
    ];
    assert_eq!(given(&container), Some(1 << 28));
    assert_eq!(
        given(&[machine, service, (own, "99999999999999\n")]),
        whole,
        "more than there is"
    );
    assert!(memory().is_some_and(|bytes| bytes > 1 << 20));
}
