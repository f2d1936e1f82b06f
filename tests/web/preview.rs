//! A nurse tries parameters out on a patient's own history before she puts them.

use homeward::domain::staff::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::hub::{Hub, NHS, Story, plan, referral, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::trail;

on_both_databases!(
    a_wider_limit_and_a_new_rule_are_tried_out,
    the_first_day_is_judged_by_what_lies_before,
    decisions_on_readings_count,
    the_plan_in_force_changes_nothing_and_is_what_stands,
    it_can_be_tried_before_there_is_a_plan,
    nothing_is_written_and_the_look_is_on_record,
    faults_are_told_with_their_places,
    what_putting_asks_for_is_told_before,
    what_put_refuses_is_refused_alike,
    ninety_days_are_tried_at_once,
    admissions_are_set_against_what_came_before,
);

fn path(story: &Story) -> String {
    format!("/api/v1/patients/{}/plan/preview", story.patient)
}

fn weight(value: f64, taken_at: &str) -> Value {
    json!({"measure": "weight", "value": value, "unit": "kg", "taken_at": taken_at})
}

async fn tried(hub: &Hub, story: &Story, plan: &Value, days: u16) -> Value {
    hub.post(&path(story))
        .by(&story.admin)
        .json(&json!({ "plan": plan, "days": days }))
        .ok()
        .await
}

/// `day change rule.side severity`.
fn told(preview: &Value) -> Vec<String> {
    let findings = preview["findings"].as_array().unwrap();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|found| {
            let side = found["side"]
                .as_str()
                .map_or(String::new(), |side| format!(".{side}"));
            let (day, change) = (word(&found["day"]), word(&found["change"]));
            format!(
                "{day} {change} {}{side} {}",
                word(&found["rule"]),
                word(&found["severity"])
            )
        })
        .collect()
}

/// Four mornings: saturations about the limit, and a weight that rises.
async fn mornings(hub: &Hub) {
    let readings = [
        ("2026-11-18T09:00:00Z", 91.0, 80.0),
        ("2026-11-19T09:00:00Z", 91.0, 80.6),
        ("2026-11-20T09:00:00Z", 89.0, 81.2),
        ("2026-11-21T09:00:00Z", 95.0, 81.8),
    ];
    for (number, (at, saturation, kilograms)) in (1..).zip(readings) {
        let readings = json!([spo2(saturation, at), weight(kilograms, at)]);
        hub.session("HU-1", number, readings).await;
    }
}

async fn a_wider_limit_and_a_new_rule_are_tried_out(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    mornings(&hub).await;
    // In force: amber below 92, red below 90. Tried: amber below 90, red below 88, and a smaller rise of weight.
    let mut wider = plan("2027-01-01T00:00:00Z", 88.0);
    wider["rules"][0]["amber_low"] = json!(90.0);
    wider["rules"][1]["by"] = json!(1.2);
    let preview = tried(&hub, &story, &wider, 14).await;
    assert_eq!(
        told(&preview),
        [
            "2026-11-18 gone limits.spo2.amber_low amber",
            "2026-11-19 gone limits.spo2.amber_low amber",
            "2026-11-20 new limits.spo2.amber_low amber",
            "2026-11-20 gone limits.spo2.red_low red",
            "2026-11-20 new weight_gain amber",
            "2026-11-21 new weight_gain amber",
        ]
    );
    assert_eq!(
        preview["whole"]["alert_days"],
        json!({"in_force": 3, "proposed": 2, "new": 1, "gone": 2, "stays": 1})
    );
    assert_eq!(
        preview["whole"]["red_days"],
        json!({"in_force": 1, "proposed": 0, "new": 0, "gone": 1, "stays": 0})
    );
    insta::assert_json_snapshot!("preview", preview);
}

async fn the_first_day_is_judged_by_what_lies_before(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    mornings(&hub).await;
    let mut proposed = plan("2026-11-21T00:00:00Z", 90.0);
    proposed["rules"][1]["by"] = json!(1.2);
    let preview = tried(&hub, &story, &proposed, 1).await;
    assert_eq!(preview["from"], "2026-11-21T00:00:00Z");
    assert_eq!(preview["sessions"], 1);
    assert_eq!(told(&preview), ["2026-11-21 new weight_gain amber"]);
    let numbers = &preview["findings"][0]["numbers"];
    assert_eq!(
        (&numbers["reference"], &numbers["difference"]),
        (&json!(80), &json!(1.8))
    );
    // And only those of the stretch are listed.
    assert_eq!(told(&tried(&hub, &story, &proposed, 2).await).len(), 3);
    // A longer look back than any rule in force has.
    proposed["rules"][1]["by"] = json!(1.8);
    proposed["rules"][1]["within_days"] = json!(10);
    let preview = tried(&hub, &story, &proposed, 1).await;
    assert_eq!(told(&preview), ["2026-11-21 new weight_gain amber"]);
}

async fn decisions_on_readings_count(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    mornings(&hub).await;
    let sessions = hub
        .get(&format!("/api/v1/patients/{}/sessions", story.patient))
        .by(&story.admin)
        .ok()
        .await;
    // The red one of the 20th.
    let reading = sessions["items"][1]["readings"][0]["id"].as_str().unwrap();
    hub.post(&format!("/api/v1/readings/{reading}/exclude"))
        .by(&story.admin)
        .json(&json!({ "reason": "cold fingers" }))
        .ok()
        .await;
    let strict = plan("2026-11-21T00:00:00Z", 91.5);
    assert_eq!(
        told(&tried(&hub, &story, &strict, 30).await),
        [
            "2026-11-18 gone limits.spo2.amber_low amber",
            "2026-11-18 new limits.spo2.red_low red",
            "2026-11-19 gone limits.spo2.amber_low amber",
            "2026-11-19 new limits.spo2.red_low red",
        ]
    );
}

async fn the_plan_in_force_changes_nothing_and_is_what_stands(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    mornings(&hub).await;
    let preview = tried(&hub, &story, &plan("2026-11-01T00:00:00Z", 90.0), 90).await;
    assert_eq!(
        told(&preview),
        [
            "2026-11-18 stays limits.spo2.amber_low amber",
            "2026-11-19 stays limits.spo2.amber_low amber",
            "2026-11-20 stays limits.spo2.red_low red",
        ]
    );
    let sessions = hub
        .get(&format!("/api/v1/patients/{}/sessions", story.patient))
        .by(&story.admin)
        .ok()
        .await;
    let mut stands: Vec<Value> = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|session| session["findings"].as_array().unwrap().clone())
        .collect();
    stands.reverse();
    for (stands, tried) in stands.iter().zip(preview["findings"].as_array().unwrap()) {
        for key in [
            "rule",
            "side",
            "kind",
            "severity",
            "session_id",
            "unit_id",
            "at",
            "numbers",
            "readings",
        ] {
            assert_eq!(stands[key], tried[key], "{key}");
        }
    }
    assert_eq!(stands.len(), 3);
}

async fn it_can_be_tried_before_there_is_a_plan(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    let patient = hub
        .post("/api/v1/patients")
        .by(&admin)
        .json(&referral(NHS[0]))
        .ok()
        .await;
    let patient = patient["id"].as_str().unwrap().to_owned();
    let story = Story { admin, patient };
    let proposed = plan("2026-11-21T00:00:00Z", 90.0);
    let empty = tried(&hub, &story, &proposed, 90).await;
    assert_eq!((&empty["sessions"], &empty["findings"]), (&json!(0), &json!([])));
    hub.post("/api/v1/units")
        .by(&story.admin)
        .json(&json!({ "unit_id": "HU-1" }))
        .ok()
        .await;
    hub.post("/api/v1/units/HU-1/assignments")
        .by(&story.admin)
        .json(&json!({ "patient_id": story.patient, "from": "2026-11-01T00:00:00Z" }))
        .ok()
        .await;
    mornings(&hub).await;
    let preview = tried(&hub, &story, &proposed, 90).await;
    assert_eq!(preview["sessions"], 4);
    assert_eq!(preview["whole"]["alert_days"]["new"], 3);
    assert_eq!(preview["whole"]["alert_days"]["in_force"], 0);
}

async fn nothing_is_written_and_the_look_is_on_record(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    mornings(&hub).await;
    let stands = async || {
        let mut all = Vec::new();
        for rest in ["", "/plan/versions", "/sessions?superseded=true"] {
            let path = format!("/api/v1/patients/{}{rest}", story.patient);
            all.push(hub.get(&path).by(&story.admin).ok().await);
        }
        all.push(hub.get("/api/v1/alerts?state=all").by(&story.admin).ok().await);
        all
    };
    let (before, acts) = (stands().await, hub.audit().await);
    let handler = hub.token(Role::CallHandler).await;
    let acts_and_token = hub.audit().await;
    assert_eq!(acts_and_token.len(), acts.len() + 1, "the token's own");
    let reply = hub
        .post(&path(&story))
        .by(&handler)
        .json(&json!({ "plan": plan("2026-11-21T00:00:00Z", 91.5) }))
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["days"], 90);
    assert_eq!(stands().await, before);
    assert_eq!(hub.audit().await, acts_and_token, "it is no act");
    let looks = trail::looks(&hub.database.db).await;
    let look = looks
        .iter()
        .find(|seen| seen.asked.act == "plan.preview")
        .unwrap();
    assert_eq!(look.asked.outcome.word(), "shown");
    assert_eq!(
        look.patient.map(|patient| patient.to_string()),
        Some(story.patient.clone())
    );
    for role in [Role::Administrator, Role::Auditor] {
        let token = hub.token(role).await;
        hub.post(&path(&story))
            .by(&token)
            .json(&json!({ "plan": plan("2026-11-21T00:00:00Z", 91.5) }))
            .send()
            .await
            .is_problem(403, "not-allowed", None);
    }
}

async fn faults_are_told_with_their_places(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let send = async |body: &Value| hub.post(&path(&story)).by(&story.admin).json(body).send().await;
    let sound = plan("2026-11-21T00:00:00Z", 90.0);
    for days in [json!(0), json!(401), json!(-1), json!(70_000)] {
        let reply = send(&json!({ "plan": sound, "days": days })).await;
        reply.is_problem(422, "invalid-body", Some("/days"));
    }
    for days in [json!("ten"), json!(1.5), json!(1e30)] {
        let reply = send(&json!({ "plan": sound, "days": days })).await;
        reply.is_problem(422, "invalid-body", Some("/days"));
    }
    for days in [json!(1), json!(400), Value::Null] {
        let reply = send(&json!({ "plan": sound, "days": days })).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    send(&json!({ "days": 7 }))
        .await
        .is_problem(422, "invalid-body", Some("/plan"));
    send(&json!({ "plan": sound, "since": 7 }))
        .await
        .is_problem(422, "invalid-body", Some("/since"));
    send(&json!({ "plan": [] }))
        .await
        .is_problem(422, "invalid-body", Some("/plan"));
    let mut wrong = sound.clone();
    wrong["rules"][1]["by"] = json!(0);
    let reply = send(&json!({ "plan": wrong, "days": 0 })).await;
    let places: Vec<Value> = reply.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["at"].clone())
        .collect();
    assert_eq!(places, ["/plan/rules/1/by", "/days"], "all at once");
    let nobody = Uuid::from_u128(404);
    for plan in [&sound, &wrong] {
        hub.post(&format!("/api/v1/patients/{nobody}/plan/preview"))
            .by(&story.admin)
            .json(&json!({ "plan": plan }))
            .send()
            .await
            .is_problem(404, "not-found", None);
    }
}

async fn what_put_refuses_is_refused_alike(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let mut young = referral(NHS[1]);
    young["birth_date"] = json!("2015-03-04");
    let young = hub
        .post("/api/v1/patients")
        .by(&story.admin)
        .json(&young)
        .ok()
        .await;
    let young = young["id"].as_str().unwrap();
    let sound = plan("2026-11-21T00:00:00Z", 90.0);
    let with = |rule: Value| {
        let mut plan = sound.clone();
        plan["rules"].as_array_mut().unwrap().push(rule);
        plan
    };
    let mut several = plan("2026-11-21T00:00:00Z", 93.0);
    several["rules"][1]["by"] = json!(0);
    several["surprise"] = json!(true);
    several["reason"] = json!(" ");
    let mut of_nowhere = sound.clone();
    of_nowhere["from_templates"] = json!([{"name": "gout", "version": 1}]);
    let bodies = [
        several,
        of_nowhere,
        json!("no plan"),
        json!({}),
        with(json!({"id": "missed", "kind": "missed", "after": 0, "severity": "amber"})),
        with(json!({"id": "news2", "kind": "news2", "scale": 1})),
    ];
    for body in bodies {
        let path = format!("/api/v1/patients/{young}/plan");
        let put = hub
            .put(&path)
            .by(&story.admin)
            .header("if-none-match", "*")
            .json(&body)
            .send()
            .await;
        let tried = hub
            .post(&format!("{path}/preview"))
            .by(&story.admin)
            .json(&json!({ "plan": body }))
            .send()
            .await;
        assert_eq!((put.status, tried.status), (422, 422), "{body}: {}", tried.text);
        let mut faults = put.json()["errors"].clone();
        for fault in faults.as_array_mut().unwrap() {
            fault["at"] = json!(format!("/plan{}", fault["at"].as_str().unwrap()));
        }
        assert_eq!(tried.json()["errors"], faults, "{body}");
    }
}

async fn what_putting_asks_for_is_told_before(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let nurse = hub.token(Role::SpecialistNurse).await;
    let marks = async |plan: &Value| tried(&hub, &story, plan, 1).await["marks"].clone();
    assert_eq!(marks(&plan("2026-11-21T00:00:00Z", 90.0)).await, json!([]));

    let mut wide = plan("2026-11-21T00:00:00Z", 70.0);
    wide["rules"].as_array_mut().unwrap().push(json!({
        "id": "news", "kind": "news2", "scale": 2, "scale_2_approved_by": "Dr Roe",
    }));
    let told = marks(&wide).await;
    insta::assert_json_snapshot!("marks", told);
    let asked = |told: &Value| -> Vec<String> {
        let told = told.as_array().unwrap().iter();
        told.map(|mark| format!("{} {}", mark["at"], mark["asks"]).replace('"', ""))
            .collect()
    };
    assert_eq!(
        asked(&told),
        [
            "/rules/0/red_low widening_reason",
            "/rules/2/scale confirms_scale_2"
        ]
    );
    // Just what a nurse is refused for.
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let refused = hub.put(&path).by(&nurse).on(1).json(&wide).send().await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let refused = refused.json()["errors"].clone();
    let refused: Vec<&Value> = refused
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["at"])
        .collect();
    let foreseen: Vec<&Value> = told.as_array().unwrap().iter().map(|mark| &mark["at"]).collect();
    assert_eq!(refused, foreseen);

    // What is said is asked no more, and is marked all the same; then it is put, and is what stands.
    wide["widening_reason"] = json!("agreed with Dr Roe");
    assert_eq!(
        asked(&marks(&wide).await),
        ["/rules/0/red_low null", "/rules/2/scale confirms_scale_2"]
    );
    wide["confirms_scale_2"] = json!(true);
    assert_eq!(
        asked(&marks(&wide).await),
        ["/rules/0/red_low null", "/rules/2/scale null"]
    );
    hub.put(&path).by(&nurse).on(1).json(&wide).ok().await;
    assert_eq!(marks(&wide).await, json!([]), "it follows itself");
}

async fn ninety_days_are_tried_at_once(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let begins: chrono::DateTime<chrono::Utc> = "2026-08-20T09:00:00Z".parse().unwrap();
    let path_of_units = "/api/v1/units/HU-1/assignments";
    let assignment = hub.get(path_of_units).by(&story.admin).ok().await["items"][0].clone();
    hub.call(
        axum::http::Method::PATCH,
        &format!("{path_of_units}/{}", assignment["id"].as_str().unwrap()),
    )
    .by(&story.admin)
    .on(assignment["version"].as_i64().unwrap())
    .json(&json!({ "from": begins }))
    .ok()
    .await;
    for day in 0..94 {
        let at = (begins + chrono::TimeDelta::days(day)).to_rfc3339();
        let saturation = if day % 3 == 0 { 91.0 } else { 95.0 };
        let readings = json!([spo2(saturation, &at), weight(80.0, &at)]);
        hub.session("HU-1", u128::try_from(day).unwrap() + 1, readings)
            .await;
    }
    let mut wider = plan("2026-11-21T00:00:00Z", 88.0);
    wider["rules"][0]["amber_low"] = json!(90.5);
    let preview = tried(&hub, &story, &wider, 90).await;
    assert_eq!(preview["sessions"], 90);
    assert_eq!(preview["whole"]["alert_days"]["gone"], 30);
    assert_eq!(preview["by_day"].as_array().unwrap().len(), 30);
    assert_eq!(preview["findings_left_out"], 0);
}

async fn admissions_are_set_against_what_came_before(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    mornings(&hub).await;
    let stays = format!("/api/v1/patients/{}/hospital-admissions", story.patient);
    let stay = async |admitted: &str, discharged: &str| {
        let body = json!({
            "admitted_at": admitted, "discharged_at": discharged, "kind": "emergency", "cause": "monitored_condition",
        });
        hub.post(&stays).by(&story.admin).json(&body).ok().await
    };
    // Outside the stretch, before any session, and after two of them.
    stay("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z").await;
    stay("2026-11-17T00:00:00Z", "2026-11-17T12:00:00Z").await;
    stay("2026-11-19T21:00:00Z", "2026-11-19T22:00:00Z").await;
    let mistaken = stay("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z").await;
    hub.patch(&format!("{stays}/{}", mistaken["id"].as_str().unwrap()))
        .by(&story.admin)
        .on(1)
        .json(&json!({ "entered_in_error": true }))
        .ok()
        .await;
    // No longer the saturations of the first two mornings, but the weight that has risen by the second.
    let mut proposed = plan("2026-11-21T00:00:00Z", 88.0);
    proposed["rules"][0]["amber_low"] = json!(90.0);
    proposed["rules"][1]["by"] = json!(0.6);
    let preview = tried(&hub, &story, &proposed, 14).await;
    assert_eq!(
        preview["admissions_preceded"],
        json!({"in_force": 1, "proposed": 1, "new": 0, "gone": 0, "stays": 1})
    );
    let mut admissions = preview["admissions"].clone();
    for admission in admissions.as_array_mut().unwrap() {
        admission.as_object_mut().unwrap().remove("id");
    }
    assert_eq!(
        admissions,
        json!([
            {
                "admitted_at": "2026-11-17T00:00:00Z", "kind": "emergency", "cause": "monitored_condition",
                "looked_back_from": "2026-11-10T00:00:00Z", "in_force": null, "proposed": null,
            },
            {
                "admitted_at": "2026-11-19T21:00:00Z", "kind": "emergency", "cause": "monitored_condition",
                "looked_back_from": "2026-11-12T21:00:00Z",
                "in_force": {
                    "first_at": "2026-11-18T09:00:00Z", "lead_minutes": 36 * 60, "severity": "amber", "rules": ["limits.spo2"],
                },
                "proposed": {
                    "first_at": "2026-11-19T09:00:00Z", "lead_minutes": 12 * 60, "severity": "amber", "rules": ["weight_gain"],
                },
            },
        ])
    );
    let cut = tried(&hub, &story, &proposed, 3).await;
    assert_eq!(cut["admissions"].as_array().unwrap().len(), 1);
    assert_eq!(cut["admissions"][0]["looked_back_from"], cut["from"]);
}
