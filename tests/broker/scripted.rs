//! A broker that does what a test tells it, to answer out of order, to refuse one of several, and to vanish
//! between a message and its answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use homeward::broker::{Broker, Frame, PublishError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

use super::rig::{RECEIPT, SESSION, external, serve, until};
use super::unit::soon;

pub(crate) const SUCCESS: u8 = 0x00;
const NOT_AUTHORIZED: u8 = 0x87;

/// A PUBLISH that the service sent, and the connection to answer it on.
pub(crate) struct Heard {
    packet: [u8; 2],
    pub(crate) payload: String,
    connection: mpsc::UnboundedSender<Vec<u8>>,
}

impl Heard {
    pub(crate) fn answer(&self, reason: u8) {
        self.connection.send(self.puback(reason)).unwrap();
    }

    fn puback(&self, reason: u8) -> Vec<u8> {
        vec![0x40, 4, self.packet[0], self.packet[1], reason, 0]
    }

    /// In one piece with a DISCONNECT, after which the connection is closed.
    fn answer_and_disconnect(&self, reason: u8) {
        let mut bytes = self.puback(reason);
        bytes.extend([0xE0, 2, 0x8B, 0]);
        self.connection.send(bytes).unwrap();
        self.close();
    }

    fn close(&self) {
        self.connection.send(Vec::new()).unwrap();
    }
}

pub(crate) struct Script {
    pub(crate) address: SocketAddr,
    /// The subscriber's DISCONNECT is read only once this was told.
    farewell: Arc<Notify>,
    heard: mpsc::UnboundedReceiver<Heard>,
    subscribers: mpsc::UnboundedReceiver<Connection>,
    acknowledged: mpsc::UnboundedReceiver<u16>,
}

/// What is to be written to it; nothing closes it.
type Connection = mpsc::UnboundedSender<Vec<u8>>;

/// Where the script learns of what its connections heard.
#[derive(Clone)]
struct Ears {
    published: mpsc::UnboundedSender<Heard>,
    subscribed: mpsc::UnboundedSender<Connection>,
    acknowledged: mpsc::UnboundedSender<u16>,
}

impl Script {
    /// Takes connections and subscriptions; answers a PUBLISH only when told to.
    pub(crate) async fn start(receive_maximum: u8) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (published, heard) = mpsc::unbounded_channel();
        let (subscribed, subscribers) = mpsc::unbounded_channel();
        let (acknowledging, acknowledged) = mpsc::unbounded_channel();
        let ears = Ears {
            published,
            subscribed,
            acknowledged: acknowledging,
        };
        let farewell = Arc::new(Notify::new());
        let told = Arc::clone(&farewell);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, receive_maximum, ears.clone(), Arc::clone(&told)));
            }
        });
        Self {
            address,
            farewell,
            heard,
            subscribers,
            acknowledged,
        }
    }

    /// Delivers a message for each of these packet ids to the next who subscribes.
    async fn deliver(&mut self, packets: &[u8]) {
        let subscriber = soon(self.subscribers.recv()).await.unwrap();
        for packet in packets {
            let topic = SESSION.as_bytes();
            // At QoS 1, without properties, and with nothing to say.
            let length = u8::try_from(2 + topic.len() + 3).unwrap();
            let mut bytes = vec![0x32, length, 0, u8::try_from(topic.len()).unwrap()];
            bytes.extend(topic);
            bytes.extend([0, *packet, 0]);
            subscriber.send(bytes).unwrap();
        }
    }

    async fn next_acknowledged(&mut self) -> u16 {
        soon(self.acknowledged.recv()).await.unwrap()
    }

    pub(crate) async fn next(&mut self) -> Heard {
        soon(self.heard.recv()).await.unwrap()
    }

    pub(crate) async fn next_payloads(&mut self, count: usize) -> Vec<Heard> {
        let mut all = Vec::new();
        while all.len() < count {
            all.push(self.next().await);
        }
        all
    }
}

/// Type and flags, and what follows the fixed header; `None` at the end of the stream.
pub(super) async fn packet(stream: &mut OwnedReadHalf) -> Option<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await.ok()?;
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = stream.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

async fn converse(stream: TcpStream, receive_maximum: u8, ears: Ears, farewell: Arc<Notify>) {
    let mut subscriber = false;
    let (mut read, mut write) = stream.into_split();
    let (connection, mut replies) = mpsc::unbounded_channel::<Vec<u8>>();
    let writing = tokio::spawn(async move {
        while let Some(bytes) = replies.recv().await {
            if bytes.is_empty() || write.write_all(&bytes).await.is_err() {
                break;
            }
        }
        drop(write.shutdown().await);
    });
    while let Some((kind, body)) = packet(&mut read).await {
        match kind >> 4 {
            // CONNACK with the receive maximum; SUBACK granting two filters; PINGRESP.
            1 => drop(connection.send(vec![0x20, 6, 0, 0, 3, 0x21, 0, receive_maximum])),
            8 => {
                subscriber = true;
                drop(connection.send(vec![0x90, 5, body[0], body[1], 0, 1, 1]));
                drop(ears.subscribed.send(connection.clone()));
            }
            4 => drop(ears.acknowledged.send(u16::from_be_bytes([body[0], body[1]]))),
            12 => drop(connection.send(vec![0xD0, 0])),
            3 => {
                let topic = usize::from(body[0]) << 8 | usize::from(body[1]);
                let rest = &body[2 + topic..];
                let payload = String::from_utf8(rest[3..].to_vec()).unwrap();
                drop(ears.published.send(Heard {
                    packet: [rest[0], rest[1]],
                    payload,
                    connection: connection.clone(),
                }));
            }
            14 => {
                if subscriber {
                    farewell.notified().await;
                }
                break;
            }
            _ => {}
        }
    }
    writing.abort();
}

fn payloads(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|heard| heard.payload.as_str()).collect()
}

fn confirmed(broker: &Broker, payload: &str) -> tokio::task::JoinHandle<Result<(), PublishError>> {
    let outlet = broker.outlet.clone();
    let payload = payload.as_bytes().to_vec();
    tokio::spawn(async move { outlet.publish_confirmed(RECEIPT.to_owned(), payload, false).await })
}

#[tokio::test]
async fn each_is_told_its_own_answer_in_whatever_order_they_come() {
    let mut script = Script::start(10).await;
    let broker = serve(external(script.address)).await.unwrap();
    let mut asked = Vec::new();
    let mut heard = Vec::new();
    for payload in ["a", "b", "c"] {
        asked.push(confirmed(&broker, payload));
        heard.push(script.next().await);
    }
    assert_eq!(payloads(&heard), ["a", "b", "c"]);
    heard[1].answer(NOT_AUTHORIZED);
    heard[2].answer(SUCCESS);
    heard[0].answer(SUCCESS);
    let refused = Err(PublishError::Refused {
        reason: "NotAuthorized".to_owned(),
    });
    for (asked, expected) in asked.into_iter().zip([Ok(()), refused, Ok(())]) {
        assert_eq!(soon(asked).await.unwrap(), expected);
    }
}

/// Each answer makes room for one more, and a packet id in use is never given to another message.
#[tokio::test]
async fn an_answer_out_of_order_and_a_refusal_do_not_jam_the_connection() {
    let mut script = Script::start(3).await;
    let broker = serve(external(script.address)).await.unwrap();
    for n in 0..8 {
        broker
            .outlet
            .publish(RECEIPT.to_owned(), n.to_string().into_bytes(), false)
            .unwrap();
    }
    let first = script.next_payloads(3).await;
    assert_eq!(payloads(&first), ["0", "1", "2"]);
    first[1].answer(SUCCESS);
    first[0].answer(NOT_AUTHORIZED);
    let second = script.next_payloads(2).await;
    assert_eq!(payloads(&second), ["3", "4"]);
    first[2].answer(SUCCESS);
    second[1].answer(SUCCESS);
    second[0].answer(NOT_AUTHORIZED);
    assert_eq!(payloads(&script.next_payloads(3).await), ["5", "6", "7"]);
    assert_eq!(
        until(&broker.link, |link| link.refused_publishes == 2)
            .await
            .reconnects,
        0
    );
}

/// The messages of these packet ids, as they arrived.
async fn delivered(script: &mut Script, broker: &mut Broker, packets: [u8; 3]) -> [Frame; 3] {
    script.deliver(&packets).await;
    let mut frames = Vec::new();
    while frames.len() < packets.len() {
        frames.push(soon(broker.inlet.next()).await.unwrap());
    }
    frames.try_into().unwrap()
}

/// MQTT wants them in the order of the messages, some brokers insist on it, and others take longer over them otherwise.
#[tokio::test]
async fn acknowledgements_go_out_in_the_order_of_the_messages() {
    let mut script = Script::start(10).await;
    let mut broker = serve(external(script.address)).await.unwrap();
    let mut frames = delivered(&mut script, &mut broker, [11, 12, 13]).await;
    frames.rotate_right(1);
    assert_eq!(broker.acker.ack(frames.into_iter().map(|frame| frame.ticket)), 3);
    for packet in [11, 12, 13] {
        assert_eq!(script.next_acknowledged().await, packet);
    }
}

#[tokio::test]
async fn behind_a_message_that_waits_for_long_nobody_else_is_held_up() {
    let mut script = Script::start(10).await;
    let mut broker = serve(external(script.address)).await.unwrap();
    let [first, second, third] = delivered(&mut script, &mut broker, [21, 22, 23]).await;
    broker.acker.ack([third.ticket]);
    assert_eq!(script.next_acknowledged().await, 23);
    broker.acker.ack([second.ticket]);
    assert_eq!(script.next_acknowledged().await, 22);
    broker.acker.ack([first.ticket]);
    assert_eq!(script.next_acknowledged().await, 21);
    assert_eq!(broker.acker.held(), 0);
}

#[tokio::test]
async fn what_was_on_the_way_when_the_connection_broke_is_sent_again_unless_somebody_waits_for_it() {
    let mut script = Script::start(10).await;
    let broker = serve(external(script.address)).await.unwrap();
    broker
        .outlet
        .publish(RECEIPT.to_owned(), b"receipt".to_vec(), false)
        .unwrap();
    let plan = confirmed(&broker, "plan");
    let heard = script.next_payloads(2).await;
    assert_eq!(payloads(&heard), ["receipt", "plan"]);
    heard[0].close();
    assert_eq!(soon(plan).await.unwrap(), Err(PublishError::Disconnected));
    let again = script.next().await;
    assert_eq!(again.payload, "receipt");
    again.answer(SUCCESS);
    // What follows is new: the plan is for its sender to repeat.
    let next = confirmed(&broker, "next");
    let heard = script.next().await;
    assert_eq!(heard.payload, "next");
    heard.answer(SUCCESS);
    assert_eq!(soon(next).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn an_answer_that_comes_with_the_end_of_the_connection_counts() {
    let mut script = Script::start(10).await;
    let broker = serve(external(script.address)).await.unwrap();
    let plan = confirmed(&broker, "plan");
    script.next().await.answer_and_disconnect(SUCCESS);
    assert_eq!(soon(plan).await.unwrap(), Ok(()));
}

/// Otherwise the next start could be served before the broker has read our last acknowledgements.
#[tokio::test]
async fn stopping_waits_until_the_broker_has_read_the_farewell() {
    let script = Script::start(10).await;
    let broker = serve(external(script.address)).await.unwrap();
    let link = broker.link.clone();
    let stopping = tokio::spawn(broker.stop());
    assert!(
        until(&link, |link| !link.outbound).await.inbound,
        "only the publisher's farewell was read so far"
    );
    script.farewell.notify_one();
    soon(stopping).await.unwrap();
    assert!(!link.borrow().inbound);
}
