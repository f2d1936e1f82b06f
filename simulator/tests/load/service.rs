//! A service of a few lines that keeps the contract, written from the contract: it tells new from known, same from
//! other, and whole from malformed. It can be told to be slow of speech or wrong.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use serde_json::{Value, json};

/// What it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    Good,
    /// Every so-manieth receipt is lost.
    Forgetful(u64),
    /// One session, the 7th, is never answered.
    SilentOnce,
    /// One session, the 7th, is receipted as if it had been there.
    WrongOnce,
}

pub(super) struct Service {
    client: AsyncClient,
    events: EventLoop,
    now: DateTime<Utc>,
    temper: Temper,
    /// By unit and session id.
    pub(super) stored: HashMap<(String, String), Value>,
    /// Reasons of what was set aside.
    pub(super) quarantine: BTreeMap<&'static str, u64>,
    receipts: u64,
    silent: Option<String>,
}

impl Service {
    /// `now` is what its clock shows, for ever.
    pub(super) async fn start(port: u16, now: DateTime<Utc>, temper: Temper) -> Self {
        let mut options = MqttOptions::new("service", "127.0.0.1", port);
        options
            .set_credentials("service", "service")
            .set_outgoing_inflight_upper_limit(1000);
        let (client, events) = AsyncClient::new(options, 100_000);
        let mut service = Self {
            client,
            events,
            now,
            temper,
            stored: HashMap::new(),
            quarantine: BTreeMap::new(),
            receipts: 0,
            silent: None,
        };
        while !matches!(service.next().await, Some(Packet::SubAck(_))) {}
        service
    }

    /// One packet, answered; none, where the broker was away.
    async fn next(&mut self) -> Option<Packet> {
        loop {
            let Ok(event) = self.events.poll().await else {
                // The next poll connects anew.
                return None;
            };
            let Event::Incoming(packet) = event else { continue };
            match &packet {
                Packet::ConnAck(_) => {
                    let sessions = "homeward/v1/units/+/session";
                    self.client.try_subscribe(sessions, QoS::AtLeastOnce).unwrap();
                }
                Packet::Publish(publish) => {
                    let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                    let unit_id = topic.split('/').nth(3).unwrap().to_owned();
                    self.session(&unit_id, &publish.payload);
                }
                _ => {}
            }
            return Some(packet);
        }
    }

    fn session(&mut self, unit_id: &str, payload: &[u8]) {
        match self.read(payload) {
            Err((code, id)) => {
                *self.quarantine.entry(code).or_default() += 1;
                if let Some(id) = id {
                    self.receipt(unit_id, &id, "rejected", Some(code));
                }
            }
            Ok((id, session)) => {
                let key = (unit_id.to_owned(), id.clone());
                match self.stored.get(&key) {
                    Some(known) if *known == session => self.receipt(unit_id, &id, "duplicate", None),
                    Some(_) => {
                        *self.quarantine.entry("session_conflict").or_default() += 1;
                        self.receipt(unit_id, &id, "rejected", Some("session_conflict"));
                    }
                    None => {
                        self.stored.insert(key, session);
                        let seventh = self.stored.len() == 7;
                        if seventh && self.temper == Temper::SilentOnce {
                            self.silent = Some(id.clone());
                        }
                        let wrong = seventh && self.temper == Temper::WrongOnce;
                        self.receipt(unit_id, &id, if wrong { "duplicate" } else { "stored" }, None);
                    }
                }
            }
        }
    }

    /// The session without `sent_at`; or why not, and its id where it can be read.
    fn read(&self, payload: &[u8]) -> Result<(String, Value), (&'static str, Option<String>)> {
        let text = String::from_utf8_lossy(payload);
        let id = text
            .split_once("\"session_id\":\"")
            .and_then(|(_, rest)| rest.get(..36))
            .map(str::to_owned);
        let Ok(mut session) = serde_json::from_slice::<Value>(payload) else {
            return Err(("not_json", id));
        };
        let completed_at = session["completed_at"].as_str().and_then(|at| at.parse().ok());
        let answers = session["answers"].as_array().map_or(0, Vec::len);
        let numbers = session["readings"]
            .as_array()
            .is_some_and(|readings| readings.iter().all(|r| r["value"].is_number()));
        let Some((id, completed_at)) = id.clone().zip(completed_at) else {
            return Err(("bad_field", id));
        };
        if answers > 64 {
            return Err(("too_many", Some(id)));
        }
        if !numbers || text.contains("\\u0000") {
            return Err(("bad_field", Some(id)));
        }
        let completed_at: DateTime<Utc> = completed_at;
        if completed_at < self.now - TimeDelta::days(400) || completed_at > self.now + TimeDelta::minutes(10)
        {
            return Err(("clock_fault", Some(id)));
        }
        session.as_object_mut().unwrap().remove("sent_at");
        Ok((id, session))
    }

    fn receipt(&mut self, unit_id: &str, session_id: &str, outcome: &str, code: Option<&str>) {
        self.receipts += 1;
        let lost = matches!(self.temper, Temper::Forgetful(every) if self.receipts.is_multiple_of(every));
        if lost || self.silent.as_deref() == Some(session_id) {
            return;
        }
        let problems: Vec<_> = code
            .iter()
            .map(|code| json!({"at": "", "code": code, "detail": ""}))
            .collect();
        let received_at = self.now + TimeDelta::microseconds(i64::try_from(self.receipts).unwrap());
        let receipt = json!({"session_id": session_id, "outcome": outcome, "received_at": received_at, "problems": problems});
        let topic = format!("homeward/v1/units/{unit_id}/receipt");
        self.client
            .try_publish(topic, QoS::AtLeastOnce, false, receipt.to_string())
            .unwrap();
    }

    /// Serves until `done` is.
    pub(super) async fn during<T>(&mut self, done: impl Future<Output = T>) -> T {
        let done = tokio::time::timeout(Duration::from_secs(90), done);
        tokio::pin!(done);
        loop {
            tokio::select! {
                result = &mut done => return result.expect("the load is done within 90 s"),
                _ = self.next() => {}
            }
        }
    }

    /// Serves until it has stored so many.
    pub(super) async fn until_stored(&mut self, count: usize) {
        let limit = tokio::time::Instant::now() + Duration::from_mins(1);
        while self.stored.len() < count {
            tokio::time::timeout_at(limit, self.next())
                .await
                .expect("the sessions come within 60 s");
        }
    }
}
