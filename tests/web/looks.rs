//! Whoever is shown a patient's data, or asks for it and may not, is on record before the answer is sent.

use std::time::Duration;

use axum::http::Method;
use homeward::domain::staff::Role;
use homeward::store::Db;
use homeward::store::audit_read::Seen;
use homeward::web::routes::routes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::hub::{Hub, NHS, Story, plan, referral, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::trail;

on_both_databases!(
    every_route_that_tells_of_a_patient_leaves_a_record,
    a_record_says_who_saw_whom_when_and_how_often,
    a_list_that_changed_meanwhile_is_told_as_it_was_seen,
    attempts_that_are_refused_are_on_record,
    what_cannot_be_put_on_record_is_not_shown,
    the_audit_is_searched_and_its_reading_is_on_record,
    the_page_of_a_person_is_on_record,
    an_answer_that_is_given_again_is_on_record,
);

async fn looks(hub: &Hub) -> Vec<Seen> {
    trail::looks(&hub.database.db).await
}

/// `act subject_kind outcome by who`, each patient's.
fn line(seen: &Seen) -> String {
    let asked = &seen.asked;
    format!(
        "{} of {} {} to {}",
        asked.act,
        asked.subject_kind,
        asked.outcome.word(),
        asked.actor_name
    )
}

const STREAM: &str = "/api/v1/stream";

/// With a patient who has everything that can be looked at, and what their things are called.
struct Whole {
    story: Story,
    alert: String,
    case: String,
}

async fn whole(hub: &Hub) -> Whole {
    let story = hub.story().await;
    let mut scheduled = plan("2026-11-01T00:00:00Z", 90.0);
    scheduled["schedule"] = json!({ "times": ["11:00"] });
    hub.put(&format!("/api/v1/patients/{}/plan", story.patient))
        .by(&story.admin)
        .header("if-match", "\"1\"")
        .json(&scheduled)
        .ok()
        .await;
    hub.post(&format!("/api/v1/patients/{}/pauses", story.patient))
        .by(&story.admin)
        .json(&json!({ "from": "2026-12-01T00:00:00Z", "to": "2026-12-08T00:00:00Z", "reason": "holiday" }))
        .ok()
        .await;
    hub.session("HU-1", 1, json!([spo2(85.0, "2026-11-21T11:00:00Z")]))
        .await;
    // The same session with other content.
    hub.session("HU-1", 1, json!([spo2(86.0, "2026-11-21T11:00:00Z")]))
        .await;
    hub.post(&format!("/api/v1/patients/{}/hospital-admissions", story.patient))
        .by(&story.admin)
        .json(&json!({"admitted_at": "2026-11-20T09:00:00Z", "kind": "emergency", "cause": "unknown"}))
        .ok()
        .await;
    let first = async |path: &str| {
        let list = hub.get(path).by(&story.admin).ok().await;
        list["items"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{list}"))
            .to_owned()
    };
    let alert = first("/api/v1/alerts?class=clinical").await;
    let case = first("/api/v1/quarantine").await;
    Whole { story, alert, case }
}

fn address(path: &str, whole: &Whole) -> String {
    let begins: [(&str, &str); 4] = [
        ("/api/v1/patients/{id}", &whole.story.patient),
        ("/api/v1/alerts/{id}", &whole.alert),
        ("/api/v1/quarantine/{id}", &whole.case),
        ("/api/v1/units/{id}", "HU-1"),
    ];
    if path == "/api/v1/audit" {
        return format!("{path}?patient_id={}", whole.story.patient);
    }
    for (begin, id) in begins {
        if let Some(rest) = path.strip_prefix(begin) {
            return format!("{}{rest}", begin.replace("{id}", id));
        }
    }
    path.replace("{id}", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11")
        .replace("{slug}", "internal")
}

async fn every_route_that_tells_of_a_patient_leaves_a_record(database: TestDatabase) {
    let hub = Hub::on(database);
    let whole = whole(&hub).await;
    // What was looked at so far is another look.
    hub.clock.advance(Duration::from_mins(10));
    // Sessions and readings are told of without a name.
    let session = Uuid::from_u128(1).to_string();
    let tells = [
        session.as_str(),
        whole.story.patient.as_str(),
        NHS[0],
        "943 476 5919",
        "Brown",
        // Which conditions she has.
        "from_templates",
    ];
    let mut told = 0;
    for route in routes() {
        // The stream is tried where it runs: in stream.rs.
        if route.method != Method::GET || route.path == STREAM {
            continue;
        }
        let before = looks(&hub).await.len();
        let reply = hub
            .get(&address(route.path, &whole))
            .by(&whole.story.admin)
            .send()
            .await;
        let after = looks(&hub).await;
        let recorded: Vec<String> = after[before..]
            .iter()
            .filter(|seen| {
                seen.patient
                    .is_some_and(|patient| patient.to_string() == whole.story.patient)
            })
            .map(line)
            .collect();
        if !tells.iter().any(|word| reply.text.contains(word)) {
            assert!(recorded.is_empty(), "{route:?} tells nothing: {recorded:?}");
            continue;
        }
        assert_eq!(reply.status, 200, "{route:?} {}", reply.text);
        let on_record = route
            .on_record
            .unwrap_or_else(|| panic!("{route:?} tells of a patient and is not on record"));
        let expected = format!("{} of {} shown to admin", on_record.act, on_record.subject);
        assert_eq!(recorded, [expected], "{route:?}");
        told += 1;
    }
    assert_eq!(told, 18, "as many as there are in the table, but the stream");
}

/// What the test above cannot see, because nothing is there to be told.
#[test]
fn every_route_about_patients_is_on_record() {
    let about = [
        "patients",
        "plans",
        "sessions",
        "readings",
        "findings",
        "alerts",
        "visits",
        "assignments",
        "quarantine",
        "audit",
        "stream",
        "rehearsals",
    ];
    for route in routes() {
        let is_about = about.iter().any(|word| route.path.contains(word));
        assert_eq!(
            route.on_record.is_some(),
            is_about || ["/", "/worklist"].contains(&route.path),
            "{route:?}: the table says on_record(act, subject) of what is about patients"
        );
    }
}

/// The second look is counted while the list is read, of one patient; then there are two.
async fn a_list_that_changed_meanwhile_is_told_as_it_was_seen(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let nurse = hub.token(Role::SpecialistNurse).await;
    hub.get("/api/v1/patients").by(&nurse).ok().await;
    let second = hub
        .post("/api/v1/patients")
        .by(&story.admin)
        .json(&referral(NHS[1]))
        .ok()
        .await;
    hub.get("/api/v1/patients").by(&nurse).ok().await;
    let seen = looks(&hub).await;
    let lists = seen.iter().filter(|seen| seen.asked.act == "patients.read");
    let told = lists.map(|seen| (json!(seen.patient.map(|patient| patient.0)), seen.times));
    let mut told: Vec<(Value, i64)> = told.collect();
    told.sort_by_key(|(_, times)| -times);
    assert_eq!(told, [(json!(story.patient), 2), (second["id"].clone(), 1)]);
}

async fn a_record_says_who_saw_whom_when_and_how_often(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let second = hub
        .post("/api/v1/patients")
        .by(&story.admin)
        .json(&referral(NHS[1]))
        .ok()
        .await;
    let nurse = hub.token(Role::SpecialistNurse).await;
    let auditor = hub.token(Role::Auditor).await;
    for _ in 0..3 {
        hub.get("/api/v1/patients").by(&nurse).ok().await;
        hub.clock.advance(Duration::from_mins(2));
    }
    hub.get("/api/v1/patients?limit=1").by(&nurse).ok().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    hub.get(&path).by(&nurse).ok().await;
    let record = hub.get("/api/v1/audit?kind=look").by(&auditor).ok().await;
    let mut lines: Vec<String> = record["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let patient = if entry["patient_id"] == second["id"] {
                "second"
            } else {
                "first"
            };
            let text = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
            let minute = |key: &str| text(key)[11..16].to_owned();
            format!(
                "{} {} {}-{} {} {}",
                text("act"),
                patient,
                minute("at"),
                minute("last_at"),
                entry["times"],
                text("subject_kind")
            )
        })
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "patients.read first 12:00-12:04 3 patient",
            "patients.read second 12:00-12:04 3 patient",
            "patients.read second 12:06-12:06 1 patient",
            "plan.read first 12:06-12:06 1 patient",
        ]
    );
    let plan = record["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["act"] == "plan.read")
        .unwrap();
    assert_eq!(
        (
            &plan["subject_id"],
            &plan["patient_id"],
            &plan["outcome"],
            &plan["actor_name"]
        ),
        (
            &json!(story.patient),
            &json!(story.patient),
            &json!("shown"),
            &json!("specialist_nurse")
        )
    );
    assert_eq!(plan["actor_kind"], "token");
    let of_list = record["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["act"] == "patients.read")
        .unwrap();
    assert_eq!(of_list["subject_id"], Value::Null);
}

async fn attempts_that_are_refused_are_on_record(database: TestDatabase) {
    let hub = Hub::on(database);
    let whole = whole(&hub).await;
    let manager = hub.token(Role::Manager).await;
    let auditor = hub.token(Role::Auditor).await;
    let before = looks(&hub).await.len();
    let patient = format!("/api/v1/patients/{}", whole.story.patient);
    let nobody = "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11";
    let status = async |call: super::hub::Call<'_>| call.send().await.status;
    assert_eq!(status(hub.get(&patient).by(&auditor)).await, 403);
    assert_eq!(status(hub.get(&patient)).await, 401);
    assert_eq!(
        status(
            hub.get(&format!("/api/v1/patients/{nobody}/readings"))
                .by(&manager)
        )
        .await,
        404
    );
    assert_eq!(status(hub.get("/api/v1/patients/none").by(&manager)).await, 404);
    let admit = format!("{patient}/admit");
    let body = json!({"from": "2026-11-01T00:00:00Z"});
    assert_eq!(status(hub.post(&admit).by(&manager).json(&body)).await, 403);
    assert_eq!(
        status(hub.get(&format!("/api/v1/alerts/{}", whole.alert)).by(&auditor)).await,
        403
    );
    assert_eq!(status(hub.get("/api/v1/alerts").by(&auditor)).await, 403);
    let after = looks(&hub).await;
    let told: Vec<String> = after[before..]
        .iter()
        .map(|seen| {
            let patient = seen.patient.map(|patient| patient.to_string());
            let patient = match patient.as_deref() {
                None => "nobody",
                Some(id) if id == nobody => "unknown",
                Some(_) => "patient",
            };
            format!("{} about {patient}", line(seen))
        })
        .collect();
    assert_eq!(
        told,
        [
            "patient.read of patient forbidden to auditor about patient",
            "readings.read of patient not_found to manager about unknown",
            "patient.admit of patient forbidden to manager about patient",
            "alert.read of alert forbidden to auditor about nobody",
            "alerts.read of alert forbidden to auditor about nobody",
        ]
    );
    let about = format!("/api/v1/audit?patient_id={}&kind=look", whole.story.patient);
    let found = hub.get(&about).by(&auditor).ok().await;
    let refused = |entry: &&Value| entry["outcome"] == "forbidden";
    assert_eq!(
        found["items"].as_array().unwrap().iter().filter(refused).count(),
        2,
        "{found}"
    );
}

async fn rename(db: &Db, sql: &str) {
    use sqlx::AssertSqlSafe;
    let sql = AssertSqlSafe(sql.to_owned());
    match db {
        Db::Sqlite { writer, .. } => drop(sqlx::raw_sql(sql).execute(writer).await.unwrap()),
        Db::Postgres { writers, .. } => drop(
            sqlx::raw_sql(sql)
                .execute(writers.lend().await.unwrap().work().unwrap())
                .await
                .unwrap(),
        ),
    }
}

async fn what_cannot_be_put_on_record_is_not_shown(database: TestDatabase) {
    let hub = Hub::on(database);
    let whole = whole(&hub).await;
    rename(&hub.database.db, "alter table audit_read rename to gone").await;
    let paths = routes()
        .into_iter()
        .filter(|route| route.method == Method::GET && route.on_record.is_some() && route.path != STREAM);
    let mut asked = 0;
    for route in paths {
        let reply = hub
            .get(&address(route.path, &whole))
            .by(&whole.story.admin)
            .send()
            .await;
        reply.is_problem(503, "unavailable", None);
        assert_eq!(reply.header("retry-after"), "5");
        assert!(
            !reply.text.contains(NHS[0]) && !reply.text.contains("Brown"),
            "{}",
            reply.text
        );
        assert_eq!(reply.header("etag"), "");
        asked += 1;
    }
    assert_eq!(asked, 23);
    assert_eq!(
        hub.get("/api/v1/units")
            .by(&whole.story.admin)
            .send()
            .await
            .status,
        200,
        "of nobody"
    );
    let page = hub
        .get("/")
        .by(&whole.story.admin)
        .header("accept", "text/html")
        .send()
        .await;
    assert_eq!(page.status, 503);
    assert!(
        page.text.contains("put on record first") && !page.text.contains("Brown"),
        "{}",
        page.text
    );
    rename(&hub.database.db, "alter table gone rename to audit_read").await;
    let path = format!("/api/v1/patients/{}", whole.story.patient);
    assert_eq!(hub.get(&path).by(&whole.story.admin).send().await.status, 200);
}

async fn the_audit_is_searched_and_its_reading_is_on_record(database: TestDatabase) {
    let hub = Hub::on(database);
    let whole = whole(&hub).await;
    let auditor = hub.token(Role::Auditor).await;
    let me = hub.get("/api/v1/me").by(&auditor).ok().await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let admin = hub.get("/api/v1/me").by(&whole.story.admin).ok().await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    hub.clock.advance(Duration::from_mins(10));
    let patient = whole.story.patient.clone();
    hub.get(&format!("/api/v1/patients/{patient}"))
        .by(&whole.story.admin)
        .ok()
        .await;
    let acts = async |query: &str| {
        let found = hub.get(&format!("/api/v1/audit?{query}")).by(&auditor).ok().await;
        let acts = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["act"].as_str().unwrap().to_owned());
        acts.collect::<Vec<String>>()
    };
    let all = acts(&format!("patient_id={patient}&staff_id={admin}")).await;
    assert_eq!(all[0], "patient.read");
    for act in [
        "patient.refer",
        "patient.admit",
        "plan.put",
        "unit.assign",
        "alerts.read",
        "quarantine.read",
    ] {
        assert!(all.iter().any(|found| found == act), "{act} in {all:?}");
    }
    let only = acts(&format!("patient_id={patient}&staff_id={admin}&kind=act")).await;
    assert!(only.iter().all(|act| !act.contains(".read")), "{only:?}");
    let lately = acts(&format!(
        "patient_id={patient}&from=2026-11-21T12:10:00Z&to=2026-11-21T12:10:01Z"
    ))
    .await;
    assert_eq!(lately, ["audit.read", "audit.read", "patient.read"]);
    let mine = acts(&format!("staff_id={me}")).await;
    assert_eq!(mine, ["audit.read", "audit.read", "audit.read"]);
    let record = hub
        .get(&format!("/api/v1/audit?staff_id={me}&limit=1"))
        .by(&auditor)
        .ok()
        .await;
    assert_eq!(
        record["items"][0]["subject_id"],
        me.as_str(),
        "whose trail was followed"
    );
    let bad = hub.get("/api/v1/audit?cursor=1~2").by(&auditor).send().await;
    bad.is_problem(400, "invalid-query", Some("query/cursor"));
    let bad = hub.get("/api/v1/audit?kind=read").by(&auditor).send().await;
    assert_eq!(bad.status, 400);
}

async fn the_page_of_a_person_is_on_record(database: TestDatabase) {
    let hub = Hub::on(database);
    let whole = whole(&hub).await;
    let handler = hub.staff("handler", "Call Handler", Role::CallHandler).await;
    let (cookie, _) = hub.signed_in("handler").await;
    for _ in 0..4 {
        let page = hub.get("/").header("cookie", &cookie).send().await;
        assert!(page.text.contains("Brown"), "{}", page.text);
        hub.clock.advance(Duration::from_secs(15));
    }
    let auditor = hub.token(Role::Auditor).await;
    let path = format!(
        "/api/v1/audit?staff_id={handler}&patient_id={}",
        whole.story.patient
    );
    let record = hub.get(&path).by(&auditor).ok().await;
    assert_eq!(record["items"].as_array().unwrap().len(), 1);
    let entry = &record["items"][0];
    let told = [
        "kind",
        "act",
        "actor_kind",
        "actor_name",
        "at",
        "last_at",
        "times",
        "subject_kind",
    ]
    .map(|key| entry[key].to_string());
    insta::assert_snapshot!("a_look", told.join(" "));
}

async fn an_answer_that_is_given_again_is_on_record(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    let refer = || {
        hub.post("/api/v1/patients")
            .by(&admin)
            .header("idempotency-key", "one")
            .json(&referral(NHS[0]))
            .ok()
    };
    let patient = refer().await;
    assert!(looks(&hub).await.is_empty(), "an act is on record by itself");
    assert_eq!(refer().await, patient);
    let recorded = looks(&hub).await;
    assert_eq!(recorded.len(), 1);
    assert_eq!(line(&recorded[0]), "patient.refer of patient repeated to admin");
    assert_eq!(
        recorded[0].patient.unwrap().to_string(),
        patient["id"].as_str().unwrap()
    );
    let unit = || {
        let body = json!({"unit_id": "HU-1"});
        hub.post("/api/v1/units")
            .by(&admin)
            .header("idempotency-key", "two")
            .json(&body)
            .ok()
    };
    unit().await;
    unit().await;
    assert_eq!(looks(&hub).await.len(), 1, "of nobody");
}
