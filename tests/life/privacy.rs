//! A whole life with everything logged that any part has to say, and nobody in it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use home_unit::payload::{Outcome, Reading};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use uuid::Uuid;

use super::{saturation_plan, session, status};
use crate::support::databases;
use crate::support::hub::Hub;
use crate::support::mosquitto::Mosquitto;

/// What was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Listens to everything that this thread logs, and so to the whole service on a runtime of one thread.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let everything = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(everything)
    }

    /// As text, without durations, whose digits may be anything.
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        let words = text.split(' ').filter(|word| !word.contains("elapsed"));
        words.collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn sqlite_embedded() {
    let log = Log::default();
    let listening = log.listen();
    whole_life(Hub::start(databases::sqlite().await, None).await).await;
    drop(listening);
    nobody_is_in(&log, "mqtt5::broker");
}

#[tokio::test]
async fn postgres_mosquitto() {
    if let (Some(database), Some(mosquitto)) = (databases::postgres().await, Mosquitto::start("")) {
        let log = Log::default();
        let listening = log.listen();
        whole_life(Hub::start(database, Some(mosquitto)).await).await;
        drop(listening);
        // The driver says every statement where it is let: it is not.
        assert!(!log.text().contains("sqlx::query"));
        nobody_is_in(&log, "sqlx::postgres");
    }
}

/// What may stand in no log: of the patient whom `Hub::patient` makes, of the staff, and of what was measured.
const TELLING: [&str; 13] = [
    "Wilhelmina",
    "Testperson",
    "9434765919",
    "943 476 5919",
    "496 0000",
    "1214960000",
    "1948-03-02",
    "Sister Evangeline",
    "s.evangeline",
    "correct horse",
    "87.654",
    "79.321",
    "dreadfully swollen",
];

/// `part` is one that must have been heard: SQLite speaks on a thread of its own, which is not listened to.
fn nobody_is_in(log: &Log, part: &str) {
    let text = log.text();
    for heard in ["the service has started", part] {
        assert!(text.contains(heard), "nothing was heard of {heard:?}");
    }
    for line in text.lines() {
        for telling in TELLING {
            assert!(!line.contains(telling), "{telling:?} is in the log: {line}");
        }
    }
}

async fn whole_life(mut hub: Hub) {
    let patient = hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    unit.send_status(&status(true, hub.now())).unwrap();

    let mut taken = session(1, hub.now()).reading(Reading::new("spo2", 87.654, "%", hub.now()));
    taken = taken.reading(Reading::new("weight", 79.321, "dreadfully swollen", hub.now()));
    unit.send(&taken).unwrap();
    assert_eq!(
        unit.receipt(taken.session_id).await.unwrap().outcome,
        Outcome::Stored
    );
    let conflict = session(1, hub.now()).reading(Reading::new("spo2", 79.321, "%", hub.now()));
    unit.send(&conflict).unwrap();
    assert_eq!(
        unit.receipt(taken.session_id).await.unwrap().outcome,
        Outcome::Rejected
    );
    unit.send_raw("{\"name\": \"Wilhelmina Testperson\", \"value\": 87.654")
        .unwrap();
    let early = session(2, hub.now() + TimeDelta::hours(2));
    unit.send(&early.reading(Reading::new("spo2", 87.654, "%", hub.now())))
        .unwrap();
    assert_eq!(
        unit.receipt(Uuid::from_u128(2)).await.unwrap().outcome,
        Outcome::Rejected
    );

    let member = json!({
        "username": "s.evangeline", "name": "Sister Evangeline", "role": "specialist_nurse", "password": "correct horse battery",
    });
    hub.call(201, "POST", "staff", Some(member.clone())).await;
    hub.call(409, "POST", "staff", Some(member)).await;
    for (status, password) in [(401, "correct horse"), (200, "correct horse battery")] {
        let credentials = json!({"username": "s.evangeline", "password": password});
        hub.call(status, "POST", "login", Some(credentials)).await;
    }
    refused(&hub).await;

    let path = format!("patients/{patient}/sessions");
    let sessions = hub.get(&path).await;
    let reading = sessions["items"][0]["readings"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let reason = json!({"reason": "dreadfully swollen"});
    hub.call(200, "POST", &format!("readings/{reading}/exclude"), Some(reason))
        .await;
    let alerts = hub.get("alerts?class=clinical").await;
    for alert in alerts["items"].as_array().unwrap() {
        let path = format!("alerts/{}/claim", alert["id"].as_str().unwrap());
        let tag = format!("\"{}\"", alert["version"]);
        hub.call_with(200, "POST", &path, None, &[("If-Match", &tag)])
            .await;
    }
    assert_eq!(hub.page("/readyz").await.0, 200);
    unit.disconnect().await;
    hub.stop().await;
}

/// Refusals are where a value easily finds its way into a message.
async fn refused(hub: &Hub) {
    let referral = |changed: (&str, Value)| {
        let mut referral = json!({
            "nhs_number": "9434765919", "given_name": "Wilhelmina", "family_name": "Testperson", "birth_date": "1948-03-02",
            "sex": "female", "conditions": [], "phone": "0121 496 0000", "language": "en",
        });
        referral[changed.0] = changed.1;
        referral
    };
    let taken = referral(("language", json!("en")));
    hub.call(409, "POST", "patients", Some(taken)).await;
    for changed in [
        ("sex", json!("Wilhelmina")),
        ("birth_date", json!("1948-03-02T")),
        ("nhs_number", json!(9_434_765_919_u64)),
        ("Testperson", json!(null)),
    ] {
        hub.call(422, "POST", "patients", Some(referral(changed))).await;
    }
    hub.call(400, "GET", "patients?Wilhelmina=Testperson", None).await;
    hub.call(200, "GET", "patients?q=Testperson", None).await;
    hub.call(404, "GET", "patients/9434765919", None).await;
}
