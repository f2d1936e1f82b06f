//! A mark is for the patient's named clinician, as long as they may confirm it; otherwise for anybody who may.

use homeward::desk::{Caller, token};
use homeward::domain::staff::Role;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::hub::{Call, Hub, NHS, Reply, Story, plan, referral};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    whoever_may_confirm_may_be_named,
    the_named_clinician_confirms_and_nobody_else,
    an_admin_may_do_everything,
    what_the_named_one_set_falls_to_others,
    what_one_who_has_gone_leaves_falls_to_others,
);

/// A member of staff who is signed in.
struct Person {
    id: Uuid,
    cookie: String,
    csrf: String,
}

impl Person {
    async fn new(hub: &Hub, username: &str, name: &str, role: Role) -> Self {
        let id = hub.staff(username, name, role).await;
        let (cookie, csrf) = hub.signed_in(username).await;
        Self { id, cookie, csrf }
    }

    fn makes<'a>(&self, call: Call<'a>) -> Call<'a> {
        call.header("cookie", &self.cookie)
            .header("x-csrf-token", &self.csrf)
    }

    async fn waiting(&self, hub: &Hub, query: &str) -> Vec<Value> {
        let list = hub.get(&format!("/api/v1/plans/to-review{query}"));
        self.makes(list).ok().await["items"].as_array().unwrap().clone()
    }

    async fn confirms(&self, hub: &Hub, story: &Story) -> Reply {
        let path = format!("/api/v1/patients/{}/plan/versions/2/confirm", story.patient);
        self.makes(hub.post(&path).json(&json!({}))).send().await
    }
}

async fn name(hub: &Hub, story: &Story, id: Uuid) -> Value {
    let named = json!({ "named_clinician_id": id });
    let path = format!("/api/v1/patients/{}", story.patient);
    hub.patch(&path).by(&story.admin).on(2).json(&named).ok().await
}

/// Puts a version that a second person has to confirm.
async fn widened(hub: &Hub, story: &Story) {
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let wide = plan("2026-11-21T00:00:00Z", 70.0);
    let put = hub.put(&path).by(&story.admin).on(1).json(&wide).ok().await;
    assert_eq!(put["review"]["state"], "waiting");
}

async fn whoever_may_confirm_may_be_named(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    let clinician = hub
        .staff("clive", "Clive Clinician", Role::RespondingClinician)
        .await;
    let nurse = hub.staff("nora", "Nora Nurse", Role::SpecialistNurse).await;
    let manager = hub.staff("maya", "Maya Manager", Role::Manager).await;
    let gone = hub.staff("gail", "Gail Gone", Role::SpecialistNurse).await;
    let leaves = json!({ "active": false });
    let leave = hub.patch(&format!("/api/v1/staff/{gone}")).by(&admin).on(1);
    leave.json(&leaves).ok().await;
    let mut person = referral(NHS[0]);
    for unfit in [manager, gone, Uuid::from_u128(404)] {
        person["named_clinician_id"] = json!(unfit);
        let refused = hub.post("/api/v1/patients").by(&admin).json(&person).send().await;
        refused.is_problem(422, "invalid-body", Some("/named_clinician_id"));
    }
    person["named_clinician_id"] = json!(clinician);
    let patient = hub.post("/api/v1/patients").by(&admin).json(&person).ok().await;
    let clive = json!({"id": clinician, "name": "Clive Clinician", "active": true});
    assert_eq!(patient["named_clinician_id"], json!(clinician));
    assert_eq!(patient["named_clinician"], clive);
    let path = format!("/api/v1/patients/{}", patient["id"].as_str().unwrap());
    let change =
        async |version: i64, body: Value| hub.patch(&path).by(&admin).on(version).json(&body).send().await;
    for unfit in [manager, gone, Uuid::from_u128(404)] {
        let refused = change(1, json!({ "named_clinician_id": unfit })).await;
        refused.is_problem(422, "invalid-body", Some("/named_clinician_id"));
    }
    let other = change(1, json!({ "named_clinician_id": nurse })).await.json();
    assert_eq!(other["named_clinician"]["name"], "Nora Nurse");
    let listed = hub.get("/api/v1/patients").by(&admin).ok().await;
    assert_eq!(listed["items"][0]["named_clinician"], other["named_clinician"]);
    // Who has gone stays named until somebody else is, and is in the way of nothing.
    let leave = hub.patch(&format!("/api/v1/staff/{nurse}")).by(&admin).on(1);
    leave.json(&leaves).ok().await;
    let same = change(2, json!({ "named_clinician_id": nurse, "language": "pa" }))
        .await
        .json();
    assert_eq!(
        same["named_clinician"],
        json!({"id": nurse, "name": "Nora Nurse", "active": false})
    );
    let nobody = change(3, json!({ "named_clinician_id": null })).await.json();
    assert_eq!(
        (&nobody["named_clinician_id"], &nobody["named_clinician"]),
        (&Value::Null, &Value::Null)
    );
}

async fn the_named_clinician_confirms_and_nobody_else(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let clive = Person::new(&hub, "clive", "Clive Clinician", Role::RespondingClinician).await;
    let olga = Person::new(&hub, "olga", "Olga Other", Role::SpecialistNurse).await;
    widened(&hub, &story).await;
    assert_eq!(
        clive.waiting(&hub, "").await[0]["for"],
        Value::Null,
        "nobody is named"
    );
    assert!(clive.waiting(&hub, "?for=me").await.is_empty());
    name(&hub, &story, clive.id).await;
    for person in [&clive, &olga] {
        assert_eq!(
            person.waiting(&hub, "").await[0]["for"],
            json!({"id": clive.id, "name": "Clive Clinician"})
        );
    }
    assert_eq!(clive.waiting(&hub, "?for=me").await.len(), 1);
    assert!(olga.waiting(&hub, "?for=me").await.is_empty());
    clive
        .makes(hub.get("/api/v1/plans/to-review?for=olga"))
        .send()
        .await
        .is_problem(400, "invalid-query", Some("query/for"));
    let refused = olga.confirms(&hub, &story).await;
    refused.is_problem(403, "not-yours", None);
    assert!(refused.text.contains("Clive Clinician"), "{}", refused.text);
    let confirmed = clive.confirms(&hub, &story).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    assert_eq!(
        confirmed.json()["review"]["confirmed_by"]["name"],
        "Clive Clinician"
    );
    assert!(clive.waiting(&hub, "?for=me").await.is_empty());
}

async fn an_admin_may_do_everything(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let clive = Person::new(&hub, "clive", "Clive Clinician", Role::RespondingClinician).await;
    widened(&hub, &story).await;
    name(&hub, &story, clive.id).await;
    let path = format!("/api/v1/patients/{}/plan/versions/2/confirm", story.patient);
    let confirm = async |token: &str| hub.post(&path).by(token).json(&json!({})).send().await;
    confirm(&hub.token(Role::SpecialistNurse).await)
        .await
        .is_problem(403, "not-yours", None);
    confirm(&story.admin).await.is_problem(409, "unlawful", None);
    let mut act = hub.desk.begin(Caller::command("test")).await.unwrap();
    let (_, second) = token::issue(&mut act, "second", Role::Admin).await.unwrap();
    act.commit().await.unwrap();
    assert_eq!(confirm(second.expose_secret()).await.status, 200);
}

async fn what_the_named_one_set_falls_to_others(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let nora = Person::new(&hub, "nora", "Nora Nurse", Role::SpecialistNurse).await;
    let olga = Person::new(&hub, "olga", "Olga Other", Role::RespondingClinician).await;
    name(&hub, &story, nora.id).await;
    let mut wide = plan("2026-11-21T00:00:00Z", 70.0);
    wide["widening_reason"] = json!("lives at 75 %");
    let put = hub.put(&format!("/api/v1/patients/{}/plan", story.patient)).on(1);
    nora.makes(put.json(&wide)).ok().await;
    assert_eq!(olga.waiting(&hub, "").await[0]["for"], Value::Null);
    assert!(nora.waiting(&hub, "?for=me").await.is_empty());
    nora.confirms(&hub, &story)
        .await
        .is_problem(409, "unlawful", None);
    assert_eq!(olga.confirms(&hub, &story).await.status, 200);
}

async fn what_one_who_has_gone_leaves_falls_to_others(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let clive = Person::new(&hub, "clive", "Clive Clinician", Role::RespondingClinician).await;
    let olga = Person::new(&hub, "olga", "Olga Other", Role::SpecialistNurse).await;
    name(&hub, &story, clive.id).await;
    widened(&hub, &story).await;
    let change = async |version: i64, body: Value| {
        let change = hub.patch(&format!("/api/v1/staff/{}", clive.id));
        change.by(&story.admin).on(version).json(&body).ok().await;
    };
    change(1, json!({ "role": "manager" })).await;
    let (cookie, csrf) = hub.signed_in("clive").await;
    let manager = Person {
        id: clive.id,
        cookie,
        csrf,
    };
    assert!(
        manager.waiting(&hub, "?for=me").await.is_empty(),
        "may look, not confirm"
    );
    assert_eq!(olga.waiting(&hub, "").await[0]["for"], Value::Null);
    change(2, json!({ "role": "responding_clinician" })).await;
    olga.confirms(&hub, &story)
        .await
        .is_problem(403, "not-yours", None);
    change(3, json!({ "active": false })).await;
    assert_eq!(olga.waiting(&hub, "").await[0]["for"], Value::Null);
    let patient = hub
        .get(&format!("/api/v1/patients/{}", story.patient))
        .by(&story.admin);
    assert_eq!(patient.ok().await["named_clinician"]["active"], json!(false));
    assert_eq!(olga.confirms(&hub, &story).await.status, 200);
}
