//! The embedded broker's doorkeeper, asked over the wire.

use homeward::broker::{self, Admission, Broker, UnitGate};
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, PubAckReason, SubscribeReasonCode};

use super::rig::{Gate, RECEIPT, SESSION, settings, text};
use super::unit::{SignIn, soon};

const OTHERS: &str = "homeward/v1/units/HU-2";

async fn embedded() -> (Broker, Gate) {
    let gate = Gate::default();
    gate.add("HU-1", "secret-1");
    gate.add("HU-2", "secret-2");
    let broker = soon(broker::start(settings(None), std::sync::Arc::new(gate.clone())))
        .await
        .unwrap();
    (broker, gate)
}

fn unit(broker: &Broker, client_id: &str) -> SignIn {
    SignIn::new(broker.local_addr.unwrap(), client_id)
}

async fn refusal(sign_in: SignIn) -> ConnectReturnCode {
    sign_in.try_connect().await.err().expect("it was let in")
}

#[tokio::test]
async fn only_a_unit_with_its_own_secret_is_let_in() {
    let (broker, _) = embedded().await;
    let bad = ConnectReturnCode::BadUserNamePassword;
    assert_eq!(refusal(unit(&broker, "HU-1")).await, bad, "nameless");
    for (user, secret) in [
        ("HU-1", "secret-2"),
        ("HU-1", ""),
        ("HU-3", "secret-1"),
        ("", ""),
        ("$service", "secret-1"),
        ("+", "x"),
    ] {
        assert_eq!(
            refusal(unit(&broker, "client").with_secret(user, secret)).await,
            bad,
            "{user:?}"
        );
    }
    unit(&broker, "client")
        .with_secret("HU-1", "secret-1")
        .connect()
        .await;
}

#[tokio::test]
async fn a_unit_added_while_the_broker_runs_is_let_in_at_once() {
    let (broker, gate) = embedded().await;
    let sign_in = || unit(&broker, "HU-9").with_secret("HU-9", "secret-9");
    assert_eq!(refusal(sign_in()).await, ConnectReturnCode::BadUserNamePassword);
    gate.add("HU-9", "secret-9");
    sign_in().connect().await;
}

/// Knows nobody's answer, ever.
struct Silent;

impl UnitGate for Silent {
    fn admit<'a>(&'a self, unit_id: &'a str, _secret: &'a str) -> Admission<'a> {
        Box::pin(async move {
            if unit_id == "HU-1" {
                std::future::pending::<()>().await;
            }
            true
        })
    }
}

#[tokio::test]
async fn a_gate_that_does_not_answer_for_one_unit_keeps_no_other_waiting() {
    let broker = soon(broker::start(settings(None), std::sync::Arc::new(Silent)))
        .await
        .unwrap();
    let mut waiting = Box::pin(unit(&broker, "HU-1").with_secret("HU-1", "x").try_connect());
    tokio::select! {
        _ = &mut waiting => panic!("nobody answered"),
        _ = unit(&broker, "HU-2").with_secret("HU-2", "x").connect() => {}
    }
}

#[tokio::test]
async fn a_unit_reaches_its_own_topics_and_no_others() {
    let (mut broker, _) = embedded().await;
    let mut unit = unit(&broker, "HU-1")
        .with_secret("HU-1", "secret-1")
        .connect()
        .await;
    for refused in [
        format!("{OTHERS}/session"),
        format!("{OTHERS}/status"),
        RECEIPT.to_owned(),
    ] {
        assert_eq!(
            unit.publish(&refused, "x").await,
            PubAckReason::NotAuthorized,
            "{refused}"
        );
    }
    for refused in [
        format!("{OTHERS}/receipt"),
        "#".to_owned(),
        "homeward/v1/units/+/session".to_owned(),
        "homeward/v1/units/HU-1/+".to_owned(),
        format!("$share/group/{RECEIPT}"),
    ] {
        assert_eq!(
            unit.subscribe(&refused).await,
            SubscribeReasonCode::NotAuthorized,
            "{refused}"
        );
    }
    assert!(matches!(
        unit.subscribe(RECEIPT).await,
        SubscribeReasonCode::Success(_)
    ));
    assert_eq!(unit.publish(SESSION, "mine").await, PubAckReason::Success);

    let frame = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(
        (frame.topic.as_str(), text(&frame).as_str()),
        (SESSION, "mine"),
        "the first that got through"
    );
    assert_eq!(broker.acker.ack([frame.ticket]), 1);
    broker
        .outlet
        .publish(format!("{OTHERS}/receipt"), b"not for HU-1".to_vec(), false)
        .unwrap();
    broker
        .outlet
        .publish(RECEIPT.to_owned(), b"for HU-1".to_vec(), false)
        .unwrap();
    assert_eq!(unit.message().await.payload, "for HU-1");
}

#[tokio::test]
async fn a_last_will_on_anothers_topic_is_refused_at_the_door() {
    let (mut broker, _) = embedded().await;
    let with_will = |topic: &str| {
        unit(&broker, "HU-1")
            .with_secret("HU-1", "secret-1")
            .with_will(topic, "gone")
    };
    assert_eq!(
        refusal(with_will(&format!("{OTHERS}/status"))).await,
        ConnectReturnCode::NotAuthorized
    );
    drop(with_will("homeward/v1/units/HU-1/status").connect().await);
    let frame = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(
        (frame.topic.as_str(), text(&frame).as_str()),
        ("homeward/v1/units/HU-1/status", "gone")
    );
}

#[tokio::test]
async fn nobody_takes_over_the_services_sessions() {
    let (broker, _) = embedded().await;
    for client_id in ["homeward.in", "homeward.out"] {
        let sign_in = unit(&broker, client_id).with_secret("HU-1", "secret-1");
        assert_eq!(
            refusal(sign_in).await,
            ConnectReturnCode::ClientIdentifierNotValid
        );
    }
    let link = broker.link.borrow().clone();
    assert!(link.is_up() && link.reconnects == 0, "{link:?}");
}

#[tokio::test]
async fn nobody_inherits_another_units_session() {
    let (broker, _) = embedded().await;
    let mut first = unit(&broker, "shared-id")
        .with_secret("HU-1", "secret-1")
        .persistent()
        .connect()
        .await;
    first.subscribe(RECEIPT).await;
    first.leave().await;
    let second = unit(&broker, "shared-id")
        .with_secret("HU-2", "secret-2")
        .persistent();
    assert_eq!(refusal(second).await, ConnectReturnCode::NotAuthorized);
}

#[tokio::test]
async fn nobody_ends_another_units_connection() {
    let (broker, _) = embedded().await;
    let (own, foreign) = (
        || unit(&broker, "shared-id").with_secret("HU-1", "secret-1"),
        || unit(&broker, "shared-id").with_secret("HU-2", "secret-2"),
    );
    let mut first = own().connect().await;
    first.subscribe(RECEIPT).await;
    assert_eq!(
        refusal(foreign()).await,
        ConnectReturnCode::ClientIdentifierNotValid
    );
    broker
        .outlet
        .publish(RECEIPT.to_owned(), b"still here".to_vec(), false)
        .unwrap();
    assert_eq!(first.message().await.payload, "still here");

    // Dialling in again it takes over from itself, and whoever has left holds nothing.
    let mut again = own().connect().await;
    again.subscribe(RECEIPT).await;
    assert_eq!(
        refusal(foreign()).await,
        ConnectReturnCode::ClientIdentifierNotValid
    );
    again.leave().await;
    drop(first);
    soon(async { while foreign().try_connect().await.is_err() {} }).await;
}

#[tokio::test]
async fn a_unit_may_speak_the_older_protocol() {
    use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
    let (mut broker, _) = embedded().await;
    let address = broker.local_addr.unwrap();
    let options = |secret: &str| {
        let mut options = MqttOptions::new("HU-1", address.ip().to_string(), address.port());
        options.set_credentials("HU-1", secret);
        options
    };
    let (_, mut wrong) = AsyncClient::new(options("wrong"), 10);
    let refused = soon(wrong.poll()).await.unwrap_err().to_string();
    assert!(refused.contains("BadUserNamePassword"), "{refused}");

    let (client, mut events) = AsyncClient::new(options("secret-1"), 10);
    client.try_subscribe(RECEIPT, QoS::AtLeastOnce).unwrap();
    client
        .try_publish(format!("{OTHERS}/session"), QoS::AtLeastOnce, false, "not mine")
        .unwrap();
    client
        .try_publish(SESSION, QoS::AtLeastOnce, false, "from 3.1.1")
        .unwrap();
    let receipt = async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return publish.payload;
            }
        }
    };
    let answer = async {
        let frame = broker.inlet.next().await.unwrap();
        assert_eq!(text(&frame), "from 3.1.1");
        broker.acker.ack([frame.ticket]);
        broker
            .outlet
            .publish(RECEIPT.to_owned(), b"stored".to_vec(), false)
            .unwrap();
    };
    let (receipt, ()) = soon(async { tokio::join!(receipt, answer) }).await;
    assert_eq!(receipt, "stored");
}
