//! What a client meets that sends the wrong thing, or asks at a bad moment.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::{Hub, NHS, referral};
use crate::support::databases;

async fn hub() -> (Hub, String) {
    let hub = Hub::on(databases::sqlite().await);
    let admin = hub.token(Role::Admin).await;
    (hub, admin)
}

#[tokio::test]
async fn a_list_is_not_taken_for_an_object() {
    let (hub, admin) = hub().await;
    let in_order = r#"["9434765919", "Ada", "Brown", "1950-02-03", "female", null, [], null, "en"]"#;
    for body in [in_order, "[]", " [[[["] {
        hub.post("/api/v1/patients")
            .by(&admin)
            .text("application/json", body)
            .send()
            .await
            .is_problem(422, "invalid-body", Some(""));
    }
}

#[tokio::test]
async fn a_client_is_told_when_its_unread_body_ends_the_connection() {
    let (hub, admin) = hub().await;
    let referral = referral(NHS[0]);
    let post = || hub.post("/api/v1/patients").json(&referral);
    assert_eq!(post().send().await.header("connection"), "close", "not signed in");
    let media = hub.post("/api/v1/patients").by(&admin).text("text/plain", "{}");
    assert_eq!(media.send().await.header("connection"), "close", "not JSON");
    let nowhere = hub.post("/api/v1/nowhere").by(&admin).json(&referral);
    assert_eq!(nowhere.send().await.header("connection"), "close", "not there");
    let created = post().by(&admin).send().await;
    assert_eq!((created.status, created.header("connection")), (201, ""));
    let taken = post().by(&admin).send().await;
    assert_eq!((taken.status, taken.header("connection")), (409, ""));
    let unread = hub.get("/api/v1/patients").send().await;
    assert_eq!((unread.status, unread.header("connection")), (401, ""), "no body");
}

#[tokio::test]
async fn without_the_database_the_process_is_alive_and_a_page_is_a_page() {
    let (hub, admin) = hub().await;
    hub.beats().await;
    hub.database.db.close().await;
    assert_eq!(hub.get("/healthz").by(&admin).send().await.status, 200);
    let ready = hub.get("/readyz").by(&admin).send().await;
    assert_eq!(ready.status, 503);
    let works = |name: &str| {
        let body = ready.json();
        let parts = body["parts"].as_array().unwrap();
        parts.iter().find(|part| part["name"] == name).unwrap()["works"].clone()
    };
    assert_eq!((works("database"), works("broker")), (json!(false), json!(true)));
    let page = hub.get("/").by(&admin).header("accept", "text/html").send().await;
    assert_eq!(page.status, 503);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(
        page.text.contains("The worklist cannot be shown"),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("http-equiv=\"refresh\""),
        "it tries again by itself"
    );
    let machine = hub.get("/api/v1/alerts").by(&admin).send().await;
    machine.is_problem(503, "unavailable", None);
}

#[tokio::test]
async fn a_slip_of_the_pen_in_the_year_admits_nobody() {
    let (hub, admin) = hub().await;
    let patient: Value = hub
        .post("/api/v1/patients")
        .by(&admin)
        .json(&referral(NHS[0]))
        .ok()
        .await;
    let path = format!("/api/v1/patients/{}/admit", patient["id"].as_str().unwrap());
    let starting = |from: &str| hub.post(&path).by(&admin).json(&json!({ "from": from }));
    for from in ["1950-02-02T23:00:00Z", "2028-11-21T09:00:00Z"] {
        starting(from)
            .send()
            .await
            .is_problem(422, "invalid-body", Some("/from"));
    }
    starting("2026-12-01T09:00:00Z").ok().await;
}
