//! An API process is killed while it answers. Its callers send what was not answered to another process under the same
//! `Idempotency-Key`: every act is done once, and everybody gets an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use homeward::domain::nhs_number::NhsNumber;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::databases::{self, TestDatabase};
use crate::support::mosquitto::Mosquitto;
use crate::support::serve::Serve;

const KILLS: usize = 8;
/// Acts in each process' life.
const ACTS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_where_the_same_one_comes_back() {
    acts_are_done_once(databases::sqlite().await, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_where_another_takes_over() {
    let mosquitto = Mosquitto::start("set_tcp_nodelay true");
    if let (Some(database), Some(mosquitto)) = (databases::postgres().await, mosquitto) {
        acts_are_done_once(database, Some(mosquitto)).await;
    }
}

#[derive(Clone)]
struct Caller {
    client: reqwest::Client,
    token: String,
}

impl Caller {
    /// `None` where nobody answered.
    async fn refer(&self, process: std::net::SocketAddr, nhs_number: &str) -> Option<(u16, Value)> {
        let referral = json!({
            "nhs_number": nhs_number, "given_name": "Wilhelmina", "family_name": "Testperson", "birth_date": "1948-03-02",
            "sex": "female", "conditions": ["heart_failure"], "phone": null, "language": "en",
        });
        let request = self
            .client
            .post(format!("http://{process}/api/v1/patients"))
            .bearer_auth(&self.token)
            .header("Idempotency-Key", nhs_number)
            .json(&referral);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.ok()?))
    }
}

async fn acts_are_done_once(database: TestDatabase, mosquitto: Option<Mosquitto>) {
    let folder = tempfile::tempdir().unwrap();
    let process = |name: &str| {
        let mut settings = vec![
            ("DATABASE__URL", database.url.clone()),
            ("DATA__DIR", folder.path().display().to_string()),
            ("MQTT__CLIENT_ID", name.to_owned()),
        ];
        match &mosquitto {
            Some(mosquitto) => settings.extend([
                ("MQTT__URL", format!("mqtt://{}", mosquitto.addr())),
                ("MQTT__GROUP", "ingest".to_owned()),
            ]),
            None => settings.push(("MQTT__LISTEN", "127.0.0.1:0".to_owned())),
        }
        Serve::new(folder.path(), name, &settings)
    };
    let mut processes = vec![process("one")];
    if mosquitto.is_some() {
        processes.push(process("two"));
    }
    for process in &mut processes {
        process.spawn();
        process.ready().await;
    }
    let issued = processes[0].command(&["token", "issue", "--name", "trial", "--role", "admin", "--json"]);
    let caller = Caller {
        client: crate::support::serve::impatient(),
        token: issued["token"].as_str().unwrap().to_owned(),
    };
    let mut numbers = (900_000_000..)
        .flat_map(|body: u64| (0..10).map(move |check| format!("{body}{check}")))
        .filter(|number| number.parse::<NhsNumber>().is_ok());
    let mut chance = StdRng::seed_from_u64(5);
    let mut answers: BTreeMap<String, Value> = BTreeMap::new();
    let mut unanswered = 0;
    for kill in 0..KILLS {
        let dies = kill % processes.len();
        let address = processes[dies].http;
        let (answered, mut heard) = mpsc::unbounded_channel();
        let mut waiting: BTreeSet<String> = numbers.by_ref().take(ACTS).collect();
        for chunk in waiting.iter().cloned().collect::<Vec<_>>().chunks(ACTS / 3) {
            let (caller, answered, chunk) = (caller.clone(), answered.clone(), chunk.to_vec());
            tokio::spawn(async move {
                for number in chunk {
                    let Some((status, body)) = caller.refer(address, &number).await else {
                        break;
                    };
                    assert_eq!(status, 201, "{body}");
                    answered.send((number, body)).unwrap();
                }
            });
        }
        drop(answered);
        let lives_for = chance.random_range(1..ACTS / 2);
        for _ in 0..lives_for {
            let (number, body) = heard.recv().await.unwrap();
            waiting.remove(&number);
            answers.insert(number, body);
        }
        std::thread::sleep(Duration::from_micros(chance.random_range(0..10_000)));
        processes[dies].kill();
        while let Some((number, body)) = heard.recv().await {
            waiting.remove(&number);
            answers.insert(number, body);
        }
        unanswered += waiting.len();
        if processes.len() == 1 {
            processes[0].spawn();
            processes[0].ready().await;
        }
        let other = processes[(dies + 1) % processes.len()].http;
        for number in waiting {
            let (mut status, mut body) = caller.refer(other, &number).await.unwrap();
            if status == 409 {
                // The dead one's transaction was just being committed by the database.
                (status, body) = caller.refer(other, &number).await.unwrap();
            }
            assert_eq!(status, 201, "{body}");
            answers.insert(number, body);
        }
        if processes.len() > 1 {
            processes[dies].spawn();
            processes[dies].ready().await;
        }
    }
    assert!(unanswered > KILLS, "the kills met requests");
    assert_eq!(answers.len(), KILLS * ACTS);
    let kept = kept(&database.db).await;
    let told: BTreeMap<String, String> = answers
        .iter()
        .map(|(number, body)| (number.clone(), body["id"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(
        kept, told,
        "each patient once, under the id that its caller was told"
    );
}

/// NHS numbers and ids of everybody, and one record of each act.
async fn kept(db: &homeward::store::Db) -> BTreeMap<String, String> {
    let people = super::books::people(db).await;
    assert_eq!(super::books::acts(db, "patient.refer").await, people.len());
    people
        .into_iter()
        .map(|(number, id)| (number, id.to_string()))
        .collect()
}
