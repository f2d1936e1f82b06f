//! Units, whose they are, and what changes hands with them.

use homeward::desk::secret;
use homeward::domain::staff::Role;
use homeward::store;
use serde_json::{Value, json};

use super::hub::{Hub, NHS, referral, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_unit_is_registered_and_its_secret_shown_once,
    periods_never_overlap,
    sessions_change_hands_with_a_corrected_period,
    what_a_unit_says_of_itself_is_shown,
);

async fn a_unit_is_registered_and_its_secret_shown_once(database: TestDatabase) {
    let hub = Hub::on(database);
    let administrator = hub.token(Role::Administrator).await;
    let body = json!({"unit_id": "HU-7"});
    let registered = hub
        .post("/api/v1/units")
        .by(&administrator)
        .json(&body)
        .ok()
        .await;
    let text = registered["secret"].as_str().unwrap();
    assert_eq!(text.len(), 43);
    let mut tx = hub.database.db.read().await.unwrap();
    let kept = store::unit::secret_hash(&mut tx, &"HU-7".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    drop(tx);
    assert_eq!(kept, secret::hash(text));
    let shown = hub.get("/api/v1/units/HU-7").by(&administrator).send().await;
    assert_eq!(shown.header("etag"), "\"1\"");
    assert!(!shown.text.contains("secret"), "{}", shown.text);
    let again = hub
        .post("/api/v1/units")
        .by(&administrator)
        .json(&body)
        .send()
        .await;
    again.is_problem(409, "taken", Some("/unit_id"));
    for wrong in ["", "-HU", "HU 7", "HU/7", &"x".repeat(65)] {
        let body = json!({"unit_id": wrong});
        let reply = hub
            .post("/api/v1/units")
            .by(&administrator)
            .json(&body)
            .send()
            .await;
        reply.is_problem(422, "invalid-body", Some("/unit_id"));
    }
}

async fn another_patient(hub: &Hub, token: &str) -> String {
    let patient = hub
        .post("/api/v1/patients")
        .by(token)
        .json(&referral(NHS[1]))
        .ok()
        .await;
    patient["id"].as_str().unwrap().to_owned()
}

async fn periods_never_overlap(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let other = another_patient(&hub, &story.admin).await;
    let path = "/api/v1/units/HU-1/assignments";
    let post = async |from: &str, to: Value| {
        let body = json!({"patient_id": other, "from": from, "to": to});
        hub.post(path).by(&story.admin).json(&body).send().await
    };
    post("2026-11-21T00:00:00Z", Value::Null)
        .await
        .is_problem(409, "taken", Some("/from"));
    post("2026-10-21T00:00:00Z", json!("2026-11-02T00:00:00Z"))
        .await
        .is_problem(409, "taken", Some("/from"));
    post("2026-10-21T00:00:00Z", json!("2026-10-21T00:00:00Z"))
        .await
        .is_problem(422, "invalid-body", Some("/to"));
    let before = post("2026-10-21T00:00:00Z", json!("2026-11-01T00:00:00Z")).await;
    assert_eq!(
        (before.status, before.header("etag")),
        (201, "\"1\""),
        "one ends as the other begins"
    );
    let periods = hub.get(path).by(&story.admin).ok().await;
    assert_eq!(
        periods["items"][1]["patient_id"],
        other.as_str(),
        "newest first: {periods}"
    );
    let standing = format!("{path}/{}", periods["items"][0]["id"].as_str().unwrap());
    let change = |body: &Value, version| hub.patch(&standing).by(&story.admin).on(version).json(body);
    change(&json!({"from": "2026-10-31T00:00:00Z"}), 1)
        .send()
        .await
        .is_problem(409, "taken", Some("/from"));
    let ended = change(&json!({"to": "2026-11-20T00:00:00Z"}), 1).ok().await;
    assert_eq!(
        (&ended["to"], &ended["version"]),
        (&json!("2026-11-20T00:00:00Z"), &json!(2))
    );
    change(&json!({"to": null}), 1)
        .send()
        .await
        .is_problem(412, "stale", None);
    assert_eq!(change(&json!({"to": null}), 2).ok().await["to"], Value::Null);
    let unknown =
        json!({"patient_id": "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11", "from": "2026-09-01T00:00:00Z"});
    hub.post(path)
        .by(&story.admin)
        .json(&unknown)
        .send()
        .await
        .is_problem(422, "invalid-body", Some("/patient_id"));
    hub.post("/api/v1/units/HU-9/assignments")
        .by(&story.admin)
        .json(&unknown)
        .send()
        .await
        .is_problem(404, "not-found", None);
}

async fn sessions_change_hands_with_a_corrected_period(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let other = another_patient(&hub, &story.admin).await;
    hub.session("HU-1", 1, json!([spo2(85.0, "2026-11-10T09:00:00Z")]))
        .await;
    hub.session("HU-1", 2, json!([spo2(97.0, "2026-11-20T09:00:00Z")]))
        .await;
    let seen = async |patient: &str| -> Vec<String> {
        let path = format!("/api/v1/patients/{patient}/sessions");
        let page = hub.get(&path).by(&story.admin).ok().await;
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|session| session["session_id"].as_str().unwrap()[35..].to_owned())
            .collect()
    };
    assert_eq!(seen(&story.patient).await, ["2", "1"]);
    let periods = hub
        .get("/api/v1/units/HU-1/assignments")
        .by(&story.admin)
        .ok()
        .await;
    let path = format!(
        "/api/v1/units/HU-1/assignments/{}",
        periods["items"][0]["id"].as_str().unwrap()
    );
    let later = json!({"from": "2026-11-15T00:00:00Z"});
    hub.patch(&path).by(&story.admin).on(1).json(&later).ok().await;
    assert_eq!(seen(&story.patient).await, ["2"], "nobody had it then");
    let theirs = json!({"patient_id": other, "from": "2026-11-01T00:00:00Z", "to": "2026-11-15T00:00:00Z"});
    hub.post("/api/v1/units/HU-1/assignments")
        .by(&story.admin)
        .json(&theirs)
        .ok()
        .await;
    assert_eq!(
        seen(&other).await,
        ["1"],
        "entered afterwards, it adopts its sessions"
    );
    assert_eq!(seen(&story.patient).await, ["2"]);
}

async fn what_a_unit_says_of_itself_is_shown(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let status = json!({"online": true, "at": "2026-11-21T11:59:00Z", "sent_at": "2026-11-21T11:59:00Z",
        "battery_pct": 64, "firmware": "1.2", "queued": 3});
    hub.message("homeward/v1/units/HU-1/status", status.to_string().as_bytes())
        .await;
    let unit = hub.get("/api/v1/units").by(&story.admin).ok().await["items"][0].clone();
    insta::assert_json_snapshot!("unit", unit);
}
