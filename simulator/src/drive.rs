//! Runs one unit on one link after another: it turns what the link hears into events and the unit's actions
//! into publications, and is away from the network when it is told to.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::watch;

use crate::clock::{Clock, Now};
use crate::link::{Link, LinkError, LinkEvent, LinkSettings};
use crate::store::{Store, StoreError};
use crate::tally::Tallies;
use crate::topics::topic;
use crate::unit::{Action, Event, Unit};

/// After so many refusals in a row there is no point in a further try.
const REFUSALS: u32 = 5;
const SHORTEST_BREAK: TimeDelta = TimeDelta::milliseconds(200);
const LONGEST_BREAK: TimeDelta = TimeDelta::seconds(30);

pub(crate) struct Driver {
    pub(crate) unit: Unit,
    pub(crate) settings: LinkSettings,
    pub(crate) store: Option<Store>,
    /// Since the start, in real time.
    pub(crate) offline: Vec<Range<Duration>>,
    pub(crate) clock: Clock,
    /// How long to wait for receipts once the unit shall end.
    pub(crate) drain: Duration,
    pub(crate) dice: StdRng,
    pub(crate) place: usize,
    pub(crate) tallies: Arc<watch::Sender<Tallies>>,
    pub(crate) stop: watch::Receiver<bool>,
    /// The first connection is made then.
    pub(crate) connect_at: DateTime<Utc>,
}

/// The connection, while there is one, and when to try the next.
struct Connection {
    link: Option<Link>,
    up: bool,
    next_try: DateTime<Utc>,
    failures: u32,
    refusals: u32,
}

impl Driver {
    /// Until the unit is done, told to stop, refused for good or unable to keep its sessions.
    pub(crate) async fn run(mut self) {
        if let Err(error) = self.live().await {
            tracing::error!(unit_id = self.settings.unit_id, %error, "a unit cannot keep its sessions");
            self.unit.tally_mut().fault = Some(error.to_string());
            self.unit.tally_mut().broken = true;
        }
        self.unit.tally_mut().connected = false;
        self.report();
    }

    async fn live(&mut self) -> Result<(), StoreError> {
        let mut connection = Connection {
            link: None,
            up: false,
            next_try: self.connect_at,
            failures: 0,
            refusals: 0,
        };
        let mut end: Option<DateTime<Utc>> = None;
        loop {
            let now = self.clock.now();
            self.connect(now, &mut connection)?;
            self.step(now, &connection, Event::Tick)?;
            self.report();
            let refused = connection.refusals >= REFUSALS;
            if self.unit.is_done() || refused || end.is_some_and(|end| end <= now.real) {
                self.unit.tally_mut().refused = refused;
                break;
            }
            let wait = self.wait(now, &connection, end);
            tokio::select! {
                event = next_event(&mut connection.link) => self.heard(event, &mut connection)?,
                () = stopped(&mut self.stop), if end.is_none() => {
                    let now = self.clock.now();
                    end = Some(now.real + TimeDelta::from_std(self.drain).unwrap_or(TimeDelta::zero()));
                    self.step(now, &connection, Event::Finish)?;
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
        if let Some(link) = connection.link.take().filter(|_| connection.up) {
            link.close(Some(&self.unit.status(self.clock.now(), false))).await;
        }
        Ok(())
    }

    /// Brings the link into the state that the time of day asks for.
    fn connect(&mut self, now: Now, connection: &mut Connection) -> Result<(), StoreError> {
        let since = now.real - self.clock.start().real;
        let away = since
            .to_std()
            .is_ok_and(|since| self.offline.iter().any(|away| away.contains(&since)));
        if away {
            // Dropped without a word, as when a patient pulls the plug.
            connection.link = None;
            if std::mem::take(&mut connection.up) {
                self.step(now, connection, Event::Disconnected)?;
            }
        } else if connection.link.is_none() && connection.next_try <= now.real {
            self.settings.will = Some(Unit::will(now));
            match Link::open(&self.settings) {
                Ok(link) => connection.link = Some(link),
                Err(error) => self.down(now, connection, &error)?,
            }
        }
        Ok(())
    }

    fn heard(&mut self, event: LinkEvent, connection: &mut Connection) -> Result<(), StoreError> {
        let now = self.clock.now();
        match event {
            LinkEvent::Up => {
                (connection.up, connection.failures, connection.refusals) = (true, 0, 0);
                self.unit.tally_mut().connections += 1;
                self.step(now, connection, Event::Connected)
            }
            LinkEvent::Message { topic, payload } => match topic.rsplit('/').next() {
                Some("receipt") => self.step(now, connection, Event::Receipt(payload)),
                Some("plan") => self.step(now, connection, Event::Plan(payload)),
                Some("request") => self.step(now, connection, Event::Request(payload)),
                _ => Ok(()),
            },
            LinkEvent::PublishRefused(reason) => {
                self.unit.tally_mut().fault = Some(format!("the broker refused a publication: {reason}"));
                Ok(())
            }
            LinkEvent::Subscribed(_) => Ok(()),
            LinkEvent::Down(error) => self.down(now, connection, &error),
        }
    }

    fn down(&mut self, now: Now, connection: &mut Connection, error: &LinkError) -> Result<(), StoreError> {
        tracing::debug!(unit_id = self.settings.unit_id, %error, "connection lost");
        connection.link = None;
        let is_refusal = matches!(error, LinkError::Refused(_) | LinkError::NotSubscribed);
        connection.refusals = if is_refusal { connection.refusals + 1 } else { 0 };
        let doubled = SHORTEST_BREAK * (1 << connection.failures.min(12));
        let pause = doubled.min(LONGEST_BREAK).num_milliseconds();
        connection.failures += 1;
        connection.next_try =
            now.real + TimeDelta::milliseconds(self.dice.random_range(pause / 2..=pause * 3 / 2));
        self.unit.tally_mut().fault = Some(error.to_string());
        connection.up = false;
        self.step(now, connection, Event::Disconnected)
    }

    fn step(&mut self, now: Now, connection: &Connection, event: Event) -> Result<(), StoreError> {
        for action in self.unit.step(now, event) {
            match (action, &mut self.store, &connection.link) {
                (Action::Keep(session), Some(store), _) => store.keep(&session)?,
                (Action::Forget(id), Some(store), _) => store.forget(id)?,
                (
                    Action::Publish {
                        leaf,
                        payload,
                        retain,
                    },
                    _,
                    Some(link),
                ) => {
                    let topic = topic(&self.settings.unit_id, leaf);
                    if let Err(error) = link.publish(&topic, payload, retain) {
                        // Not lost: a session without a receipt is sent again.
                        self.unit.tally_mut().fault = Some(error.to_string());
                    }
                }
                (Action::Keep(_) | Action::Forget(_), None, _) | (Action::Publish { .. }, _, None) => {}
            }
        }
        Ok(())
    }

    /// Real time until something happens by itself.
    fn wait(&self, now: Now, connection: &Connection, end: Option<DateTime<Utc>>) -> Duration {
        let start = self.clock.start().real;
        let edges = self.offline.iter().flat_map(|away| [away.start, away.end]);
        let edges = edges
            .filter_map(|edge| TimeDelta::from_std(edge).ok())
            .map(|edge| start + edge);
        let reconnect = connection.link.is_none().then_some(connection.next_try);
        let lived = self
            .unit
            .next_lived()
            .map(|lived| now.real + self.clock.until_lived(now, lived));
        edges
            .filter(|edge| *edge > now.real)
            .chain(reconnect.filter(|at| *at > now.real))
            .chain(self.unit.next_real(now))
            .chain(lived)
            .chain(end)
            .map(|at| (at - now.real).to_std().unwrap_or(Duration::ZERO))
            .min()
            // A wall clock may be set while we sleep.
            .map_or(Duration::from_mins(1), |wait| {
                wait.clamp(Duration::from_millis(1), Duration::from_mins(1))
            })
    }

    fn report(&self) {
        self.tallies.send_if_modified(|tallies| {
            let Some((_, tally)) = tallies.units.get_mut(self.place) else {
                return false;
            };
            let changed = tally != self.unit.tally();
            tally.clone_from(self.unit.tally());
            changed
        });
    }
}

/// Told to stop, or nobody left who could tell it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

async fn next_event(link: &mut Option<Link>) -> LinkEvent {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}
