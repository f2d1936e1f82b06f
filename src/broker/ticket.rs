//! A ticket is the right to acknowledge one message once, on the connection it came on, and on no other. It
//! cannot be copied; dropped unused it asks for the message again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::in_turn::InTurn;
use super::link::Board;

/// One message as it arrived.
#[derive(Debug)]
pub struct Frame {
    pub topic: String,
    pub payload: Vec<u8>,
    /// The broker kept it from before we subscribed; how long ago it was sent cannot be told from its arrival.
    pub retained: bool,
    /// When it was read from the connection.
    pub arrived: Instant,
    /// To be handed to [`Acker::ack`] once what the message says is safely stored.
    pub ticket: Ticket,
}

/// The right to acknowledge one message. Dropping it instead gives the message back: the connection is renewed
/// and the broker delivers again whatever was not acknowledged.
#[derive(Debug)]
pub struct Ticket {
    shared: Arc<Shared>,
    generation: u64,
    /// Nothing where the message came at `QoS` 0 and nothing is to be acknowledged.
    number: Option<u64>,
    settled: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.held.fetch_sub(1, Ordering::AcqRel);
        self.shared.eased.notify_one();
        if !self.settled && self.number.is_some() {
            let mut live = self.shared.live();
            if let Some(live) = live.as_mut().filter(|live| live.generation == self.generation) {
                live.renew();
            }
        }
    }
}

/// The connection of the moment.
#[derive(Debug)]
struct Live {
    generation: u64,
    unsettled: InTurn,
    renewal: Option<oneshot::Sender<()>>,
}

impl Live {
    fn renew(&mut self) {
        if let Some(renewal) = self.renewal.take() {
            // Nobody listens where the connection is just ending: then it is renewed already.
            let _ = renewal.send(());
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    live: Mutex<Option<Live>>,
    generations: AtomicUsize,
    held: AtomicUsize,
    eased: Notify,
    acknowledged: Notify,
}

impl Shared {
    fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has been received and is not yet settled, of all connections so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Holdings {
    shared: Arc<Shared>,
}

impl Holdings {
    /// From now on a new connection is the one to acknowledge on. The receiver resolves when one of its messages was
    /// given back.
    pub(super) fn open(&self) -> (u64, oneshot::Receiver<()>) {
        let generation = self.shared.generations.fetch_add(1, Ordering::AcqRel) as u64 + 1;
        let (renewal, given_back) = oneshot::channel();
        *self.shared.live() = Some(Live {
            generation,
            unsettled: InTurn::new(),
            renewal: Some(renewal),
        });
        (generation, given_back)
    }

    /// Nothing can be acknowledged until the next `open`. What was, and is not written yet, is handed out, in turn or not.
    pub(super) fn close(&self) -> Vec<u16> {
        let ended = self.shared.live().take();
        ended
            .map(|mut live| live.unsettled.take_all())
            .unwrap_or_default()
    }

    /// Packet ids to acknowledge, as soon as there are any. Loses none where it is dropped.
    pub(super) async fn acknowledged(&self) -> Vec<u16> {
        loop {
            let until = self
                .shared
                .live()
                .as_ref()
                .and_then(|live| live.unsettled.wait_until());
            tokio::select! {
                () = self.shared.acknowledged.notified() => {}
                () = tokio::time::sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
            }
            let mut live = self.shared.live();
            match live.as_mut().map(|live| live.unsettled.take(Instant::now())) {
                Some(packets) if !packets.is_empty() => return packets,
                _ => {}
            }
        }
    }

    pub(super) fn ticket(&self, packet: u16) -> Ticket {
        self.shared.held.fetch_add(1, Ordering::AcqRel);
        let generation = self.shared.generations.load(Ordering::Acquire) as u64;
        let mut live = self.shared.live();
        let live = live.as_mut().filter(|_| packet != 0);
        let number = live.map(|live| live.unsettled.came(packet));
        Ticket {
            shared: Arc::clone(&self.shared),
            generation,
            number,
            settled: false,
        }
    }

    pub(super) fn held(&self) -> usize {
        self.shared.held.load(Ordering::Acquire)
    }

    /// Resolves once no more than so many are held.
    pub(super) async fn at_most(&self, few: usize) {
        while self.held() > few {
            self.shared.eased.notified().await;
        }
    }
}

/// Hands acknowledgements to the connection. Never blocks and never waits.
#[derive(Debug, Clone)]
pub struct Acker {
    holdings: Holdings,
    board: Board,
}

impl Acker {
    pub(super) fn new(holdings: Holdings, board: Board) -> Self {
        Self { holdings, board }
    }

    /// How many were acknowledged: those of the current connection. The others come again, and so do those that still waited for
    /// earlier ones when their connection ended; so whatever they led to has to be idempotent.
    pub fn ack(&self, tickets: impl IntoIterator<Item = Ticket>) -> usize {
        let (mut acked, mut dropped) = (0, 0);
        let mut settled = Vec::new();
        let now = Instant::now();
        {
            let mut live = self.holdings.shared.live();
            for mut ticket in tickets {
                ticket.settled = true;
                if let Some(live) = live.as_mut().filter(|live| live.generation == ticket.generation) {
                    acked += 1;
                    if let Some(number) = ticket.number {
                        live.unsettled.settle(number, now);
                    }
                } else if ticket.number.is_some() {
                    dropped += 1;
                }
                settled.push(ticket);
            }
        }
        self.holdings.shared.acknowledged.notify_one();
        drop(settled);
        if dropped > 0 {
            tracing::info!(
                dropped,
                "acknowledgements came after their connection had ended; those messages come again"
            );
            self.board.note(|link| link.acks_dropped += dropped);
        }
        acked
    }

    /// Messages received and neither acknowledged nor given back, of all connections.
    pub fn held(&self) -> usize {
        self.holdings.held()
    }
}
