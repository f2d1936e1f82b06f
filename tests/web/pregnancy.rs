//! NEWS2 is not for pregnancy: refused where it is on record, and said where it comes to be known later.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::{Hub, NHS, at, plan, referral};
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::trail;

on_both_databases!(
    what_is_not_known_is_shown_as_unknown,
    news2_is_refused_in_pregnancy,
    news2_in_force_is_said_until_somebody_changes_it,
    news2_to_come_is_said_too,
);

fn with_news2(effective_from: &str) -> Value {
    let mut body = plan(effective_from, 90.0);
    let news2 = json!({"id": "news2", "kind": "news2", "scale": 1});
    body["rules"].as_array_mut().unwrap().push(news2);
    body
}

async fn what_is_not_known_is_shown_as_unknown(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    let administrator = hub.token(Role::Administrator).await;
    let create = async |number: &str, pregnant: Option<Value>| {
        let mut person = referral(number);
        if let Some(pregnant) = pregnant {
            person["pregnant"] = pregnant;
        }
        hub.post("/api/v1/patients").by(&nurse).json(&person).ok().await
    };
    let unknown = create(NHS[0], None).await;
    assert_eq!(
        unknown.get("pregnant"),
        Some(&Value::Null),
        "neither no nor absent"
    );
    for (number, said) in [
        (NHS[1], json!(true)),
        (NHS[2], json!(false)),
        (NHS[3], Value::Null),
    ] {
        assert_eq!(create(number, Some(said.clone())).await["pregnant"], said);
    }
    let path = format!("/api/v1/patients/{}", unknown["id"].as_str().unwrap());
    let change = async |version: i64, said: Value| {
        let body = json!({ "pregnant": said });
        hub.patch(&path).by(&nurse).on(version).json(&body).ok().await["pregnant"].clone()
    };
    assert_eq!(change(1, json!(true)).await, json!(true));
    let other = json!({ "language": "pa" });
    let other = hub.patch(&path).by(&nurse).on(2).json(&other).ok().await;
    assert_eq!(other["pregnant"], json!(true), "what is not mentioned stays");
    assert_eq!(change(3, json!(false)).await, json!(false));
    assert_eq!(change(4, Value::Null).await, Value::Null);
    let seen = hub.get(&path).by(&administrator).ok().await;
    assert_eq!(seen.get("pregnant"), None, "who assigns units is not told");
    assert_eq!(seen.get("problems"), None);
    let corrected = trail::acts(&hub.database.db)
        .await
        .into_iter()
        .find(|entry| entry.act == "patient.correct");
    let detail = corrected.unwrap().detail;
    assert!(detail.contains("pregnant"), "{detail}");
    assert!(
        !detail.contains("true"),
        "what was touched, not what it is: {detail}"
    );
}

async fn news2_is_refused_in_pregnancy(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    let team = json!({ "name": "North" });
    let team = hub.post("/api/v1/teams").by(&admin).json(&team).ok().await["id"].clone();
    let mut person = referral(NHS[0]);
    person["team_id"] = team.clone();
    person["pregnant"] = json!(true);
    let person = hub.post("/api/v1/patients").by(&admin).json(&person).ok().await;
    let path = format!("/api/v1/patients/{}", person["id"].as_str().unwrap());
    let body = with_news2("2026-11-21T00:00:00Z");
    let put = async || {
        let put = hub.put(&format!("{path}/plan")).by(&admin);
        put.header("if-none-match", "*").json(&body).send().await
    };
    let preview = async || {
        let preview = hub.post(&format!("{path}/plan/preview")).by(&admin);
        preview.json(&json!({ "plan": body })).send().await
    };
    let refused = put().await;
    refused.is_problem(422, "invalid-body", Some("/rules/2/kind"));
    assert_eq!(refused.json()["errors"][0]["code"], "news2_in_pregnancy");
    let refused = preview().await;
    refused.is_problem(422, "invalid-body", Some("/plan/rules/2/kind"));
    assert_eq!(refused.json()["errors"][0]["code"], "news2_in_pregnancy");
    let proposal = hub.get(&format!("{path}/plan/proposal")).by(&admin).ok().await;
    assert!(!proposal.to_string().contains("news2"), "no template scores it");
    let rehearsals = format!("/api/v1/teams/{}/rehearsals", team.as_str().unwrap());
    let left_out = async || {
        let begun = hub
            .post(&rehearsals)
            .by(&admin)
            .json(&json!({ "plan": body }))
            .ok()
            .await;
        let path = format!("{rehearsals}/{}", begun["id"].as_str().unwrap());
        for _ in 0..10_000 {
            let seen = hub.get(&path).by(&admin).ok().await;
            if seen["state"] != "running" {
                return seen["forecast"]["patients_left_out"].clone();
            }
            tokio::task::yield_now().await;
        }
        panic!("it never ends")
    };
    assert_eq!(left_out().await, json!(1));
    for (version, said) in [(1, Value::Null), (2, json!(false))] {
        let said = json!({ "pregnant": said });
        hub.patch(&path).by(&admin).on(version).json(&said).ok().await;
        assert_eq!(left_out().await, json!(0));
        assert_eq!(preview().await.status, 200, "{said}");
    }
    assert_eq!(put().await.status, 201);
}

/// `version: code` of the problems on the patient's own record.
fn told(patient: &Value) -> Vec<String> {
    let problems = patient["problems"].as_array().unwrap();
    let told = |problem: &Value| {
        let code = problem["code"].as_str().unwrap();
        format!("{}: {code}", problem["plan_version"])
    };
    problems.iter().map(told).collect()
}

/// The versions that wait, and what is wrong with each.
async fn to_review(hub: &Hub, token: &str) -> Vec<(i64, Value)> {
    let list = hub.get("/api/v1/plans/to-review").by(token).ok().await;
    let row = |row: &Value| {
        let problems = row["plan"]["problems"].as_array().unwrap();
        let places = problems.iter().map(|problem| problem["at"].clone()).collect();
        (row["plan"]["version"].as_i64().unwrap(), Value::Array(places))
    };
    list["items"].as_array().unwrap().iter().map(row).collect()
}

async fn news2_in_force_is_said_until_somebody_changes_it(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}", story.patient);
    let plan_path = format!("{path}/plan");
    let put = async |version: i64, body: Value| {
        hub.put(&plan_path)
            .by(&story.admin)
            .on(version)
            .json(&body)
            .ok()
            .await
    };
    put(1, with_news2("2026-11-21T00:00:00Z")).await;
    assert_eq!(told(&hub.get(&path).by(&story.admin).ok().await), [""; 0]);
    let known = json!({ "pregnant": true });
    let patient = hub.patch(&path).by(&story.admin).on(2).json(&known).ok().await;
    insta::assert_json_snapshot!("news2_in_pregnancy", patient);
    let listed = hub.get("/api/v1/patients").by(&story.admin).ok().await;
    assert_eq!(told(&listed["items"][0]), ["2: news2_in_pregnancy"]);
    let shown = hub.get(&plan_path).by(&story.admin).ok().await;
    assert_eq!(shown["problems"][0]["at"], "/rules/2/kind");
    assert_eq!(shown["problems"][0]["code"], "news2_in_pregnancy");
    let versions = hub
        .get(&format!("{plan_path}/versions"))
        .by(&story.admin)
        .ok()
        .await;
    assert_eq!(versions["items"][1]["problems"], json!([]), "the version before");
    assert_eq!(
        to_review(&hub, &story.admin).await,
        [(2, json!(["/rules/2/kind"]))]
    );
    // What follows tomorrow helps from tomorrow on.
    let next = put(2, plan("2026-11-22T00:00:00Z", 90.0)).await;
    assert_eq!(next["problems"], json!([]));
    assert_eq!(
        told(&hub.get(&path).by(&story.admin).ok().await),
        ["2: news2_in_pregnancy"]
    );
    hub.clock.set(at("2026-11-22T00:00:00Z"));
    assert_eq!(told(&hub.get(&path).by(&story.admin).ok().await), [""; 0]);
    let rest: Vec<i64> = to_review(&hub, &story.admin)
        .await
        .iter()
        .map(|row| row.0)
        .collect();
    assert_eq!(rest, [3], "a red rule that went is asked about as ever");
}

async fn news2_to_come_is_said_too(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}", story.patient);
    let pregnant = async |version: i64, said: Value| {
        let said = json!({ "pregnant": said });
        told(
            &hub.patch(&path)
                .by(&story.admin)
                .on(version)
                .json(&said)
                .ok()
                .await,
        )
    };
    let mut temporary = with_news2("2026-12-01T00:00:00Z");
    temporary["until"] = json!("2026-12-03T00:00:00Z");
    let put = hub.put(&format!("{path}/plan")).by(&story.admin).on(1);
    put.json(&temporary).ok().await;
    assert_eq!(pregnant(2, json!(true)).await, ["2: news2_in_pregnancy"]);
    assert_eq!(to_review(&hub, &story.admin).await.len(), 1);
    assert_eq!(pregnant(3, json!(false)).await, [""; 0]);
    assert_eq!(to_review(&hub, &story.admin).await.len(), 0);
    assert_eq!(pregnant(4, json!(true)).await, ["2: news2_in_pregnancy"]);
    assert_eq!(pregnant(5, Value::Null).await, [""; 0], "not known is not yes");
    assert_eq!(pregnant(6, json!(true)).await, ["2: news2_in_pregnancy"]);
    let over = json!({"at": "2026-11-21T12:00:00Z", "reason": "moved away"});
    let over = hub
        .post(&format!("{path}/discharge"))
        .by(&story.admin)
        .json(&over)
        .ok()
        .await;
    assert_eq!(told(&over), [""; 0], "nobody is judged by it");
    assert_eq!(to_review(&hub, &story.admin).await.len(), 0);
    hub.clock.set(at("2026-12-03T00:00:00Z"));
    let again = json!({ "from": "2026-12-03T00:00:00Z" });
    let back = hub
        .post(&format!("{path}/admit"))
        .by(&story.admin)
        .json(&again)
        .ok()
        .await;
    assert_eq!(told(&back), [""; 0], "it is over");
}
