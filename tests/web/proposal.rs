//! A patient with two conditions gets both templates as one plan, with every conflict; the nurse puts what she decides.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::{Hub, NHS, referral};
use crate::support::databases::{self, TestDatabase, on_both_databases};

on_both_databases!(a_patient_with_two_conditions_is_proposed_both_and_put_as_proposed,);

async fn a_patient_with_two_conditions_is_proposed_both_and_put_as_proposed(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let mut person = referral(NHS[0]);
    person["conditions"] = json!(["heart_failure", "copd"]);
    let patient = hub.post("/api/v1/patients").by(&nurse).json(&person).ok().await;
    let path = format!("/api/v1/patients/{}/plan", patient["id"].as_str().unwrap());
    let proposal = hub.get(&format!("{path}/proposal")).by(&nurse).ok().await;
    let of_conditions = hub
        .get("/api/v1/templates/merged?conditions=heart_failure,copd")
        .by(&nurse)
        .ok()
        .await;
    assert_eq!(proposal, of_conditions);
    insta::assert_json_snapshot!("conflicts_of_heart_failure_and_copd", proposal["conflicts"]);
    let mut body = proposal["plan"].clone();
    for conflict in proposal["conflicts"].as_array().unwrap() {
        let stands = body.pointer(conflict["at"].as_str().unwrap());
        assert_eq!(stands, Some(&conflict["proposed"]));
    }
    body["reason"] = json!("both conditions");
    body["effective_from"] = json!("2026-11-21T12:00:00Z");
    let put = hub
        .put(&path)
        .by(&nurse)
        .header("if-none-match", "*")
        .json(&body)
        .send()
        .await;
    assert_eq!(
        put.status, 201,
        "it is beyond no template, so nobody asks why: {}",
        put.text
    );
    assert_eq!(
        put.json()["from_templates"],
        json!([{"name": "heart_failure", "version": 1}, {"name": "copd", "version": 1}])
    );
    let other = format!("/api/v1/patients/{}", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11");
    hub.get(&format!("{other}/plan/proposal"))
        .by(&nurse)
        .send()
        .await
        .is_problem(404, "not-found", None);
    let mut without = referral(NHS[1]);
    without["conditions"] = json!([]);
    let without = hub.post("/api/v1/patients").by(&nurse).json(&without).ok().await;
    let path = format!(
        "/api/v1/patients/{}/plan/proposal",
        without["id"].as_str().unwrap()
    );
    hub.get(&path)
        .by(&nurse)
        .send()
        .await
        .is_problem(409, "unlawful", None);
}

/// Every set of conditions makes a plan that is taken, and loses no rule.
#[tokio::test]
async fn every_set_of_conditions_makes_a_plan() {
    let hub = Hub::on(databases::sqlite().await);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let templates = hub.get("/api/v1/templates").by(&nurse).ok().await["items"].clone();
    let templates = templates.as_array().unwrap();
    for set in 1..16_u32 {
        let chosen: Vec<&Value> = (0..4)
            .filter(|place| set & (1 << place) != 0)
            .map(|place| &templates[place])
            .collect();
        let names: Vec<&str> = chosen
            .iter()
            .map(|template| template["id"].as_str().unwrap())
            .collect();
        let path = format!("/api/v1/templates/merged?conditions={}", names.join(","));
        let proposal = hub.get(&path).by(&nurse).ok().await;
        if let [only] = chosen[..] {
            assert_eq!(
                proposal["plan"]["rules"], only["plan"]["rules"],
                "one template is proposed as it is"
            );
            assert_eq!(proposal["conflicts"], json!([]));
        }
        let mut body = proposal["plan"].clone();
        body["reason"] = json!("a test");
        body["effective_from"] = json!("2026-11-21T00:00:00Z");
        let plan = homeward::wire::plan::parse(&body.to_string(), 1)
            .unwrap_or_else(|faults| panic!("{names:?}: {faults:?}"));
        for template in chosen {
            for rule in template["plan"]["rules"].as_array().unwrap() {
                let id = rule["id"].as_str().unwrap();
                let own = format!("{}_{id}", template["id"].as_str().unwrap());
                let kept = plan.rules.iter().any(|rule| rule.id == id || rule.id == own);
                assert!(kept, "{id} of {}", template["id"]);
            }
            for question in template["plan"]["questions"].as_array().unwrap() {
                assert!(body["questions"].as_array().unwrap().contains(question));
            }
        }
    }
    for conditions in ["", "gout", "copd,", "copd heart_failure"] {
        let path = format!(
            "/api/v1/templates/merged?conditions={}",
            conditions.replace(' ', "%20")
        );
        hub.get(&path)
            .by(&nurse)
            .send()
            .await
            .is_problem(400, "invalid-query", Some("query/conditions"));
    }
    hub.get("/api/v1/templates/merged")
        .by(&nurse)
        .send()
        .await
        .is_problem(400, "invalid-query", Some("query/conditions"));
}

/// What COPD calls breathless is another question than what heart failure calls so, and its combination names its own.
#[tokio::test]
async fn a_combination_goes_on_naming_the_rules_of_its_own_template() {
    let hub = Hub::on(databases::sqlite().await);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let path = "/api/v1/templates/merged?conditions=heart_failure,copd";
    let plan = hub.get(path).by(&nurse).ok().await["plan"].clone();
    let rule = |id: &str| {
        plan["rules"]
            .as_array()
            .unwrap()
            .iter()
            .find(|rule| rule["id"] == id)
            .unwrap()
            .clone()
    };
    assert_eq!(rule("breathless")["question"], "more_breathless");
    assert_eq!(rule("copd_breathless")["question"], "more_breathless_than_usual");
    assert_eq!(rule("exacerbation_likely")["of"][0], "copd_breathless");
    assert_eq!(rule("weight_and_symptom")["all_of"][1][0], "breathless");
    assert_eq!(rule("limits.spo2")["red_low"], 90);
    assert_eq!(rule("limits.systolic_bp")["amber_low"], 100, "of COPD");
    assert_eq!(rule("limits.systolic_bp")["red_low"], 80, "of heart failure");
    assert_eq!(rule("feeling_worse")["severity"], "amber", "tighter than context");
}
