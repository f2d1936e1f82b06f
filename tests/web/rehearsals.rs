//! Parameters tried out on a whole team: what it predicts is what the patients' own previews say, and nobody waits for it.

use axum::http::Method;
use homeward::desk::Caller;
use homeward::desk::rehearsal::{self, Asked, Places, Proposal};
use homeward::domain::ids::{RehearsalId, TeamId};
use homeward::domain::rehearsal::RehearsalState;
use homeward::domain::staff::{Actor, Role};
use homeward::store::rehearsal as rows;
use serde_json::{Value, json};
use uuid::Uuid;

use super::hub::{Hub, plan, referral, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::trail;

on_both_databases!(
    a_team_is_the_sum_of_its_patients,
    a_template_is_tried_out_on_those_who_have_the_condition,
    what_is_wrong_is_told_with_its_place,
    it_is_on_record_as_a_look_at_every_patient,
    one_that_is_taken_away_is_gone,
    one_that_is_taken_away_stops_where_it_runs,
    another_process_tells_how_far_it_is_and_when_it_is_lost,
    those_of_a_team_are_listed_newest_first,
    news2_leaves_children_out,
);

struct Team {
    admin: String,
    id: String,
    patients: Vec<String>,
}

impl Team {
    fn path(&self) -> String {
        format!("/api/v1/teams/{}/rehearsals", self.id)
    }
}

/// A number of the range that is never issued, with its check digit.
fn nhs_number(number: u64) -> String {
    (900_000_000_u64..)
        .flat_map(|body| (0..10).map(move |check| format!("{body}{check}")))
        .filter(|text| text.parse::<homeward::domain::nhs_number::NhsNumber>().is_ok())
        .nth(usize::try_from(number).unwrap())
        .unwrap()
}

/// Patients of one team with a plan, each with a unit and the saturations given, one a morning from the 18th on.
async fn team(hub: &Hub, saturations: &[&[f64]]) -> Team {
    let admin = hub.token(Role::Admin).await;
    let team = hub
        .post("/api/v1/teams")
        .by(&admin)
        .json(&json!({ "name": "North" }))
        .ok()
        .await;
    let mut team = Team {
        admin,
        id: team["id"].as_str().unwrap().to_owned(),
        patients: Vec::new(),
    };
    for (place, values) in (0_u64..).zip(saturations) {
        let mut person = referral(&nhs_number(place));
        person["team_id"] = json!(team.id);
        let patient = hub
            .post("/api/v1/patients")
            .by(&team.admin)
            .json(&person)
            .ok()
            .await;
        let patient = patient["id"].as_str().unwrap().to_owned();
        let unit = format!("HU-{place}");
        hub.put(&format!("/api/v1/patients/{patient}/plan"))
            .by(&team.admin)
            .header("if-none-match", "*")
            .json(&plan("2026-11-01T00:00:00Z", 90.0))
            .ok()
            .await;
        hub.post("/api/v1/units")
            .by(&team.admin)
            .json(&json!({ "unit_id": unit }))
            .ok()
            .await;
        hub.post(&format!("/api/v1/units/{unit}/assignments"))
            .by(&team.admin)
            .json(&json!({ "patient_id": patient, "from": "2026-11-01T00:00:00Z" }))
            .ok()
            .await;
        for (day, value) in (18..).zip(*values) {
            let at = format!("2026-11-{day}T09:00:00Z");
            hub.session(&unit, u128::from(place) * 100 + day, json!([spo2(*value, &at)]))
                .await;
        }
        team.patients.push(patient);
    }
    team
}

async fn begin(hub: &Hub, team: &Team, body: &Value) -> Value {
    let reply = hub.post(&team.path()).by(&team.admin).json(body).send().await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    reply.json()
}

/// Asks until it has ended.
async fn ended(hub: &Hub, team: &Team, begun: &Value) -> Value {
    let path = format!("{}/{}", team.path(), begun["id"].as_str().unwrap());
    for _ in 0..10_000 {
        let seen = hub.get(&path).by(&team.admin).ok().await;
        if seen["state"] != "running" {
            return seen;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never ends")
}

async fn forecast(hub: &Hub, team: &Team, body: &Value) -> Value {
    let begun = begin(hub, team, body).await;
    let ended = ended(hub, team, &begun).await;
    assert_eq!(ended["state"], "done", "{ended}");
    assert_eq!(
        ended["progress"],
        json!({"done": team.patients.len(), "of": team.patients.len()})
    );
    ended["forecast"].clone()
}

async fn a_team_is_the_sum_of_its_patients(database: TestDatabase) {
    let hub = Hub::on(database);
    let values: Vec<Vec<f64>> = (0..20_u8)
        .map(|place| {
            (0..4_u8)
                .map(|day| 88.0 + f64::from((place * 7 + day * 3) % 9))
                .collect()
        })
        .collect();
    let values: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
    let team = team(&hub, &values).await;
    hub.post(&format!(
        "/api/v1/patients/{}/hospital-admissions",
        team.patients[3]
    ))
    .by(&team.admin)
    .json(
        &json!({"admitted_at": "2026-11-21T10:00:00Z", "kind": "emergency", "cause": "monitored_condition"}),
    )
    .ok()
    .await;
    let mut proposed = plan("2026-11-21T00:00:00Z", 89.0);
    proposed["rules"][0]["amber_low"] = json!(91.0);
    let asked = json!({"plan": proposed, "days": 5, "minutes_per_alert": 10, "staffed_minutes_per_day": 60});
    let forecast = forecast(&hub, &team, &asked).await;
    let (mut sessions, mut preceded) = (0, [0, 0]);
    // red and alert days of both sides, then new, gone and stays.
    let mut sums = [0_u64; 7];
    for patient in &team.patients {
        let path = format!("/api/v1/patients/{patient}/plan/preview");
        let preview = hub
            .post(&path)
            .by(&team.admin)
            .json(&json!({"plan": proposed, "days": 5}))
            .ok()
            .await;
        let number = |pointer: &str| preview.pointer(pointer).unwrap().as_u64().unwrap();
        sessions += number("/sessions");
        preceded[0] += number("/admissions_preceded/in_force");
        preceded[1] += number("/admissions_preceded/proposed");
        for (sum, pointer) in sums.iter_mut().zip([
            "/whole/red_days/in_force",
            "/whole/alert_days/in_force",
            "/whole/red_days/proposed",
            "/whole/alert_days/proposed",
            "/whole/alert_days/new",
            "/whole/alert_days/gone",
            "/whole/alert_days/stays",
        ]) {
            *sum += number(pointer);
        }
    }
    let [red, alerts, red_proposed, alerts_proposed, new, gone, stays] = sums;
    assert!(
        red > 0 && red_proposed < red && alerts_proposed < alerts,
        "{sums:?}"
    );
    assert_eq!(
        forecast["whole"],
        json!({
            "in_force": {"red": red, "amber": alerts - red},
            "proposed": {"red": red_proposed, "amber": alerts_proposed - red_proposed},
            "new": new, "gone": gone, "stays": stays,
        })
    );
    assert_eq!(
        (&forecast["sessions"], &forecast["patients"]),
        (&json!(sessions), &json!(20))
    );
    assert_eq!(
        forecast["admissions"],
        json!({"known": 1, "preceded_in_force": preceded[0], "preceded_proposed": preceded[1]})
    );
    let by_day = forecast["by_day"].as_array().unwrap();
    assert_eq!(by_day.len(), 5, "the quiet one of the 17th too: {by_day:?}");
    let of_days: u64 = by_day
        .iter()
        .map(|day| day["proposed"]["red"].as_u64().unwrap() + day["proposed"]["amber"].as_u64().unwrap())
        .sum();
    assert_eq!(of_days, alerts_proposed);
    assert_eq!(forecast["rules"][0]["rule"], "limits.spo2");
    assert_eq!(
        forecast["staffing"]["proposed"]["mean"],
        json!(f64::from(u32::try_from(alerts_proposed).unwrap()) * 10.0 / 5.0)
    );
}

async fn a_template_is_tried_out_on_those_who_have_the_condition(database: TestDatabase) {
    let hub = Hub::on(database);
    let mut team = team(&hub, &[&[91.0, 95.0], &[85.0]]).await;
    let path = format!("/api/v1/patients/{}", team.patients[1]);
    hub.patch(&path)
        .by(&team.admin)
        .on(1)
        .json(&json!({ "conditions": ["copd"] }))
        .ok()
        .await;
    let asked = json!({"template": "copd", "condition": "copd", "days": 14});
    let begun = begin(&hub, &team, &asked).await;
    assert_eq!(begun["progress"]["of"], 1);
    assert_eq!(
        begun["asked"],
        json!({"template": "copd", "days": 14, "condition": "copd", "minutes_per_alert": null, "staffed_minutes_per_day": null})
    );
    team.patients.remove(0);
    let ended = ended(&hub, &team, &begun).await;
    assert_eq!(ended["forecast"]["sessions"], 1, "{ended}");
    assert_eq!(ended["forecast"]["staffing"], Value::Null);
    // Whoever is discharged is the team's patient no longer.
    hub.post(&format!("{path}/discharge"))
        .by(&team.admin)
        .json(&json!({"at": "2026-11-21T11:00:00Z", "reason": "moved away"}))
        .send()
        .await
        .is_problem(409, "unlawful", None);
    let all = begin(&hub, &team, &json!({ "template": "heart_failure" })).await;
    assert_eq!(
        (&all["progress"]["of"], &all["asked"]["days"]),
        (&json!(2), &json!(90))
    );
}

async fn what_is_wrong_is_told_with_its_place(database: TestDatabase) {
    let hub = Hub::on(database);
    let team = team(&hub, &[]).await;
    let sound = plan("2026-11-21T00:00:00Z", 90.0);
    let mut wrong = sound.clone();
    wrong["rules"][1]["by"] = json!(0);
    let places = async |body: Value| -> Vec<String> {
        let reply = hub.post(&team.path()).by(&team.admin).json(&body).send().await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        let faults = reply.json()["errors"].clone();
        let faults = faults.as_array().unwrap().iter();
        faults
            .map(|fault| fault["at"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        places(json!({"plan": wrong, "days": 401, "minutes_per_alert": 0, "staffed_minutes_per_day": -1}))
            .await,
        [
            "/plan/rules/1/by",
            "/days",
            "/minutes_per_alert",
            "/staffed_minutes_per_day"
        ]
    );
    assert_eq!(places(json!({})).await, ["/plan"]);
    assert_eq!(
        places(json!({"plan": sound, "template": "copd"})).await,
        ["/template"]
    );
    assert_eq!(places(json!({ "template": "gout" })).await, ["/template"]);
    assert_eq!(
        places(json!({"template": "copd", "staffed_minutes_per_day": 60})).await,
        ["/minutes_per_alert"]
    );
    assert_eq!(
        places(json!({"template": "copd", "patients": 7})).await,
        ["/patients"]
    );
    let nobody = format!("/api/v1/teams/{}/rehearsals", Uuid::from_u128(404));
    hub.post(&nobody)
        .by(&team.admin)
        .json(&json!({ "template": "copd" }))
        .send()
        .await
        .is_problem(404, "not-found", None);
    // A team of nobody is a forecast of nothing.
    let empty = forecast(&hub, &team, &json!({ "template": "copd", "days": 2 })).await;
    assert_eq!((&empty["patients"], &empty["rules"]), (&json!(0), &json!([])));
}

async fn it_is_on_record_as_a_look_at_every_patient(database: TestDatabase) {
    let hub = Hub::on(database);
    let team = team(&hub, &[&[91.0], &[92.0]]).await;
    let handler = hub.token(Role::CallHandler).await;
    let body = json!({ "template": "copd" });
    hub.post(&team.path()).by(&handler).json(&body).ok().await;
    let looks = trail::looks(&hub.database.db).await;
    let mut seen: Vec<String> = looks
        .iter()
        .filter(|seen| seen.asked.act == "rehearsal.begin")
        .filter_map(|seen| seen.patient.map(|patient| patient.to_string()))
        .collect();
    seen.sort();
    let mut patients = team.patients.clone();
    patients.sort();
    assert_eq!(seen, patients);
    let acts = hub.audit().await;
    assert!(
        acts.contains(&"rehearsal.begin rehearsal by call_handler".to_owned()),
        "{acts:?}"
    );
    for role in [Role::Administrator, Role::Auditor] {
        let token = hub.token(role).await;
        hub.post(&team.path())
            .by(&token)
            .json(&body)
            .send()
            .await
            .is_problem(403, "not-allowed", None);
    }
}

async fn one_that_is_taken_away_is_gone(database: TestDatabase) {
    let hub = Hub::on(database);
    let team = team(&hub, &[&[91.0]]).await;
    let begun = begin(&hub, &team, &json!({ "template": "copd" })).await;
    let path = format!("{}/{}", team.path(), begun["id"].as_str().unwrap());
    let away = async |path: &str| hub.call(Method::DELETE, path).by(&team.admin).send().await;
    let elsewhere = format!(
        "/api/v1/teams/{}/rehearsals/{}",
        Uuid::from_u128(404),
        begun["id"].as_str().unwrap()
    );
    away(&elsewhere).await.is_problem(404, "not-found", None);
    let reply = away(&path).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    hub.get(&path)
        .by(&team.admin)
        .send()
        .await
        .is_problem(404, "not-found", None);
    away(&path).await.is_problem(404, "not-found", None);
    let acts = hub.audit().await;
    let cancelled = acts.iter().filter(|act| act.starts_with("rehearsal.cancel"));
    assert_eq!(cancelled.count(), 1, "{acts:?}");
}

async fn another_process_tells_how_far_it_is_and_when_it_is_lost(database: TestDatabase) {
    let hub = Hub::on(database);
    let team = team(&hub, &[]).await;
    let now = hub.clock.now();
    let of = TeamId(team.id.parse().unwrap());
    let id = RehearsalId(Uuid::from_u128(77));
    let row = rows::Rehearsal {
        id,
        team_id: of,
        asked: "{}".to_owned(),
        state: RehearsalState::Running,
        judged: 0,
        patients: 1000,
        forecast: None,
        asked_by: Actor {
            id: Uuid::from_u128(7),
            name: "Nurse Example".to_owned(),
        },
        asked_at: now,
        said_at: now,
    };
    let db = &hub.database.db;
    let mut tx = db.begin().await.unwrap();
    rows::insert(&mut tx, &row).await.unwrap();
    assert!(rows::progress(&mut tx, id, 320, now).await.unwrap());
    tx.commit().await.unwrap();
    let path = format!("{}/{}", team.path(), id);
    let seen = hub.get(&path).by(&team.admin).ok().await;
    assert_eq!(
        (&seen["state"], &seen["progress"], &seen["forecast"]),
        (&json!("running"), &json!({"done": 320, "of": 1000}), &Value::Null)
    );
    hub.clock.advance(std::time::Duration::from_secs(61));
    let seen = hub.get(&path).by(&team.admin).ok().await;
    assert_eq!(seen["state"], "lost");
    // What is a week old goes with the next one that is begun.
    hub.clock.advance(std::time::Duration::from_hours(7 * 24));
    begin(&hub, &team, &json!({ "template": "copd" })).await;
    let mut tx = db.begin().await.unwrap();
    assert!(!rows::is_wanted(&mut tx, id).await.unwrap());
    assert!(!rows::progress(&mut tx, id, 321, now).await.unwrap());
    assert!(!rows::end(&mut tx, id, Some("{}"), 1000, now).await.unwrap());
}

async fn those_of_a_team_are_listed_newest_first(database: TestDatabase) {
    let hub = Hub::on(database);
    let team = team(&hub, &[&[91.0]]).await;
    let other = json!({ "name": "South" });
    let other = hub.post("/api/v1/teams").by(&team.admin).json(&other).ok().await;
    let of_other = format!("/api/v1/teams/{}/rehearsals", other["id"].as_str().unwrap());
    let handler = hub.token(Role::CallHandler).await;
    let list = async |path: &str| hub.get(path).by(&handler).ok().await;
    assert_eq!(
        list(&team.path()).await,
        json!({ "items": [], "next_cursor": null })
    );
    let mut asked = Vec::new();
    for template in ["copd", "diabetes", "hypertension"] {
        let begun = begin(&hub, &team, &json!({ "template": template })).await;
        asked.insert(0, ended(&hub, &team, &begun).await);
        hub.clock.advance(std::time::Duration::from_mins(1));
    }
    let whole = list(&team.path()).await;
    assert_eq!(whole["items"], json!(asked), "each as it is by itself");
    assert_eq!(
        list(&of_other).await["items"],
        json!([]),
        "another team's are its own"
    );

    let mut paged = Vec::new();
    let mut path = format!("{}?limit=2", team.path());
    loop {
        let page = list(&path).await;
        paged.push(page["items"].as_array().unwrap().len());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{}?limit=2&cursor={cursor}", team.path()),
            None => break,
        }
    }
    assert_eq!(paged, [2, 1]);
    let nowhere = format!("/api/v1/teams/{}/rehearsals", Uuid::from_u128(404));
    let reply = hub.get(&nowhere).by(&handler).send().await;
    reply.is_problem(404, "not-found", None);
    for role in [Role::Administrator, Role::Auditor] {
        let token = hub.token(role).await;
        let reply = hub.get(&team.path()).by(&token).send().await;
        reply.is_problem(403, "not-allowed", None);
    }
    hub.call(
        Method::DELETE,
        &format!("{}/{}", team.path(), asked[0]["id"].as_str().unwrap()),
    )
    .by(&team.admin)
    .send()
    .await;
    assert_eq!(list(&team.path()).await["items"], json!(asked[1..]));
}

async fn news2_leaves_children_out(database: TestDatabase) {
    let hub = Hub::on(database);
    let team = team(&hub, &[&[91.0], &[91.0]]).await;
    hub.patch(&format!("/api/v1/patients/{}", team.patients[0]))
        .by(&team.admin)
        .on(1)
        .json(&json!({ "birth_date": "2015-03-04" }))
        .ok()
        .await;
    let mut proposed = plan("2026-11-21T00:00:00Z", 90.0);
    let rules = proposed["rules"].as_array_mut().unwrap();
    rules.push(json!({"id": "news2", "kind": "news2", "scale": 1}));
    let forecast = forecast(&hub, &team, &json!({ "plan": proposed })).await;
    assert_eq!(
        (
            &forecast["patients"],
            &forecast["patients_left_out"],
            &forecast["sessions"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
}

async fn one_that_is_taken_away_stops_where_it_runs(database: TestDatabase) {
    let hub = Hub::on(database);
    let team = team(&hub, &[&[91.0]]).await;
    let proposal = || Proposal {
        plan: None,
        template: Some("copd".to_owned()),
    };
    let of = TeamId(team.id.parse().unwrap());
    let begun = async || {
        let mut act = hub.desk.begin(Caller::command("test")).await.unwrap();
        let begun = rehearsal::begin(&mut act, of, proposal(), Asked::default())
            .await
            .unwrap();
        act.commit().await.unwrap();
        begun
    };
    let (unwanted, wanted) = (begun().await, begun().await);
    let path = |begun: &rehearsal::Begun| format!("{}/{}", team.path(), begun.row.id);
    let (gone, stays) = (path(&unwanted), path(&wanted));
    hub.call(Method::DELETE, &gone).by(&team.admin).send().await;
    for begun in [unwanted, wanted] {
        rehearsal::run(&hub.desk.db, &hub.clock, begun).await.unwrap();
    }
    hub.get(&gone)
        .by(&team.admin)
        .send()
        .await
        .is_problem(404, "not-found", None);
    assert_eq!(hub.get(&stays).by(&team.admin).ok().await["state"], "done");
}

#[test]
fn a_process_runs_two_at_a_time() {
    let places = Places::default();
    let clone = places.clone();
    let (one, other) = (places.take(), clone.take());
    assert!(one.is_some() && other.is_some());
    assert!(places.take().is_none());
    drop(one);
    assert!(clone.take().is_some());
}
