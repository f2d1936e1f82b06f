//! Cookies, tokens, and everybody who is turned away with the same words.

use std::time::Duration;

use homeward::domain::staff::Role;
use serde_json::json;

use super::hub::{Hub, PASSWORD};
use crate::support::databases::{self, TestDatabase, on_both_databases};

on_both_databases!(a_person_signs_in_works_and_signs_out, a_sign_in_ends_by_itself);

async fn a_person_signs_in_works_and_signs_out(database: TestDatabase) {
    let hub = Hub::on(database);
    let id = hub.staff("S.Nurse", "Sister Nurse", Role::SpecialistNurse).await;
    let body = json!({"username": " s.nurse ", "password": PASSWORD});
    let reply = hub.post("/api/v1/login").json(&body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let set = reply.header("set-cookie");
    assert!(
        set.contains("; HttpOnly") && set.contains("; SameSite=Strict") && set.contains("; Path=/"),
        "{set}"
    );
    assert!(!set.contains("Secure"), "the loopback has no TLS: {set}");
    let signed = reply.json();
    assert_eq!(signed["staff"]["id"], id.to_string());
    assert_eq!(signed["staff"]["username"], "s.nurse");
    assert_eq!(signed["staff"]["role"], "specialist_nurse");
    let (cookie, csrf) = (reply.cookie(), signed["csrf_token"].as_str().unwrap());
    assert!(!cookie.contains(csrf));

    let me = hub.get("/api/v1/me").header("cookie", &cookie).ok().await;
    assert_eq!(me["name"], "Sister Nurse");
    assert_eq!(me["csrf_token"], csrf);

    let out = || hub.post("/api/v1/logout").header("cookie", &cookie);
    out()
        .send()
        .await
        .is_problem(403, "csrf", Some("header/X-CSRF-Token"));
    out()
        .header("x-csrf-token", "wrong")
        .send()
        .await
        .is_problem(403, "csrf", Some("header/X-CSRF-Token"));
    let reply = out().header("x-csrf-token", csrf).send().await;
    assert_eq!(reply.status, 204);
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    hub.get("/api/v1/me")
        .header("cookie", &cookie)
        .send()
        .await
        .is_problem(401, "not-signed-in", None);
    assert_eq!(
        hub.audit().await,
        [
            "staff.add staff by homeward test",
            "sign_in staff by Sister Nurse",
            "sign_out staff by Sister Nurse"
        ]
    );
}

async fn a_sign_in_ends_by_itself(database: TestDatabase) {
    let hub = Hub::on(database);
    hub.staff("idle", "Idle", Role::Manager).await;
    hub.staff("busy", "Busy", Role::Manager).await;
    let (idle, _) = hub.signed_in("idle").await;
    let (busy, _) = hub.signed_in("busy").await;
    let status = async |cookie: &str| hub.get("/api/v1/me").header("cookie", cookie).send().await.status;
    for _ in 0..23 {
        hub.clock.advance(Duration::from_mins(30));
        assert_eq!(status(&busy).await, 200, "{}", hub.clock.now());
    }
    assert_eq!(status(&idle).await, 401, "nobody used it for an hour");
    hub.clock.advance(Duration::from_mins(30));
    assert_eq!(status(&busy).await, 401, "twelve hours are over");
}

#[tokio::test]
async fn whoever_cannot_sign_in_learns_only_that() {
    let hub = Hub::on(databases::sqlite().await);
    hub.staff("gone", "Gone", Role::Senior).await;
    let admin = hub.token(Role::Admin).await;
    let gone = hub.get("/api/v1/staff").by(&admin).ok().await["items"][0]["id"].clone();
    let path = format!("/api/v1/staff/{}", gone.as_str().unwrap());
    hub.staff("here", "Here", Role::Senior).await;
    hub.patch(&path)
        .by(&admin)
        .on(1)
        .json(&json!({"active": false}))
        .ok()
        .await;
    let mut answers = Vec::new();
    for (username, password) in [
        ("nobody", PASSWORD),
        ("here", "wrong wrong wrong"),
        ("gone", PASSWORD),
    ] {
        let body = json!({"username": username, "password": password});
        let reply = hub.post("/api/v1/login").json(&body).send().await;
        reply.is_problem(401, "sign-in-failed", None);
        answers.push(reply.text);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    let refused = hub
        .audit()
        .await
        .into_iter()
        .filter(|act| act.starts_with("sign_in.refused"))
        .count();
    assert_eq!(refused, 2, "of people who are known");
}

#[tokio::test]
async fn somebody_made_inactive_is_signed_out_at_once() {
    let hub = Hub::on(databases::sqlite().await);
    let id = hub.staff("s", "S", Role::Senior).await;
    let admin = hub.token(Role::Admin).await;
    let (cookie, _) = hub.signed_in("s").await;
    let path = format!("/api/v1/staff/{id}");
    hub.patch(&path)
        .by(&admin)
        .on(1)
        .json(&json!({"active": false}))
        .ok()
        .await;
    assert_eq!(
        hub.get("/api/v1/me")
            .header("cookie", &cookie)
            .send()
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn guessing_stops_for_a_while() {
    let hub = Hub::configured(
        databases::sqlite().await,
        &[("HOMEWARD_HTTP__SIGN_IN_ATTEMPTS", "3")],
        true,
    );
    hub.staff("s", "S", Role::Senior).await;
    let attempt = async |password: &str| {
        let body = json!({"username": "s", "password": password});
        hub.post("/api/v1/login").json(&body).send().await
    };
    for _ in 0..3 {
        assert_eq!(attempt("wrong wrong wrong").await.status, 401);
        hub.clock.advance(Duration::from_mins(1));
    }
    let reply = attempt(PASSWORD).await;
    reply.is_problem(429, "too-many-requests", None);
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    hub.clock.advance(Duration::from_secs(wait - 2));
    assert_eq!(attempt(PASSWORD).await.status, 429);
    hub.clock.advance(Duration::from_secs(2));
    assert_eq!(attempt(PASSWORD).await.status, 200);
}

#[tokio::test]
async fn another_site_cannot_sign_anybody_in() {
    let hub = Hub::on(databases::sqlite().await);
    hub.staff("s", "S", Role::Senior).await;
    let body = json!({"username": "s", "password": PASSWORD});
    let reply = hub
        .post("/api/v1/login")
        .header("sec-fetch-site", "cross-site")
        .json(&body)
        .send()
        .await;
    reply.is_problem(403, "csrf", None);
    let reply = hub
        .post("/api/v1/login")
        .header("sec-fetch-site", "same-origin")
        .json(&body)
        .send()
        .await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn behind_a_tls_proxy_the_cookie_is_secure_and_the_address_the_proxys_word() {
    let variables = [
        ("HOMEWARD_HTTP__BEHIND_TLS_PROXY", "true"),
        ("HOMEWARD_HTTP__SIGN_IN_ATTEMPTS", "1"),
    ];
    let hub = Hub::configured(databases::sqlite().await, &variables, true);
    hub.staff("s", "S", Role::Senior).await;
    let attempt = async |forwarded: &str, password: &str| {
        let body = json!({"username": "s", "password": password});
        hub.post("/api/v1/login")
            .header("x-forwarded-for", forwarded)
            .json(&body)
            .send()
            .await
    };
    assert_eq!(
        attempt("10.0.0.1, 192.0.2.7", "wrong wrong wrong").await.status,
        401
    );
    assert_eq!(
        attempt("10.0.0.2, 192.0.2.7", PASSWORD).await.status,
        429,
        "the first is anybody's word"
    );
    let reply = attempt("192.0.2.8", PASSWORD).await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("set-cookie").contains("; Secure"));
}

#[tokio::test]
async fn a_token_is_known_by_its_secret_until_it_is_revoked() {
    let hub = Hub::on(databases::sqlite().await);
    let admin = hub.token(Role::Admin).await;
    let issued = hub
        .post("/api/v1/tokens")
        .by(&admin)
        .json(&json!({"name": "wall", "role": "manager"}))
        .ok()
        .await;
    let secret = issued["token"].as_str().unwrap();
    assert_eq!(secret.len(), 43, "256 bits");
    let me = hub.get("/api/v1/me").by(secret).ok().await;
    assert_eq!(
        (me["kind"].as_str(), me["role"].as_str()),
        (Some("token"), Some("manager"))
    );
    let revoke = format!("/api/v1/tokens/{}/revoke", issued["id"].as_str().unwrap());
    hub.post(&revoke).by(&admin).ok().await;
    hub.get("/api/v1/me")
        .by(secret)
        .send()
        .await
        .is_problem(401, "not-signed-in", None);
    hub.post(&revoke)
        .by(&admin)
        .send()
        .await
        .is_problem(409, "unlawful", None);
    // Whether the process is alive has nothing to do with who asks.
    assert_eq!(hub.get("/healthz").by("wrong").send().await.status, 200);
    hub.get("/api/v1/me")
        .header("authorization", "Basic x")
        .send()
        .await
        .is_problem(401, "not-signed-in", None);
}
