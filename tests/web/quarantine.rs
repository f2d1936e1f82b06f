//! Quarantine and shifted clocks over HTTP: who may, what is answered, what is refused and why.

use homeward::domain::staff::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::hub::{Hub, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_message_is_replayed_and_its_session_shown,
    messages_are_listed_by_where_they_stand,
    a_message_is_dismissed_with_a_reason,
    many_are_replayed_in_one_call,
    a_session_is_shifted,
    bad_calls_are_told_where,
    a_call_that_is_sent_twice_acts_once,
);

/// A session that the unit dates so; the hub's clock says noon of the 21st.
fn session(number: u128, at: &str, percent: f64) -> Vec<u8> {
    json!({
        "session_id": Uuid::from_u128(number), "started_at": at, "completed_at": at, "sent_at": at,
        "readings": [spo2(percent, at)], "answers": [{ "question": "ankles_swollen", "answer": "no", "answered_at": at }],
    })
    .to_string()
    .into_bytes()
}

fn topic(unit: &str) -> String {
    format!("homeward/v1/units/{unit}/session")
}

async fn only(hub: &Hub, token: &str, query: &str) -> Value {
    let page = hub
        .get(&format!("/api/v1/quarantine{query}"))
        .by(token)
        .ok()
        .await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    page["items"][0].clone()
}

async fn a_message_is_replayed_and_its_session_shown(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.staff("nurse", "Sister Nurse", Role::SpecialistNurse).await;
    let (cookie, csrf) = hub.signed_in("nurse").await;
    // The unit's clock is an hour ahead.
    hub.message(&topic("HU-1"), &session(1, "2026-11-21T13:00:00Z", 85.0))
        .await;
    let case = only(&hub, &story.admin, "").await;
    let path = format!("/api/v1/quarantine/{}", case["id"].as_str().unwrap());
    let replay = async |body: Value| {
        hub.post(&format!("{path}/replay"))
            .header("cookie", &cookie)
            .header("x-csrf-token", &csrf)
            .json(&body)
            .send()
            .await
    };
    let refused = replay(json!({})).await;
    assert_eq!(refused.status, 200, "{}", refused.text);
    insta::assert_json_snapshot!("replay_refused", refused.json());
    assert_eq!(
        hub.get(&path).by(&story.admin).ok().await["last_try"]["by"]["name"],
        "Sister Nurse"
    );
    let stored = replay(json!({ "unit_id": null, "shift_seconds": -3600, "reason": "an hour ahead" })).await;
    insta::assert_json_snapshot!("replay_stored", stored.json());
    let shown = hub.get(&path).by(&story.admin).ok().await;
    insta::assert_json_snapshot!("replayed", shown);
    let sessions = hub
        .get(&format!("/api/v1/patients/{}/sessions", story.patient))
        .by(&story.admin)
        .ok()
        .await;
    insta::assert_json_snapshot!("shifted_session", sessions["items"][0]);
    let readings = hub
        .get(&format!("/api/v1/patients/{}/readings", story.patient))
        .by(&story.admin)
        .ok()
        .await;
    let reading = &readings["items"][0];
    assert_eq!(
        (&reading["taken_at"], &reading["sent"]["taken_at"]),
        (&json!("2026-11-21T12:00:00Z"), &json!("2026-11-21T13:00:00Z"))
    );
    let again = replay(json!({})).await;
    again.is_problem(409, "unlawful", None);
    assert_eq!(
        again.json()["detail"],
        "The message was replayed by Sister Nurse at 2026-11-21T12:00:00Z already."
    );
    let alerts = hub
        .get("/api/v1/alerts?class=technical")
        .by(&story.admin)
        .ok()
        .await;
    assert_eq!(
        alerts["items"][0]["findings"][0]["state"], "superseded",
        "{alerts}"
    );
    let acts = hub.audit().await;
    assert!(
        acts.ends_with(&["quarantine.replay quarantine by Sister Nurse"; 2].map(str::to_owned)),
        "{acts:?}"
    );
}

async fn messages_are_listed_by_where_they_stand(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    for (number, unit, at) in [
        (1, "HU-1", "2026-11-21T13:00:00Z"),
        (2, "HU-8", "2026-11-21T11:00:00Z"),
        (3, "HU-9", "2026-11-21T11:00:00Z"),
        (4, "HU-8", "2026-11-21T11:00:00Z"),
    ] {
        hub.message(&topic(unit), &session(number, at, 97.0)).await;
    }
    let ids = async |query: &str| -> Vec<String> {
        let page = hub
            .get(&format!("/api/v1/quarantine{query}"))
            .by(&story.admin)
            .ok()
            .await;
        let items = page["items"].as_array().unwrap().clone();
        let number = |item: &Value| item["session_id"].as_str().unwrap()[35..].to_owned();
        items.iter().map(number).collect()
    };
    assert_eq!(ids("").await, ["4", "3", "2", "1"]);
    assert_eq!(ids("?reason=clock_fault").await, ["1"]);
    assert_eq!(ids("?unit_id=HU-8").await, ["4", "2"]);
    assert_eq!(ids("?unit_id=HU-8&limit=1").await, ["4"]);
    assert_eq!(ids("?state=replayed").await, Vec::<String>::new());
    let first = only(&hub, &story.admin, "?unit_id=HU-9").await;
    let path = format!("/api/v1/quarantine/{}/replay", first["id"].as_str().unwrap());
    hub.post(&path)
        .by(&story.admin)
        .json(&json!({ "unit_id": "HU-1" }))
        .ok()
        .await;
    assert_eq!(ids("?state=replayed").await, ["3"]);
    assert_eq!(ids("").await, ["4", "2", "1"]);
    assert_eq!(ids("?state=all").await, ["4", "3", "2", "1"]);
    assert_eq!(ids("?state=dismissed").await, Vec::<String>::new());
    for (query, at) in [
        ("?reason=odd", "query/reason"),
        ("?state=odd", "query/state"),
        ("?unit_id=no%20unit", "query/unit_id"),
    ] {
        let reply = hub
            .get(&format!("/api/v1/quarantine{query}"))
            .by(&story.admin)
            .send()
            .await;
        reply.is_problem(400, "invalid-query", Some(at));
    }
}

async fn a_message_is_dismissed_with_a_reason(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.message(&topic("HU-1"), b"{").await;
    let case = only(&hub, &story.admin, "").await;
    let path = format!("/api/v1/quarantine/{}/dismiss", case["id"].as_str().unwrap());
    let dismiss = async |body: Value| hub.post(&path).by(&story.admin).json(&body).send().await;
    for (body, at) in [
        (json!({}), "/reason"),
        (json!({ "reason": " " }), "/reason"),
        (json!({ "reason": "x", "why": "y" }), "/why"),
    ] {
        dismiss(body).await.is_problem(422, "invalid-body", Some(at));
    }
    let done = dismiss(json!({ "reason": "the installer's test" })).await;
    assert_eq!(done.status, 200);
    insta::assert_json_snapshot!("dismissed", done.json());
    let again = dismiss(json!({ "reason": "again" })).await;
    again.is_problem(409, "unlawful", None);
    let nothing = hub
        .post("/api/v1/quarantine/0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11/dismiss")
        .by(&story.admin)
        .json(&json!({ "reason": "x" }))
        .send()
        .await;
    nothing.is_problem(404, "not-found", None);
}

async fn many_are_replayed_in_one_call(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    for number in 1..=3 {
        hub.message(
            &topic("HU-8"),
            &session(number, &format!("2026-11-21T11:0{number}:00Z"), 97.0),
        )
        .await;
    }
    hub.message(&topic("HU-8"), b"{").await;
    let listed = hub.get("/api/v1/quarantine").by(&story.admin).ok().await;
    let mut ids: Vec<Value> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].clone())
        .collect();
    let nobody = json!("0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11");
    ids.push(nobody.clone());
    let several = async |body: Value| {
        hub.post("/api/v1/quarantine/replay")
            .by(&story.admin)
            .json(&body)
            .send()
            .await
    };
    let done = several(json!({ "ids": ids, "unit_id": "HU-1" })).await.json();
    let outcomes: Vec<&str> = done["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["stored", "stored", "stored", "rejected"]);
    assert_eq!(done["passed_over"], json!([nobody]));
    assert_eq!(done["items"][0]["patient_id"], json!(story.patient));
    assert_eq!(done["items"][3]["problems"][0]["code"], "not_json");
    let again = several(json!({ "ids": ids })).await.json();
    assert_eq!(again["passed_over"].as_array().unwrap().len(), 4);
    let too_many: Vec<Uuid> = (0..101).map(Uuid::from_u128).collect();
    several(json!({ "ids": too_many }))
        .await
        .is_problem(422, "invalid-body", Some("/ids"));
}

async fn a_session_is_shifted(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let id = hub
        .session("HU-1", 1, json!([spo2(85.0, "2026-11-21T09:00:00Z")]))
        .await;
    let path = format!("/api/v1/sessions/HU-1/{id}/shift");
    let shift = |body: Value| hub.post(&path).by(&story.admin).json(&body);
    let body = json!({ "seconds": 3600, "reason": "the clock was an hour behind" });
    let done = shift(body.clone()).on(1).send().await;
    assert_eq!(
        (done.status, done.header("etag")),
        (200, "\"2\""),
        "{}",
        done.text
    );
    insta::assert_json_snapshot!("shifted", done.json());
    shift(body.clone())
        .on(1)
        .send()
        .await
        .is_problem(412, "stale", None);
    let more = shift(json!({ "seconds": -60, "reason": "and a minute" }))
        .send()
        .await;
    assert_eq!(more.json()["shift_seconds"], 3540);
    let sessions_of = format!("/api/v1/patients/{}/sessions", story.patient);
    let sessions = hub.get(&sessions_of).by(&story.admin).ok().await;
    let session = &sessions["items"][0];
    assert_eq!(
        (
            &session["completed_at"],
            &session["version"],
            &session["shift_seconds"]
        ),
        (&json!("2026-11-21T09:59:00Z"), &json!(3), &json!(3540))
    );
    assert_eq!(
        session["findings"][0]["at"], "2026-11-21T09:59:00Z",
        "judged as of its new time"
    );
    for (body, at) in [
        (json!({ "seconds": 0, "reason": "x" }), "/seconds"),
        (json!({ "seconds": 86_400, "reason": "x" }), "/seconds"),
        (json!({ "seconds": -40_000_000, "reason": "x" }), "/seconds"),
        (json!({ "seconds": 1.5, "reason": "x" }), "/seconds"),
        (json!({ "seconds": 60, "reason": "" }), "/reason"),
        (json!({ "seconds": 60 }), "/reason"),
    ] {
        let reply = shift(body.clone()).send().await;
        reply.is_problem(422, "invalid-body", Some(at));
    }
    for nowhere in [
        "/api/v1/sessions/HU-1/0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11/shift".to_owned(),
        format!("/api/v1/sessions/HU-2/{id}/shift"),
    ] {
        let reply = hub.post(&nowhere).by(&story.admin).json(&body).send().await;
        reply.is_problem(404, "not-found", None);
    }
    let acts = hub.audit().await;
    assert!(
        acts.ends_with(&["session.shift session by admin"; 2].map(str::to_owned)),
        "{acts:?}"
    );
    for (role, status) in [
        (Role::SpecialistNurse, 200),
        (Role::Senior, 200),
        (Role::CallHandler, 403),
        (Role::Manager, 403),
        (Role::Administrator, 403),
    ] {
        let token = hub.token(role).await;
        let body = json!({ "seconds": -60, "reason": "x" });
        let reply = hub.post(&path).by(&token).json(&body).send().await;
        assert_eq!(reply.status, status, "{role:?}");
    }
    // Back where it was, it has been moved all the same.
    shift(json!({ "seconds": -3420, "reason": "right after all" }))
        .ok()
        .await;
    let sessions = hub.get(&sessions_of).by(&story.admin).ok().await;
    let session = &sessions["items"][0];
    assert_eq!(
        (&session["shift_seconds"], &session["version"]),
        (&json!(0), &json!(6))
    );
    assert_eq!(session["shifts"].as_array().unwrap().len(), 5);
}

async fn bad_calls_are_told_where(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.message(&topic("HU-8"), &session(1, "2026-11-21T11:00:00Z", 97.0))
        .await;
    let case = only(&hub, &story.admin, "").await;
    let path = format!("/api/v1/quarantine/{}/replay", case["id"].as_str().unwrap());
    for (body, at) in [
        (json!({ "unit_id": "no unit" }), "/unit_id"),
        (json!({ "shift_seconds": "60" }), "/shift_seconds"),
        (json!({ "shift_seconds": 4_000_000_000_i64 }), "/shift_seconds"),
        (json!({ "shift": 60 }), "/shift"),
        (json!({ "reason": "" }), "/reason"),
    ] {
        let reply = hub.post(&path).by(&story.admin).json(&body).send().await;
        reply.is_problem(422, "invalid-body", Some(at));
    }
    let nothing = hub
        .post("/api/v1/quarantine/0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11/replay")
        .by(&story.admin)
        .json(&json!({}))
        .send()
        .await;
    nothing.is_problem(404, "not-found", None);
    assert_eq!(only(&hub, &story.admin, "").await["tries"], 0);
}

async fn a_call_that_is_sent_twice_acts_once(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let id = hub
        .session("HU-1", 1, json!([spo2(97.0, "2026-11-21T09:00:00Z")]))
        .await;
    let path = format!("/api/v1/sessions/HU-1/{id}/shift");
    let body = json!({ "seconds": 60, "reason": "a minute" });
    let shift = || {
        hub.post(&path)
            .by(&story.admin)
            .header("idempotency-key", "one")
            .json(&body)
    };
    let first = shift().ok().await;
    assert_eq!(shift().ok().await, first);
    assert_eq!(first["shift_seconds"], 60);
    hub.message(&topic("HU-8"), &session(2, "2026-11-21T11:00:00Z", 97.0))
        .await;
    let case = only(&hub, &story.admin, "").await;
    let path = format!("/api/v1/quarantine/{}/replay", case["id"].as_str().unwrap());
    let body = json!({ "unit_id": "HU-1" });
    let replay = || {
        hub.post(&path)
            .by(&story.admin)
            .header("idempotency-key", "two")
            .json(&body)
    };
    let first = replay().ok().await;
    assert_eq!(first["outcome"], "stored");
    assert_eq!(replay().ok().await, first);
}
