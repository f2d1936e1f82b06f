//! A nurse who widens a red limit is asked why, at each place, and a second person confirms it; a machine is not asked.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::{Hub, NHS, plan, referral};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_nurse_says_why_and_somebody_else_confirms,
    what_a_machine_widens_waits_without_a_reason,
    a_limit_beyond_the_template_asks_for_a_reason,
    scale_2_needs_a_nurse_who_says_so,
    provenance_names_templates_that_are,
    what_waits_is_listed_last_set_first,
);

fn faults(reply: &super::hub::Reply) -> Vec<String> {
    assert_eq!(reply.status, 422, "{}", reply.text);
    let body = reply.json();
    let faults = body["errors"].as_array().unwrap();
    let told = |fault: &Value| {
        format!(
            "{} {}",
            fault["code"].as_str().unwrap(),
            fault["at"].as_str().unwrap()
        )
    };
    faults.iter().map(told).collect()
}

/// Heart rate red below and above, beside the usual plan.
fn with_pulse(red_low: f64, red_high: f64) -> Value {
    let mut body = plan("2026-11-21T00:00:00Z", 90.0);
    let pulse = json!({"id": "limits.heart_rate", "kind": "limits", "measure": "heart_rate", "red_low": red_low, "red_high": red_high});
    body["rules"].as_array_mut().unwrap().push(pulse);
    body
}

async fn a_nurse_says_why_and_somebody_else_confirms(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let nurse = hub.token(Role::SpecialistNurse).await;
    let clinician = hub.token(Role::RespondingClinician).await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let put =
        async |version: i64, body: &Value| hub.put(&path).by(&nurse).on(version).json(body).send().await;
    let tight = put(1, &with_pulse(50.0, 100.0)).await;
    assert_eq!(
        (tight.status, &tight.json()["review"]),
        (200, &Value::Null),
        "{}",
        tight.text
    );
    let mut wide = with_pulse(39.0, 121.0);
    wide["rules"][0]["red_low"] = json!(90);
    assert_eq!(
        faults(&put(2, &wide).await),
        ["widened /rules/2/red_low", "widened /rules/2/red_high"],
        "each at its place"
    );
    wide["widening_reason"] = json!("  ");
    assert_eq!(faults(&put(2, &wide).await), ["empty /widening_reason"]);
    wide["widening_reason"] = json!("an athlete; agreed with Dr Roe");
    let version = put(2, &wide).await.json();
    assert_eq!(
        (&version["version"], &version["in_force"]),
        (&json!(3), &json!(true)),
        "it is in force all the same"
    );
    insta::assert_json_snapshot!("plan_that_waits", version);
    let waiting = async || hub.get("/api/v1/plans/to-review").by(&clinician).ok().await;
    insta::assert_json_snapshot!("plans_to_review", waiting().await);
    let confirm = async |token: &str, version: i64, body: Value| {
        let path = format!("{path}/versions/{version}/confirm");
        hub.post(&path).by(token).json(&body).send().await
    };
    confirm(&nurse, 3, json!({}))
        .await
        .is_problem(409, "unlawful", None);
    confirm(&clinician, 2, json!({}))
        .await
        .is_problem(409, "unlawful", None);
    confirm(&clinician, 9, json!({}))
        .await
        .is_problem(404, "not-found", None);
    confirm(&clinician, 3, json!({"note": ""}))
        .await
        .is_problem(422, "invalid-body", Some("/note"));
    let confirmed = confirm(&clinician, 3, json!({"note": "seen in clinic"})).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    assert_eq!(confirmed.json()["review"]["state"], "confirmed");
    assert_eq!(
        confirmed.json()["review"]["confirmed_by"]["name"],
        "responding_clinician"
    );
    confirm(&clinician, 3, json!({}))
        .await
        .is_problem(409, "unlawful", None);
    assert_eq!(waiting().await["items"], json!([]));
    // What was widened once is what the next version is held against.
    let again = put(3, &wide).await;
    assert_eq!((again.status, &again.json()["review"]), (200, &Value::Null));
    let versions = hub.get(&format!("{path}/versions")).by(&nurse).ok().await;
    let states: Vec<&Value> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["review"]["state"])
        .collect();
    assert_eq!(
        states,
        [&Value::Null, &json!("confirmed"), &Value::Null, &Value::Null]
    );
    assert!(
        hub.audit()
            .await
            .contains(&"plan.confirm plan by responding_clinician".to_owned())
    );
}

async fn what_a_machine_widens_waits_without_a_reason(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let nurse = hub.token(Role::SpecialistNurse).await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let wide = plan("2026-11-21T00:00:00Z", 70.0);
    let version = hub.put(&path).by(&story.admin).on(1).json(&wide).ok().await;
    let review = &version["review"];
    assert_eq!(
        (&review["state"], &review["why"]),
        (&json!("waiting"), &Value::Null)
    );
    let mark = &review["marks"][0];
    assert_eq!(
        (&mark["what"], &mark["at"]),
        (&json!("widened"), &json!("/rules/0/red_low"))
    );
    assert_eq!((&mark["from"], &mark["to"]), (&json!(90), &json!(70)));
    let confirm = format!("{path}/versions/2/confirm");
    hub.post(&confirm)
        .by(&story.admin)
        .json(&json!({}))
        .send()
        .await
        .is_problem(409, "unlawful", None);
    hub.post(&confirm).by(&nurse).json(&json!({})).ok().await;
}

async fn a_limit_beyond_the_template_asks_for_a_reason(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let patient = hub
        .post("/api/v1/patients")
        .by(&nurse)
        .json(&referral(NHS[0]))
        .ok()
        .await;
    let path = format!("/api/v1/patients/{}/plan", patient["id"].as_str().unwrap());
    let put = async |body: &Value| {
        hub.put(&path)
            .by(&nurse)
            .header("if-none-match", "*")
            .json(body)
            .send()
            .await
    };
    let mut body = plan("2026-11-21T00:00:00Z", 89.0);
    assert_eq!(faults(&put(&body).await), ["beyond_template /rules/0/red_low"]);
    body["widening_reason"] = json!("lives at 88 to 92 %");
    let version = put(&body).await.json();
    let mark = &version["review"]["marks"][0];
    assert_eq!(
        (&mark["template"], &mark["from"], &mark["to"]),
        (&json!("heart_failure"), &json!(90), &json!(89))
    );
    assert_eq!(version["review"]["why"], "lives at 88 to 92 %");
}

async fn scale_2_needs_a_nurse_who_says_so(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let nurse = hub.token(Role::SpecialistNurse).await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let scale_2 = |id: &str| {
        let mut body = plan("2026-11-21T00:00:00Z", 90.0);
        let rule = json!({"id": id, "kind": "news2", "scale": 2, "scale_2_approved_by": "Dr Roe"});
        body["rules"].as_array_mut().unwrap().push(rule);
        body
    };
    let put = async |token: &str, version: i64, body: &Value| {
        hub.put(&path).by(token).on(version).json(body).send().await
    };
    let mut body = scale_2("news2");
    assert_eq!(
        faults(&put(&nurse, 1, &body).await),
        ["scale_2_not_confirmed /rules/2/scale"]
    );
    body["confirms_scale_2"] = json!("yes");
    assert_eq!(
        faults(&put(&nurse, 1, &body).await),
        ["wrong_type /confirms_scale_2"]
    );
    body["confirms_scale_2"] = json!(true);
    let version = put(&nurse, 1, &body).await.json();
    assert_eq!(
        (&version["version"], &version["review"]),
        (&json!(2), &Value::Null),
        "she has said so"
    );
    assert_eq!(
        put(&nurse, 2, &scale_2("news2")).await.status,
        200,
        "it stays on the scale it is on"
    );
    // A machine cannot say so for a nurse.
    assert_eq!(
        put(&nurse, 3, &plan("2026-11-21T00:00:00Z", 90.0)).await.status,
        422,
        "NEWS2 is red and gone"
    );
    let mut without = plan("2026-11-21T00:00:00Z", 90.0);
    without["widening_reason"] = json!("never complete");
    assert_eq!(put(&nurse, 3, &without).await.status, 200);
    let by_machine = put(&story.admin, 4, &body).await.json();
    assert_eq!(by_machine["review"]["marks"][0]["what"], "scale_2");
    assert_eq!(by_machine["review"]["state"], "waiting");
}

async fn provenance_names_templates_that_are(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let mut body = plan("2026-11-21T00:00:00Z", 90.0);
    let put = async |body: &Value| hub.put(&path).by(&story.admin).on(1).json(body).send().await;
    body["from_templates"] =
        json!([{"name": "heart_failure", "version": 99}, {"name": "gout", "version": 1}]);
    assert_eq!(
        faults(&put(&body).await),
        [
            "unknown_version /from_templates/0/version",
            "unknown_template /from_templates/1/name"
        ]
    );
    body["from_templates"] = json!([{"name": "copd"}, {"name": "copd", "version": 0, "surprise": 1}]);
    assert_eq!(
        faults(&put(&body).await),
        [
            "missing /from_templates/0/version",
            "unknown_key /from_templates/1/surprise",
            "not_positive /from_templates/1/version"
        ]
    );
    body["from_templates"] = json!([{"name": "heart_failure", "version": 1}]);
    put(&body).await;
    let version = hub.get(&path).by(&story.admin).ok().await;
    assert_eq!(
        version["from_templates"], body["from_templates"],
        "kept and shown"
    );
}

async fn what_waits_is_listed_last_set_first(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    for (version, red_low) in [(1, 70.0), (2, 50.0), (3, 35.0)] {
        let body = plan("2026-11-21T00:00:00Z", red_low);
        hub.put(&path).by(&story.admin).on(version).json(&body).ok().await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = format!("/api/v1/plans/to-review?limit=1&cursor={cursor}");
        let page = hub.get(&page).by(&story.admin).ok().await;
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["plan"]["version"].as_i64().unwrap()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(
        seen,
        [4, 3, 2],
        "at one time, and a later version takes nothing off the list"
    );
    hub.get("/api/v1/plans/to-review?cursor=nonsense")
        .by(&story.admin)
        .send()
        .await
        .is_problem(400, "invalid-query", Some("query/cursor"));
}
