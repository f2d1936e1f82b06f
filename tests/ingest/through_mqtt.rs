//! The whole way, from a unit's publication to its receipt, through the embedded broker.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use home_unit::payload::Outcome;
use home_unit::test_unit::TestUnit;
use homeward::broker::{self, Admission, Broker, Frame, Inlet, Outlet, Settings, Transport, UnitGate};
use homeward::clock::Clock;
use homeward::domain::alert::About;
use homeward::domain::finding::{Class, Severity};
use homeward::domain::time::Instant;
use homeward::ingest;
use homeward::ingest::arrival::Arrival;
use homeward::ingest::lane::{Lane, unit_of};
use homeward::ingest::pulse::Pulse;
use homeward::ingest::waiting::{PACE, PATIENCE, Waiting};
use homeward::store::Db;
use homeward::workers::unit_post::UnitPost;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::rejected;
use crate::support::databases::{self, TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, plan, session, spo2};
use crate::support::ward::{Payload, Ward, at, key};

on_both_databases!(
    a_session_is_receipted_once_it_is_stored,
    bad_input_is_answered_and_the_good_beside_it_stored,
    other_content_under_an_id_of_long_ago_is_a_conflict,
    a_doubtful_reading_is_asked_for_again,
    what_was_committed_and_not_acknowledged_comes_again_and_is_known,
    what_was_read_and_not_committed_comes_again_and_is_stored,
    one_message_that_the_store_refuses_does_not_stop_the_others,
);

struct EveryUnit;

impl UnitGate for EveryUnit {
    fn admit<'a>(&'a self, _: &'a str, _: &'a str) -> Admission<'a> {
        Box::pin(std::future::ready(true))
    }
}

async fn broker() -> (Broker, SocketAddr) {
    let settings = Settings {
        transport: Transport::Embedded {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            data_dir: None,
        },
        client_id: "homeward".to_owned(),
        group: None,
        receive_maximum: 100,
        hard_cap: 200,
        max_packet_size: 1024 * 1024,
        patience: Duration::from_secs(20),
    };
    let broker = broker::start(settings, Arc::new(EveryUnit)).await.unwrap();
    let address = broker.local_addr.unwrap();
    (broker, address)
}

/// What a batch may hold.
const BATCH: usize = 64;

fn lane(ward: &Ward, broker: &Broker, pulse: &Pulse, now: Instant) -> Lane {
    Lane {
        keeper: ward.keeper.clone(),
        clock: Clock::fixed(now),
        acker: broker.acker.clone(),
        outlet: broker.outlet.clone(),
        pulse: pulse.clone(),
    }
}

/// A broker and two lanes over the ward's database, at a time that stands still.
struct Service {
    address: SocketAddr,
    outlet: Outlet,
    running: broker::Running,
    stop: watch::Sender<bool>,
    ingest: JoinHandle<Inlet>,
}

impl Service {
    async fn start(ward: &Ward, now: Instant) -> Self {
        let (broker, _) = broker().await;
        Self::over(broker, |broker| {
            let pulse = Pulse::default();
            (0..2).map(|_| lane(ward, broker, &pulse, now)).collect()
        })
    }

    fn over(broker: Broker, lanes: impl FnOnce(&Broker) -> Vec<Lane>) -> Self {
        let lanes = lanes(&broker);
        let (stop, stopping) = watch::channel(false);
        Self {
            address: broker.local_addr.unwrap(),
            outlet: broker.outlet,
            running: broker.running,
            stop,
            ingest: tokio::spawn(ingest::run(broker.inlet, (lanes, BATCH), stopping)),
        }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        let inlet = self.ingest.await.unwrap();
        self.running.stop().await;
        drop(inlet);
    }
}

async fn a_session_is_receipted_once_it_is_stored(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let service = Service::start(&ward, now).await;
    let mut home = TestUnit::connect(service.address, "HU-1", "any").await.unwrap();
    let red = session(1, now).breathes(85.0).takes("mood", 3, "1");
    home.send(&red).unwrap();
    let receipt = home.receipt(red.session_id).await.unwrap();
    assert_eq!((receipt.outcome, receipt.received_at), (Outcome::Stored, now));
    let problem = &receipt.problems[0];
    assert_eq!(
        (problem.at.as_str(), problem.code.as_str()),
        ("/readings/1/measure", "unknown_measure")
    );
    // The receipt says that all of it is there already.
    assert_eq!(
        ward.findings(patient).await,
        ["1 limits.spo2.red_low red", "1 suspect amber unknown_measure"]
    );
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(alert.severity, Severity::Red);
    home.send_at(&red, at("21T09:01")).unwrap();
    assert_eq!(
        home.receipt(red.session_id).await.unwrap().outcome,
        Outcome::Duplicate
    );
    assert_eq!(ward.open(About::Patient(patient), Class::Clinical).await, alert);
    home.disconnect().await;
    service.stop().await;
}

async fn bad_input_is_answered_and_the_good_beside_it_stored(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let service = Service::start(&ward, now).await;
    let mut home = TestUnit::connect(service.address, "HU-1", "any").await.unwrap();
    let kinds = rejected::bad();
    for (number, (reason, payload)) in (100..).zip(rejected::bad()) {
        home.send_raw(payload.0).unwrap();
        let good = session(number, now).breathes(97.0);
        home.send(&good).unwrap();
        let receipt = home.receipt(Uuid::from_u128(9)).await.unwrap();
        assert_eq!(receipt.outcome, Outcome::Rejected, "{reason}");
        assert!(
            receipt.problems.iter().any(|problem| problem.code == reason),
            "{reason}"
        );
        assert_eq!(
            home.receipt(good.session_id).await.unwrap().outcome,
            Outcome::Stored
        );
    }
    assert_eq!(ward.quarantine().await.len(), kinds.len());
    assert_eq!(ward.history(patient).await.len(), kinds.len());
    // A unit that nobody registered, where the broker let it in.
    let mut stranger = TestUnit::connect(service.address, "HU-2", "any").await.unwrap();
    let sent = session(7, now).breathes(97.0);
    stranger.send(&sent).unwrap();
    assert_eq!(
        stranger.receipt(sent.session_id).await.unwrap().outcome,
        Outcome::Rejected
    );
    home.disconnect().await;
    stranger.disconnect().await;
    service.stop().await;
}

/// What is remembered of the patient does not reach back to the first of the two, so that only the store can tell.
async fn other_content_under_an_id_of_long_ago_is_a_conflict(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let service = Service::start(&ward, now).await;
    let mut home = TestUnit::connect(service.address, "HU-1", "any").await.unwrap();
    let first = session(1, at("02T09:00")).breathes(97.0);
    let other = session(1, at("21T08:50")).breathes(85.0);
    let steps = [
        (&first, Outcome::Stored),
        (&session(2, at("21T08:40")).breathes(97.0), Outcome::Stored),
        (&other, Outcome::Rejected),
        (&session(3, at("21T08:55")).breathes(97.0), Outcome::Stored),
        (&first, Outcome::Duplicate),
        (&other, Outcome::Rejected),
    ];
    for (sent, outcome) in steps {
        home.send(sent).unwrap();
        let receipt = home.receipt(sent.session_id).await.unwrap();
        assert_eq!(receipt.outcome, outcome, "{sent:?}");
    }
    assert_eq!(ward.history(patient).await.len(), 3);
    assert_eq!(ward.quarantine().await.len(), 1);
    assert_eq!(
        ward.findings(patient).await,
        ["session_conflict red session_conflict"]
    );
    home.disconnect().await;
    service.stop().await;
}

async fn a_doubtful_reading_is_asked_for_again(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let service = Service::start(&ward, now).await;
    let mut home = TestUnit::connect(service.address, "HU-1", "any").await.unwrap();
    let doubtful = session(1, now).breathes(20.0);
    home.send(&doubtful).unwrap();
    home.receipt(doubtful.session_id).await.unwrap();
    let post = UnitPost {
        db: ward.db.clone(),
        outlet: service.outlet.clone(),
        shelf: Arc::clone(&ward.keeper.shelf),
    };
    assert_eq!(post.step(now).await.unwrap(), 1);
    let request = home.next_request().await.unwrap();
    assert_eq!(request.measures, Some(vec!["spo2".to_owned()]));
    assert_eq!(request.expires_at, Some(at("21T09:30")));
    // Sent again it is not asked again.
    home.send(&doubtful).unwrap();
    home.receipt(doubtful.session_id).await.unwrap();
    assert_eq!(post.step(now).await.unwrap(), 0);
    home.disconnect().await;
    service.stop().await;
}

/// The process dies between the commit and the acknowledgement.
async fn what_was_committed_and_not_acknowledged_comes_again_and_is_known(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let (mut broker, address) = broker().await;
    let mut home = TestUnit::connect(address, "HU-1", "any").await.unwrap();
    let red = session(1, now).breathes(85.0);
    home.send(&red).unwrap();
    let frame = broker.inlet.next().await.unwrap();
    ward.take_in(&[Arrival::read(&frame, now)], now).await;
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    drop(frame);
    let ingest = ingest_of(&ward, broker, now);
    assert_eq!(
        home.receipt(red.session_id).await.unwrap().outcome,
        Outcome::Duplicate
    );
    assert_eq!(ward.history(patient).await.len(), 1);
    assert_eq!(ward.findings(patient).await, ["1 limits.spo2.red_low red"]);
    assert_eq!(ward.open(About::Patient(patient), Class::Clinical).await, alert);
    home.disconnect().await;
    ingest.stop().await;
}

/// The process dies before the commit.
async fn what_was_read_and_not_committed_comes_again_and_is_stored(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let (mut broker, address) = broker().await;
    let mut home = TestUnit::connect(address, "HU-1", "any").await.unwrap();
    let red = session(1, now).breathes(85.0);
    home.send(&red).unwrap();
    let frame = broker.inlet.next().await.unwrap();
    let mut tx = ward.db.begin().await.unwrap();
    let arrivals = [Arrival::read(&frame, now)];
    ingest::batch::take_in(&mut tx, &ward.keeper, &arrivals, now)
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    drop(frame);
    let ingest = ingest_of(&ward, broker, now);
    assert_eq!(
        home.receipt(red.session_id).await.unwrap().outcome,
        Outcome::Stored
    );
    assert_eq!(ward.history(patient).await.len(), 1);
    assert_eq!(ward.alerts().await.len(), 1);
    home.disconnect().await;
    ingest.stop().await;
}

fn ingest_of(ward: &Ward, broker: Broker, now: Instant) -> Service {
    Service::over(broker, |broker| vec![lane(ward, broker, &Pulse::default(), now)])
}

/// So many messages, taken off the broker before any lane sees one: what a lane then takes is one batch.
async fn held(broker: &mut Broker, count: usize) -> Arc<Waiting<Frame>> {
    let waiting = Waiting::new(BATCH, PATIENCE, PACE);
    for _ in 0..count {
        let frame = broker.inlet.next().await.unwrap();
        waiting.put(unit_of(&frame), frame);
    }
    waiting.close();
    Arc::new(waiting)
}

async fn one_message_that_the_store_refuses_does_not_stop_the_others(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    refuse_session(&ward, 5).await;
    let now = at("21T09:00");
    let (mut broker, address) = broker().await;
    let mut home = TestUnit::connect(address, "HU-1", "any").await.unwrap();
    for number in 1..=8 {
        home.send(&session(number, now).breathes(85.0)).unwrap();
    }
    // The culprit comes twice in the batch.
    home.send(&session(5, now).breathes(85.0)).unwrap();
    let frames = held(&mut broker, 9).await;
    let pulse = Pulse::default();
    lane(&ward, &broker, &pulse, now).run(frames).await;
    for number in (1..=8).chain([5]) {
        let receipt = home.receipt(Uuid::from_u128(number)).await.unwrap();
        let wanted = if number == 5 {
            Outcome::Rejected
        } else {
            Outcome::Stored
        };
        assert_eq!(receipt.outcome, wanted, "{number}");
        if number == 5 {
            let problem = &receipt.problems[0];
            assert_eq!(
                (problem.code.as_str(), problem.detail.as_deref()),
                ("poison", Some("could not be stored"))
            );
        }
    }
    assert_eq!(broker.acker.held(), 0, "all of them are acknowledged");
    let cases = ward.quarantine().await;
    assert_eq!(cases.len(), 1);
    assert_eq!((cases[0].0.reason.as_str(), cases[0].0.seen), ("poison", 2));
    assert_eq!(cases[0].1, Payload::from(session(5, now).breathes(85.0)).0);
    assert_eq!(ward.history(patient).await.len(), 7);
    assert_eq!(ward.session(&key("HU-1", 5)).await, None);
    let alert = ward.open(About::Patient(patient), Class::Technical).await;
    assert_eq!(ward.on_alert(&alert).await, ["quarantined red poison"]);
    assert_eq!(
        (pulse.read().failing, pulse.read().committed_at),
        (None, Some(now))
    );
    home.disconnect().await;
    broker.stop().await;
}

/// The database will not have the session of this number, whoever sends it.
pub(crate) async fn refuse_session(ward: &Ward, number: u128) {
    let id = Uuid::from_u128(number);
    let statements = match &ward.db {
        Db::Sqlite { .. } => vec![format!(
            "create trigger refused before insert on session when new.session_id = x'{}'
             begin select raise(abort, 'not this one'); end",
            id.simple()
        )],
        Db::Postgres { .. } => vec![
            format!(
                "create function refused() returns trigger language plpgsql as $$ begin
                     if new.session_id = '{id}' then raise exception 'not this one'; end if; return new; end $$"
            ),
            "create trigger refused before insert on session for each row execute function refused()".to_owned(),
        ],
    };
    ward.change(statements).await;
}

/// A rival that wins a few times is no reason to set anything aside.
#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    // A sequence is not undone with its transaction: it counts the tries.
    let statements = [
        "create sequence tries",
        "create function refused() returns trigger language plpgsql as $$ begin
             if nextval('tries') <= 3 then raise exception 'a rival' using errcode = '40001'; end if; return new; end $$",
        "create trigger refused before insert on session for each statement execute function refused()",
    ];
    ward.change(statements.map(str::to_owned).to_vec()).await;
    let now = at("21T09:00");
    let (mut broker, address) = broker().await;
    let mut home = TestUnit::connect(address, "HU-1", "any").await.unwrap();
    for number in 1..=3 {
        home.send(&session(number, now).breathes(85.0)).unwrap();
    }
    let frames = held(&mut broker, 3).await;
    let pulse = Pulse::default();
    let (lane, watching) = (lane(&ward, &broker, &pulse, now), pulse.clone());
    let failed = tokio::spawn(async move { watching.wait_for(|beat| beat.failing.is_some()).await });
    lane.run(frames).await;
    let (since, _) = failed.await.unwrap().failing.unwrap();
    assert_eq!(since, now, "while it fails it says so");
    assert_eq!(pulse.read().failing, None);
    for number in 1..=3 {
        assert_eq!(
            home.receipt(Uuid::from_u128(number)).await.unwrap().outcome,
            Outcome::Stored
        );
    }
    assert_eq!(ward.quarantine().await, []);
    assert_eq!(ward.history(patient).await.len(), 3);
    home.disconnect().await;
    broker.stop().await;
}

#[test]
fn a_lane_that_commits_does_not_hide_one_that_cannot() {
    let pulse = Pulse::default();
    let (stuck, sound) = (pulse.of_lane(), pulse.of_lane());
    let fault = std::io::Error::other("no disk");
    stuck.failing(at("21T09:00"), &fault);
    sound.failing(at("21T09:01"), &fault);
    sound.committed(at("21T09:02"));
    stuck.failing(at("21T09:03"), &fault);
    let beat = pulse.read();
    assert_eq!(beat.failing, Some((at("21T09:00"), "no disk".to_owned())));
    assert_eq!(beat.committed_at, Some(at("21T09:02")));
    stuck.committed(at("21T09:04"));
    assert_eq!(pulse.read().failing, None);
}
