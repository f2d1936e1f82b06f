//! A client in the tests' hand: connects once, says what the broker answered, never reconnects by itself.

use std::net::SocketAddr;
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, LastWill, Packet, PubAckReason, Publish, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, MqttOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far longer than anything takes; a test that reaches it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Waits for something that is to happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(LONG, what).await.expect("it did not happen")
}

pub(crate) struct Unit {
    client: AsyncClient,
    events: mpsc::UnboundedReceiver<Event>,
    task: JoinHandle<()>,
    pub(crate) session_present: bool,
}

/// How to sign in.
pub(crate) struct SignIn {
    pub(crate) options: MqttOptions,
}

impl SignIn {
    pub(crate) fn new(address: SocketAddr, client_id: &str) -> Self {
        let mut options = MqttOptions::new(client_id, address.ip().to_string(), address.port());
        options
            .set_outgoing_inflight_upper_limit(1000)
            .set_max_packet_size(Some(2 * 1024 * 1024));
        Self { options }
    }

    pub(crate) fn with_secret(mut self, user: &str, secret: &str) -> Self {
        self.options.set_credentials(user, secret);
        self
    }

    pub(crate) fn with_will(mut self, topic: &str, payload: &str) -> Self {
        self.options.set_last_will(LastWill::new(
            topic,
            payload.to_owned(),
            QoS::AtLeastOnce,
            true,
            None,
        ));
        self
    }

    /// Keeps its subscriptions and messages for a day.
    pub(crate) fn persistent(mut self) -> Self {
        self.options
            .set_clean_start(false)
            .set_session_expiry_interval(Some(24 * 3600));
        self
    }

    pub(crate) async fn connect(self) -> Unit {
        self.try_connect().await.expect("the broker refused")
    }

    pub(crate) async fn try_connect(self) -> Result<Unit, ConnectReturnCode> {
        let (client, mut eventloop) = AsyncClient::new(self.options, 2000);
        let session_present = match soon(eventloop.poll()).await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => ack.session_present,
            Err(ConnectionError::ConnectionRefused(code)) => return Err(code),
            other => panic!("instead of a CONNACK: {other:?}"),
        };
        let (sender, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok(event) = eventloop.poll().await {
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        Ok(Unit {
            client,
            events,
            task,
            session_present,
        })
    }
}

impl Unit {
    /// Hands the message over without waiting for an answer.
    pub(crate) fn send(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client
            .try_publish(topic, QoS::AtLeastOnce, false, payload.into())
            .unwrap();
    }

    pub(crate) fn send_unacknowledged(&self, topic: &str, payload: &str) {
        self.client
            .try_publish(topic, QoS::AtMostOnce, false, payload.to_owned())
            .unwrap();
    }

    /// Publishes and answers what the broker said. Messages that arrive meanwhile are passed over.
    pub(crate) async fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>) -> PubAckReason {
        self.send(topic, payload);
        soon(async {
            loop {
                match self.events.recv().await.expect("the connection ended") {
                    Event::Incoming(Packet::PubAck(ack)) => return ack.reason,
                    Event::Incoming(Packet::Disconnect(_)) => panic!("the broker disconnected"),
                    _ => {}
                }
            }
        })
        .await
    }

    /// Publishes so many and waits until the broker has them all.
    pub(crate) async fn publish_all(&mut self, topic: &str, payloads: impl IntoIterator<Item = String>) {
        let mut open = 0;
        for payload in payloads {
            self.send(topic, payload);
            open += 1;
        }
        soon(async {
            while open > 0 {
                let event = self.events.recv().await.expect("the connection ended");
                open -= usize::from(matches!(event, Event::Incoming(Packet::PubAck(_))));
            }
        })
        .await;
    }

    pub(crate) async fn subscribe(&mut self, filter: &str) -> SubscribeReasonCode {
        self.client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
        soon(async {
            loop {
                if let Event::Incoming(Packet::SubAck(ack)) =
                    self.events.recv().await.expect("the connection ended")
                {
                    return ack.return_codes[0];
                }
            }
        })
        .await
    }

    pub(crate) async fn message(&mut self) -> Publish {
        soon(async {
            loop {
                if let Event::Incoming(Packet::Publish(publish)) =
                    self.events.recv().await.expect("the connection ended")
                {
                    return publish;
                }
            }
        })
        .await
    }

    /// Resolves once the broker has ended the connection.
    pub(crate) async fn ended(&mut self) {
        while self.events.recv().await.is_some() {}
    }

    /// Says goodbye, so that no last will is published.
    pub(crate) async fn leave(mut self) {
        self.client.try_disconnect().unwrap();
        soon(async {
            while let Some(event) = self.events.recv().await {
                if event == Event::Outgoing(Outgoing::Disconnect) {
                    break;
                }
            }
        })
        .await;
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.task.abort();
    }
}
