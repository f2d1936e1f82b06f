//! From the reader to the listeners: a ring that everybody reads at their own pace. Whoever falls behind by more than the
//! ring holds is dropped and comes again; nobody's slowness costs memory, or holds the others up.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::store::stream::Event;

/// Some pages of the reader's: a burst is no reason to drop anybody.
const RING: usize = 4096;

/// What the reader tells.
#[derive(Debug, Clone)]
pub enum Told {
    Event(Arc<Event>),
    /// JSON: whether the service works as a whole. No event of the store: it is told anew to whoever comes.
    Standing(Arc<str>),
}

/// Where the reader is in its life.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nobody runs it, or it was told to stop.
    Off,
    /// Nobody listens.
    Idle,
    /// Somebody has come.
    Wanted,
    /// From here on everything is told.
    Reading(Desk),
}

/// The reader's end.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    ring: broadcast::Sender<Told>,
    standing: Arc<str>,
}

/// A listener's end.
#[derive(Debug)]
pub struct Feed {
    ring: broadcast::Receiver<Told>,
    /// How the service was when this one came.
    pub standing: Arc<str>,
}

impl Desk {
    pub(super) fn open(standing: Arc<str>) -> Self {
        let (ring, _) = broadcast::channel(RING);
        Self { ring, standing }
    }

    pub(super) fn join(&self) -> Feed {
        Feed {
            ring: self.ring.subscribe(),
            standing: Arc::clone(&self.standing),
        }
    }

    pub(super) fn tell(&self, event: Event) {
        // Fails where nobody listens, which is no fault.
        let _ = self.ring.send(Told::Event(Arc::new(event)));
    }

    pub(super) fn tell_standing(&mut self, standing: Arc<str>) {
        if *standing != *self.standing {
            self.standing = Arc::clone(&standing);
            let _ = self.ring.send(Told::Standing(standing));
        }
    }

    pub(super) fn is_deserted(&self) -> bool {
        self.ring.receiver_count() == 0
    }
}

impl Feed {
    /// The next thing told; `None` where the reader has stopped, or has told more than this listener took.
    pub async fn next(&mut self) -> Option<Told> {
        // Closed or lagged: there is no difference to make.
        self.ring.recv().await.ok()
    }
}
