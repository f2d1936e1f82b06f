//! A router over a fresh database, with a clock that stands still and ids that repeat.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, header};
use chrono::{DateTime, Utc};
use homeward::clock::Clock;
use homeward::config::Config;
use homeward::desk::staff::{NewStaff, add, prepare};
use homeward::desk::{Caller, Desk, password::Passwords, token};
use homeward::domain::ids::Ids;
use homeward::domain::staff::Role;
use homeward::ingest::arrival::Arrival;
use homeward::ingest::batch::{self, Keeper};
use homeward::ingest::hands::Hands;
use homeward::judging::recall::Recall;
use homeward::store::heartbeat;
use homeward::web::{self, Part, ServiceView};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::support::databases::TestDatabase;
use crate::support::trail;

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) fn noon() -> DateTime<Utc> {
    at("2026-11-21T12:00:00Z")
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) struct Hub {
    pub(crate) database: TestDatabase,
    pub(crate) clock: Clock,
    pub(crate) desk: Desk,
    keeper: Keeper,
    router: Router,
}

impl Hub {
    pub(crate) fn on(database: TestDatabase) -> Self {
        Self::configured(database, &[], true)
    }

    pub(crate) fn configured(database: TestDatabase, variables: &[(&str, &str)], broker_works: bool) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::from_parts(None, variables).unwrap();
        let clock = Clock::fixed(noon());
        let ids = Ids::seeded(7);
        let db = database.db.clone();
        let service = ServiceView::new(move || {
            vec![Part {
                name: "broker",
                works: broker_works,
                detail: if broker_works {
                    "connected"
                } else {
                    "not connected"
                }
                .to_owned(),
            }]
        });
        let state = web::State::new(&config, db.clone(), clock.clone(), ids.clone(), service)
            .documenting(homeward::cli::commands());
        Self {
            desk: state.desk.clone(),
            router: web::router(state),
            keeper: Keeper {
                db,
                shelf: Arc::default(),
                recall: Arc::new(Recall::new(100)),
                hands: Arc::new(Hands::new(100)),
                heard: Arc::default(),
                trust: Arc::default(),
                ids,
            },
            database,
            clock,
        }
    }

    /// A process that ingests says so now.
    pub(crate) async fn beats(&self) {
        let mut tx = self.database.db.begin().await.unwrap();
        let process = heartbeat::Process {
            id: Uuid::from_u128(1),
            kind: "ingest".to_owned(),
            started_at: noon(),
        };
        heartbeat::beat(&mut tx, &process, self.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn token(&self, role: Role) -> String {
        let mut act = self.desk.begin(Caller::command("test")).await.unwrap();
        let (_, secret) = token::issue(&mut act, role.word(), role).await.unwrap();
        act.commit().await.unwrap();
        secret.expose_secret().to_owned()
    }

    pub(crate) async fn staff(&self, username: &str, name: &str, role: Role) -> Uuid {
        let new = NewStaff {
            username: username.to_owned(),
            name: name.to_owned(),
            role,
            team_id: None,
        };
        let password = SecretString::from(PASSWORD.to_owned());
        let hash = prepare(&Passwords::default(), &new, password).await.unwrap();
        let mut act = self.desk.begin(Caller::command("test")).await.unwrap();
        let staff = add(&mut act, new, &hash).await.unwrap();
        act.commit().await.unwrap();
        staff.id.0
    }

    /// Signs somebody in; gives the cookie and the CSRF token.
    pub(crate) async fn signed_in(&self, username: &str) -> (String, String) {
        let body = json!({ "username": username, "password": PASSWORD });
        let reply = self.post("/api/v1/login").json(&body).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        (
            reply.cookie(),
            reply.json()["csrf_token"].as_str().unwrap().to_owned(),
        )
    }

    /// Takes a session in as if the unit had sent it now; gives its id.
    pub(crate) async fn session(&self, unit: &str, number: u128, readings: Value) -> Uuid {
        let id = Uuid::from_u128(number);
        let completed = readings
            .as_array()
            .unwrap()
            .iter()
            .map(|reading| at(reading["taken_at"].as_str().unwrap()))
            .max()
            .unwrap();
        let payload = json!({
            "session_id": id, "trigger": "scheduled", "started_at": completed, "completed_at": completed,
            "readings": readings, "answers": [{"question": "ankles_swollen", "answer": "no"}],
        });
        let topic = format!("homeward/v1/units/{unit}/session");
        self.message(&topic, payload.to_string().as_bytes()).await;
        id
    }

    pub(crate) async fn message(&self, topic: &str, payload: &[u8]) {
        let now = self.clock.now();
        let arrival = Arrival::of(topic, payload.into(), false, now);
        batch::commit(&self.keeper, &[arrival], now).await.unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Call<'_> {
        self.call(Method::PATCH, path)
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        let request = Request::builder().method(method).uri(path);
        Call {
            hub: self,
            request,
            body: Body::empty(),
        }
    }

    /// Every act that was recorded, oldest first: `act subject_kind`.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let mut acts: Vec<String> = trail::acts(&self.database.db)
            .await
            .into_iter()
            .map(|entry| format!("{} {} by {}", entry.act, entry.subject_kind, entry.actor_name))
            .collect();
        acts.reverse();
        acts
    }
}

pub(crate) struct Call<'a> {
    hub: &'a Hub,
    request: axum::http::request::Builder,
    body: Body,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// As if it came over the network from there.
    pub(crate) fn from(mut self, address: &str) -> Self {
        let peer: SocketAddr = address.parse().unwrap();
        self.request = self.request.extension(ConnectInfo(peer));
        self
    }

    pub(crate) fn by(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Rests on a version.
    pub(crate) fn on(self, version: i64) -> Self {
        self.header("if-match", &format!("\"{version}\""))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text("application/json", &body.to_string())
    }

    pub(crate) fn text(mut self, media: &str, body: &str) -> Self {
        self.body = Body::from(body.to_owned());
        self.header("content-type", media)
    }

    pub(crate) async fn send(self) -> Reply {
        let request = self.request.body(self.body).unwrap();
        let response = self.hub.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.into()).unwrap(),
        }
    }

    /// The body of a call that must succeed.
    pub(crate) async fn ok(self) -> Value {
        let reply = self.send().await;
        assert!(
            (200..300).contains(&reply.status),
            "{} {}",
            reply.status,
            reply.text
        );
        reply.json()
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `name=value` of the cookie that was set.
    pub(crate) fn cookie(&self) -> String {
        let set = self.header(header::SET_COOKIE.as_str());
        set.split(';').next().unwrap().to_owned()
    }

    /// That it is a problem of this status, slug and first place.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, slug: &str, at: Option<&str>) {
        let body = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.status, status, "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("/docs/problems/{slug}"), "{body}");
        assert_eq!(body["errors"][0]["at"].as_str(), at, "{body}");
    }
}

/// A referral that is right; synthetic NHS numbers only.
pub(crate) fn referral(nhs_number: &str) -> Value {
    json!({
        "nhs_number": nhs_number, "given_name": "Ada", "family_name": "Brown", "birth_date": "1950-02-03",
        "sex": "female", "conditions": ["heart_failure"], "phone": "0121 496 0000", "language": "en",
    })
}

/// Limits on oxygen saturation and systolic blood pressure, and a rise of weight.
pub(crate) fn plan(effective_from: &str, red_low: f64) -> Value {
    json!({
        "reason": "discharge letter", "effective_from": effective_from, "measures": ["weight", "spo2"],
        "rules": [
            {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": red_low, "amber_low": 92},
            {"id": "weight_gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 2.0,
             "within_days": 3, "severity": "amber"},
        ],
        "questions": [{"id": "ankles_swollen", "type": "yes_no", "text": {"en": "Are your ankles swollen?"}}],
    })
}

pub(crate) fn spo2(value: f64, taken_at: &str) -> Value {
    json!({"measure": "spo2", "value": value, "unit": "%", "taken_at": taken_at})
}

/// Nine synthetic NHS numbers that pass the check.
pub(crate) const NHS: [&str; 4] = ["9434765919", "9876543210", "9990000018", "9990000026"];

/// A patient who is admitted, has a plan and the unit HU-1: what most stories begin with.
pub(crate) struct Story {
    pub(crate) admin: String,
    pub(crate) patient: String,
}

impl Hub {
    pub(crate) async fn story(&self) -> Story {
        let admin = self.token(Role::Admin).await;
        let patient = self
            .post("/api/v1/patients")
            .by(&admin)
            .json(&referral(NHS[0]))
            .ok()
            .await;
        let patient = patient["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/patients/{patient}");
        let begins = "2026-11-01T00:00:00Z";
        self.post(&format!("{path}/admit"))
            .by(&admin)
            .json(&json!({ "from": begins }))
            .ok()
            .await;
        self.put(&format!("{path}/plan"))
            .by(&admin)
            .header("if-none-match", "*")
            .json(&plan(begins, 90.0))
            .ok()
            .await;
        self.post("/api/v1/units")
            .by(&admin)
            .json(&json!({ "unit_id": "HU-1" }))
            .ok()
            .await;
        self.post("/api/v1/units/HU-1/assignments")
            .by(&admin)
            .json(&json!({ "patient_id": patient, "from": begins }))
            .ok()
            .await;
        Story { admin, patient }
    }
}
