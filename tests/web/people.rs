//! Staff, teams, tokens, and who may give what.

use homeward::domain::staff::Role;
use serde_json::json;

use super::hub::Hub;
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    staff_are_added_changed_and_recorded,
    nobody_gives_more_than_they_have
);

async fn staff_are_added_changed_and_recorded(database: TestDatabase) {
    let hub = Hub::on(database);
    let administrator = hub.token(Role::Administrator).await;
    let team = hub
        .post("/api/v1/teams")
        .by(&administrator)
        .json(&json!({"name": "North"}))
        .ok()
        .await;
    let twice = hub
        .post("/api/v1/teams")
        .by(&administrator)
        .json(&json!({"name": "North"}))
        .send()
        .await;
    twice.is_problem(409, "taken", Some("/name"));
    let member = |password: &str, role: &str| {
        let body = json!({"username": "C.Handler", "name": "Call Handler", "role": role, "team_id": team["id"], "password": password});
        hub.post("/api/v1/staff").by(&administrator).json(&body)
    };
    member("eleven char", "call_handler")
        .send()
        .await
        .is_problem(422, "invalid-body", Some("/password"));
    member("long enough password", "admin")
        .send()
        .await
        .is_problem(422, "invalid-body", Some("/role"));
    member("long enough password", "nurse")
        .send()
        .await
        .is_problem(422, "invalid-body", Some("/role"));
    let added = member("long enough password", "call_handler").ok().await;
    assert_eq!(added["username"], "c.handler");
    member("long enough password", "call_handler")
        .send()
        .await
        .is_problem(409, "taken", Some("/username"));
    let path = format!("/api/v1/staff/{}", added["id"].as_str().unwrap());
    let changed = hub
        .patch(&path)
        .by(&administrator)
        .on(1)
        .json(&json!({"role": "senior", "team_id": null}))
        .ok()
        .await;
    assert_eq!(
        (&changed["role"], &changed["team_id"], &changed["version"]),
        (&json!("senior"), &json!(null), &json!(2))
    );
    assert_eq!(hub.get(&path).by(&administrator).ok().await, changed);
    hub.patch(&path)
        .by(&administrator)
        .on(1)
        .json(&json!({"active": false}))
        .send()
        .await
        .is_problem(412, "stale", None);
    let auditor = hub.token(Role::Auditor).await;
    let record = hub.get("/api/v1/audit?limit=3").by(&auditor).ok().await;
    let acts: Vec<&str> = record["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["act"].as_str().unwrap())
        .collect();
    assert_eq!(acts, ["token.issue", "staff.change", "staff.add"]);
    assert!(!record.to_string().contains("long enough"));
    let who = record["items"][1]["actor_id"].as_str().unwrap();
    let theirs = hub
        .get(&format!("/api/v1/audit?staff_id={who}"))
        .by(&auditor)
        .ok()
        .await;
    assert_eq!(
        theirs["items"].as_array().unwrap().len(),
        3,
        "the team, the person, the change"
    );
}

async fn nobody_gives_more_than_they_have(database: TestDatabase) {
    let hub = Hub::on(database);
    let administrator = hub.token(Role::Administrator).await;
    let admin = hub.token(Role::Admin).await;
    let wanted = json!({"name": "robot", "role": "admin"});
    let reply = hub
        .post("/api/v1/tokens")
        .by(&administrator)
        .json(&wanted)
        .send()
        .await;
    reply.is_problem(403, "not-allowed", None);
    let robot = hub.post("/api/v1/tokens").by(&admin).json(&wanted).ok().await;
    let revoke = format!("/api/v1/tokens/{}/revoke", robot["id"].as_str().unwrap());
    hub.post(&revoke)
        .by(&administrator)
        .send()
        .await
        .is_problem(403, "not-allowed", None);
    let myself = hub.staff("boss", "Boss", Role::Administrator).await;
    let (cookie, csrf) = hub.signed_in("boss").await;
    let reply = hub
        .patch(&format!("/api/v1/staff/{myself}"))
        .header("cookie", &cookie)
        .header("x-csrf-token", &csrf)
        .on(1)
        .json(&json!({"active": false}))
        .send()
        .await;
    reply.is_problem(409, "unlawful", None);
}
