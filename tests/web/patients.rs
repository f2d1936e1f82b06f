//! Referral, correction, admission, discharge.

use homeward::domain::staff::Role;
use serde_json::json;

use super::hub::{Hub, NHS, at, referral, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_patient_is_referred_and_corrected,
    a_patient_is_admitted_and_discharged,
    a_patient_is_not_discharged_while_a_red_alert_is_open,
    a_patient_comes_back,
    an_administrator_is_not_told_the_conditions,
);

async fn a_patient_is_referred_and_corrected(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let reply = hub
        .post("/api/v1/patients")
        .by(&nurse)
        .json(&referral("943 476-5919"))
        .send()
        .await;
    assert_eq!(
        (reply.status, reply.header("etag")),
        (201, "\"1\""),
        "{}",
        reply.text
    );
    insta::assert_json_snapshot!("referred", reply.json());
    let path = format!("/api/v1/patients/{}", reply.json()["id"].as_str().unwrap());

    let again = hub
        .post("/api/v1/patients")
        .by(&nurse)
        .json(&referral(NHS[0]))
        .send()
        .await;
    again.is_problem(409, "taken", Some("/nhs_number"));

    let change = json!({"phone": null, "conditions": ["heart_failure", "copd"], "language": "pa-Arab"});
    let reply = hub.patch(&path).by(&nurse).on(1).json(&change).send().await;
    assert_eq!(reply.header("etag"), "\"2\"");
    let changed = reply.json();
    assert_eq!(changed["phone"], json!(null));
    assert_eq!(changed["given_name"], "Ada", "what is not mentioned stays");
    hub.patch(&path)
        .by(&nurse)
        .on(1)
        .json(&change)
        .send()
        .await
        .is_problem(412, "stale", None);
    let fixed = json!({"nhs_number": NHS[1]});
    hub.patch(&path)
        .by(&nurse)
        .on(2)
        .json(&fixed)
        .send()
        .await
        .is_problem(422, "invalid-body", Some("/nhs_number"));
}

async fn a_patient_is_admitted_and_discharged(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let patient = hub
        .post("/api/v1/patients")
        .by(&nurse)
        .json(&referral(NHS[0]))
        .ok()
        .await;
    let path = format!("/api/v1/patients/{}", patient["id"].as_str().unwrap());
    let admit = format!("{path}/admit");
    let from = json!({"from": "2026-11-20T09:00:00+00:00"});
    let admitted = hub.post(&admit).by(&nurse).on(1).json(&from).ok().await;
    assert_eq!(
        (admitted["status"].as_str(), admitted["version"].as_i64()),
        (Some("admitted"), Some(2))
    );
    hub.post(&admit)
        .by(&nurse)
        .json(&from)
        .send()
        .await
        .is_problem(409, "unlawful", None);

    let discharge = format!("{path}/discharge");
    let early = json!({"at": "2026-11-19T09:00:00Z", "reason": "went home"});
    hub.post(&discharge)
        .by(&nurse)
        .json(&early)
        .send()
        .await
        .is_problem(422, "invalid-body", Some("/at"));
    let empty = json!({"at": "2026-11-21T09:00:00Z", "reason": " "});
    hub.post(&discharge)
        .by(&nurse)
        .json(&empty)
        .send()
        .await
        .is_problem(422, "invalid-body", Some("/reason"));
    let over = json!({"at": "2026-11-21T09:00:00Z", "reason": "goals reached"});
    hub.post(&discharge)
        .by(&nurse)
        .on(1)
        .json(&over)
        .send()
        .await
        .is_problem(412, "stale", None);
    let discharged = hub.post(&discharge).by(&nurse).json(&over).ok().await;
    assert_eq!(discharged["status"], "discharged");
    hub.post(&discharge)
        .by(&nurse)
        .json(&over)
        .send()
        .await
        .is_problem(409, "unlawful", None);
    assert_eq!(hub.get(&path).by(&nurse).ok().await, discharged);

    let acts = ["patient.refer", "patient.admit", "patient.discharge"];
    let recorded = hub.audit().await;
    assert_eq!(
        recorded[1..],
        acts.map(|act| format!("{act} patient by specialist_nurse")),
        "refusals leave no trace"
    );
}

async fn a_patient_is_not_discharged_while_a_red_alert_is_open(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.session("HU-1", 1, json!([spo2(85.0, "2026-11-21T09:00:00Z")]))
        .await;
    let path = format!("/api/v1/patients/{}/discharge", story.patient);
    let over = json!({"at": "2026-11-21T12:00:00Z", "reason": "goals reached"});
    let reply = hub.post(&path).by(&story.admin).json(&over).send().await;
    reply.is_problem(409, "unlawful", None);
    assert!(reply.text.contains("red alert"), "{}", reply.text);
    let alert = hub.get("/api/v1/alerts").by(&story.admin).ok().await["items"][0].clone();
    let alert_path = format!("/api/v1/alerts/{}", alert["id"].as_str().unwrap());
    let version = alert["version"].as_i64().unwrap();
    hub.post(&format!("{alert_path}/claim"))
        .by(&story.admin)
        .on(version)
        .ok()
        .await;
    let outcome = json!({"outcome": "advice_given"});
    hub.post(&format!("{alert_path}/close"))
        .by(&story.admin)
        .on(version + 1)
        .json(&outcome)
        .ok()
        .await;
    hub.post(&path).by(&story.admin).json(&over).ok().await;
}

async fn a_patient_comes_back(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let patient = hub
        .post("/api/v1/patients")
        .by(&nurse)
        .json(&referral(NHS[0]))
        .ok()
        .await;
    let path = format!("/api/v1/patients/{}", patient["id"].as_str().unwrap());
    let admit = async |from: &str| {
        let body = json!({ "from": from });
        hub.post(&format!("{path}/admit"))
            .by(&nurse)
            .json(&body)
            .send()
            .await
    };
    assert_eq!(admit("2026-11-01T00:00:00Z").await.status, 200);
    let over = json!({"at": "2026-11-10T00:00:00Z", "reason": "moved"});
    hub.post(&format!("{path}/discharge"))
        .by(&nurse)
        .json(&over)
        .ok()
        .await;
    admit("2026-11-09T00:00:00Z")
        .await
        .is_problem(422, "invalid-body", Some("/from"));
    assert_eq!(admit("2026-11-10T00:00:00Z").await.json()["status"], "admitted");
    hub.clock.set(at("2026-11-22T12:00:00Z"));
}

async fn an_administrator_is_not_told_the_conditions(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let administrator = hub.token(Role::Administrator).await;
    let mut other = referral(NHS[1]);
    other["conditions"] = json!(["copd"]);
    hub.post("/api/v1/patients")
        .by(&nurse)
        .json(&referral(NHS[0]))
        .ok()
        .await;
    hub.post("/api/v1/patients").by(&nurse).json(&other).ok().await;
    let asked = "/api/v1/patients?condition=copd";
    let seen = hub.get(asked).by(&nurse).ok().await;
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    assert_eq!(seen["items"][0]["conditions"], json!(["copd"]));
    let seen = hub.get(asked).by(&administrator).ok().await;
    assert_eq!(
        seen["items"].as_array().unwrap().len(),
        2,
        "a filter would tell as well"
    );
    assert!(seen["items"][0].get("conditions").is_none());
}
