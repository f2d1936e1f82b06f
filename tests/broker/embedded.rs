//! The embedded broker's own duties: the data folder, the port, and what survives a restart.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use homeward::broker::{self, Broker, BrokerError, Transport};
use rumqttc::v5::mqttbytes::v5::PubAckReason;

use super::rig::{Gate, RECEIPT, SESSION, settings, text};
use super::unit::{SignIn, soon};

async fn on(folder: &Path) -> Result<Broker, BrokerError> {
    let gate = Gate::default();
    gate.add("HU-1", "secret-1");
    soon(broker::start(settings(Some(folder)), Arc::new(gate))).await
}

fn unit(broker: &Broker) -> SignIn {
    SignIn::new(broker.local_addr.unwrap(), "HU-1")
        .with_secret("HU-1", "secret-1")
        .persistent()
}

#[tokio::test]
async fn what_was_not_stored_or_not_fetched_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = on(folder.path()).await.unwrap();
    let mut home = unit(&broker).connect().await;
    home.subscribe(RECEIPT).await;
    home.publish_all(SESSION, (0..20).map(|n| n.to_string())).await;
    home.leave().await;
    let mut held = Vec::new();
    while held.len() < 20 {
        held.push(soon(broker.inlet.next()).await.unwrap());
    }
    let rest = held.split_off(5);
    assert_eq!(broker.acker.ack(held.into_iter().map(|frame| frame.ticket)), 5);
    let receipt = broker
        .outlet
        .publish_confirmed(RECEIPT.to_owned(), b"for later".to_vec(), false);
    soon(receipt).await.unwrap();
    broker.stop().await;
    drop(rest);

    let mut broker = on(folder.path()).await.unwrap();
    let mut again = BTreeSet::new();
    while again.len() < 15 {
        let frame = soon(broker.inlet.next()).await.unwrap();
        again.insert(text(&frame).parse::<u32>().unwrap());
        broker.acker.ack([frame.ticket]);
    }
    assert_eq!(again, (5..20).collect());
    let mut home = unit(&broker).connect().await;
    assert!(home.session_present);
    assert_eq!(home.message().await.payload, "for later");
}

#[tokio::test]
async fn a_data_folder_belongs_to_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = on(folder.path()).await.unwrap();
    let error = on(folder.path()).await.unwrap_err();
    assert!(matches!(error, BrokerError::DataDirBusy { .. }), "{error}");
    first.stop().await;
    on(folder.path()).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_taken_port_is_told_apart() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listen = taken.local_addr().unwrap();
    let mut settings = settings(None);
    settings.transport = Transport::Embedded {
        listen,
        data_dir: None,
    };
    let error = broker::start(settings, Arc::new(Gate::default()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, BrokerError::PortTaken { address } if address == listen),
        "{error}"
    );
}

#[tokio::test]
async fn a_message_as_large_as_the_broker_takes_arrives_and_a_larger_one_hurts_nobody_else() {
    let mut small = settings(None);
    small.max_packet_size = 16 * 1024;
    let gate = Gate::default();
    gate.add("HU-1", "secret-1");
    let mut broker = soon(broker::start(small, Arc::new(gate))).await.unwrap();
    let mut home = unit(&broker).connect().await;
    // With its header this one is within a byte or two of the limit.
    let largest = 16 * 1024 - SESSION.len() - 9;
    assert_eq!(
        home.publish(SESSION, vec![b'x'; largest]).await,
        PubAckReason::Success
    );
    let frame = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(frame.payload.len(), largest);
    broker.acker.ack([frame.ticket]);

    home.send(SESSION, vec![b'x'; 20 * 1024]);
    let mut home = unit(&broker).connect().await;
    home.publish(SESSION, "the next").await;
    let next = soon(broker.inlet.next()).await.unwrap();
    assert_eq!(text(&next), "the next");
    broker.acker.ack([next.ticket]);
    assert_eq!(broker.link.borrow().reconnects, 0);
}

#[tokio::test]
async fn stopping_ends_the_stream_of_messages() {
    let Broker {
        mut inlet,
        running,
        link,
        ..
    } = on(tempfile::tempdir().unwrap().path()).await.unwrap();
    running.stop().await;
    assert!(soon(inlet.next()).await.is_none());
    assert!(!link.borrow().inbound && !link.borrow().outbound);
}

#[tokio::test]
async fn messages_on_disk_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let broker = on(folder.path()).await.unwrap();
    let mode = std::fs::metadata(folder.path().join("mqtt"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    broker.stop().await;
}
