//! A template is sound as it stands: a nurse adds only a reason and a beginning.

use homeward::desk::template;
use homeward::domain::staff::Role;
use homeward::wire;
use serde_json::{Value, json};

use super::hub::Hub;
use crate::support::databases;

#[test]
fn every_template_is_a_plan_and_every_rule_has_its_source() {
    let templates = template::all().unwrap();
    assert_eq!(templates.len(), 1);
    for template in templates {
        let mut body: Value = serde_json::from_str(template.plan.get()).unwrap();
        body["reason"] = json!("first parameters");
        body["effective_from"] = json!("2026-11-21T00:00:00Z");
        let plan = wire::plan::parse(&body.to_string(), 1).unwrap();
        let rules: Vec<&String> = plan.rules.iter().map(|rule| &rule.id).collect();
        let sourced: Vec<&String> = template.sources.keys().collect();
        for rule in &rules {
            assert!(sourced.contains(rule), "{} has no source for {rule}", template.id);
        }
        assert_eq!(
            rules.len(),
            sourced.len(),
            "a source for a rule that is not there"
        );
        assert!(template.provenance.contains("confirmed by a clinician"));
    }
}

#[tokio::test]
async fn templates_are_served_to_whoever_sets_parameters() {
    let hub = Hub::on(databases::sqlite().await);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let templates = hub.get("/api/v1/templates").by(&nurse).ok().await;
    assert_eq!(templates["items"][0]["id"], "heart_failure");
    assert_eq!(
        templates["items"][0]["plan"]["rules"][0]["id"],
        "limits.systolic_bp"
    );
}
