//! A finding explains itself: version, rule as written, readings as sent and judged, the sum, the alert.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::{Hub, Reply, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_rise_of_weight_is_set_out_with_what_it_was_measured_against,
    what_no_plan_says_is_explained_as_far_as_it_goes,
    an_answer_is_explained_by_the_answers,
    who_may_not_see_readings_sees_none_of_it,
);

fn weight(value: f64, taken_at: &str) -> Value {
    json!({"measure": "weight", "value": value, "unit": "kg", "taken_at": taken_at})
}

async fn found(hub: &Hub, token: &str, rule: &str) -> String {
    let alerts = hub.get("/api/v1/alerts").by(token).ok().await;
    let alerts = alerts["items"].as_array().unwrap().clone();
    let findings = alerts
        .iter()
        .flat_map(|alert| alert["findings"].as_array().unwrap().clone());
    let found = findings.into_iter().find(|finding| finding["rule"] == rule);
    found.unwrap_or_else(|| panic!("{rule} in {alerts:?}"))["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn explained(hub: &Hub, token: &str, id: &str) -> Reply {
    hub.get(&format!("/api/v1/findings/{id}")).by(token).send().await
}

async fn a_rise_of_weight_is_set_out_with_what_it_was_measured_against(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let handler = hub.token(Role::CallHandler).await;
    // The week's first lies outside the window of three days, and one of it is excluded.
    hub.session("HU-1", 1, json!([weight(81.0, "2026-11-17T09:00:00Z")]))
        .await;
    hub.session(
        "HU-1",
        2,
        json!([
            weight(81.9, "2026-11-18T09:00:00Z"),
            spo2(95.0, "2026-11-18T09:00:00Z")
        ]),
    )
    .await;
    hub.session("HU-1", 3, json!([weight(82.4, "2026-11-19T09:00:00Z")]))
        .await;
    hub.session("HU-1", 4, json!([weight(84.2, "2026-11-21T09:30:00Z")]))
        .await;
    let readings = hub
        .get(&format!(
            "/api/v1/patients/{}/readings?measure=weight",
            story.patient
        ))
        .by(&story.admin)
        .ok()
        .await;
    let excluded = readings["items"][1]["id"].as_str().unwrap().to_owned();
    hub.post(&format!("/api/v1/readings/{excluded}/exclude"))
        .by(&story.admin)
        .json(&json!({"reason": "with shoes"}))
        .ok()
        .await;
    let id = found(&hub, &story.admin, "weight_gain").await;
    let reply = explained(&hub, &handler, &id).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let view = reply.json();
    assert_eq!(view["computation"], "84.2 − 81.9 = 2.3 ≥ 2");
    assert_eq!(view["window_from"], "2026-11-18T00:00:00Z");
    let states: Vec<&Value> = view["window"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(
        states,
        ["accepted", "excluded", "accepted"],
        "of the measure alone, and those that do not count too"
    );
    insta::assert_json_snapshot!("explanation", view);
}

async fn what_no_plan_says_is_explained_as_far_as_it_goes(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.session("HU-1", 1, json!([spo2(20.0, "2026-11-21T09:00:00Z")]))
        .await;
    let id = found(&hub, &story.admin, "suspect").await;
    let view = explained(&hub, &story.admin, &id).await.json();
    assert_eq!(
        (&view["rule"], &view["computation"], &view["window"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
    assert_eq!(view["readings"][0]["reason"], "out_of_range");
    assert_eq!(view["alerts"][0]["class"], "technical");
    // Nobody's unit: no patient, no plan.
    hub.post("/api/v1/units")
        .by(&story.admin)
        .json(&json!({"unit_id": "HU-2"}))
        .ok()
        .await;
    hub.session("HU-2", 2, json!([spo2(95.0, "2026-11-21T09:00:00Z")]))
        .await;
    let id = found(&hub, &story.admin, "unassigned").await;
    let view = explained(&hub, &story.admin, &id).await.json();
    assert_eq!(
        (&view["patient_id"], &view["plan"], &view["readings"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
}

async fn an_answer_is_explained_by_the_answers(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let mut body = super::hub::plan("2026-11-21T00:00:00Z", 90.0);
    let rule = json!({"id": "well", "kind": "answer", "question": "ankles_swollen", "any_of": ["no"], "severity": "amber"});
    body["rules"].as_array_mut().unwrap().push(rule.clone());
    hub.put(&path).by(&story.admin).on(1).json(&body).ok().await;
    hub.session("HU-1", 1, json!([spo2(95.0, "2026-11-21T09:00:00Z")]))
        .await;
    let id = found(&hub, &story.admin, "well").await;
    let view = explained(&hub, &story.admin, &id).await.json();
    assert_eq!(view["rule"], rule, "as it was written");
    assert_eq!(view["answers"][0]["answer"], "no");
    assert_eq!(
        (&view["plan"]["version"], &view["plan"]["set_by"]["name"]),
        (&json!(2), &json!("admin"))
    );
}

async fn who_may_not_see_readings_sees_none_of_it(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.session("HU-1", 1, json!([spo2(85.0, "2026-11-21T09:00:00Z")]))
        .await;
    let id = found(&hub, &story.admin, "limits.spo2").await;
    let administrator = hub.token(Role::Administrator).await;
    explained(&hub, &administrator, &id)
        .await
        .is_problem(403, "not-allowed", None);
    let nothing = "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11";
    explained(&hub, &story.admin, nothing)
        .await
        .is_problem(404, "not-found", None);
    let view = explained(&hub, &story.admin, &id).await.json();
    assert_eq!(view["computation"], "85 < 90 %, by 5");
}
