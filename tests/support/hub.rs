//! The whole service as its users meet it: HTTP on one side, MQTT on the other, a database and a broker of either kind beneath.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use home_unit::test_unit::TestUnit;
use homeward::app::{self, App};
use homeward::clock::Clock;
use homeward::config::Config;
use homeward::desk::{self, Caller, Desk};
use homeward::domain::ids::Ids;
use homeward::domain::staff::Role;
use homeward::store::Db;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::databases::TestDatabase;
use super::mosquitto::Mosquitto;
use super::serve::patient;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A running service with a machine client that may do everything.
pub(crate) struct Hub {
    app: Option<App>,
    pub(crate) clock: Clock,
    config: Config,
    token: String,
    http: reqwest::Client,
    mosquitto: Option<Mosquitto>,
    secrets: BTreeMap<String, String>,
    // Last: the service has ended before its database goes.
    database: TestDatabase,
    _folder: TempDir,
}

/// A Saturday morning, when most sessions are taken.
pub(crate) fn nine_o_clock() -> DateTime<Utc> {
    "2026-11-21T09:00:00Z".parse().unwrap()
}

impl Hub {
    /// With the broker inside, or with the Mosquitto given.
    pub(crate) async fn start(database: TestDatabase, mosquitto: Option<Mosquitto>) -> Self {
        let folder = TempDir::new().unwrap();
        let mut over = vec![
            ("HOMEWARD_DATABASE__URL".to_owned(), database.url.clone()),
            (
                "HOMEWARD_DATA__DIR".to_owned(),
                folder.path().display().to_string(),
            ),
            ("HOMEWARD_HTTP__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("HOMEWARD_MQTT__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ];
        if let Some(mosquitto) = &mosquitto {
            over.push((
                "HOMEWARD_MQTT__URL".to_owned(),
                format!("mqtt://{}", mosquitto.addr()),
            ));
        }
        let config = Config::from_parts(None, over).unwrap();
        let clock = Clock::fixed(nine_o_clock());
        let ids = Ids::seeded(1);
        let desk = Desk {
            db: database.db.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let mut act = desk.begin(Caller::command("test")).await.unwrap();
        let token = desk::token::issue(&mut act, "hub", Role::Admin).await.unwrap();
        act.commit().await.unwrap();
        let app = app::start(&config, clock.clone(), ids).await.unwrap();
        Self {
            app: Some(app),
            clock,
            config,
            token: secrecy::ExposeSecret::expose_secret(&token.1).to_owned(),
            http: patient(),
            mosquitto,
            secrets: BTreeMap::new(),
            database,
            _folder: folder,
        }
    }

    fn app(&self) -> &App {
        self.app.as_ref().expect("the service is up")
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Stops the service in order; the database, the folder and Mosquitto stay.
    pub(crate) async fn stop(&mut self) {
        self.app.take().expect("the service is up").stop().await;
    }

    /// Starts it again where it was stopped.
    pub(crate) async fn start_again(&mut self) {
        let ids = Ids::seeded(2);
        self.app = Some(app::start(&self.config, self.clock.clone(), ids).await.unwrap());
    }

    /// A call to the API as the machine client; the answer must have this status.
    pub(crate) async fn call(&self, status: u16, method: &str, path: &str, body: Option<Value>) -> Value {
        self.call_with(status, method, path, body, &[]).await
    }

    pub(crate) async fn call_with(
        &self,
        status: u16,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Value {
        let method: Method = method.parse().unwrap();
        let url = format!("http://{}/api/v1/{path}", self.app().http);
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (got, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(got, StatusCode::from_u16(status).unwrap(), "{path}: {text}");
        if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap()
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(200, "GET", path, None).await
    }

    /// The body of a page outside the API.
    pub(crate) async fn page(&self, path: &str) -> (u16, String) {
        let response = self
            .http
            .get(format!("http://{}{path}", self.app().http))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// An admitted patient who has had the unit for 30 days, with this plan from the same day on.
    pub(crate) async fn patient(&mut self, nhs_number: &str, unit: &str, plan: Option<Value>) -> String {
        let since = (self.now() - chrono::TimeDelta::days(30)).to_rfc3339();
        let referral = json!({
            "nhs_number": nhs_number, "given_name": "Wilhelmina", "family_name": "Testperson", "birth_date": "1948-03-02",
            "sex": "female", "conditions": ["heart_failure"], "phone": "0121 496 0000", "language": "en",
        });
        let patient = self.call(201, "POST", "patients", Some(referral)).await;
        let id = patient["id"].as_str().unwrap().to_owned();
        self.call(
            200,
            "POST",
            &format!("patients/{id}/admit"),
            Some(json!({ "from": since })),
        )
        .await;
        self.unit(unit).await;
        let assignment = json!({ "patient_id": id, "from": since, "to": null });
        self.call(
            201,
            "POST",
            &format!("units/{unit}/assignments"),
            Some(assignment),
        )
        .await;
        if let Some(mut plan) = plan {
            plan["reason"] = json!("first parameters");
            plan["effective_from"] = json!(since);
            self.call_with(
                201,
                "PUT",
                &format!("patients/{id}/plan"),
                Some(plan),
                &[("If-None-Match", "*")],
            )
            .await;
        }
        id
    }

    /// Registers a unit.
    pub(crate) async fn unit(&mut self, unit: &str) {
        let registered = self
            .call(201, "POST", "units", Some(json!({ "unit_id": unit })))
            .await;
        self.secrets
            .insert(unit.to_owned(), registered["secret"].as_str().unwrap().to_owned());
    }

    /// The unit, connected with its own secret.
    pub(crate) async fn connect(&self, unit: &str) -> TestUnit {
        self.connect_with(unit, &self.secrets[unit]).await
    }

    /// One that nobody registered here, at a broker that lets anybody in.
    pub(crate) async fn connect_unknown(&self, unit: &str) -> TestUnit {
        self.connect_with(unit, "any").await
    }

    async fn connect_with(&self, unit: &str, secret: &str) -> TestUnit {
        let address = match &self.mosquitto {
            Some(mosquitto) => mosquitto.addr(),
            None => self.app().mqtt.unwrap(),
        };
        TestUnit::connect(address, unit, secret).await.unwrap()
    }

    pub(crate) fn db(&self) -> &Db {
        &self.app().db
    }

    /// For a command that is run beside the service.
    pub(crate) fn database_url(&self) -> &str {
        &self.database.url
    }

    /// An address of the service, as a browser or a client of one's own needs it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app().http)
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A machine client of this role; gives its id and token.
    pub(crate) async fn token_of(&self, role: &str) -> (String, String) {
        let body = json!({ "name": format!("{role} client"), "role": role });
        let issued = self.call(201, "POST", "tokens", Some(body)).await;
        let text = |key: &str| issued[key].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    /// A person who may sign in, with the password [`PASSWORD`].
    pub(crate) async fn staff(&self, username: &str, role: &str) {
        let body = json!({ "username": username, "name": "Sam One", "role": role, "password": PASSWORD });
        self.call(201, "POST", "staff", Some(body)).await;
    }

    /// Signs somebody in; gives the cookie and the CSRF token.
    pub(crate) async fn signed_in(&self, username: &str) -> (String, String) {
        let login = self.http.post(self.url("/api/v1/login"));
        let body = json!({ "username": username, "password": PASSWORD });
        let response = login.json(&body).send().await.unwrap();
        let cookie = response.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let body: Value = response.json().await.unwrap();
        (cookie, body["csrf_token"].as_str().unwrap().to_owned())
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.mosquitto.is_none()
    }
}
