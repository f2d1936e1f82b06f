//! Versions of parameters, and what they do to the past.

use homeward::domain::staff::Role;
use homeward::store::outbox::{self, NoticeKind};
use serde_json::{Value, json};

use super::hub::{Hub, NHS, at, plan, referral, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    versions_follow_one_another,
    a_plan_that_engine_refuses_is_refused_with_every_place,
    a_back_dated_plan_judges_the_past_again,
    a_plan_is_told_to_every_unit_the_patient_has,
    news2_is_refused_under_16,
);

async fn versions_follow_one_another(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let patient = hub
        .post("/api/v1/patients")
        .by(&nurse)
        .json(&referral(NHS[0]))
        .ok()
        .await;
    let path = format!("/api/v1/patients/{}/plan", patient["id"].as_str().unwrap());
    hub.get(&path)
        .by(&nurse)
        .send()
        .await
        .is_problem(404, "not-found", None);
    let body = plan("2026-11-01T00:00:00Z", 90.0);
    let put = || hub.put(&path).by(&nurse).json(&body);
    put()
        .send()
        .await
        .is_problem(428, "if-match-missing", Some("header/If-Match"));
    put().on(1).send().await.is_problem(412, "stale", None);
    let first = put().header("if-none-match", "*").send().await;
    assert_eq!(
        (first.status, first.header("etag")),
        (201, "\"1\""),
        "{}",
        first.text
    );
    insta::assert_json_snapshot!("plan", first.json());
    put()
        .header("if-none-match", "*")
        .send()
        .await
        .is_problem(412, "stale", None);
    let second = put().on(1).send().await;
    assert_eq!((second.status, second.header("etag")), (200, "\"2\""));
    put().on(1).send().await.is_problem(412, "stale", None);
    let now = hub.get(&path).by(&nurse).send().await;
    assert_eq!(now.header("etag"), "\"2\"");
    assert_eq!(now.json(), second.json());
    let page = hub.get(&format!("{path}/versions?limit=1")).by(&nurse).ok().await;
    assert_eq!(page["items"][0]["version"], 2);
    let rest = format!("{path}/versions?cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = hub.get(&rest).by(&nurse).ok().await;
    assert_eq!(
        (&rest["items"][0]["version"], &rest["next_cursor"]),
        (&json!(1), &Value::Null)
    );
    hub.put("/api/v1/patients/0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11/plan")
        .by(&nurse)
        .header("if-none-match", "*")
        .json(&body)
        .send()
        .await
        .is_problem(404, "not-found", None);
}

async fn a_plan_that_engine_refuses_is_refused_with_every_place(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let mut body = plan("2026-11-01T00:00:00Z", 93.0);
    body["rules"][1]["by"] = json!(0);
    body["surprise"] = json!(true);
    let reply = hub.put(&path).by(&story.admin).on(1).json(&body).send().await;
    assert_eq!(reply.status, 422, "{}", reply.text);
    let places: Vec<String> = reply.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["at"].as_str().unwrap().to_owned())
        .collect();
    for place in ["/surprise", "/rules/1/by"] {
        assert!(places.iter().any(|at| at == place), "{places:?}");
    }
    assert!(places.iter().any(|at| at.starts_with("/rules/0")), "{places:?}");
    hub.put(&path)
        .by(&story.admin)
        .on(1)
        .text("application/json", "{")
        .send()
        .await
        .is_problem(422, "invalid-body", Some(""));
}

async fn a_back_dated_plan_judges_the_past_again(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.session("HU-1", 1, json!([spo2(91.0, "2026-11-19T09:00:00Z")]))
        .await;
    hub.session("HU-1", 2, json!([spo2(91.0, "2026-11-21T09:00:00Z")]))
        .await;
    let alerts = async || hub.get("/api/v1/alerts").by(&story.admin).ok().await["items"].clone();
    assert_eq!(alerts().await[0]["severity"], "amber");
    let path = format!("/api/v1/patients/{}", story.patient);
    let stricter = plan("2026-11-21T00:00:00Z", 91.5);
    hub.put(&format!("{path}/plan"))
        .by(&story.admin)
        .on(1)
        .json(&stricter)
        .ok()
        .await;
    let alert = alerts().await[0].clone();
    assert_eq!(alert["severity"], "red");
    let sessions = hub.get(&format!("{path}/sessions")).by(&story.admin).ok().await;
    let judged = |place: usize| {
        let session = &sessions["items"][place];
        (
            session["plan_version"].as_i64(),
            session["findings"][0]["side"].as_str().map(str::to_owned),
        )
    };
    assert_eq!(
        judged(0),
        (Some(2), Some("red_low".to_owned())),
        "what the version covers"
    );
    assert_eq!(
        judged(1),
        (Some(1), Some("amber_low".to_owned())),
        "what lies before it stays"
    );
    let all = hub
        .get(&format!("{path}/sessions?superseded=true"))
        .by(&story.admin)
        .ok()
        .await;
    let states: Vec<&str> = all["items"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["state"].as_str().unwrap())
        .collect();
    assert_eq!(states.len(), 2, "superseded, never deleted: {all}");
    assert!(states.contains(&"superseded"));
}

async fn a_plan_is_told_to_every_unit_the_patient_has(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    // Whoever claims holds them, so that each is seen once.
    let due = async || -> Vec<String> {
        let mut tx = hub.database.db.begin().await.unwrap();
        let now = hub.clock.now();
        let held = at("2027-01-01T00:00:00Z");
        let notices = outbox::claim(&mut tx, &[NoticeKind::UnitPlan], now, held, 10)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        notices.into_iter().map(|notice| notice.recipient).collect()
    };
    assert_eq!(due().await, ["HU-1"], "of the assignment");
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let mut next = plan("2026-11-22T00:00:00Z", 90.0);
    next["until"] = json!("2026-11-25T00:00:00Z");
    hub.put(&path).by(&story.admin).on(1).json(&next).ok().await;
    assert_eq!(due().await, ["HU-1"], "now");
    assert!(due().await.is_empty());
    hub.clock.set(at("2026-11-22T00:00:00Z"));
    assert_eq!(due().await, ["HU-1"], "when it begins");
    hub.clock.set(at("2026-11-25T00:00:00Z"));
    assert_eq!(due().await, ["HU-1"], "when it ends");
}

async fn news2_is_refused_under_16(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let mut young = referral(NHS[0]);
    young["birth_date"] = json!("2010-11-21");
    let patient = hub.post("/api/v1/patients").by(&nurse).json(&young).ok().await;
    let path = format!("/api/v1/patients/{}/plan", patient["id"].as_str().unwrap());
    let put = async |effective_from: &str, rule: Value| {
        let mut body = plan(effective_from, 90.0);
        body["rules"].as_array_mut().unwrap().push(rule);
        let reply = hub
            .put(&path)
            .by(&nurse)
            .header("if-none-match", "*")
            .json(&body)
            .send()
            .await;
        (reply.status, reply.json()["errors"][0].clone())
    };
    let news2 = || json!({"id": "news2", "kind": "news2", "scale": 1});
    // Sixteen on 21 November 2026, which in London begins at midnight UTC.
    let (status, fault) = put("2026-11-20T23:59:59Z", news2()).await;
    assert_eq!(
        (status, &fault["at"], &fault["code"]),
        (422, &json!("/rules/2/kind"), &json!("news2_under_16"))
    );
    assert_eq!(put("2026-11-21T00:00:00Z", news2()).await.0, 201);
}
