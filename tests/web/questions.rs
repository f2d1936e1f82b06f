//! The key-question bank, as it is served and as templates use it.

use homeward::domain::staff::Role;
use serde_json::Value;

use super::hub::Hub;
use crate::support::databases;

#[tokio::test]
async fn the_bank_is_served_by_condition() {
    let hub = Hub::on(databases::sqlite().await);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let asked = async |query: &str| -> Vec<Value> {
        let list = hub
            .get(&format!("/api/v1/questions{query}"))
            .by(&nurse)
            .ok()
            .await;
        list["items"].as_array().unwrap().clone()
    };
    let all = asked("").await;
    assert_eq!(all.len(), 50);
    insta::assert_json_snapshot!("question_of_the_bank", all[0]);
    for condition in ["heart_failure", "copd", "diabetes", "hypertension"] {
        let some = asked(&format!("?condition={condition}")).await;
        assert!((14..30).contains(&some.len()), "{condition}: {}", some.len());
        for question in &some {
            let conditions = question["conditions"].as_array().unwrap();
            assert!(
                conditions.is_empty() || conditions.contains(&condition.into()),
                "{question}"
            );
        }
        assert!(
            some.iter().any(|question| question["id"] == "would_like_call"),
            "for everyone"
        );
    }
    hub.get("/api/v1/questions?condition=gout")
        .by(&nurse)
        .send()
        .await
        .is_problem(400, "invalid-query", Some("query/condition"));
}
