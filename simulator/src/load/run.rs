//! The state of a run and what each event does to it. One task holds all of it, so nothing here waits or locks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::account::Next;
use super::lane::Lane;
use super::ledger::Ledger;
use super::line::Told;
use super::pace::Pace;
use super::recipe::Recipe;
use super::{LoadError, Order, Witnessed};
use crate::link::LinkError;
use crate::payload::Receipt;
use crate::queue::Backoff;

pub(super) struct Run {
    recipe: Arc<Recipe>,
    pub(super) ledger: Ledger,
    /// The publishers, and last the listener where there is one.
    lanes: Vec<Lane>,
    publishers: usize,
    /// The listener's connection: nothing is sent whose receipt nobody would hear.
    listening: bool,
    pace: Pace,
    released: Option<watch::Receiver<u64>>,
    resend: Backoff,
    dice: StdRng,
    /// The next session that was never sent.
    pub(super) next: u64,
    /// When to send what again: the time, the session, and its tries when this was noted.
    resends: BinaryHeap<Reverse<(Instant, u64, u32)>>,
    sent: Vec<u64>,
    start: Instant,
    /// When the last account was closed, in microseconds since the start.
    pub(super) last_closed: u64,
    pub(super) reconnections: u64,
    pub(super) not_taken: u64,
    pub(super) fault: Option<String>,
    witness: Option<mpsc::UnboundedSender<Witnessed>>,
}

/// Sessions that go out before the connections get their turn.
const BURST: usize = 256;

/// In a row, on one connection: a service that is just restarting may refuse once or twice.
const REFUSALS: u32 = 5;

impl Run {
    pub(super) fn new(order: &Order, publishers: usize, listener: bool) -> Self {
        let lanes = publishers + usize::from(listener);
        Self {
            recipe: Arc::clone(&order.recipe),
            ledger: Ledger::new(Arc::clone(&order.recipe), order.crashes),
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            publishers,
            listening: !listener,
            pace: order.pace,
            released: order.released.clone(),
            resend: order.resend,
            dice: StdRng::seed_from_u64(order.recipe.seed()),
            next: 0,
            resends: BinaryHeap::new(),
            sent: Vec::new(),
            start: Instant::now(),
            last_closed: 0,
            reconnections: 0,
            not_taken: 0,
            fault: None,
            witness: order.witness.clone(),
        }
    }

    /// From here on times count.
    pub(super) fn begin(&mut self) -> Instant {
        self.start = Instant::now();
        self.start
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn micros(&self) -> u64 {
        u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Connections that are up, and all.
    pub(super) fn connections(&self) -> (usize, usize) {
        let up = self.lanes.iter().filter(|lane| lane.is_up()).count();
        (up, self.lanes.len())
    }

    /// Sessions without all their receipts.
    pub(super) fn open(&self) -> u64 {
        self.next - self.ledger.counts.closed
    }

    pub(super) fn is_done(&self) -> bool {
        self.next == self.recipe.sessions() && self.open() == 0
    }

    /// Sends what is due for the first time; true where more of it is due already.
    pub(super) fn send_due(&mut self) -> bool {
        let now = self.micros();
        for _ in 0..BURST {
            let due = self.pace.due(self.next, now);
            if self.next >= self.allowed() || due > now || self.open() >= self.pace.window {
                return false;
            }
            let copies = self.ledger.admit(self.next, due);
            let lane = self.lane_of(self.next);
            self.lanes[lane].add(self.next, copies);
            self.next += 1;
            self.pump(lane);
        }
        true
    }

    /// How many sessions may have gone out by now.
    fn allowed(&self) -> u64 {
        let all = self.recipe.sessions();
        // Without its sender nobody holds anything back.
        self.released
            .as_ref()
            .filter(|released| released.has_changed().is_ok())
            .map_or(all, |released| all.min(*released.borrow()))
    }

    /// Sends again what has waited long enough; when to look again.
    pub(super) fn resend_due(&mut self) -> Option<Instant> {
        let now = Instant::now();
        while let Some(Reverse((at, index, tries))) = self.resends.peek().copied() {
            // Most were receipted long ago, some sent since for another reason.
            if self.ledger.is_open(index) && self.ledger.tries(index) == tries {
                if at > now {
                    return Some(at);
                }
                let lane = self.lane_of(index);
                self.lanes[lane].again(index, 1);
                self.resends.pop();
                self.pump(lane);
            } else {
                self.resends.pop();
            }
        }
        None
    }

    pub(super) fn told(&mut self, place: usize, told: Told) -> Result<(), LoadError> {
        match told {
            Told::Up(client) => self.up(place, client),
            Told::Numbered(packet) => self.lanes[place].number(packet),
            Told::Taken(packet) => {
                if let Some(index) = self.lanes[place].answered(packet) {
                    let next = self.ledger.taken(index);
                    self.go_on(index, next);
                }
                self.pump(place);
            }
            Told::NotTaken(packet, reason) => {
                self.lanes[place].answered(packet);
                self.not_taken += 1;
                if reason.contains("NotAuthorized") {
                    return Err(LoadError::NotAuthorized);
                }
                self.fault = Some(format!("the broker refused a publication: {reason}"));
                self.pump(place);
            }
            Told::Message { topic, payload } => self.message(&topic, &payload),
            Told::Down(error) => self.down(place, error)?,
        }
        Ok(())
    }

    /// Says good-bye on every connection.
    pub(super) fn leave(&mut self) {
        self.lanes.iter_mut().for_each(Lane::leave);
    }

    fn up(&mut self, place: usize, client: crate::transport::Client) {
        self.lanes[place].up(client, &self.ledger);
        if place < self.publishers {
            return self.pump(place);
        }
        self.listening = true;
        for lane in 0..self.publishers {
            self.lanes[lane].resume(&self.ledger);
            self.pump(lane);
        }
    }

    fn down(&mut self, place: usize, error: LinkError) -> Result<(), LoadError> {
        if self.lanes[place].is_up() {
            self.reconnections += 1;
        }
        self.lanes[place].down();
        if place >= self.publishers {
            self.listening = false;
        }
        self.fault = Some(error.to_string());
        match error {
            LinkError::Refused(_) | LinkError::NotSubscribed => {
                if self.lanes[place].refused() >= REFUSALS {
                    return Err(LoadError::Refused(error));
                }
            }
            LinkError::Lost(_) | LinkError::Full => {}
        }
        Ok(())
    }

    fn message(&mut self, topic: &str, payload: &[u8]) {
        let Some(unit_id) = topic
            .strip_prefix("homeward/v1/units/")
            .and_then(|rest| rest.strip_suffix("/receipt"))
        else {
            return;
        };
        let Ok(receipt) = serde_json::from_slice::<Receipt>(payload) else {
            self.ledger.counts.unreadable += 1;
            return;
        };
        let index = receipt
            .session_id
            .parse()
            .ok()
            .and_then(|id| self.recipe.find(id));
        let Some(index) = index else {
            self.ledger.counts.foreign += 1;
            return;
        };
        if self.recipe.unit_id(index) == unit_id {
            self.witness(Witnessed::Receipted(index, receipt.outcome));
            let now = self.micros();
            let next = self.ledger.receipt(index, &receipt, now);
            self.go_on(index, next);
        } else {
            self.ledger.misdirected(index, unit_id);
        }
    }

    fn go_on(&mut self, index: u64, next: Next) {
        let lane = self.lane_of(index);
        match next {
            Next::Wait => {}
            Next::SendSecond => {
                self.lanes[lane].again(index, 1);
                self.pump(lane);
            }
            Next::Closed => {
                self.lanes[lane].close(index);
                self.last_closed = self.micros();
            }
        }
    }

    fn pump(&mut self, lane: usize) {
        if !self.listening {
            return;
        }
        self.lanes[lane].pump(&self.recipe, &mut self.ledger, &mut self.sent);
        if self.sent.is_empty() {
            return;
        }
        let now = Instant::now();
        for index in self.sent.drain(..) {
            let tries = self.ledger.tries(index);
            let after = self.resend.after(tries, &mut self.dice).to_std();
            let again = now + after.unwrap_or_default();
            self.resends.push(Reverse((again, index, tries)));
            // Field by field, since the list of the sent is being drained.
            if let Some(witness) = &self.witness {
                let _ = witness.send(Witnessed::Sent(index));
            }
        }
    }

    /// A witness that has gone home is no fault of the run.
    fn witness(&self, what: Witnessed) {
        if let Some(witness) = &self.witness {
            let _ = witness.send(what);
        }
    }

    fn lane_of(&self, index: u64) -> usize {
        let unit = index % self.recipe.units().len() as u64;
        usize::try_from(unit % self.publishers as u64).unwrap_or(0)
    }
}
