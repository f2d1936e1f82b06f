//! Every error is a problem with a stable type, and points at its place.

use homeward::domain::staff::Role;
use homeward::web::problem::KINDS;
use serde_json::json;

use super::hub::{Hub, NHS, referral};
use crate::support::databases;

async fn hub() -> (Hub, String) {
    let hub = Hub::on(databases::sqlite().await);
    let token = hub.token(Role::Admin).await;
    (hub, token)
}

#[tokio::test]
async fn addresses_and_methods_that_are_not_there() {
    let (hub, token) = hub().await;
    hub.get("/api/v1/nothing")
        .send()
        .await
        .is_problem(404, "not-found", None);
    let reply = hub
        .call("DELETE".parse().unwrap(), "/api/v1/patients")
        .by(&token)
        .send()
        .await;
    reply.is_problem(405, "method-not-allowed", None);
    let allowed: Vec<&str> = reply.header("allow").split(',').map(str::trim).collect();
    assert!(
        allowed.contains(&"GET") && allowed.contains(&"POST"),
        "{allowed:?}"
    );
    hub.get("/api/v1/patients/not-a-uuid")
        .by(&token)
        .send()
        .await
        .is_problem(404, "not-found", None);
    hub.get("/api/v1/units/not%20a%20unit")
        .by(&token)
        .send()
        .await
        .is_problem(404, "not-found", None);
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let (hub, token) = hub().await;
    let post = || hub.post("/api/v1/patients").by(&token);
    post()
        .text("text/plain", "{}")
        .send()
        .await
        .is_problem(415, "unsupported-media-type", None);
    post()
        .send()
        .await
        .is_problem(415, "unsupported-media-type", None);
    post()
        .text("application/json", "{\"nhs_number\"")
        .send()
        .await
        .is_problem(400, "bad-json", Some(""));
    post()
        .text("application/json", "[]")
        .send()
        .await
        .is_problem(422, "invalid-body", Some(""));
    let large = format!("{{\"given_name\": \"{}\"}}", "x".repeat(600 * 1024));
    post()
        .text("application/json", &large)
        .send()
        .await
        .is_problem(413, "too-large", None);
    let nul = referral(NHS[0]).to_string().replace("Ada", "A\\u0000a");
    post()
        .text("application/json", &nul)
        .send()
        .await
        .is_problem(422, "invalid-body", Some(""));
}

#[tokio::test]
async fn bodies_that_say_something_else() {
    let (hub, token) = hub().await;
    let changed = |key: &str, value: serde_json::Value| {
        let mut body = referral(NHS[0]);
        body[key] = value;
        body
    };
    for (body, at) in [
        (changed("surname", json!("Brown")), "/surname"),
        (changed("birth_date", json!("yesterday")), "/birth_date"),
        (
            changed("conditions", json!(["heart_failure", "love"])),
            "/conditions/1",
        ),
        (changed("sex", json!(3)), "/sex"),
        (changed("nhs_number", json!("9434765918")), "/nhs_number"),
        (changed("nhs_number", json!("9999999999")), "/nhs_number"),
        (changed("given_name", json!("  ")), "/given_name"),
        (changed("family_name", json!("x".repeat(201))), "/family_name"),
        (changed("birth_date", json!("2030-01-01")), "/birth_date"),
        (changed("birth_date", json!("1850-01-01")), "/birth_date"),
        (changed("phone", json!("ring the bell")), "/phone"),
        (changed("language", json!("English")), "/language"),
        (changed("conditions", json!(["copd", "copd"])), "/conditions/1"),
        (
            changed("team_id", json!("0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11")),
            "/team_id",
        ),
    ] {
        let reply = hub.post("/api/v1/patients").by(&token).json(&body).send().await;
        reply.is_problem(422, "invalid-body", Some(at));
    }
    let mut missing = referral(NHS[0]);
    missing.as_object_mut().unwrap().remove("family_name");
    let reply = hub
        .post("/api/v1/patients")
        .by(&token)
        .json(&missing)
        .send()
        .await;
    reply.is_problem(422, "invalid-body", Some("/family_name"));
}

#[tokio::test]
async fn every_fault_of_a_form_is_told_at_once() {
    let (hub, token) = hub().await;
    let mut body = referral("1234567890");
    body["given_name"] = json!("");
    body["phone"] = json!("x");
    let reply = hub.post("/api/v1/patients").by(&token).json(&body).send().await;
    insta::assert_json_snapshot!(reply.json());
}

#[tokio::test]
async fn queries_that_ask_for_what_cannot_be() {
    let (hub, token) = hub().await;
    for (query, at) in [
        ("limit=0", "query/limit"),
        ("limit=501", "query/limit"),
        ("limit=many", "query/limit"),
        ("limit=1&limit=2", "query/limit"),
        ("colour=red", "query/colour"),
        ("status=happy", "query/status"),
        ("cursor=nonsense", "query/cursor"),
        ("cursor=1~2~3", "query/cursor"),
    ] {
        let reply = hub
            .get(&format!("/api/v1/patients?{query}"))
            .by(&token)
            .send()
            .await;
        reply.is_problem(400, "invalid-query", Some(at));
    }
    for path in [
        "/api/v1/alerts",
        "/api/v1/units",
        "/api/v1/staff",
        "/api/v1/quarantine",
        "/api/v1/audit",
    ] {
        let reply = hub.get(&format!("{path}?limit=0")).by(&token).send().await;
        reply.is_problem(400, "invalid-query", Some("query/limit"));
    }
    let nul = hub.get("/api/v1/patients?q=%00").by(&token).send().await;
    nul.is_problem(400, "invalid-query", None);
    for time in ["2026-11-21T09:00:00", "2026-11-21", "%2B262142-01-01T00:00:00Z"] {
        let asked = format!("/api/v1/audit?to={time}");
        let reply = hub.get(&asked).by(&token).send().await;
        reply.is_problem(400, "invalid-query", Some("query/to"));
    }
    let plus = "/api/v1/audit?from=2026-11-21T09:00:00+01:00";
    assert_eq!(
        hub.get(plus).by(&token).send().await.status,
        200,
        "as most people write it"
    );
    let reply = hub.get("/api/v1/audit?from=yesterday").by(&token).send().await;
    reply.is_problem(400, "invalid-query", Some("query/from"));
}

#[tokio::test]
async fn changes_that_do_not_say_what_they_rest_on() {
    let (hub, token) = hub().await;
    let patient = hub
        .post("/api/v1/patients")
        .by(&token)
        .json(&referral(NHS[0]))
        .ok()
        .await;
    let path = format!("/api/v1/patients/{}", patient["id"].as_str().unwrap());
    let change = json!({"phone": null});
    let call = || hub.patch(&path).by(&token).json(&change);
    call()
        .send()
        .await
        .is_problem(428, "if-match-missing", Some("header/If-Match"));
    call().on(9).send().await.is_problem(412, "stale", None);
    for wrong in ["3", "\"x\"", "*", "W/\"1\""] {
        let reply = call().header("if-match", wrong).send().await;
        reply.is_problem(400, "invalid-header", Some("header/If-Match"));
    }
}

#[tokio::test]
async fn the_type_of_every_problem_leads_to_its_page() {
    let (hub, _) = hub().await;
    for kind in KINDS {
        let reply = hub.get(&format!("/docs/problems/{}", kind.slug)).send().await;
        assert_eq!(reply.status, 200);
        assert!(reply.text.contains(kind.title), "{}", reply.text);
    }
    hub.get("/docs/problems/none")
        .send()
        .await
        .is_problem(404, "not-found", None);
}

#[tokio::test]
async fn answers_carry_the_headers_that_keep_them_where_they_belong() {
    let (hub, _) = hub().await;
    for path in ["/healthz", "/sign-in", "/api/v1/nothing"] {
        let reply = hub.get(path).send().await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("x-frame-options"), "DENY");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert!(
            reply
                .header("content-security-policy")
                .starts_with("default-src 'none'")
        );
    }
}
