//! Units against a real broker (Mosquitto, where it is found) and a service of a few lines that loses receipts.
//! The broker knows each unit by its secret and keeps it to its own topics.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::{TimeDelta, Timelike};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use serde_json::{Value, json};
use simulator::clock::Clock;
use simulator::cohort::{Cohort, Member, Settings};
use simulator::habits::{Habits, Pace};
use simulator::link::{Broker, LinkError, Version};
use simulator::payload::{Outcome, Reading, Session};
use simulator::queue::Backoff;
use simulator::tally::Tallies;
use simulator::test_unit::{TestUnit, TestUnitError};
use tempfile::TempDir;
use uuid::Uuid;

use crate::at;

pub(crate) struct Mosquitto {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

impl Mosquitto {
    /// Kills it and starts it again on the same port: all that it held is gone.
    pub(crate) fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let config = self.folder.path().join("mosquitto.conf");
        self.child = run(&config).expect("the port is free again");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

const ACL: &str = "\
user service
topic readwrite homeward/#
pattern write homeward/v1/units/%u/session
pattern write homeward/v1/units/%u/status
pattern read homeward/v1/units/%u/receipt
pattern read homeward/v1/units/%u/plan
pattern read homeward/v1/units/%u/request
";

#[expect(
    clippy::disallowed_methods,
    reason = "whether Mosquitto is required is said in the environment"
)]
fn required() -> bool {
    std::env::var("HOMEWARD_TEST_REQUIRE")
        .is_ok_and(|list| list.split(',').any(|name| name.trim() == "mosquitto"))
}

/// A broker of its own for one test; none where Mosquitto is not installed and not required.
#[expect(clippy::print_stderr, reason = "a test that is not run says so")]
pub(crate) fn mosquitto(units: &[(&str, &str)]) -> Option<Mosquitto> {
    if program().is_none() {
        assert!(
            !required(),
            "HOMEWARD_TEST_REQUIRE names mosquitto, and it was not found"
        );
        eprintln!("not run: Mosquitto was not found");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let users = units.iter().chain(&[("service", "service")]);
    let lines = users
        .map(|(name, secret)| format!("{name}:{secret}"))
        .collect::<Vec<_>>();
    std::fs::write(path("passwords"), lines.join("\n") + "\n").unwrap();
    let hashed = Command::new("mosquitto_passwd")
        .arg("-U")
        .arg(path("passwords"))
        .status()
        .unwrap();
    assert!(hashed.success());
    std::fs::write(path("acl"), ACL).unwrap();
    // The port may be taken between our letting go of it and the broker's start.
    for _ in 0..20 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let config = format!(
            "listener {} 127.0.0.1\nuser root\nallow_anonymous false\npassword_file {}\nacl_file {}\nlog_dest stderr\nlog_type all\n",
            address.port(),
            path("passwords").display(),
            path("acl").display()
        );
        std::fs::write(path("mosquitto.conf"), config).unwrap();
        if let Some(child) = run(&path("mosquitto.conf")) {
            return Some(Mosquitto {
                child,
                address,
                folder,
            });
        }
    }
    panic!("Mosquitto does not start");
}

fn program() -> Option<&'static str> {
    [
        "/usr/sbin/mosquitto",
        "/usr/bin/mosquitto",
        "/usr/local/sbin/mosquitto",
    ]
    .into_iter()
    .find(|path| Path::new(path).exists())
}

/// Starts the broker; none where it ends at once, as it does where its port is taken.
fn run(config: &Path) -> Option<Child> {
    let mut child = Command::new(program()?)
        .arg("-c")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let running = log
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("running"));
    if running {
        // Its log is read to the end, or the broker would stop at a full pipe.
        std::thread::spawn(move || log.for_each(drop));
        return Some(child);
    }
    child.wait().unwrap();
    None
}

/// The service's side, scripted: what it stores, and which receipts it never sends.
struct Service {
    client: AsyncClient,
    events: EventLoop,
    stored: Vec<(String, Value)>,
    statuses: Vec<(String, Value)>,
    /// The first receipt of each session whose number this divides is lost.
    lose_every: u64,
    retest: Option<&'static str>,
}

impl Service {
    async fn start(broker: &Mosquitto, lose_every: u64, retest: Option<&'static str>) -> Self {
        let mut options = MqttOptions::new("service", "127.0.0.1", broker.address.port());
        options
            .set_credentials("service", "service")
            .set_outgoing_inflight_upper_limit(100);
        let (client, events) = AsyncClient::new(options, 1000);
        client
            .try_subscribe("homeward/v1/units/+/session", QoS::AtLeastOnce)
            .unwrap();
        client
            .try_subscribe("homeward/v1/units/+/status", QoS::AtLeastOnce)
            .unwrap();
        let mut service = Self {
            client,
            events,
            stored: Vec::new(),
            statuses: Vec::new(),
            lose_every,
            retest,
        };
        let mut answers = 0;
        while answers < 2 {
            answers += i32::from(matches!(service.next().await, Packet::SubAck(_)));
        }
        service
    }

    /// One packet, answered as a service would.
    async fn next(&mut self) -> Packet {
        loop {
            let Event::Incoming(packet) = self.events.poll().await.unwrap() else {
                continue;
            };
            if let Packet::Publish(publish) = &packet {
                let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                let [_, _, _, unit_id, leaf] = topic.split('/').collect::<Vec<_>>().try_into().unwrap();
                let payload: Value = serde_json::from_slice(&publish.payload).unwrap();
                match leaf {
                    "session" => self.session(unit_id, payload),
                    "status" => self.status(unit_id, payload),
                    other => panic!("{other}"),
                }
            }
            return packet;
        }
    }

    fn tell(&self, unit_id: &str, leaf: &str, payload: Vec<u8>) {
        let topic = format!("homeward/v1/units/{unit_id}/{leaf}");
        self.client
            .try_publish(topic, QoS::AtLeastOnce, leaf == "plan", payload)
            .unwrap();
    }

    fn status(&mut self, unit_id: &str, status: Value) {
        if status["online"] == true {
            self.tell(unit_id, "plan", include_bytes!("golden/plan.json").to_vec());
        }
        self.statuses.push((unit_id.to_owned(), status));
    }

    fn session(&mut self, unit_id: &str, session: Value) {
        let known = self
            .stored
            .iter()
            .any(|(_, stored)| stored["session_id"] == session["session_id"]);
        let lost = !known && session["seq"].as_u64().unwrap().is_multiple_of(self.lose_every);
        let receipt = json!({"session_id": session["session_id"], "problems": [],
            "outcome": if known { "duplicate" } else { "stored" }, "received_at": "2026-11-21T09:00:00+00:00"});
        if !known {
            self.stored.push((unit_id.to_owned(), session));
            if let Some(unit_id) = self.retest.take() {
                let request =
                    json!({"request_id": "r-1", "kind": "retest", "measures": ["spo2"], "text": null});
                self.tell(unit_id, "request", request.to_string().into_bytes());
            }
        }
        if !lost {
            self.tell(unit_id, "receipt", receipt.to_string().into_bytes());
        }
    }

    /// Serves until `done` is.
    async fn during<T>(&mut self, done: impl Future<Output = T>) -> T {
        let done = tokio::time::timeout(Duration::from_secs(30), done);
        tokio::pin!(done);
        loop {
            tokio::select! {
                result = &mut done => return result.expect("the units are done within 30 s"),
                _ = self.next() => {}
            }
        }
    }
}

fn member(unit_id: &str, sessions: u64, every: Duration) -> Member {
    let resend = Backoff {
        first: TimeDelta::milliseconds(300),
        longest: TimeDelta::seconds(2),
    };
    let pace = Pace {
        first: Some(Duration::ZERO),
        every: Some(every),
    };
    let retest_after = Duration::from_millis(10);
    let habits = Habits {
        pace,
        sessions: Some(sessions),
        retest_after,
        resend,
        unprompted: false,
    };
    Member {
        habits,
        ..Member::new(unit_id, "secret", 7)
    }
}

fn settings(broker: &Mosquitto, version: Version) -> Settings {
    Settings {
        version,
        ..Settings::new(Broker::tcp("127.0.0.1", broker.address.port()))
    }
}

fn clock() -> Clock {
    Clock::starting_at(at("2026-11-21T09:00:00Z"))
}

async fn ended(mut cohort: Cohort) -> Tallies {
    cohort.finished().await;
    cohort.stop().await
}

#[tokio::test]
async fn a_cohort_gets_every_session_through_although_receipts_are_lost() {
    for version in [Version::V5, Version::V311] {
        let units = ["HU-1", "HU-2", "HU-3"].map(|unit| (unit, "secret"));
        let Some(broker) = mosquitto(&units) else { return };
        let mut service = Service::start(&broker, 3, Some("HU-1")).await;
        let members = units
            .iter()
            .map(|(unit, _)| member(unit, 6, Duration::from_millis(50)))
            .collect();
        let cohort = Cohort::start(members, &settings(&broker, version), &clock()).unwrap();
        let tallies = service.during(ended(cohort)).await;
        let sum = tallies.sum();
        assert_eq!(
            (sum.taken, sum.retests, sum.waiting, sum.rejected),
            (18, 1, 0, 0),
            "{tallies:?}"
        );
        assert_eq!(sum.receipted, 19);
        // Numbers 3 and 6 of each unit were receipted at the second try only.
        assert!(sum.duplicate >= 6, "{tallies:?}");
        assert_eq!(service.stored.len(), 19);
        let retest = service
            .stored
            .iter()
            .find(|(_, s)| s["trigger"] == "retest")
            .unwrap();
        assert_eq!(
            (retest.0.as_str(), &retest.1["request_id"]),
            ("HU-1", &json!("r-1"))
        );
        assert_eq!(retest.1["readings"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_unit_without_network_measures_on_and_sends_afterwards() {
    let Some(broker) = mosquitto(&[("HU-1", "secret")]) else {
        return;
    };
    let mut service = Service::start(&broker, u64::MAX, None).await;
    let window: Range<Duration> = Duration::from_secs(2)..Duration::from_secs(3);
    let mut settings = settings(&broker, Version::V5);
    settings.offline = vec![window];
    let clock = clock();
    let members = vec![member("HU-1", 35, Duration::from_millis(100))];
    let cohort = Cohort::start(members, &settings, &clock).unwrap();
    let tallies = service.during(ended(cohort)).await;
    assert_eq!(
        (tallies.sum().stored, tallies.sum().connections),
        (35, 2),
        "{tallies:?}"
    );
    // The plug was pulled: the broker spoke for the unit, and then the unit for itself.
    let online: Vec<_> = service
        .statuses
        .iter()
        .map(|(_, status)| status["online"] == true)
        .collect();
    assert_eq!(online, [true, false, true], "{:?}", service.statuses);
    assert!(
        service.statuses[2].1["queued"].as_u64().unwrap() >= 5,
        "{:?}",
        service.statuses
    );
}

#[tokio::test]
async fn a_unit_that_is_stopped_says_good_bye_and_one_that_dies_leaves_its_will() {
    let Some(broker) = mosquitto(&[("HU-1", "secret"), ("HU-2", "secret")]) else {
        return;
    };
    let mut service = Service::start(&broker, u64::MAX, None).await;
    let start = |unit: &str| {
        let members = vec![member(unit, 1000, Duration::from_hours(1))];
        Cohort::start(members, &settings(&broker, Version::V5), &clock()).unwrap()
    };
    let receipted = |cohort: &Cohort| {
        let mut tallies = cohort.tallies();
        async move {
            tallies
                .wait_for(|tallies| tallies.sum().receipted == 1)
                .await
                .map(drop)
        }
    };
    let stopped = start("HU-1");
    service.during(receipted(&stopped)).await.unwrap();
    let tallies = service.during(stopped.stop()).await;
    assert_eq!(tallies.sum().waiting, 0);
    let died = start("HU-2");
    service.during(receipted(&died)).await.unwrap();
    drop(died);
    while service
        .statuses
        .iter()
        .filter(|(_, status)| status["online"] == false)
        .count()
        < 2
    {
        tokio::time::timeout(Duration::from_secs(10), service.next())
            .await
            .expect("a status of each");
    }
    let last: Vec<_> = service
        .statuses
        .iter()
        .filter(|(_, status)| status["online"] == false)
        .collect();
    assert_eq!((last[0].0.as_str(), last[1].0.as_str()), ("HU-1", "HU-2"));
    assert_eq!(last[0].1["queued"], 0, "its own words");
    assert!(last[1].1.get("queued").is_none(), "the will");
}

#[tokio::test]
async fn a_restarted_unit_sends_what_the_killed_one_had_no_receipt_for() {
    let Some(broker) = mosquitto(&[("HU-1", "secret")]) else {
        return;
    };
    // Nobody answers the first life.
    let mut service = Service::start(&broker, 1, None).await;
    let state = tempfile::tempdir().unwrap();
    let mut settings = settings(&broker, Version::V5);
    settings.state = Some(state.path().to_owned());
    let members = || vec![member("HU-1", 1, Duration::from_hours(1))];
    let first = Cohort::start(members(), &settings, &clock()).unwrap();
    while service.stored.is_empty() {
        tokio::time::timeout(Duration::from_secs(10), service.next())
            .await
            .expect("a session");
    }
    drop(first);
    service.lose_every = u64::MAX;
    let second = Cohort::start(members(), &settings, &clock()).unwrap();
    let tallies = service.during(ended(second)).await;
    assert_eq!(
        (tallies.sum().duplicate, tallies.sum().stored),
        (1, 1),
        "{tallies:?}"
    );
    let numbers: Vec<_> = service
        .stored
        .iter()
        .map(|(_, session)| session["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_ends_the_unit() {
    for version in [Version::V5, Version::V311] {
        let Some(broker) = mosquitto(&[("HU-1", "another")]) else {
            return;
        };
        let cohort = Cohort::start(
            vec![member("HU-1", 1, Duration::from_secs(1))],
            &settings(&broker, version),
            &clock(),
        )
        .unwrap();
        let tallies = tokio::time::timeout(Duration::from_secs(30), ended(cohort))
            .await
            .unwrap();
        assert_eq!(
            (tallies.sum().refused, tallies.sum().connections),
            (1, 0),
            "{tallies:?}"
        );
        let refused = TestUnit::connect_as(broker.address, "HU-1", "secret", version).await;
        assert!(
            matches!(refused, Err(TestUnitError::Link(LinkError::Refused(_)))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_test_unit_sends_anything_and_hears_its_own() {
    for version in [Version::V5, Version::V311] {
        let Some(broker) = mosquitto(&[("HU-1", "secret"), ("HU-2", "secret")]) else {
            return;
        };
        let mut service = Service::start(&broker, u64::MAX, None).await;
        let script = async {
            let mut unit = TestUnit::connect_as(broker.address, "HU-1", "secret", version)
                .await
                .unwrap();
            let mut other = TestUnit::connect_as(broker.address, "HU-2", "secret", version)
                .await
                .unwrap();
            let taken = at("2026-11-21T09:00:00Z");
            let mut session =
                Session::new(Uuid::from_u128(1), taken).reading(Reading::new("weight", 84.2, "kg", taken));
            session.seq = Some(1);
            unit.send(&session).unwrap();
            assert_eq!(
                unit.receipt(session.session_id).await.unwrap().outcome,
                Outcome::Stored
            );
            unit.send_raw(serde_json::to_vec(&session).unwrap()).unwrap();
            assert_eq!(
                unit.receipt(session.session_id).await.unwrap().outcome,
                Outcome::Duplicate
            );
            unit.publish(
                "homeward/v1/units/HU-1/status",
                br#"{"online": true, "at": "2026-11-21T09:00:00Z"}"#,
                true,
            )
            .unwrap();
            assert_eq!(unit.plan().await.unwrap(), Some(crate::plan()));
            // The receipts and the plan were the first unit's alone.
            other = other.patience(Duration::from_millis(50));
            let nothing = other.receipt(session.session_id).await;
            assert!(
                matches!(nothing, Err(TestUnitError::TooLong { .. })),
                "{nothing:?}"
            );
            if version == Version::V5 {
                other
                    .publish("homeward/v1/units/HU-1/session", b"{}".as_slice(), false)
                    .unwrap();
                other = other.patience(Duration::from_secs(10));
                assert_eq!(other.refusal().await.unwrap(), "NotAuthorized");
            }
            unit.disconnect().await;
            other.disconnect().await;
        };
        service.during(script).await;
        assert_eq!(service.stored[0].1["readings"][0]["value"], json!(84.2));
    }
}

#[tokio::test]
async fn days_that_are_lived_fast_are_sent_late_and_once() {
    let Some(broker) = mosquitto(&[("HU-1", "secret")]) else {
        return;
    };
    let mut service = Service::start(&broker, u64::MAX, None).await;
    let mut member = member("HU-1", 10, Duration::ZERO);
    member.habits.pace = Pace::default();
    let clock = clock().living_since(TimeDelta::days(12), 2_000_000.0);
    let cohort = Cohort::start(vec![member], &settings(&broker, Version::V5), &clock).unwrap();
    let tallies = service.during(ended(cohort)).await;
    assert_eq!(
        (tallies.sum().stored, tallies.sum().waiting),
        (10, 0),
        "{tallies:?}"
    );
    for (_, session) in &service.stored {
        let time = |key: &str| at(session[key].as_str().unwrap());
        // Each at its due time, none in the future, and sent in real time.
        assert!((9..=10).contains(&time("completed_at").hour()), "{session}");
        assert!(time("completed_at") < clock.start().real);
        assert!(time("sent_at") >= clock.start().real);
    }
}

#[tokio::test]
async fn a_command_that_got_everything_through_ends_with_exit_code_0() {
    let Some(broker) = mosquitto(&[("HU-1", "secret")]) else {
        return;
    };
    let mut service = Service::start(&broker, u64::MAX, None).await;
    let url = format!("mqtt://{}", broker.address);
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_home-unit"));
    command
        .args([
            "run",
            "--unit",
            "HU-1",
            "--every",
            "0.1",
            "--sessions",
            "3",
            "--story",
            "deteriorating",
        ])
        .args(["--json", "--mqtt", "3", "--broker", &url])
        .env("HOME_UNIT_SECRET", "secret");
    let output = service.during(command.output()).await.unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["sum"]["stored"], 3);
    assert_eq!(service.stored.len(), 3);
}
