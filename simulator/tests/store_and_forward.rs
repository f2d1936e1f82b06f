//! The promise from the unit's side: whatever is lost on the way, and however often the unit dies, every session
//! that was taken ends in the service, unchanged, and the unit forgets none before its receipt.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use simulator::clock::Now;
use simulator::cohort::Member;
use simulator::habits::{Habits, Pace};
use simulator::payload::Session;
use simulator::unit::{Action, Event, Unit};
use uuid::Uuid;

use crate::at;

/// What happens to one publication and its receipt.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Arrives,
    /// The broker took it and dropped it.
    Lost,
    /// Stored, but the unit never hears.
    ReceiptLost,
    ReceiptTwice,
    /// The connection ends, with whatever was under way, and comes back a little later.
    Disconnected,
    /// The process dies and starts again from what it kept.
    Killed,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        3 => Just(Fate::ReceiptLost),
        1 => Just(Fate::ReceiptTwice),
        1 => Just(Fate::Disconnected),
        1 => Just(Fate::Killed),
    ]
}

const SESSIONS: u64 = 25;

struct World {
    unit: Unit,
    now: DateTime<Utc>,
    /// As in the state file.
    kept: Vec<Session>,
    next_seq: u64,
    stored: HashMap<Uuid, Value>,
    /// When each session was last sent in this life on this connection.
    sent: HashMap<Uuid, DateTime<Utc>>,
    fates: VecDeque<Fate>,
    inbound: VecDeque<Vec<u8>>,
    taken: Vec<Uuid>,
}

fn unit(kept: Vec<Session>, next_seq: u64, left: u64, now: DateTime<Utc>) -> Unit {
    let pace = Pace {
        first: None,
        every: Some(Duration::from_secs(45)),
    };
    let habits = Habits {
        pace,
        sessions: Some(left),
        unprompted: true,
        ..Habits::default()
    };
    let mut unit = Unit::new(Member::new("HU-7", "secret", 7).maker(), habits, 1, Now::at(now));
    unit.restore(kept, next_seq);
    unit
}

impl World {
    fn new(fates: Vec<Fate>) -> Self {
        let now = at("2026-11-21T09:00:00Z");
        Self {
            unit: unit(Vec::new(), 1, SESSIONS, now),
            now,
            kept: Vec::new(),
            next_seq: 1,
            stored: HashMap::new(),
            sent: HashMap::new(),
            fates: fates.into(),
            inbound: VecDeque::new(),
            taken: Vec::new(),
        }
    }

    fn step(&mut self, event: Event) {
        let actions = self.unit.step(Now::at(self.now), event);
        let mut trouble = None;
        for action in actions {
            match action {
                Action::Keep(session) => {
                    self.taken.push(session.session_id);
                    self.next_seq = session.seq.unwrap() + 1;
                    self.kept.push(session);
                }
                Action::Forget(id) => {
                    assert!(self.stored.contains_key(&id), "forgotten before it was stored");
                    self.kept.retain(|session| session.session_id != id);
                }
                // What is still to be sent when the connection or the process ends is lost.
                Action::Publish {
                    leaf: "session",
                    payload,
                    ..
                } if trouble.is_none() => {
                    trouble = self.carry(&payload);
                }
                Action::Publish { .. } => {}
            }
        }
        match trouble {
            Some(Fate::Disconnected) => self.reconnect(),
            Some(Fate::Killed) => {
                let left = SESSIONS - self.taken.len() as u64;
                self.unit = unit(self.kept.clone(), self.next_seq, left, self.now);
                self.reconnect();
            }
            _ => {}
        }
    }

    /// Carries a publication; gives its fate where the connection does not survive it.
    fn carry(&mut self, payload: &[u8]) -> Option<Fate> {
        let fate = self.fates.pop_front().unwrap_or(Fate::Arrives);
        let mut content: Value = serde_json::from_slice(payload).unwrap();
        let id: Uuid = content["session_id"].as_str().unwrap().parse().unwrap();
        assert!(
            self.kept.iter().any(|session| session.session_id == id),
            "sent before it was kept"
        );
        if let Some(last) = self.sent.insert(id, self.now) {
            assert!(
                self.now - last >= TimeDelta::seconds(30),
                "sent again after {}",
                self.now - last
            );
        }
        match fate {
            Fate::Lost => return None,
            Fate::Disconnected | Fate::Killed => return Some(fate),
            Fate::Arrives | Fate::ReceiptLost | Fate::ReceiptTwice => {}
        }
        content["sent_at"].take();
        let outcome = if self.stored.contains_key(&id) {
            "duplicate"
        } else {
            "stored"
        };
        let first = self.stored.entry(id).or_insert_with(|| content.clone());
        assert_eq!(*first, content, "the same session with another content");
        let receipt = json!({"session_id": id, "outcome": outcome, "received_at": self.now, "problems": []});
        let copies = match fate {
            Fate::ReceiptLost => 0,
            Fate::ReceiptTwice => 2,
            _ => 1,
        };
        self.inbound
            .extend(std::iter::repeat_n(receipt.to_string().into_bytes(), copies));
        None
    }

    fn reconnect(&mut self) {
        self.sent.clear();
        self.inbound.clear();
        self.step(Event::Disconnected);
        self.now += TimeDelta::seconds(7);
        self.step(Event::Connected);
    }

    fn run(&mut self) {
        self.step(Event::Connected);
        for _ in 0..20_000 {
            if let Some(receipt) = self.inbound.pop_front() {
                self.step(Event::Receipt(receipt));
            } else if self.unit.is_done() {
                return;
            } else {
                let wakes = self
                    .unit
                    .next_lived()
                    .into_iter()
                    .chain(self.unit.next_real(Now::at(self.now)));
                let next = wakes.min().expect("a unit that is not done has something to do");
                // A wake in the past would be a busy loop.
                assert!(next > self.now, "wakes at {next}, it is {}", self.now);
                self.now = next;
                self.step(Event::Tick);
            }
        }
        panic!("not done");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_session_ends_in_the_service(fates in prop::collection::vec(fate(), 0..150)) {
        let mut world = World::new(fates);
        world.run();
        prop_assert_eq!(world.taken.len() as u64, SESSIONS);
        prop_assert!(world.taken.iter().all(|id| world.stored.contains_key(id)));
        prop_assert_eq!(world.stored.len(), world.taken.len(), "nothing is stored that was not taken");
        prop_assert!(world.kept.is_empty());
    }
}
