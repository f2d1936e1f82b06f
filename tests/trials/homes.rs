//! Patients with units and a plan, entered by the API of a running program, and what their units send.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use home_unit::load::pace::Pace;
use home_unit::load::recipe::Recipe;
use home_unit::load::spec::{Shares, Timetable};
use home_unit::load::summary::Summary;
use home_unit::load::{self, Order, Who, Witnessed};
use home_unit::queue::Backoff;
use homeward::clock::Clock;
use homeward::domain::nhs_number::NhsNumber;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::support::serve::{Serve, patient};

pub(super) struct Homes {
    /// Of a machine client that may do everything.
    pub(super) token: String,
    pub(super) units: Vec<String>,
    pub(super) secrets: Vec<String>,
    /// Since when each patient has had her unit and her plan.
    pub(super) since: DateTime<Utc>,
}

impl Homes {
    /// So many patients, each with a unit and a plan since 40 days ago.
    pub(super) async fn admit(serve: &Serve, count: usize) -> Self {
        let issued = serve.command(&["token", "issue", "--name", "trial", "--role", "admin", "--json"]);
        let token = issued["token"].as_str().unwrap().to_owned();
        let since = Clock::Wall.now() - TimeDelta::days(40);
        let numbers = (900_000_000..)
            .flat_map(|body: u64| (0..10).map(move |check| format!("{body}{check}")))
            .filter(|number| number.parse::<NhsNumber>().is_ok());
        let desk = Desk {
            client: patient(),
            base: format!("http://{}/api/v1", serve.http),
            token: token.clone(),
            since,
        };
        let admitted = futures_util::stream::iter(numbers.take(count).enumerate())
            .map(|(number, nhs_number)| desk.admit(format!("HU-{number}"), nhs_number))
            .buffered(4);
        let (units, secrets) = admitted.unzip().await;
        Self {
            token,
            units,
            secrets,
            since,
        }
    }

    /// What the units send: a function of the seed. The last is completed some days ago, so that every finding is a late one.
    pub(super) fn recipe(&self, seed: u64, sessions: u64, shares: Shares) -> Arc<Recipe> {
        let turns = sessions.div_ceil(self.units.len() as u64);
        let reach = TimeDelta::days(20).num_milliseconds();
        let step = (reach / i64::try_from(turns).unwrap() / 1000 * 1000).min(10_800_000);
        // A late session is completed up to eleven steps before its turn.
        let start = (self.since + TimeDelta::days(10)).timestamp_millis();
        let time = Timetable::Steps { start, step };
        Arc::new(Recipe::new(seed, self.units.clone(), sessions, time, shares).unwrap())
    }
}

/// A plan whose findings depend on the past, so that one session that is lost, or comes late, is seen in others' findings.
pub(super) fn plan(since: DateTime<Utc>) -> Value {
    json!({
        "reason": "first parameters", "effective_from": since.to_rfc3339(),
        "measures": ["weight", "blood_pressure", "heart_rate", "spo2"],
        "rules": [
            {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": 90, "amber_low": 96},
            {"id": "limits.systolic_bp", "kind": "limits", "measure": "systolic_bp", "red_high": 180, "amber_high": 135},
            {"id": "limits.heart_rate", "kind": "limits", "measure": "heart_rate", "red_high": 130, "amber_high": 100},
            {"id": "gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 0.6, "within_days": 1,
             "severity": "amber"},
            {"id": "breath", "kind": "combination", "all_of": ["gain", "limits.spo2"], "within_hours": 24, "severity": "red"},
        ],
        "questions": [
            {"id": "ankles_swollen", "type": "yes_no", "text": {"en": "Are your ankles more swollen than usual?"}},
            {"id": "tablets_taken", "type": "yes_no", "text": {"en": "Have you taken your tablets?"}},
            {"id": "compared_with_yesterday", "type": "choice", "text": {"en": "How are you, compared with yesterday?"},
             "options": [{"code": "same", "text": {"en": "the same"}}, {"code": "worse", "text": {"en": "worse"}}]},
        ],
    })
}

struct Desk {
    client: reqwest::Client,
    base: String,
    token: String,
    since: DateTime<Utc>,
}

impl Desk {
    async fn admit(&self, unit: String, nhs_number: String) -> (String, String) {
        let since = self.since.to_rfc3339();
        let referral = json!({
            "nhs_number": nhs_number, "given_name": "Wilhelmina", "family_name": "Testperson", "birth_date": "1948-03-02",
            "sex": "female", "conditions": ["heart_failure"], "phone": null, "language": "en",
        });
        let patient = self.call("POST", "patients", &referral).await["id"].clone();
        let id = patient.as_str().unwrap();
        self.call("POST", &format!("patients/{id}/admit"), &json!({ "from": since }))
            .await;
        let registered = self.call("POST", "units", &json!({ "unit_id": unit })).await;
        let assignment = json!({ "patient_id": id, "from": since, "to": null });
        self.call("POST", &format!("units/{unit}/assignments"), &assignment)
            .await;
        self.call("PUT", &format!("patients/{id}/plan"), &plan(self.since))
            .await;
        let secret = registered["secret"].as_str().unwrap().to_owned();
        (unit, secret)
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = self
            .client
            .request(method.parse().unwrap(), format!("{}/{path}", self.base))
            .bearer_auth(&self.token)
            .header("If-None-Match", "*")
            .json(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// Units that send, and send again until they have their receipts; seen as it happens.
pub(super) struct Sending {
    pub(super) seen: mpsc::UnboundedReceiver<Witnessed>,
    pub(super) running: std::thread::JoinHandle<Summary>,
}

/// How the units of a trial behave.
pub(super) struct Manner {
    pub(super) who: Who,
    /// Sessions without a receipt at one time.
    pub(super) window: u64,
    pub(super) rate: Option<f64>,
    /// The first wait for a receipt.
    pub(super) resend: TimeDelta,
    /// The longest.
    pub(super) longest: TimeDelta,
    pub(super) patience: Duration,
    /// How many may have gone out by now, where the trial says so.
    pub(super) released: Option<watch::Receiver<u64>>,
}

/// Everybody over two connections of one login, which an open broker allows.
pub(super) fn pool() -> Who {
    Who::Pool {
        connections: 2,
        login: None,
    }
}

impl Sending {
    /// On a thread of their own, so that a busy service does not slow them down.
    pub(super) fn start(broker: std::net::SocketAddr, recipe: &Arc<Recipe>, manner: Manner) -> Self {
        let (witness, seen) = mpsc::unbounded_channel();
        let order = Order {
            broker: home_unit::link::Broker::tcp(&broker.ip().to_string(), broker.port()),
            version: home_unit::link::Version::V5,
            recipe: Arc::clone(recipe),
            who: manner.who,
            pace: Pace {
                rate: manner.rate,
                window: manner.window,
            },
            resend: Backoff {
                first: manner.resend,
                longest: manner.longest,
            },
            timeout: manner.patience,
            crashes: true,
            witness: Some(witness),
            released: manner.released,
        };
        let running = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let summary = runtime.block_on(load::run(&order, std::future::pending(), |_| {}));
            summary.unwrap()
        });
        Self { seen, running }
    }

    /// After the last was seen: what the units say of it all.
    pub(super) fn summary(self) -> Summary {
        self.running.join().unwrap()
    }
}
