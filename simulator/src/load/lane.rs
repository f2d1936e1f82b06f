//! One connection's side of a run: what it has sent, what waits for room, what is without a receipt. A connection
//! that breaks takes nothing with it; all that is open goes out again over the next.

use std::collections::{BTreeSet, VecDeque};

use super::ledger::Ledger;
use super::recipe::Recipe;
use crate::topics::topic;
use crate::transport::Client;

/// A connection that publishes for one unit or for many.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// None while there is no connection.
    client: Option<Client>,
    /// Sessions to send as soon as there is room.
    held: VecDeque<u64>,
    /// Handed to the client, which has not numbered them yet; oldest first.
    handed: VecDeque<u64>,
    /// By packet id, until the broker takes them. The client uses low ids again and again.
    numbered: Vec<Option<u64>>,
    /// Without all their receipts, so that they can be sent again.
    open: BTreeSet<u64>,
    in_flight: usize,
    /// Refusals of the sign-in in a row.
    refusals: u32,
}

/// So many publications are in the client's hands at a time: more than fit into its own window, which keeps the
/// connection busy, and fewer than its queue holds.
const WINDOW: usize = 200;
/// Of the client's queue.
pub(super) const CAPACITY: usize = 256;

impl Lane {
    /// Adds a session that is due, so many times.
    pub(super) fn add(&mut self, index: u64, copies: u16) {
        self.open.insert(index);
        self.again(index, copies);
    }

    /// Queues a session that is open already.
    pub(super) fn again(&mut self, index: u64, copies: u16) {
        for _ in 0..copies {
            self.held.push_back(index);
        }
    }

    pub(super) fn close(&mut self, index: u64) {
        self.open.remove(&index);
    }

    pub(super) fn is_up(&self) -> bool {
        self.client.is_some()
    }

    /// A new connection.
    pub(super) fn up(&mut self, client: Client, ledger: &Ledger) {
        self.client = Some(client);
        self.refusals = 0;
        self.resume(ledger);
    }

    /// Everything open goes out again: whatever the client had queued may be gone, and receipts may have been missed.
    pub(super) fn resume(&mut self, ledger: &Ledger) {
        let lacking = |index: &u64| std::iter::repeat_n(*index, ledger.lacking(*index).into());
        self.held = self.open.iter().flat_map(lacking).collect();
    }

    /// The connection is gone, and with it the numbers.
    pub(super) fn down(&mut self) {
        self.client = None;
        self.held.clear();
        self.handed.clear();
        self.numbered.clear();
        self.in_flight = 0;
    }

    /// The sign-in was refused: how often by now.
    pub(super) fn refused(&mut self) -> u32 {
        self.refusals += 1;
        self.refusals
    }

    /// Hands over what there is room for, and names each in `sent`.
    pub(super) fn pump(&mut self, recipe: &Recipe, ledger: &mut Ledger, sent: &mut Vec<u64>) {
        let Some(client) = &self.client else {
            return;
        };
        while self.in_flight < WINDOW {
            let Some(index) = self.held.pop_front() else {
                break;
            };
            if !ledger.is_open(index) {
                continue;
            }
            let copy = ledger.send(index);
            let to = topic(recipe.unit_id(index), "session");
            let published = client.publish(&to, recipe.bytes(&recipe.spec(index), copy), false);
            sent.push(index);
            if let Err(error) = published {
                // The connection has just ended, and will say so; the session is open and goes over the next.
                tracing::debug!(%error, "not handed over");
                break;
            }
            self.handed.push_back(index);
            self.in_flight += 1;
        }
    }

    /// The client has given the oldest handed publication a packet id.
    pub(super) fn number(&mut self, packet: u16) {
        let place = usize::from(packet);
        if self.numbered.len() <= place {
            self.numbered.resize(place + 1, None);
        }
        self.numbered[place] = self.handed.pop_front();
    }

    /// The broker answered a publication: there is room for another. Which session it was.
    pub(super) fn answered(&mut self, packet: u16) -> Option<u64> {
        let index = self.numbered.get_mut(usize::from(packet))?.take()?;
        self.in_flight = self.in_flight.saturating_sub(1);
        Some(index)
    }

    /// Asks the client to say good-bye.
    pub(super) fn leave(&mut self) {
        if let Some(client) = self.client.take()
            && let Err(error) = client.disconnect()
        {
            tracing::debug!(%error, "left without a good-bye");
        }
    }
}
