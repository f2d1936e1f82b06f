//! What a unit does when, without a network: events in, actions out, the time passed in. It works through
//! whatever the link does to it, and gives up a session only for a receipt.

mod inbound;

use std::collections::VecDeque;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use uuid::Uuid;

use crate::clock::Now;
use crate::habits::{Habits, Pace};
use crate::payload::{Request, Session, Status};
use crate::plan::PlanDoc;
use crate::queue::Queue;
use crate::session::SessionMaker;
use crate::tally::Tally;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Connected, and subscribed to the unit's own topics.
    Connected,
    Disconnected,
    Receipt(Vec<u8>),
    Plan(Vec<u8>),
    Request(Vec<u8>),
    /// Time has passed.
    Tick,
    /// No more sessions; what waits is still sent.
    Finish,
}

/// To be done in this order: a session is kept before it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Keep(Session),
    Forget(Uuid),
    Publish {
        leaf: &'static str,
        payload: Vec<u8>,
        retain: bool,
    },
}

#[derive(Debug)]
pub struct Unit {
    maker: SessionMaker,
    habits: Habits,
    start: Now,
    plan: Option<PlanDoc>,
    queue: Queue,
    connected: bool,
    finishing: bool,
    /// Since when there is somebody to ask, and what.
    ready: Option<DateTime<Utc>>,
    last_session: Option<DateTime<Utc>>,
    last_due: DateTime<Utc>,
    retests: Vec<(DateTime<Utc>, Request)>,
    requests_seen: VecDeque<String>,
    next_status: DateTime<Utc>,
    tally: Tally,
}

const STATUS_EVERY: TimeDelta = TimeDelta::hours(1);

impl Unit {
    pub fn new(maker: SessionMaker, habits: Habits, seed: u64, start: Now) -> Self {
        Self {
            ready: habits.unprompted.then_some(start.lived),
            queue: Queue::new(habits.resend, seed),
            last_due: start.lived,
            next_status: start.real,
            maker,
            habits,
            start,
            plan: None,
            connected: false,
            finishing: false,
            last_session: None,
            retests: Vec::new(),
            requests_seen: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    /// Takes up what an earlier run kept and had no receipt for.
    pub fn restore(&mut self, kept: Vec<Session>, next_seq: u64) {
        self.maker.continue_from(next_seq);
        for session in kept {
            self.queue.push(session);
        }
        self.tally.waiting = self.queue.len() as u64;
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn tally_mut(&mut self) -> &mut Tally {
        &mut self.tally
    }

    pub fn step(&mut self, now: Now, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Connected => {
                self.connected = true;
                self.queue.connected();
                self.next_status = now.real;
            }
            Event::Disconnected => self.connected = false,
            Event::Receipt(payload) => self.receipt(&payload, &mut actions),
            Event::Plan(payload) => self.plan(now, &payload),
            Event::Request(payload) => self.request(now, &payload),
            Event::Tick => {}
            Event::Finish => self.finishing = true,
        }
        self.take_sessions(now, &mut actions);
        self.tally.waiting = self.queue.len() as u64;
        if self.connected {
            self.send(now, &mut actions);
        }
        self.tally.connected = self.connected;
        self.tally.next_session = self.next_session().map(|(_, at)| at);
        actions
    }

    /// Whether there is nothing left to do: every session that was wanted is taken and has its receipt.
    pub fn is_done(&self) -> bool {
        let enough = self.finishing
            || self
                .habits
                .sessions
                .is_some_and(|limit| self.tally.taken >= limit);
        enough && self.queue.is_empty() && (self.finishing || self.retests.is_empty())
    }

    /// The next lived time at which something happens by itself.
    pub fn next_lived(&self) -> Option<DateTime<Utc>> {
        let retest = self.retests.iter().map(|(at, _)| *at).min();
        let session = self.next_session().map(|(_, at)| at);
        retest.into_iter().chain(session).min()
    }

    /// The next real time at which something happens by itself.
    pub fn next_real(&self, now: Now) -> Option<DateTime<Utc>> {
        if !self.connected {
            return None;
        }
        self.queue
            .next_try(now.real)
            .into_iter()
            .chain([self.next_status])
            .min()
    }

    /// What the broker says of this unit when it goes without a word. The times are those of the connection: a
    /// will is written before the event.
    pub fn will(now: Now) -> Status {
        Status {
            online: false,
            at: now.real.trunc_subsecs(3),
            sent_at: None,
            battery_pct: None,
            firmware: None,
            queued: None,
        }
    }

    /// The unit's word on itself.
    pub fn status(&self, now: Now, online: bool) -> Status {
        // A charge lasts some weeks, and the patient recharges in time.
        let days = u64::try_from((now.real - self.start.real).num_days()).unwrap_or(0);
        let charge = 100 - (self.maker.next_seq() + days) % 60;
        Status {
            online,
            at: now.real.trunc_subsecs(3),
            sent_at: Some(now.real.trunc_subsecs(3)),
            battery_pct: u8::try_from(charge).ok(),
            firmware: Some(concat!("home-unit ", env!("CARGO_PKG_VERSION")).to_owned()),
            queued: Some(self.queue.len() as u64),
        }
    }

    fn take_sessions(&mut self, now: Now, actions: &mut Vec<Action>) {
        while let Some((due, at)) = self.next_session().filter(|(_, at)| *at <= now.lived) {
            self.last_due = due.unwrap_or(at);
            self.last_session = Some(at);
            if due.is_some_and(|due| self.maker.patient().forgets(due)) {
                self.tally.forgotten += 1;
                continue;
            }
            let session = match &self.plan {
                Some(plan) => self.maker.session(at, plan),
                None => self.maker.unprompted(at),
            };
            self.tally.taken += 1;
            self.keep(session, actions);
        }
        let (ripe, later) = std::mem::take(&mut self.retests)
            .into_iter()
            .partition(|(at, _)| *at <= now.lived);
        self.retests = later;
        for (at, request) in ripe as Vec<(DateTime<Utc>, Request)> {
            if request.expires_at.is_some_and(|expiry| expiry <= now.real) {
                self.tally.expired += 1;
                continue;
            }
            let measures = request.measures.unwrap_or_default();
            let session = self
                .maker
                .retest(at, &request.request_id, &measures, self.plan.as_ref());
            self.tally.retests += 1;
            self.keep(session, actions);
        }
    }

    fn keep(&mut self, session: Session, actions: &mut Vec<Action>) {
        actions.push(Action::Keep(session.clone()));
        self.queue.push(session);
    }

    /// The due time, where the session has one, and the time at which the session is complete.
    fn next_session(&self) -> Option<(Option<DateTime<Utc>>, DateTime<Utc>)> {
        let ready = self.ready?;
        if self.finishing
            || self
                .habits
                .sessions
                .is_some_and(|limit| self.tally.taken >= limit)
        {
            return None;
        }
        let Pace { first, every } = self.habits.pace;
        let span = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        if let (None, Some(first)) = (self.last_session, first) {
            return Some((None, (self.start.lived + span(first)).max(ready)));
        }
        if let Some(every) = every {
            let at = self.last_session.map_or(ready, |last| last + span(every));
            return Some((None, at));
        }
        let plan = self.plan.as_ref()?;
        let schedule = plan.schedule.as_ref()?;
        let due = plan.next_due(self.last_due.max(ready))?;
        // One that the patient forgets is passed over at its time.
        let at = self.maker.completion(due, schedule).unwrap_or(due);
        Some((Some(due), at.max(ready)))
    }

    fn send(&mut self, now: Now, actions: &mut Vec<Action>) {
        for session in self.queue.due(now.real) {
            match session.bytes(now.real.trunc_subsecs(3)) {
                Ok(payload) => {
                    self.tally.sent += 1;
                    actions.push(Action::Publish {
                        leaf: "session",
                        payload,
                        retain: false,
                    });
                }
                Err(error) => self.tally.fault = Some(error.to_string()),
            }
        }
        if self.next_status <= now.real {
            self.next_status = now.real + STATUS_EVERY;
            if let Ok(payload) = serde_json::to_vec(&self.status(now, true)) {
                actions.push(Action::Publish {
                    leaf: "status",
                    payload,
                    retain: true,
                });
            }
        }
    }
}
