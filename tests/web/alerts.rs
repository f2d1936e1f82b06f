//! Claim, release, close: one winner, and nobody acts on what they have not seen.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::{Hub, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    an_alert_is_claimed_and_released,
    an_alert_is_closed_with_an_outcome_and_found_again,
    two_who_claim_at_once,
    what_became_worse_is_not_closed_unseen
);

async fn an_alert_is_claimed_and_released(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.session("HU-1", 1, json!([spo2(91.0, "2026-11-21T09:00:00Z")]))
        .await;
    let handler = hub.token(Role::CallHandler).await;
    let listed = hub.get("/api/v1/alerts").by(&handler).ok().await;
    insta::assert_json_snapshot!("alerts", listed);
    let path = format!("/api/v1/alerts/{}", listed["items"][0]["id"].as_str().unwrap());
    let shown = hub.get(&path).by(&handler).send().await;
    assert_eq!(
        (shown.header("etag"), &shown.json()),
        ("\"1\"", &listed["items"][0])
    );

    let act = |what: &str, token: &str| hub.post(&format!("{path}/{what}")).by(token);
    let outcome = json!({"outcome": "advice_given", "note": "will weigh again"});
    act("claim", &handler)
        .send()
        .await
        .is_problem(428, "if-match-missing", Some("header/If-Match"));
    act("release", &handler)
        .on(1)
        .send()
        .await
        .is_problem(409, "unlawful", None);
    act("close", &handler)
        .on(1)
        .json(&outcome)
        .send()
        .await
        .is_problem(409, "unlawful", None);
    let claimed = act("claim", &handler).on(1).ok().await;
    assert_eq!(
        (&claimed["state"], &claimed["version"]),
        (&json!("claimed"), &json!(2))
    );
    assert_eq!(claimed["claimed_by"]["name"], "call_handler");
    assert_eq!(claimed["findings"], listed["items"][0]["findings"]);
    act("claim", &story.admin)
        .on(1)
        .send()
        .await
        .is_problem(412, "stale", None);
    act("claim", &story.admin)
        .on(2)
        .send()
        .await
        .is_problem(409, "unlawful", None);
    act("release", &story.admin)
        .on(2)
        .send()
        .await
        .is_problem(409, "unlawful", None);
    assert_eq!(act("release", &handler).on(2).ok().await["state"], "new");
}

async fn an_alert_is_closed_with_an_outcome_and_found_again(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.session("HU-1", 1, json!([spo2(91.0, "2026-11-21T09:00:00Z")]))
        .await;
    let handler = hub.token(Role::CallHandler).await;
    let listed = hub.get("/api/v1/alerts").by(&handler).ok().await;
    let path = format!("/api/v1/alerts/{}", listed["items"][0]["id"].as_str().unwrap());
    let act = |what: &str, token: &str| hub.post(&format!("{path}/{what}")).by(token);
    let outcome = json!({"outcome": "advice_given", "note": "will weigh again"});
    act("claim", &handler).on(1).ok().await;
    let mine = async |token: &str| {
        let page = hub.get("/api/v1/alerts?mine=true").by(token).ok().await;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!((mine(&handler).await, mine(&story.admin).await), (1, 0));
    let by_itself = json!({"outcome": "cleared_by_itself"});
    act("close", &handler)
        .on(2)
        .json(&by_itself)
        .send()
        .await
        .is_problem(409, "unlawful", None);
    let unknown = json!({"outcome": "fine"});
    act("close", &handler)
        .on(2)
        .json(&unknown)
        .send()
        .await
        .is_problem(422, "invalid-body", Some("/outcome"));
    let closed = act("close", &handler).on(2).json(&outcome).ok().await;
    assert_eq!(
        (&closed["state"], &closed["outcome"]),
        (&json!("closed"), &json!("advice_given"))
    );
    assert_eq!(closed["note"], "will weigh again");
    let count = async |query: &str| {
        let page = hub.get(&format!("/api/v1/alerts{query}")).by(&handler).ok().await;
        page["items"].as_array().unwrap().len()
    };
    let counts = [
        count("").await,
        count("?state=closed").await,
        count("?state=all&class=clinical&severity=amber").await,
        count("?state=all&severity=red").await,
        count(&format!("?state=all&patient_id={}", story.patient)).await,
    ];
    assert_eq!(counts, [0, 1, 1, 0, 1]);
    act("claim", &handler)
        .on(3)
        .send()
        .await
        .is_problem(409, "unlawful", None);
    let acts: Vec<String> = hub
        .audit()
        .await
        .into_iter()
        .filter(|act| act.starts_with("alert."))
        .collect();
    let expected = ["claim", "close"].map(|act| format!("alert.{act} alert by call_handler"));
    assert_eq!(acts, expected);
}

async fn two_who_claim_at_once(database: TestDatabase) {
    let hub = Hub::on(database);
    hub.story().await;
    hub.session("HU-1", 1, json!([spo2(85.0, "2026-11-21T09:00:00Z")]))
        .await;
    let (one, other) = (hub.token(Role::CallHandler).await, hub.token(Role::Senior).await);
    let alert = hub.get("/api/v1/alerts").by(&one).ok().await["items"][0].clone();
    let path = format!("/api/v1/alerts/{}/claim", alert["id"].as_str().unwrap());
    let (a, b) = tokio::join!(
        hub.post(&path).by(&one).on(1).send(),
        hub.post(&path).by(&other).on(1).send()
    );
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

async fn what_became_worse_is_not_closed_unseen(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.session("HU-1", 1, json!([spo2(91.0, "2026-11-21T09:00:00Z")]))
        .await;
    let alert =
        async || -> Value { hub.get("/api/v1/alerts").by(&story.admin).ok().await["items"][0].clone() };
    let path = format!("/api/v1/alerts/{}", alert().await["id"].as_str().unwrap());
    hub.post(&format!("{path}/claim"))
        .by(&story.admin)
        .on(1)
        .ok()
        .await;
    hub.session("HU-1", 2, json!([spo2(85.0, "2026-11-21T10:00:00Z")]))
        .await;
    let outcome = json!({"outcome": "in_range_on_retest"});
    let close = |version| {
        hub.post(&format!("{path}/close"))
            .by(&story.admin)
            .on(version)
            .json(&outcome)
    };
    close(2).send().await.is_problem(412, "stale", None);
    let worse = alert().await;
    assert_eq!(
        (&worse["severity"], &worse["state"]),
        (&json!("red"), &json!("claimed"))
    );
    close(worse["version"].as_i64().unwrap()).ok().await;
}
