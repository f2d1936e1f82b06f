//! As long as little is there, the lanes write one batch at a time, all together: three small ones at once take twice the work of one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A lane with so many messages waits for no other.
const MANY: usize = 60;

/// How long a lane waits at most: the other may itself be waiting, for a patient whom somebody at the desk has locked.
const SOON: Duration = Duration::from_millis(5);

/// Shared by all lanes.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Turns {
    /// To be kept until the batch is written. Nothing where so many messages are there that it does not matter, and where no turn
    /// came soon.
    pub async fn mine(&self, messages: usize) -> Option<OwnedSemaphorePermit> {
        if messages >= MANY {
            return None;
        }
        let turn = timeout(SOON, Arc::clone(&self.0).acquire_owned()).await;
        turn.ok()?.ok()
    }
}
