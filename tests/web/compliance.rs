//! Missed sessions through the public doors: what is due, what is missed, who is told, and when that ends.

use chrono::{DateTime, TimeDelta, Utc};
use homeward::domain::staff::Role;
use homeward::store::Db;
use serde_json::{Value, json};

use super::hub::{Hub, NHS, Story, at, plan, referral, spo2};
use crate::support::compliance::{looks, worker};
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::trail;

on_both_databases!(
    a_session_that_does_not_come_is_missed_and_one_that_comes_ends_the_alert,
    what_a_patient_missed_before_is_served_by_a_session_that_comes_late,
    a_pause_takes_back_what_was_held_against_the_patient,
    a_pause_entered_by_mistake_is_withdrawn,
    pauses_are_checked_at_their_place,
    due_times_follow_the_clocks_of_london,
    an_outage_is_not_held_against_the_patient,
    nobody_is_rung_about_a_patient_who_was_discharged,
    poor_adherence_is_told_at_midnight_and_waits_for_a_person,
    a_red_miss_waits_for_a_person,
    a_measure_that_fails_is_told_and_ends_when_it_is_back,
    many_missing_at_once_are_one_incident_and_wait,
    nine_missing_are_no_incident,
    rules_about_missing_sessions_are_taken,
);

/// A plan that asks for a session at nine each day.
fn daily(effective_from: &str, rules: &[Value]) -> Value {
    let mut body = plan(effective_from, 90.0);
    body["measures"] = json!(["spo2"]);
    body["schedule"] = json!({ "times": ["09:00"], "window_before_min": 120, "grace_min": 180 });
    body["rules"]
        .as_array_mut()
        .unwrap()
        .extend(rules.iter().cloned());
    body
}

impl Hub {
    /// The clock stands there, the service beats, and the worker has looked.
    async fn reaches(&self, time: &str) {
        self.clock.set(at(time));
        self.beats_through().await;
        looks(&worker(&self.database.db, &self.desk.ids), self.clock.now()).await;
    }

    /// As if it had beaten all the while.
    async fn beats_through(&self) {
        let wipe = "delete from heartbeat";
        let wiped = match &self.database.db {
            Db::Sqlite { writer, .. } => sqlx::query(wipe).execute(writer).await.map(|_| ()),
            Db::Postgres { writers, .. } => sqlx::query(wipe)
                .execute(writers.lend().await.unwrap().work().unwrap())
                .await
                .map(|_| ()),
        };
        wiped.unwrap();
        self.beats().await;
    }

    /// The story's patient by a daily plan with these rules, admitted on 20 November at noon.
    async fn daily(&self, rules: &[Value]) -> Story {
        let admin = self.token(Role::Admin).await;
        let story = self.patient(&admin, 0, "2026-11-20T12:00:00Z").await;
        self.asks(&story, &daily("2026-11-20T12:00:00Z", rules)).await;
        story
    }

    /// A patient with a unit of her own who is admitted from then on, without a plan.
    async fn patient(&self, admin: &str, number: usize, from: &str) -> Story {
        let admin = admin.to_owned();
        let nhs = nhs(number);
        let patient = self
            .post("/api/v1/patients")
            .by(&admin)
            .json(&referral(&nhs))
            .ok()
            .await;
        let patient = patient["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/patients/{patient}");
        let body = json!({ "from": from });
        self.post(&format!("{path}/admit"))
            .by(&admin)
            .json(&body)
            .ok()
            .await;
        let unit = format!("HU-{}", number + 1);
        self.post("/api/v1/units")
            .by(&admin)
            .json(&json!({ "unit_id": unit }))
            .ok()
            .await;
        let body = json!({ "patient_id": patient, "from": from });
        self.post(&format!("/api/v1/units/{unit}/assignments"))
            .by(&admin)
            .json(&body)
            .ok()
            .await;
        Story { admin, patient }
    }

    async fn asks(&self, story: &Story, body: &Value) {
        let path = format!("/api/v1/patients/{}/plan", story.patient);
        let call = self.put(&path).by(&story.admin);
        call.header("if-none-match", "*").json(body).ok().await;
    }

    /// A session of unit HU-1 that is completed then and arrives now.
    async fn measures(&self, number: u128, completed_at: &str) {
        self.session("HU-1", number, json!([spo2(97.0, completed_at)]))
            .await;
    }

    /// Compliance alerts, newest first: state, outcome and current findings.
    async fn told(&self, story: &Story) -> Vec<String> {
        let path = format!(
            "/api/v1/alerts?state=all&class=compliance&patient_id={}",
            story.patient
        );
        let alerts = self.get(&path).by(&story.admin).ok().await["items"].clone();
        alerts.as_array().unwrap().iter().map(tell).collect()
    }

    /// `day hour state`, oldest first.
    async fn due(&self, story: &Story, from: &str, to: &str) -> Vec<String> {
        let path = format!("/api/v1/patients/{}/due-times?from={from}&to={to}", story.patient);
        let due = self.get(&path).by(&story.admin).ok().await["items"].clone();
        let due = due.as_array().unwrap().iter().rev();
        due.map(|due| {
            format!(
                "{} {}",
                due["due"].as_str().unwrap(),
                due["state"].as_str().unwrap()
            )
        })
        .collect()
    }

    /// Ends the newest alert of this class as a person would.
    async fn closes(&self, story: &Story, class: &str) {
        let alerts = self
            .get(&format!("/api/v1/alerts?class={class}"))
            .by(&story.admin)
            .ok()
            .await;
        let alert = &alerts["items"][0];
        let path = format!("/api/v1/alerts/{}", alert["id"].as_str().unwrap());
        let version = alert["version"].as_i64().unwrap();
        let claimed = self
            .post(&format!("{path}/claim"))
            .by(&story.admin)
            .on(version)
            .ok()
            .await;
        let version = claimed["version"].as_i64().unwrap();
        let body = json!({ "outcome": "equipment" });
        self.post(&format!("{path}/close"))
            .by(&story.admin)
            .on(version)
            .json(&body)
            .ok()
            .await;
    }
}

fn tell(alert: &Value) -> String {
    let findings = alert["findings"].as_array().unwrap();
    let findings = findings.iter().map(|finding| {
        let about = finding["at"].as_str().unwrap().get(5..16).unwrap();
        let gone = if finding["state"] == "current" {
            ""
        } else {
            "no longer "
        };
        format!("{gone}{} {about}", finding["rule"].as_str().unwrap())
    });
    let outcome = alert["outcome"]
        .as_str()
        .unwrap_or_else(|| alert["state"].as_str().unwrap());
    format!(
        "{} {outcome}: {}",
        alert["severity"].as_str().unwrap(),
        findings.collect::<Vec<_>>().join(", ")
    )
}

/// From the range that is never issued.
fn nhs(number: usize) -> String {
    if let Some(known) = NHS.get(number) {
        return (*known).to_owned();
    }
    let sound = |body: u64| {
        let digits = format!("{body:09}");
        let sum: u64 = digits
            .bytes()
            .zip((2..=10).rev())
            .map(|(digit, weight)| u64::from(digit - b'0') * weight)
            .sum();
        match 11 - sum % 11 {
            11 => Some(format!("{digits}0")),
            10 => None,
            check => Some(format!("{digits}{check}")),
        }
    };
    (999_100_000..).filter_map(sound).nth(number).unwrap()
}

async fn a_session_that_does_not_come_is_missed_and_one_that_comes_ends_the_alert(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.daily(&[]).await;
    hub.reaches("2026-11-21T11:59:59Z").await;
    assert_eq!(
        hub.told(&story).await,
        Vec::<String>::new(),
        "there is still time"
    );
    hub.reaches("2026-11-21T12:00:00Z").await;
    assert_eq!(hub.told(&story).await, ["amber new: missed 11-21T09:00"]);
    let path = format!("/api/v1/alerts?patient_id={}", story.patient);
    let alert = hub.get(&path).by(&story.admin).ok().await["items"][0].clone();
    assert_eq!(
        alert["findings"][0]["sentence"],
        "The session due on 21 Nov 2026, 09:00 has not arrived."
    );

    hub.reaches("2026-11-22T12:00:00Z").await;
    assert_eq!(
        hub.told(&story).await,
        ["amber new: missed 11-21T09:00, missed 11-22T09:00"],
        "one alert of a patient"
    );

    // Too late for yesterday and too early for tomorrow: but she has been heard of.
    hub.clock.set(at("2026-11-22T15:30:00Z"));
    hub.measures(1, "2026-11-22T15:00:00Z").await;
    hub.reaches("2026-11-22T15:31:00Z").await;
    assert_eq!(
        hub.told(&story).await,
        ["amber cleared_by_itself: missed 11-21T09:00, missed 11-22T09:00"]
    );
    let audit = hub.audit().await;
    assert!(
        audit.iter().any(|entry| entry.starts_with("alert.clear alert")),
        "{audit:?}"
    );

    // And the next miss is news.
    hub.reaches("2026-11-23T12:00:00Z").await;
    assert_eq!(hub.told(&story).await[0], "amber new: missed 11-23T09:00");
}

async fn what_a_patient_missed_before_is_served_by_a_session_that_comes_late(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.daily(&[]).await;
    hub.reaches("2026-11-22T12:00:00Z").await;
    assert_eq!(
        hub.told(&story).await,
        ["amber new: missed 11-21T09:00, missed 11-22T09:00"]
    );
    // What the unit had kept: the first day's session, which says nothing of the second.
    hub.clock.set(at("2026-11-22T13:00:00Z"));
    hub.measures(1, "2026-11-21T08:55:00Z").await;
    hub.reaches("2026-11-22T13:01:00Z").await;
    assert_eq!(
        hub.told(&story).await,
        ["amber new: no longer missed 11-21T09:00, missed 11-22T09:00"]
    );
    hub.measures(2, "2026-11-22T09:10:00Z").await;
    hub.reaches("2026-11-22T13:02:00Z").await;
    assert_eq!(
        hub.told(&story).await,
        ["amber cleared_by_itself: no longer missed 11-21T09:00, no longer missed 11-22T09:00"]
    );
    assert_eq!(
        hub.due(&story, "2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z")
            .await,
        [
            "2026-11-21T09:00:00Z served",
            "2026-11-22T09:00:00Z served",
            "2026-11-23T09:00:00Z open"
        ]
    );
}

async fn a_pause_takes_back_what_was_held_against_the_patient(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.daily(&[]).await;
    hub.reaches("2026-11-22T12:00:00Z").await;
    let path = format!("/api/v1/patients/{}/pauses", story.patient);
    let handler = hub.token(Role::CallHandler).await;
    let hospital = json!({ "from": "2026-11-21T10:00:00Z", "to": null, "reason": "hospital" });
    let pause = hub.post(&path).by(&handler).json(&hospital).ok().await;
    assert_eq!(pause["to"], Value::Null);
    hub.reaches("2026-11-22T12:00:01Z").await;
    let told = ["amber new: missed 11-21T09:00, no longer missed 11-22T09:00"];
    assert_eq!(
        hub.told(&story).await,
        told,
        "that she was ill does not end the alert"
    );
    hub.reaches("2026-11-25T12:00:00Z").await;
    assert_eq!(hub.told(&story).await, told, "nothing is due in a pause");

    let one = format!("{path}/{}", pause["id"].as_str().unwrap());
    let end = json!({ "to": "2026-11-24T09:00:00Z" });
    hub.patch(&one)
        .by(&handler)
        .on(7)
        .json(&end)
        .send()
        .await
        .is_problem(412, "stale", None);
    let ended = hub.patch(&one).by(&handler).on(1).json(&end).ok().await;
    assert_eq!(
        (&ended["version"], &ended["from"]),
        (&json!(2), &json!("2026-11-21T10:00:00Z"))
    );
    hub.reaches("2026-11-25T12:00:01Z").await;
    assert_eq!(
        hub.told(&story).await,
        [
            "amber new: missed 11-21T09:00, no longer missed 11-22T09:00, missed 11-24T09:00, missed 11-25T09:00"
        ],
        "the end of a pause is not in it"
    );
    let listed = hub.get(&path).by(&handler).ok().await;
    assert_eq!(listed["items"], json!([ended]));
    let audit = hub.audit().await;
    let pauses: Vec<&String> = audit.iter().filter(|entry| entry.contains(" pause ")).collect();
    assert_eq!(
        pauses,
        [
            "patient.pause pause by call_handler",
            "patient.pause_change pause by call_handler"
        ]
    );
}

async fn a_pause_entered_by_mistake_is_withdrawn(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.daily(&[]).await;
    let path = format!("/api/v1/patients/{}/pauses", story.patient);
    let handler = hub.token(Role::CallHandler).await;
    let away = json!({ "from": "2026-11-21T08:00:00Z", "to": "2026-11-22T10:00:00Z", "reason": "holiday" });
    let pause = hub.post(&path).by(&handler).json(&away).ok().await;
    hub.reaches("2026-11-22T12:00:00Z").await;
    assert_eq!(hub.told(&story).await, Vec::<String>::new());
    assert_eq!(
        hub.due(&story, "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z")
            .await,
        Vec::<String>::new()
    );

    let one = format!("{path}/{}/withdraw", pause["id"].as_str().unwrap());
    let withdraw = async |token: &str, version: i64, reason: &str| {
        let said = json!({ "reason": reason });
        hub.post(&one).by(token).on(version).json(&said).send().await
    };
    let said = json!({ "reason": "another patient's" });
    let unseen = hub.post(&one).by(&handler).json(&said).send().await;
    assert_eq!(unseen.status, 428, "{}", unseen.text);
    withdraw(&handler, 1, " ")
        .await
        .is_problem(422, "invalid-body", Some("/reason"));
    withdraw(&handler, 7, "another patient's")
        .await
        .is_problem(412, "stale", None);
    let auditor = hub.token(Role::Auditor).await;
    assert_eq!(withdraw(&auditor, 1, "another patient's").await.status, 403);
    hub.reaches("2026-11-22T12:00:01Z").await;
    assert_eq!(
        hub.told(&story).await,
        Vec::<String>::new(),
        "what was refused did nothing"
    );

    let taken_back = withdraw(&handler, 1, "another patient's").await;
    assert_eq!((taken_back.status, taken_back.json()), (200, pause));
    hub.reaches("2026-11-22T12:00:02Z").await;
    assert_eq!(
        hub.told(&story).await,
        ["amber new: missed 11-21T09:00, missed 11-22T09:00"],
        "as if it had not been"
    );
    assert_eq!(
        hub.due(&story, "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z")
            .await,
        ["2026-11-21T09:00:00Z missed", "2026-11-22T09:00:00Z missed"]
    );
    assert_eq!(hub.get(&path).by(&handler).ok().await["items"], json!([]));
    withdraw(&handler, 1, "another patient's")
        .await
        .is_problem(404, "not-found", None);
    // Its time is free again.
    hub.post(&path).by(&handler).json(&away).ok().await;
    let recorded = trail::acts(&hub.database.db).await.into_iter();
    let recorded: Vec<Value> = recorded
        .filter(|entry| entry.act == "patient.pause_withdraw")
        .map(|entry| serde_json::from_str(&entry.detail).unwrap())
        .collect();
    assert_eq!(
        recorded,
        [json!({
            "from": "2026-11-21T08:00:00Z", "to": "2026-11-22T10:00:00Z", "paused_for": "holiday",
            "reason": "another patient's",
        })]
    );
}

async fn pauses_are_checked_at_their_place(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.daily(&[]).await;
    let path = format!("/api/v1/patients/{}/pauses", story.patient);
    let enter = async |from: &str, to: Value| {
        let body = json!({ "from": from, "to": to, "reason": "holiday" });
        hub.post(&path).by(&story.admin).json(&body).send().await
    };
    let invalid = "invalid-body";
    enter("2026-11-22T00:00:00Z", json!("2026-11-22T00:00:00Z"))
        .await
        .is_problem(422, invalid, Some("/to"));
    enter("2028-11-22T00:00:00Z", Value::Null)
        .await
        .is_problem(422, invalid, Some("/from"));
    enter("2006-11-22T00:00:00Z", Value::Null)
        .await
        .is_problem(422, invalid, Some("/from"));
    let body = json!({ "from": "2026-11-22T00:00:00Z", "reason": "boredom" });
    let reply = hub.post(&path).by(&story.admin).json(&body).send().await;
    reply.is_problem(422, invalid, Some("/reason"));
    assert_eq!(
        enter("2026-11-22T00:00:00Z", json!("2026-11-24T00:00:00Z"))
            .await
            .status,
        201
    );
    let meets = enter("2026-11-23T00:00:00Z", Value::Null).await;
    meets.is_problem(409, "taken", Some("/from"));
    let after = enter("2026-11-24T00:00:00Z", Value::Null).await;
    assert_eq!(after.status, 201, "they share no instant: {}", after.text);
    enter("2026-12-24T00:00:00Z", Value::Null)
        .await
        .is_problem(409, "taken", Some("/from"));
    let nobody = format!("/api/v1/patients/{}/pauses", uuid::Uuid::from_u128(1));
    assert_eq!(hub.get(&nobody).by(&story.admin).send().await.status, 404);
    let auditor = hub.token(Role::Auditor).await;
    assert_eq!(hub.get(&path).by(&auditor).send().await.status, 403);
}

async fn due_times_follow_the_clocks_of_london(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    for (number, from, days, expected) in [
        (
            0,
            "2026-10-24T00:00:00Z",
            ("2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z"),
            [
                "2026-10-24T08:00:00Z",
                "2026-10-25T09:00:00Z",
                "2026-10-26T09:00:00Z",
            ],
        ),
        (
            1,
            "2027-03-27T00:00:00Z",
            ("2027-03-27T00:00:00Z", "2027-03-30T00:00:00Z"),
            [
                "2027-03-27T09:00:00Z",
                "2027-03-28T08:00:00Z",
                "2027-03-29T08:00:00Z",
            ],
        ),
    ] {
        hub.clock.set(at(from));
        let story = hub.patient(&admin, number, from).await;
        hub.asks(&story, &daily(from, &[])).await;
        let mut missed = 0;
        for due in expected {
            let over: DateTime<Utc> = at(due) + TimeDelta::hours(3);
            hub.reaches(&(over - TimeDelta::seconds(1)).to_rfc3339()).await;
            assert_eq!(findings(&hub.told(&story).await), missed, "before {due} is over");
            hub.reaches(&over.to_rfc3339()).await;
            missed += 1;
            assert_eq!(findings(&hub.told(&story).await), missed, "after {due} is over");
        }
        let told = hub.due(&story, days.0, days.1).await;
        assert_eq!(told, expected.map(|due| format!("{due} missed")));
    }
}

fn findings(told: &[String]) -> usize {
    told.iter().map(|alert| alert.matches("missed").count()).sum()
}

async fn an_outage_is_not_held_against_the_patient(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.daily(&[]).await;
    hub.reaches("2026-11-21T11:30:00Z").await;
    // Nothing beats from here on: the time of the session runs out unseen.
    hub.clock.set(at("2026-11-21T12:30:00Z"));
    looks(&worker(&hub.database.db, &hub.desk.ids), hub.clock.now()).await;
    let unknown = ["2026-11-21T09:00:00Z unknown"];
    let day = ("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    assert_eq!(hub.due(&story, day.0, day.1).await, unknown);
    assert_eq!(hub.told(&story).await, Vec::<String>::new());
    hub.clock.set(at("2026-11-21T13:00:00Z"));
    hub.beats().await;
    for (time, state) in [("13:59:59", "unknown"), ("14:00:00", "missed")] {
        hub.reaches(&format!("2026-11-21T{time}Z")).await;
        assert_eq!(
            hub.due(&story, day.0, day.1).await,
            [format!("2026-11-21T09:00:00Z {state}")]
        );
        let told = hub.told(&story).await;
        assert_eq!(findings(&told), usize::from(state == "missed"), "{told:?}");
    }
    hub.measures(1, "2026-11-21T09:10:00Z").await;
    hub.reaches("2026-11-21T14:00:01Z").await;
    assert_eq!(
        hub.due(&story, day.0, day.1).await,
        ["2026-11-21T09:00:00Z served"]
    );
    assert_eq!(
        hub.told(&story).await,
        ["amber cleared_by_itself: no longer missed 11-21T09:00"]
    );
}

async fn nobody_is_rung_about_a_patient_who_was_discharged(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.daily(&[]).await;
    hub.reaches("2026-11-21T12:00:00Z").await;
    let path = format!("/api/v1/patients/{}/discharge", story.patient);
    let body = json!({ "at": "2026-11-21T13:00:00Z", "reason": "moved away" });
    hub.clock.set(at("2026-11-21T13:00:00Z"));
    hub.post(&path).by(&story.admin).json(&body).ok().await;
    hub.reaches("2026-11-21T13:00:01Z").await;
    let told = ["amber cleared_by_itself: missed 11-21T09:00"];
    assert_eq!(hub.told(&story).await, told);
    hub.reaches("2026-11-25T12:00:00Z").await;
    assert_eq!(hub.told(&story).await, told, "nothing is due after discharge");
}

async fn poor_adherence_is_told_at_midnight_and_waits_for_a_person(database: TestDatabase) {
    let hub = Hub::on(database);
    let keeping = json!({ "id": "keeping", "kind": "adherence", "at_least": 5, "severity": "amber" });
    let late = json!({ "id": "silence", "kind": "missed", "after": 3, "severity": "amber" });
    let story = hub.daily(&[keeping, late]).await;
    // Of the days 21 to 27 only four are kept.
    for (number, day) in [(1, 21), (2, 23), (3, 25), (4, 27)] {
        hub.clock.set(at(&format!("2026-11-{day}T09:10:00Z")));
        hub.measures(number, &format!("2026-11-{day}T09:00:00Z")).await;
    }
    hub.reaches("2026-11-27T23:59:59Z").await;
    assert_eq!(hub.told(&story).await, Vec::<String>::new());
    hub.reaches("2026-11-28T00:00:00Z").await;
    let told = ["amber new: keeping 11-28T00:00"];
    assert_eq!(hub.told(&story).await, told);
    hub.clock.set(at("2026-11-28T09:10:00Z"));
    hub.measures(5, "2026-11-28T09:00:00Z").await;
    hub.reaches("2026-11-29T00:00:00Z").await;
    assert_eq!(
        hub.told(&story).await,
        told,
        "one more session does not mend a week"
    );
}

async fn a_red_miss_waits_for_a_person(database: TestDatabase) {
    let hub = Hub::on(database);
    let silence = json!({ "id": "silence", "kind": "missed", "after": 1, "severity": "red" });
    let story = hub.daily(&[silence]).await;
    hub.reaches("2026-11-21T12:00:00Z").await;
    hub.measures(1, "2026-11-21T11:59:59Z").await;
    hub.reaches("2026-11-21T12:01:00Z").await;
    assert_eq!(hub.told(&story).await, ["red new: no longer silence 11-21T09:00"]);
}

async fn a_measure_that_fails_is_told_and_ends_when_it_is_back(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.daily(&[]).await;
    let without = async |number: u128, completed_at: &str| {
        let reading =
            json!({ "measure": "heart_rate", "value": 70, "unit": "/min", "taken_at": completed_at });
        hub.clock.set(at(completed_at));
        hub.session("HU-1", number, json!([reading])).await;
        hub.reaches(&completed_at.replace(":00Z", ":30Z")).await;
    };
    without(1, "2026-11-21T09:00:00Z").await;
    assert_eq!(hub.told(&story).await, Vec::<String>::new());
    without(2, "2026-11-22T09:00:00Z").await;
    without(3, "2026-11-23T09:00:00Z").await;
    let told = ["amber new: incomplete 11-22T09:00, incomplete 11-23T09:00"];
    assert_eq!(hub.told(&story).await, told);
    hub.clock.set(at("2026-11-24T09:00:00Z"));
    hub.measures(4, "2026-11-24T09:00:00Z").await;
    hub.reaches("2026-11-24T09:00:30Z").await;
    assert_eq!(
        hub.told(&story).await,
        ["amber cleared_by_itself: incomplete 11-22T09:00, incomplete 11-23T09:00"]
    );
}

async fn many_missing_at_once_are_one_incident_and_wait(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    let mut stories = Vec::new();
    for number in 0..12 {
        let story = hub.patient(&admin, number, "2026-11-20T12:00:00Z").await;
        hub.asks(&story, &daily("2026-11-20T12:00:00Z", &[])).await;
        stories.push(story);
    }
    hub.clock.set(at("2026-11-21T09:00:00Z"));
    hub.measures(1, "2026-11-21T09:00:00Z").await;
    hub.reaches("2026-11-21T12:00:00Z").await;
    let all = async |class: &str| {
        let path = format!("/api/v1/alerts?class={class}");
        hub.get(&path).by(&stories[0].admin).ok().await["items"].clone()
    };
    assert_eq!(all("compliance").await, json!([]));
    let incident = all("technical").await;
    assert_eq!(incident.as_array().unwrap().len(), 1);
    insta::assert_json_snapshot!("incident", incident);

    // One of those who were missing is heard of before anybody has looked into it.
    hub.clock.set(at("2026-11-21T12:20:00Z"));
    hub.session("HU-2", 2, json!([spo2(97.0, "2026-11-21T09:00:00Z")]))
        .await;
    hub.reaches("2026-11-21T12:21:00Z").await;
    assert_eq!(all("compliance").await, json!([]));
    hub.closes(&stories[0], "technical").await;
    hub.reaches("2026-11-21T12:22:00Z").await;
    let told = all("compliance").await;
    assert_eq!(told.as_array().unwrap().len(), 10, "those who are still missing");
    assert_eq!(
        all("technical").await,
        json!([]),
        "what was looked into is no news"
    );
}

async fn nine_missing_are_no_incident(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    let mut stories = Vec::new();
    for number in 0..9 {
        let story = hub.patient(&admin, number, "2026-11-20T12:00:00Z").await;
        hub.asks(&story, &daily("2026-11-20T12:00:00Z", &[])).await;
        stories.push(story);
    }
    hub.reaches("2026-11-21T12:00:00Z").await;
    let alerts = hub.get("/api/v1/alerts").by(&stories[0].admin).ok().await["items"].clone();
    assert_eq!(alerts.as_array().unwrap().len(), 9);
}

async fn rules_about_missing_sessions_are_taken(database: TestDatabase) {
    let hub = Hub::on(database);
    let story = hub.story().await;
    let path = format!("/api/v1/patients/{}/plan", story.patient);
    let mut body = plan("2026-11-01T00:00:00Z", 90.0);
    body["rules"].as_array_mut().unwrap().extend([
        json!({"id": "missed", "kind": "missed", "after": 1, "severity": "amber"}),
        json!({"id": "incomplete", "kind": "incomplete", "measures": ["spo2"], "severity": "amber"}),
        json!({"id": "adherence", "kind": "adherence", "at_least": 4, "severity": "amber"}),
    ]);
    hub.put(&path).by(&story.admin).on(1).json(&body).ok().await;
}
