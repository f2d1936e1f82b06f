//! One connection to a broker, in MQTT 5 or 3.1.1, thrown away when it fails: after a reconnect the client
//! library may have dropped what was queued or be stuck on a packet id, and neither matters to a fresh one,
//! because a unit counts on nothing but receipts. Reconnecting is the caller's.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::payload::Status;
use crate::topics::{INBOUND, topic};
use crate::transport::{Client, Heard, Polled};

/// Where the broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    pub host: String,
    pub port: u16,
    /// With TLS: the certificates to trust, as PEM.
    pub tls: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    V311,
    #[default]
    V5,
}

/// How to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    pub broker: Broker,
    pub version: Version,
    pub unit_id: String,
    pub secret: String,
    /// The broker keeps the session for a week, and with it the requests that come while the unit is away.
    pub persistent: bool,
    /// The last will. Without one the unit goes unnoticed.
    pub will: Option<Status>,
}

/// What happens on a connection. `Down` is the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// Connected and subscribed to the unit's own topics.
    Up,
    Message {
        topic: String,
        payload: Vec<u8>,
    },
    /// The broker answered a publication with a refusal (MQTT 5 only: 3.1.1 has none).
    PublishRefused(String),
    /// The answer to a further subscription.
    Subscribed(bool),
    Down(LinkError),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("the broker refuses the unit's name or secret ({0})")]
    Refused(String),
    #[error("the broker refuses the subscription to the unit's own topics")]
    NotSubscribed,
    #[error("no connection: {0}")]
    Lost(String),
    #[error("the client's queue is full")]
    Full,
}

#[derive(Debug)]
pub struct Link {
    client: Client,
    events: mpsc::Receiver<LinkEvent>,
    poll: JoinHandle<()>,
    unit_id: String,
}

/// Publications that may wait in the client: more than a unit's whole window.
const CAPACITY: usize = 256;

impl Link {
    /// Starts connecting; the first event says how it went.
    pub fn open(settings: &LinkSettings) -> Result<Self, LinkError> {
        let (client, polled) = Client::new(settings, CAPACITY)?;
        let (sender, events) = mpsc::channel(CAPACITY);
        let filters = INBOUND.map(|leaf| topic(&settings.unit_id, leaf)).to_vec();
        let poll = tokio::spawn(poll(polled, client.clone(), filters, sender));
        Ok(Self {
            client,
            events,
            poll,
            unit_id: settings.unit_id.clone(),
        })
    }

    /// The next event; after `Down` there is none.
    pub async fn next(&mut self) -> LinkEvent {
        let closed = || LinkEvent::Down(LinkError::Lost("closed".to_owned()));
        self.events.recv().await.unwrap_or_else(closed)
    }

    /// Hands a publication to the client. That is no proof of anything.
    pub fn publish(&self, topic: &str, payload: Vec<u8>, retain: bool) -> Result<(), LinkError> {
        self.client.publish(topic, payload, retain)
    }

    /// Asks for a further topic; the answer is an event.
    pub fn subscribe(&self, filter: &str) -> Result<(), LinkError> {
        self.client.subscribe(vec![filter.to_owned()])
    }

    /// Says good-bye, so that the broker keeps the last will to itself.
    pub async fn close(mut self, last_words: Option<&Status>) {
        if let Some(Ok(payload)) = last_words.map(serde_json::to_vec) {
            // If it cannot be queued the connection is gone, and the will says the same.
            if self
                .publish(&topic(&self.unit_id, "status"), payload, true)
                .is_err()
            {
                return;
            }
        }
        if self.client.disconnect().is_ok() {
            // Events nobody reads any more must not hold up the poll task.
            self.events.close();
            if tokio::time::timeout(Duration::from_secs(3), &mut self.poll)
                .await
                .is_err()
            {
                tracing::debug!(
                    unit_id = self.unit_id,
                    "the broker did not take the good-bye in time"
                );
            }
        }
    }
}

impl Drop for Link {
    /// Without a word, as a unit whose plug is pulled: the broker publishes the last will.
    fn drop(&mut self) {
        self.poll.abort();
    }
}

/// Polls until the connection ends. It never awaits the client, whose queue only this task empties.
async fn poll(mut polled: Polled, client: Client, filters: Vec<String>, events: mpsc::Sender<LinkEvent>) {
    let mut up = false;
    let end = loop {
        let event = match polled.poll().await {
            Ok(Heard::Connected) => match client.subscribe(filters.clone()) {
                Ok(()) => continue,
                Err(error) => break error,
            },
            Ok(Heard::Subscribed(true)) if !up => {
                up = true;
                LinkEvent::Up
            }
            Ok(Heard::Subscribed(false)) if !up => break LinkError::NotSubscribed,
            Ok(Heard::Subscribed(ok)) => LinkEvent::Subscribed(ok),
            Ok(Heard::Message { topic, payload }) => LinkEvent::Message { topic, payload },
            Ok(Heard::NotTaken { reason, .. }) => LinkEvent::PublishRefused(reason),
            Ok(Heard::Disconnected) => return,
            Ok(Heard::Numbered(_) | Heard::Taken(_) | Heard::Nothing) => continue,
            Err(error) => break error,
        };
        match events.try_send(event) {
            // Closed is leaving: nobody listens, but what is queued still has to go out.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(_)) => break LinkError::Full,
        }
    };
    // A full or closed channel: its reader finds the end of the channel instead.
    drop(events.try_send(LinkEvent::Down(end)));
}

impl Broker {
    pub fn tcp(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            tls: None,
        }
    }

    /// Reads `mqtt://host:port` or, with `trusted` certificates (PEM), `mqtts://host:port`.
    pub fn parse(url: &str, trusted: impl FnOnce() -> Result<Vec<u8>, String>) -> Result<Self, String> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or("a broker is written mqtt://host:port or mqtts://host:port")?;
        let (default_port, tls) = match scheme {
            "mqtt" => (1883, None),
            "mqtts" => (8883, Some(trusted()?)),
            other => return Err(format!("{other:?} is not a scheme of a broker: mqtt or mqtts")),
        };
        let rest = rest.trim_end_matches('/');
        // A colon inside brackets belongs to an IPv6 address.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().map_err(|_| format!("{port:?} is not a port"))?)
            }
            _ => (rest, default_port),
        };
        if host.is_empty() || host.contains(['@', '/']) {
            return Err("a broker's address has a host, and neither user nor path".to_owned());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
    }
}
