//! Whether memory is worth acting by. A batch that goes by it alone is written with one statement, and made anew where somebody else
//! had a turn meanwhile: with several processes on one subscription that is most of the time, and locking first is cheaper.

use std::sync::atomic::{AtomicU32, Ordering};

/// So many batches lock first after one that had to be made anew.
const WARY_FOR: u32 = 100;

/// Given at first, and again a while after it was disappointed.
#[derive(Debug, Default)]
pub struct Trust {
    wary_for: AtomicU32,
}

impl Trust {
    /// Whether the next batch may go by memory alone; asked once for each.
    pub fn is_given(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        let before = self
            .wary_for
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        before.is_err()
    }

    /// A batch was taken in once more.
    pub fn disappointed(&self) {
        self.wary_for.store(WARY_FOR, Ordering::Relaxed);
    }
}
