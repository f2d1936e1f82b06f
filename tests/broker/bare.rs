//! A broker in the test's own hand, byte by byte: it falls silent, speaks in pieces, takes nothing, or says why it goes.

use std::net::Ipv4Addr;

use homeward::broker::{Broker, Fault, Link, Settings};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::rig::{RECEIPT, SESSION, external, serve, text, until};
use super::scripted::packet;
use super::unit::soon;

const PINGREQ: u8 = 0xC0;
const PINGRESP: [u8; 2] = [0xD0, 0];
const SESSION_TAKEN_OVER: u8 = 0x8E;
const SERVER_SHUTTING_DOWN: u8 = 0x8B;

/// The broker's end of one connection that is signed in.
struct Wire {
    inbound: bool,
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl Wire {
    /// Wants to hear from the service every so many seconds. Grants both subscriptions.
    async fn accept(listener: &TcpListener, keep_alive: u8) -> Self {
        let (stream, _) = soon(listener.accept()).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let (kind, connect) = soon(packet(&mut read)).await.unwrap();
        assert_eq!(kind, 0x10, "CONNECT");
        let inbound = connect.ends_with(b"homeward.in");
        write
            .write_all(&[0x20, 6, 0, 0, 3, 0x13, 0, keep_alive])
            .await
            .unwrap();
        let mut wire = Self { inbound, read, write };
        if inbound {
            let (kind, subscribe) = wire.hear().await;
            assert_eq!(kind, 0x82, "SUBSCRIBE");
            wire.say(&[0x90, 5, subscribe[0], subscribe[1], 0, 1, 1]).await;
        }
        wire
    }

    async fn hear(&mut self) -> (u8, Vec<u8>) {
        soon(packet(&mut self.read))
            .await
            .expect("the service has closed the connection")
    }

    async fn say(&mut self, bytes: &[u8]) {
        soon(self.write.write_all(bytes)).await.unwrap();
    }

    /// In the short form, without the length of properties that are not there.
    async fn disconnect(&mut self, reason: u8) {
        self.say(&[0xE0, 1, reason]).await;
    }
}

/// A PUBLISH at quality of service 1.
fn message(packet: u8, payload: &str) -> Vec<u8> {
    let length = 2 + SESSION.len() + 3 + payload.len();
    let mut bytes = vec![
        0x32,
        u8::try_from(length).unwrap(),
        0,
        u8::try_from(SESSION.len()).unwrap(),
    ];
    bytes.extend(SESSION.bytes());
    bytes.extend([0, packet, 0]);
    bytes.extend(payload.bytes());
    bytes
}

/// The service and its two connections, the inbound one first.
async fn connected(keep_alive: u8, change: impl FnOnce(&mut Settings)) -> (TcpListener, Broker, Wire, Wire) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut settings = external(listener.local_addr().unwrap());
    change(&mut settings);
    let serving = tokio::spawn(serve(settings));
    let mut wires = [
        Wire::accept(&listener, keep_alive).await,
        Wire::accept(&listener, keep_alive).await,
    ];
    wires.sort_by_key(|wire| !wire.inbound);
    let [inbound, outbound] = wires;
    assert!(inbound.inbound && !outbound.inbound);
    let broker = soon(serving).await.unwrap().unwrap();
    (listener, broker, inbound, outbound)
}

fn unreachable(fault: Option<&Fault>) -> &str {
    match fault {
        Some(Fault::Unreachable(words)) => words,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_left_and_found_again() {
    let (listener, broker, mut inbound, mut outbound) = connected(1, |_| ()).await;
    let pings = async |wire: &mut Wire| {
        for _ in 0..2 {
            assert_eq!(wire.hear().await, (PINGREQ, Vec::new()));
            wire.say(&PINGRESP).await;
        }
    };
    tokio::join!(pings(&mut inbound), pings(&mut outbound));
    assert!(broker.link.borrow().is_up(), "who answers is kept");
    let silent = |link: &Link| !link.inbound && !link.outbound;
    let link = until(&broker.link, silent).await;
    for fault in [link.inbound_fault, link.outbound_fault] {
        let words = unreachable(fault.as_ref()).to_owned();
        assert!(words.contains("does not answer"), "{words}");
    }
    let _again = [
        Wire::accept(&listener, 60).await,
        Wire::accept(&listener, 60).await,
    ];
    until(&broker.link, Link::is_up).await;
}

/// Silence that we cannot hear is none: what was sent lies unread behind what we cannot take.
#[tokio::test]
async fn who_can_take_no_more_keeps_the_connection_alive() {
    let (_listener, mut broker, mut inbound, _outbound) =
        connected(1, |settings| settings.hard_cap = 2).await;
    let three: Vec<u8> = (1..=3).flat_map(|n| message(n, &n.to_string())).collect();
    inbound.say(&three).await;
    until(&broker.link, |link| link.hard_cap_reached == 1).await;
    let held = [
        soon(broker.inlet.next()).await.unwrap(),
        soon(broker.inlet.next()).await.unwrap(),
    ];
    for _ in 0..3 {
        assert_eq!(inbound.hear().await, (PINGREQ, Vec::new()));
    }
    let link = broker.link.borrow().clone();
    assert!(link.inbound && link.generation == 1, "{link:?}");
    assert!(broker.inlet.try_next().is_none());
    assert_eq!(broker.acker.ack(held.map(|frame| frame.ticket)), 2);
    assert_eq!(text(&soon(broker.inlet.next()).await.unwrap()), "3");
    for packet in [1, 2] {
        assert_eq!(inbound.hear().await, (0x40, vec![0, packet]), "PUBACK");
    }
}

#[tokio::test]
async fn a_message_may_come_in_pieces_and_many_in_one() {
    let (_listener, mut broker, mut inbound, _outbound) = connected(60, |_| ()).await;
    let (first, rest) = (message(1, "first"), message(2, "second"));
    inbound.say(&first[..1]).await;
    inbound.say(&first[1..30]).await;
    // The end of one and the beginning of the next.
    inbound.say(&[&first[30..], &rest[..7]].concat()).await;
    inbound.say(&rest[7..]).await;
    let many: Vec<u8> = (3..=90).flat_map(|n| message(n, &n.to_string())).collect();
    inbound.say(&many).await;
    assert_eq!(text(&soon(broker.inlet.next()).await.unwrap()), "first");
    assert_eq!(text(&soon(broker.inlet.next()).await.unwrap()), "second");
    for n in 3..=90 {
        assert_eq!(text(&soon(broker.inlet.next()).await.unwrap()), n.to_string());
    }
}

#[tokio::test]
async fn who_takes_our_place_is_said() {
    let (_listener, broker, mut inbound, _outbound) = connected(60, |_| ()).await;
    inbound.disconnect(SESSION_TAKEN_OVER).await;
    let link = until(&broker.link, |link| !link.inbound).await;
    assert_eq!(link.inbound_fault, Some(Fault::TakenOver));
    assert!(link.taken_over == 1 && link.taken_over_at.is_some());
    assert!(link.outbound);
}

/// Far more than the buffers between us take: we are stuck in the middle of writing it and hear the broker all the same.
#[tokio::test]
async fn a_broker_that_takes_nothing_is_still_heard() {
    let (_listener, broker, _inbound, mut outbound) = connected(60, |_| ()).await;
    for _ in 0..200 {
        broker
            .outlet
            .publish(RECEIPT.to_owned(), vec![b'x'; 256 * 1024], false)
            .unwrap();
    }
    // The first of them has been begun.
    soon(outbound.read.readable()).await.unwrap();
    outbound.disconnect(SERVER_SHUTTING_DOWN).await;
    let link = until(&broker.link, |link| !link.outbound).await;
    let words = unreachable(link.outbound_fault.as_ref());
    assert!(words.contains("ServerShuttingDown"), "{words}");
}

#[tokio::test]
async fn what_is_no_packet_ends_the_connection() {
    let (_listener, broker, mut inbound, _outbound) = connected(60, |_| ()).await;
    // Of a kind that there is not.
    inbound.say(&[0x00, 1, 0]).await;
    let link = until(&broker.link, |link| !link.inbound).await;
    assert!(!unreachable(link.inbound_fault.as_ref()).is_empty());
}
