//! Sessions as people see them, and a person's word on a reading.

use homeward::domain::staff::Role;
use serde_json::{Value, json};

use super::hub::{Hub, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_session_is_shown_with_readings_answers_and_findings,
    a_finding_says_who_set_its_limit,
    a_persons_word_counts_and_the_last_one_most,
    readings_are_paged_across_sessions,
);

fn weight(value: f64, taken_at: &str) -> Value {
    json!({"measure": "weight", "value": value, "unit": "kg", "taken_at": taken_at})
}

async fn a_session_is_shown_with_readings_answers_and_findings(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let mut strange = spo2(97.0, "2026-11-21T09:00:01Z");
    strange["measure"] = json!("steps");
    let mut pounds = weight(184.0, "2026-11-21T09:00:02Z");
    pounds["unit"] = json!("[lb_av]");
    hub.session(
        "HU-1",
        1,
        json!([spo2(91.0, "2026-11-21T09:00:00Z"), strange, pounds]),
    )
    .await;
    let path = format!("/api/v1/patients/{}/sessions", story.patient);
    let sessions = hub.get(&path).by(&story.admin).ok().await;
    insta::assert_json_snapshot!("sessions", sessions);
    for (query, count) in [
        ("from=2026-11-21T09:00:02Z", 1),
        ("to=2026-11-21T09:00:02Z", 0),
        ("from=2026-11-21T09:00:03Z", 0),
        ("to=2026-11-21T10:00:03%2B01:00", 1),
    ] {
        let page = hub.get(&format!("{path}?{query}")).by(&story.admin).ok().await;
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{query}");
    }
    let unknown = "/api/v1/patients/0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11/sessions";
    hub.get(unknown)
        .by(&story.admin)
        .send()
        .await
        .is_problem(404, "not-found", None);
}

async fn a_finding_says_who_set_its_limit(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let nurse = hub.staff("nurse", "Sister Nurse", Role::SpecialistNurse).await;
    let (cookie, csrf) = hub.signed_in("nurse").await;
    let path = format!("/api/v1/patients/{}", story.patient);
    hub.put(&format!("{path}/plan"))
        .header("cookie", &cookie)
        .header("x-csrf-token", &csrf)
        .on(1)
        .json(&super::hub::plan("2026-11-20T00:00:00Z", 90.0))
        .ok()
        .await;
    hub.session("HU-1", 1, json!([spo2(85.0, "2026-11-21T09:00:00Z")]))
        .await;
    let alert = hub.get("/api/v1/alerts").by(&story.admin).ok().await["items"][0].clone();
    let finding = &alert["findings"][0];
    assert_eq!(finding["set_by"], json!({"id": nurse, "name": "Sister Nurse"}));
    assert_eq!(finding["set_at"], "2026-11-21T12:00:00Z");
    let sentence = finding["sentence"].as_str().unwrap();
    assert!(sentence.contains("85") && sentence.contains("90"), "{sentence}");
    assert!(
        sentence.ends_with(". Set by Sister Nurse on 21 November 2026."),
        "{sentence}"
    );
}

async fn a_persons_word_counts_and_the_last_one_most(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.session(
        "HU-1",
        1,
        json!([
            spo2(85.0, "2026-11-21T09:00:00Z"),
            spo2(20.0, "2026-11-21T09:00:01Z")
        ]),
    )
    .await;
    let path = format!("/api/v1/patients/{}/sessions", story.patient);
    let session = async || hub.get(&path).by(&story.admin).ok().await["items"][0].clone();
    let before = session().await;
    assert_eq!(before["readings"][1]["state"], "suspect");
    assert_eq!(before["readings"][1]["reason"], "out_of_range");
    let decide = async |place: usize, what: &str| {
        let id = before["readings"][place]["id"].as_str().unwrap();
        let body = json!({"reason": "rang the patient"});
        hub.post(&format!("/api/v1/readings/{id}/{what}"))
            .by(&story.admin)
            .json(&body)
            .send()
            .await
    };
    let rules = |session: &Value| -> Vec<String> {
        let findings = session["findings"].as_array().unwrap();
        findings
            .iter()
            .map(|finding| finding["rule"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(decide(0, "exclude").await.status, 200);
    let excluded = session().await;
    assert_eq!(excluded["readings"][0]["state"], "excluded");
    assert_eq!(excluded["readings"][0]["reason"], "rang the patient");
    assert_eq!(excluded["readings"][0]["decision"]["by"]["name"], "admin");
    assert_eq!(rules(&excluded), ["suspect"]);
    // At the same instant: the later id decides.
    assert_eq!(decide(0, "accept").await.status, 200);
    assert!(rules(&session().await).contains(&"limits.spo2".to_owned()));
    assert_eq!(
        decide(1, "accept").await.status,
        200,
        "it has a number, however odd"
    );
    let accepted = session().await;
    assert_eq!(accepted["readings"][1]["state"], "accepted");
    assert!(!rules(&accepted).contains(&"suspect".to_owned()));
    let nowhere = "/api/v1/readings/0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11/exclude";
    let reply = hub
        .post(nowhere)
        .by(&story.admin)
        .json(&json!({"reason": "x"}))
        .send()
        .await;
    reply.is_problem(404, "not-found", None);
    decide(0, "exclude").await;
    let empty = format!(
        "/api/v1/readings/{}/exclude",
        before["readings"][0]["id"].as_str().unwrap()
    );
    let reply = hub
        .post(&empty)
        .by(&story.admin)
        .json(&json!({"reason": ""}))
        .send()
        .await;
    reply.is_problem(422, "invalid-body", Some("/reason"));

    let mut broken = spo2(1.0, "2026-11-21T10:00:00Z");
    broken["value"] = json!(null);
    hub.session("HU-1", 2, json!([broken])).await;
    let id = session().await["readings"][0]["id"].as_str().unwrap().to_owned();
    let reply = hub
        .post(&format!("/api/v1/readings/{id}/accept"))
        .by(&story.admin)
        .json(&json!({"reason": "x"}))
        .send();
    reply.await.is_problem(409, "unlawful", None);
}

async fn readings_are_paged_across_sessions(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    for day in 10..15_u8 {
        let taken = |second: u8| format!("2026-11-{day}T09:00:0{second}Z");
        let readings = json!([
            spo2(95.0, &taken(0)),
            weight(80.0, &taken(1)),
            spo2(96.0, &taken(2)),
        ]);
        hub.session("HU-1", u128::from(day), readings).await;
    }
    let path = format!("/api/v1/patients/{}/readings", story.patient);
    let mut taken = Vec::new();
    let mut cursor = String::new();
    loop {
        let address = format!("{path}?measure=spo2&limit=3&from=2026-11-11T00:00:00Z{cursor}");
        let page = hub.get(&address).by(&story.admin).ok().await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        taken.extend(
            items
                .iter()
                .map(|reading| reading["taken_at"].as_str().unwrap()[8..].to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected: Vec<String> = (11..15)
        .rev()
        .flat_map(|day| [format!("{day}T09:00:00Z"), format!("{day}T09:00:02Z")])
        .collect();
    assert_eq!(taken, expected);
    let bad = hub.get(&format!("{path}?cursor=x")).by(&story.admin).send().await;
    bad.is_problem(400, "invalid-query", Some("query/cursor"));
}
