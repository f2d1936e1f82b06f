//! A unit under a tester's hands: it sends what it is told, well-formed or not, and resends, answers and keeps
//! nothing by itself. Not a mock: it goes over the wire like any unit.

use std::collections::VecDeque;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::link::{Broker, Link, LinkError, LinkEvent, LinkSettings, Version};
use crate::payload::{Receipt, Request, Session, Status};
use crate::plan::PlanDoc;
use crate::topics::topic;

#[derive(Debug)]
pub struct TestUnit {
    unit_id: String,
    link: Link,
    patience: Duration,
    receipts: VecDeque<Receipt>,
    requests: VecDeque<Request>,
    plans: VecDeque<Option<PlanDoc>>,
    others: VecDeque<(String, Vec<u8>)>,
    refusals: VecDeque<String>,
    subscribed: VecDeque<bool>,
}

#[derive(Debug, thiserror::Error)]
pub enum TestUnitError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("waited {} s for {what}", waited.as_secs_f64())]
    TooLong { what: String, waited: Duration },
    #[error("the service sent on {topic} what cannot be read: {fault}")]
    Unreadable { topic: String, fault: String },
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

type Result<T> = std::result::Result<T, TestUnitError>;

impl TestUnit {
    /// Connects with MQTT 5, a session of its own that ends with the connection, and no last will.
    pub async fn connect(address: SocketAddr, unit_id: &str, secret: &str) -> Result<Self> {
        Self::connect_as(address, unit_id, secret, Version::V5).await
    }

    pub async fn connect_as(
        address: SocketAddr,
        unit_id: &str,
        secret: &str,
        version: Version,
    ) -> Result<Self> {
        // Brackets, where the address has colons.
        let host = if address.is_ipv6() {
            format!("[{}]", address.ip())
        } else {
            address.ip().to_string()
        };
        Self::connect_with(&LinkSettings {
            broker: Broker::tcp(&host, address.port()),
            version,
            unit_id: unit_id.to_owned(),
            secret: secret.to_owned(),
            persistent: false,
            will: None,
        })
        .await
    }

    pub async fn connect_with(settings: &LinkSettings) -> Result<Self> {
        let mut unit = Self {
            unit_id: settings.unit_id.clone(),
            link: Link::open(settings)?,
            patience: Duration::from_secs(10),
            receipts: VecDeque::new(),
            requests: VecDeque::new(),
            plans: VecDeque::new(),
            others: VecDeque::new(),
            refusals: VecDeque::new(),
            subscribed: VecDeque::new(),
        };
        match tokio::time::timeout(unit.patience, unit.link.next()).await {
            Ok(LinkEvent::Up) => Ok(unit),
            Ok(LinkEvent::Down(error)) => Err(error.into()),
            Ok(event) => Err(LinkError::Lost(format!("{event:?} before the connection")).into()),
            Err(_) => Err(unit.too_long("the connection")),
        }
    }

    /// How long each wait may take; 10 s unless said otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Publishes bytes as a session.
    pub fn send_raw(&self, payload: impl Into<Vec<u8>>) -> Result<()> {
        self.publish(&topic(&self.unit_id, "session"), payload, false)
    }

    /// Publishes a session just as it is, `sent_at` included.
    pub fn send(&self, session: &Session) -> Result<()> {
        self.send_raw(serde_json::to_vec(session)?)
    }

    /// Publishes a session as a unit does, with the time at which it is sent.
    pub fn send_at(&self, session: &Session, sent_at: DateTime<Utc>) -> Result<()> {
        self.send_raw(session.bytes(sent_at)?)
    }

    pub fn send_status(&self, status: &Status) -> Result<()> {
        self.publish(&topic(&self.unit_id, "status"), serde_json::to_vec(status)?, true)
    }

    /// Publishes on any topic, whether the unit may or not.
    pub fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) -> Result<()> {
        Ok(self.link.publish(topic, payload.into(), retain)?)
    }

    /// Subscribes to any filter; answers whether the broker allows it. (Brokers that filter on delivery say yes.)
    pub async fn subscribe(&mut self, filter: &str) -> Result<bool> {
        self.link.subscribe(filter)?;
        self.wait("the answer to a subscription", |unit| unit.subscribed.pop_front())
            .await
    }

    /// The first receipt of this session that was not asked for yet.
    pub async fn receipt(&mut self, session_id: impl Display) -> Result<Receipt> {
        let id = session_id.to_string();
        self.wait(&format!("the receipt of {id}"), |unit| {
            let at = unit
                .receipts
                .iter()
                .position(|receipt| receipt.session_id == id)?;
            unit.receipts.remove(at)
        })
        .await
    }

    pub async fn next_request(&mut self) -> Result<Request> {
        self.wait("a request", |unit| unit.requests.pop_front()).await
    }

    /// The next plan that comes; the retained one is the first. `None` is one that was cleared.
    pub async fn plan(&mut self) -> Result<Option<PlanDoc>> {
        self.wait("a plan", |unit| unit.plans.pop_front()).await
    }

    /// The broker's next refusal of a publication (MQTT 5 only).
    pub async fn refusal(&mut self) -> Result<String> {
        self.wait("a refusal", |unit| unit.refusals.pop_front()).await
    }

    /// The next message on a topic that is not the unit's own.
    pub async fn message(&mut self) -> Result<(String, Vec<u8>)> {
        self.wait("a message", |unit| unit.others.pop_front()).await
    }

    /// Says good-bye: no last will.
    pub async fn disconnect(self) {
        self.link.close(None).await;
    }

    async fn wait<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> Result<T> {
        let patience = self.patience;
        let search = async {
            loop {
                if let Some(found) = found(self) {
                    return Ok(found);
                }
                match self.link.next().await {
                    LinkEvent::Up => {}
                    LinkEvent::Message { topic, payload } => self.sort(topic, payload)?,
                    LinkEvent::PublishRefused(reason) => self.refusals.push_back(reason),
                    LinkEvent::Subscribed(allowed) => self.subscribed.push_back(allowed),
                    LinkEvent::Down(error) => return Err(error.into()),
                }
            }
        };
        match tokio::time::timeout(patience, search).await {
            Ok(result) => result,
            Err(_) => Err(self.too_long(what)),
        }
    }

    fn sort(&mut self, on: String, payload: Vec<u8>) -> Result<()> {
        let unreadable = |error: serde_json::Error| TestUnitError::Unreadable {
            topic: on.clone(),
            fault: error.to_string(),
        };
        if on == topic(&self.unit_id, "receipt") {
            self.receipts
                .push_back(serde_json::from_slice(&payload).map_err(unreadable)?);
        } else if on == topic(&self.unit_id, "request") {
            self.requests
                .push_back(serde_json::from_slice(&payload).map_err(unreadable)?);
        } else if on == topic(&self.unit_id, "plan") {
            let plan = if payload.is_empty() {
                None
            } else {
                Some(serde_json::from_slice(&payload).map_err(unreadable)?)
            };
            self.plans.push_back(plan);
        } else {
            self.others.push_back((on, payload));
        }
        Ok(())
    }

    fn too_long(&self, what: &str) -> TestUnitError {
        TestUnitError::TooLong {
            what: what.to_owned(),
            waited: self.patience,
        }
    }
}
