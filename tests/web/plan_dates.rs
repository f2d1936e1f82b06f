//! Versions that are dated back, that end by themselves, that are to come, and whose day of review has come.

use homeward::domain::staff::Role;
use homeward::judging::plans::PlanShelf;
use homeward::store::outbox::{self, NoticeKind};
use homeward::workers::unit_post;
use serde_json::{Value, json};

use super::hub::{Hub, NHS, at, plan, referral, spo2};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_version_that_is_dated_back_says_what_it_did,
    a_temporary_version_ends_by_itself,
    plans_whose_day_of_review_has_come_are_listed,
);

async fn a_version_that_is_dated_back_says_what_it_did(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    hub.clock.set(at("2026-11-18T12:00:00Z"));
    for (number, day) in [(1, 16), (2, 17), (3, 18)] {
        hub.session(
            "HU-1",
            number,
            json!([spo2(91.0, &format!("2026-11-{day}T09:00:00Z"))]),
        )
        .await;
    }
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let put =
        async |version: i64, body: &Value| hub.put(&path).by(&story.admin).on(version).json(body).ok().await;
    // 17 and 18 November: amber becomes red, of which only the 18th's is not late.
    let stricter = put(1, &plan("2026-11-17T00:00:00Z", 91.5)).await;
    assert_eq!(stricter["back_dated"], true);
    assert_eq!(
        stricter["rejudged"],
        json!({"superseded": 2, "made": 2, "late": 1})
    );
    let first = put(2, &plan("2026-11-18T12:00:00Z", 91.5)).await;
    assert_eq!(
        (&first["back_dated"], &first["rejudged"]["made"]),
        (&json!(false), &json!(0)),
        "it begins now"
    );
    // Back as it was: what had been superseded holds again, and is as late as it was when it was first made.
    let back = put(3, &plan("2026-11-17T00:00:00Z", 90.0)).await;
    assert_eq!(back["rejudged"], json!({"superseded": 2, "made": 2, "late": 1}));
    let versions = hub.get(&format!("{path}/versions")).by(&story.admin).ok().await;
    let shown: Vec<(&Value, &Value)> = (versions["items"].as_array().unwrap().iter())
        .map(|one| (&one["back_dated"], &one["rejudged"]["superseded"]))
        .collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(
        shown,
        [
            (&yes, &json!(2)),
            (&no, &json!(0)),
            (&yes, &json!(2)),
            (&yes, &json!(0))
        ]
    );
}

async fn a_temporary_version_ends_by_itself(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let mut holiday = plan("2026-11-22T00:00:00Z", 91.5);
    holiday["until"] = json!("2026-11-25T00:00:00Z");
    holiday["measures"] = json!(["spo2"]);
    let put = hub.put(&path).by(&story.admin).on(1).json(&holiday).ok().await;
    let standing = |version: i64, until: Option<&str>, next: Option<i64>| json!({"version": version, "until": until, "next": next});
    assert_eq!((&put["version"], &put["in_force"]), (&json!(2), &json!(false)));
    assert_eq!(
        put["standing"],
        standing(1, Some("2026-11-22T00:00:00Z"), Some(2))
    );
    insta::assert_json_snapshot!("plan_to_come", put);
    let shelf = PlanShelf::default();
    // Which version the unit is told when the notices that are due now are sent.
    let told = async || -> Vec<i64> {
        let mut tx = hub.database.db.begin().await.unwrap();
        let now = hub.clock.now();
        let due = outbox::claim(
            &mut tx,
            &[NoticeKind::UnitPlan],
            now,
            at("2027-01-01T00:00:00Z"),
            10,
        )
        .await
        .unwrap();
        let mut versions = Vec::new();
        for notice in due {
            let unit = notice.recipient.parse().unwrap();
            let payload = unit_post::plan_of(&mut tx, &shelf, &unit, now).await.unwrap();
            let payload: Value = serde_json::from_slice(&payload).unwrap();
            versions.push(payload["version"].as_i64().unwrap());
        }
        tx.commit().await.unwrap();
        versions
    };
    assert_eq!(
        told().await,
        [1, 1],
        "by the assignment, and since a version was put"
    );
    let judged = async |number: u128, taken: &str| {
        hub.session("HU-1", number, json!([spo2(91.0, taken)])).await;
        let sessions = format!("/api/v1/patients/{}/sessions?limit=1", story.patient);
        let session = hub.get(&sessions).by(&story.admin).ok().await["items"][0].clone();
        (
            session["plan_version"].as_i64().unwrap(),
            session["findings"][0]["side"].clone(),
        )
    };
    for (number, now, version, side, next) in [
        (1, "2026-11-21T23:59:59Z", 1, "amber_low", Some(2)),
        (2, "2026-11-22T00:00:00Z", 2, "red_low", Some(1)),
        (3, "2026-11-24T23:59:59Z", 2, "red_low", Some(1)),
        (4, "2026-11-25T00:00:00Z", 1, "amber_low", None),
    ] {
        hub.clock.set(at(now));
        let read = hub.get(&path).by(&story.admin).ok().await;
        assert_eq!(
            (&read["standing"]["version"], &read["standing"]["next"]),
            (&json!(version), &json!(next)),
            "at {now}"
        );
        assert_eq!(
            read["in_force"],
            json!(version == 2),
            "the newest is shown: at {now}"
        );
        assert_eq!(judged(number, now).await, (version, json!(side)), "at {now}");
        let notices: &[i64] = match number {
            2 => &[2],
            4 => &[1],
            _ => &[],
        };
        assert_eq!(
            told().await,
            notices,
            "the unit is told when it begins and when it ends: at {now}"
        );
    }
    let versions = hub.get(&format!("{path}/versions")).by(&story.admin).ok().await;
    let in_force: Vec<&Value> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["in_force"])
        .collect();
    assert_eq!(in_force, [&json!(false), &json!(true)]);
}

async fn plans_whose_day_of_review_has_come_are_listed(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let nurse = hub.token(Role::SpecialistNurse).await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let due = async || -> Vec<i64> {
        let list = hub.get("/api/v1/plans/review-due").by(&nurse).ok().await;
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["plan"]["version"].as_i64().unwrap())
            .collect()
    };
    let put = async |version: i64, review_on: &str, until: Option<&str>| {
        let mut body = plan("2026-11-21T00:00:00Z", 90.0);
        body["review_on"] = json!(review_on);
        body["until"] = json!(until);
        hub.put(&path).by(&nurse).on(version).json(&body).ok().await;
    };
    assert!(due().await.is_empty(), "it has no such day");
    put(1, "2026-11-22", None).await;
    assert!(due().await.is_empty(), "tomorrow");
    hub.clock.set(at("2026-11-22T00:00:00Z"));
    assert_eq!(due().await, [2]);
    put(2, "2026-12-24", Some("2026-11-23T00:00:00Z")).await;
    assert!(
        due().await.is_empty(),
        "what is in force now is to be reviewed later"
    );
    hub.clock.set(at("2026-11-23T00:00:00Z"));
    assert_eq!(due().await, [2], "it is over");
    // Nobody reviews the plan of whom nobody monitors.
    let referred = hub
        .post("/api/v1/patients")
        .by(&nurse)
        .json(&referral(NHS[1]))
        .ok()
        .await;
    let other = format!("/api/v1/patients/{}/plan", referred["id"].as_str().unwrap());
    let mut body = plan("2026-11-21T00:00:00Z", 90.0);
    body["review_on"] = json!("2026-11-21");
    hub.put(&other)
        .by(&nurse)
        .header("if-none-match", "*")
        .json(&body)
        .ok()
        .await;
    assert_eq!(due().await, [2]);
    let admit = format!("/api/v1/patients/{}/admit", referred["id"].as_str().unwrap());
    hub.post(&admit)
        .by(&nurse)
        .json(&json!({"from": "2026-11-22T00:00:00Z"}))
        .ok()
        .await;
    assert_eq!(due().await, [1, 2], "longest overdue first");
    let page = hub.get("/api/v1/plans/review-due?limit=1").by(&nurse).ok().await;
    let rest = format!(
        "/api/v1/plans/review-due?cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    let rest = hub.get(&rest).by(&nurse).ok().await;
    assert_eq!(rest["items"][0]["plan"]["version"], 2);
}
