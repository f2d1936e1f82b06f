//! A nurse adds only a reason and a beginning to a template, and the service takes it; `desk::template` tries its numbers.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::Hub;
use crate::support::databases;

#[tokio::test]
async fn templates_are_served_to_whoever_sets_parameters() {
    let hub = Hub::on(databases::sqlite().await);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let templates = hub.get("/api/v1/templates").by(&nurse).ok().await;
    let ids: Vec<&Value> = templates["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|template| &template["id"])
        .collect();
    assert_eq!(ids, ["heart_failure", "copd", "diabetes", "hypertension"]);
    for template in templates["items"].as_array().unwrap() {
        assert_eq!(template["plan"]["rules"][0]["kind"], "limits");
        for language in ["ur", "pa"] {
            let status = &template["translations"][language]["status"];
            assert_eq!(status, "translation_to_be_reviewed");
            assert!(template["plan"]["questions"][0]["text"][language].is_string());
        }
    }
}

#[tokio::test]
async fn every_template_is_taken_as_a_plan() {
    let hub = Hub::on(databases::sqlite().await);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let templates = hub.get("/api/v1/templates").by(&story.admin).ok().await;
    for (template, version) in templates["items"].as_array().unwrap().iter().zip(1..) {
        let mut body = template["plan"].clone();
        body["reason"] = json!("first parameters");
        body["effective_from"] = json!("2026-11-21T00:00:00Z");
        let reply = hub
            .put(&path)
            .by(&story.admin)
            .on(version)
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, 200, "{}: {}", template["id"], reply.text);
    }
    let plan = hub.get(&path).by(&story.admin).ok().await;
    assert_eq!(plan["version"], 5);
}
