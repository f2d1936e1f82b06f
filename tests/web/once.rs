//! A request that was sent twice acts once.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::{Hub, NHS, referral};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(a_repeated_request_gets_the_first_answer, two_at_once_act_once);

async fn a_repeated_request_gets_the_first_answer(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    let nurse = hub.token(Role::SpecialistNurse).await;
    let post = |body: &Value| {
        hub.post("/api/v1/patients")
            .by(&admin)
            .header("idempotency-key", "k1")
            .json(body)
    };
    let first = post(&referral(NHS[0])).send().await;
    let second = post(&referral(NHS[0])).send().await;
    assert_eq!((second.status, &second.text), (201, &first.text));
    assert_eq!(
        (second.header("etag"), second.header("idempotent-replayed")),
        ("\"1\"", "true")
    );
    let reply = post(&referral(NHS[1])).send().await;
    reply.is_problem(422, "idempotency-key-reused", Some("header/Idempotency-Key"));
    let elsewhere = hub
        .post("/api/v1/teams")
        .by(&admin)
        .header("idempotency-key", "k1")
        .json(&json!({"name": "A"}));
    elsewhere
        .send()
        .await
        .is_problem(422, "idempotency-key-reused", Some("header/Idempotency-Key"));
    // Another caller has keys of their own, and a refusal is not kept.
    let theirs = || {
        hub.post("/api/v1/patients")
            .by(&nurse)
            .header("idempotency-key", "k1")
    };
    theirs()
        .json(&referral(NHS[0]))
        .send()
        .await
        .is_problem(409, "taken", Some("/nhs_number"));
    assert_eq!(theirs().json(&referral(NHS[1])).send().await.status, 201);
    let empty = hub
        .post("/api/v1/teams")
        .by(&admin)
        .header("idempotency-key", "")
        .json(&json!({"name": "A"}));
    empty
        .send()
        .await
        .is_problem(400, "invalid-header", Some("header/Idempotency-Key"));

    let unit = || {
        hub.post("/api/v1/units")
            .by(&admin)
            .header("idempotency-key", "u")
            .json(&json!({"unit_id": "HU-1"}))
    };
    assert!(unit().ok().await["secret"].is_string());
    let again = unit().send().await;
    assert_eq!(
        (again.status, &again.json()["secret"]),
        (201, &Value::Null),
        "no secret is kept to be shown again"
    );
}

async fn two_at_once_act_once(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    let team = || {
        hub.post("/api/v1/tokens")
            .by(&admin)
            .header("idempotency-key", "t")
            .json(&json!({"name": "w", "role": "manager"}))
    };
    let (one, other) = tokio::join!(team().send(), team().send());
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert!(statuses == [201, 201] || statuses == [201, 409], "{statuses:?}");
    let tokens = hub.get("/api/v1/tokens").by(&admin).ok().await;
    assert_eq!(
        tokens["items"].as_array().unwrap().len(),
        2,
        "the admin's and one more"
    );
}
