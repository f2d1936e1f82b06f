//! Stays in hospital are recorded, corrected and never taken away.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::{Hub, NHS, Reply, Story, referral};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_stay_is_recorded_ended_and_corrected,
    what_cannot_have_been_is_refused_at_its_place,
    stays_never_overlap,
    what_was_entered_in_error_stays_and_counts_nowhere,
    only_whoever_keeps_the_caseload_records_and_it_is_audited,
);

fn path(story: &Story) -> String {
    format!("/api/v1/patients/{}/hospital-admissions", story.patient)
}

async fn post(hub: &Hub, story: &Story, body: &Value) -> Reply {
    hub.post(&path(story)).by(&story.admin).json(body).send().await
}

fn stay(admitted: &str, discharged: Option<&str>) -> Value {
    json!({"admitted_at": admitted, "discharged_at": discharged, "kind": "emergency", "cause": "monitored_condition"})
}

async fn patch(hub: &Hub, story: &Story, stay: &Value, version: i64, body: &Value) -> Reply {
    let path = format!("{}/{}", path(story), stay["id"].as_str().unwrap());
    hub.patch(&path)
        .by(&story.admin)
        .on(version)
        .json(body)
        .send()
        .await
}

async fn a_stay_is_recorded_ended_and_corrected(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let nobody = hub.get(&path(&story)).by(&story.admin).ok().await;
    assert_eq!(nobody["items"], json!([]));
    let mut body = stay("2026-11-18T22:10:00+01:00", None);
    body["note"] = json!("  by ambulance ");
    let reply = post(&hub, &story, &body).await;
    assert_eq!(
        (reply.status, reply.header("etag")),
        (201, "\"1\""),
        "{}",
        reply.text
    );
    let mut made = reply.json();
    let id = made.as_object_mut().unwrap().remove("id").unwrap();
    assert_eq!(
        made,
        json!({
            "patient_id": story.patient, "admitted_at": "2026-11-18T21:10:00Z", "discharged_at": null, "kind": "emergency",
            "cause": "monitored_condition", "note": "by ambulance", "entered_in_error": false,
            "recorded_by": made["recorded_by"], "recorded_at": "2026-11-21T12:00:00Z", "version": 1,
        })
    );
    assert_eq!(made["recorded_by"]["name"], "admin");
    made["id"] = id;
    let ended = patch(
        &hub,
        &story,
        &made,
        1,
        &json!({"discharged_at": "2026-11-20T10:00:00Z"}),
    )
    .await;
    assert_eq!(ended.status, 200, "{}", ended.text);
    assert_eq!(ended.header("etag"), "\"2\"");
    assert_eq!(
        ended.json()["note"],
        "by ambulance",
        "what is not mentioned stays"
    );
    let corrected = patch(
        &hub,
        &story,
        &made,
        2,
        &json!({"kind": "planned", "cause": "other", "note": null, "admitted_at": "2026-11-18T20:00:00Z"}),
    )
    .await
    .json();
    assert_eq!(
        (
            &corrected["kind"],
            &corrected["cause"],
            &corrected["note"],
            &corrected["version"]
        ),
        (&json!("planned"), &json!("other"), &Value::Null, &json!(3))
    );
    patch(&hub, &story, &made, 2, &json!({"cause": "unknown"}))
        .await
        .is_problem(412, "stale", None);
    let earlier = post(
        &hub,
        &story,
        &stay("2026-10-01T00:00:00Z", Some("2026-10-03T00:00:00Z")),
    )
    .await;
    assert_eq!(
        earlier.status, 201,
        "before the admission to monitoring: {}",
        earlier.text
    );
    let list = hub.get(&path(&story)).by(&story.admin).ok().await;
    let admitted: Vec<&Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stay| &stay["admitted_at"])
        .collect();
    assert_eq!(admitted, ["2026-11-18T20:00:00Z", "2026-10-01T00:00:00Z"]);
    assert_eq!(list["items"][0], corrected);
}

async fn what_cannot_have_been_is_refused_at_its_place(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let refused = async |body: &Value, at: &str| {
        post(&hub, &story, body)
            .await
            .is_problem(422, "invalid-body", Some(at));
    };
    // It is noon of the 21st.
    refused(&stay("2026-11-21T12:00:01Z", None), "/admitted_at").await;
    refused(
        &stay("2026-11-20T00:00:00Z", Some("2026-11-21T12:00:01Z")),
        "/discharged_at",
    )
    .await;
    refused(
        &stay("2026-11-20T00:00:00Z", Some("2026-11-20T00:00:00Z")),
        "/discharged_at",
    )
    .await;
    refused(&stay("1950-02-02T00:00:00Z", None), "/admitted_at").await;
    refused(&stay("yesterday", None), "/admitted_at").await;
    let with = |key: &str, value: Value| {
        let mut body = stay("2026-11-20T00:00:00Z", None);
        body[key] = value;
        body
    };
    refused(&with("kind", json!("accident")), "/kind").await;
    refused(&with("cause", json!("heart")), "/cause").await;
    refused(&with("note", json!(" ")), "/note").await;
    refused(&with("ward", json!(7)), "/ward").await;
    let mut wrong = stay("2027-11-20T00:00:00Z", Some("2027-11-19T00:00:00Z"));
    wrong["note"] = json!("x".repeat(4001));
    let places: Vec<Value> = post(&hub, &story, &wrong).await.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["at"].clone())
        .collect();
    assert_eq!(
        places,
        ["/note", "/admitted_at", "/discharged_at", "/discharged_at"],
        "all at once"
    );
    let nobody = format!(
        "/api/v1/patients/{}/hospital-admissions",
        uuid::Uuid::from_u128(404)
    );
    let body = stay("2026-11-20T00:00:00Z", None);
    hub.post(&nobody)
        .by(&story.admin)
        .json(&body)
        .send()
        .await
        .is_problem(404, "not-found", None);
    hub.get(&nobody)
        .by(&story.admin)
        .send()
        .await
        .is_problem(404, "not-found", None);
    assert_eq!(
        hub.get(&path(&story)).by(&story.admin).ok().await["items"],
        json!([])
    );
}

async fn stays_never_overlap(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let taken = |reply: Reply, at: &str| reply.is_problem(409, "taken", Some(at));
    let first = post(
        &hub,
        &story,
        &stay("2026-11-05T00:00:00Z", Some("2026-11-10T00:00:00Z")),
    )
    .await
    .json();
    let at = "/admitted_at";
    taken(post(&hub, &story, &stay("2026-11-09T23:59:59Z", None)).await, at);
    taken(
        post(
            &hub,
            &story,
            &stay("2026-11-05T00:00:00Z", Some("2026-11-06T00:00:00Z")),
        )
        .await,
        at,
    );
    let at = "/discharged_at";
    taken(
        post(
            &hub,
            &story,
            &stay("2026-11-01T00:00:00Z", Some("2026-11-05T00:00:01Z")),
        )
        .await,
        at,
    );
    taken(post(&hub, &story, &stay("2026-11-01T00:00:00Z", None)).await, at);
    // Moved to another hospital: one ends as the other begins.
    let moved = post(&hub, &story, &stay("2026-11-10T00:00:00Z", None)).await;
    assert_eq!(moved.status, 201, "{}", moved.text);
    let moved = moved.json();
    taken(
        post(&hub, &story, &stay("2026-11-20T00:00:00Z", None)).await,
        "/admitted_at",
    );
    let longer = json!({"discharged_at": "2026-11-12T00:00:00Z"});
    taken(patch(&hub, &story, &first, 1, &longer).await, "/discharged_at");
    let earlier = json!({"admitted_at": "2026-11-09T00:00:00Z"});
    taken(patch(&hub, &story, &moved, 1, &earlier).await, "/admitted_at");
    // Somebody else is another matter.
    let other = hub
        .post("/api/v1/patients")
        .by(&story.admin)
        .json(&referral(NHS[1]))
        .ok()
        .await;
    let other = Story {
        admin: story.admin.clone(),
        patient: other["id"].as_str().unwrap().to_owned(),
    };
    assert_eq!(
        post(&hub, &other, &stay("2026-11-06T00:00:00Z", None))
            .await
            .status,
        201
    );
    patch(&hub, &other, &first, 1, &json!({"cause": "other"}))
        .await
        .is_problem(404, "not-found", None);
}

async fn what_was_entered_in_error_stays_and_counts_nowhere(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let open = post(&hub, &story, &stay("2026-11-05T00:00:00Z", None))
        .await
        .json();
    let struck = patch(&hub, &story, &open, 1, &json!({"entered_in_error": true})).await;
    assert_eq!(struck.json()["entered_in_error"], true, "{}", struck.text);
    let right = post(&hub, &story, &stay("2026-11-06T00:00:00Z", None)).await;
    assert_eq!(right.status, 201, "{}", right.text);
    let list = hub.get(&path(&story)).by(&story.admin).ok().await;
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "it stays on record");
    patch(&hub, &story, &open, 2, &json!({"entered_in_error": false}))
        .await
        .is_problem(409, "taken", Some("/discharged_at"));
}

async fn only_whoever_keeps_the_caseload_records_and_it_is_audited(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let body = stay("2026-11-20T00:00:00Z", None);
    for (role, sees, records) in [
        (Role::CallHandler, 200, 403),
        (Role::Manager, 200, 403),
        (Role::Administrator, 403, 403),
        (Role::SpecialistNurse, 200, 201),
    ] {
        let token = hub.token(role).await;
        assert_eq!(hub.get(&path(&story)).by(&token).send().await.status, sees);
        let reply = hub.post(&path(&story)).by(&token).json(&body).send().await;
        assert_eq!(reply.status, records, "{role:?}: {}", reply.text);
    }
    let made = hub.get(&path(&story)).by(&story.admin).ok().await["items"][0].clone();
    assert_eq!(made["recorded_by"]["name"], "specialist_nurse");
    patch(&hub, &story, &made, 1, &json!({"cause": "unknown"})).await;
    let acts = hub.audit().await;
    let of_stay: Vec<&String> = acts
        .iter()
        .filter(|act| act.starts_with("hospital_admission"))
        .collect();
    assert_eq!(
        of_stay,
        [
            "hospital_admission.record hospital_admission by specialist_nurse",
            "hospital_admission.correct hospital_admission by admin",
        ]
    );
}
