//! Whoever looks at the same thing again most likely sees the same people: it is put on record while it is read, and taken back where
//! it turns out otherwise. So a page that is refreshed waits for the longer of the two, not for both. Where it cannot be taken back,
//! since others came in between or the process has ended, one look too many is on record, of people who were in it before.

use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::folding::Thing;
use super::{Counted, Looking, Looks, Sure};

/// A look that is counted already. Dropped without [`Foreseen::comes_true`], it is taken back.
#[derive(Debug)]
pub struct Foreseen {
    looks: Looks,
    looking: Looking,
    counts: Arc<OnceLock<Counted>>,
    told: Option<oneshot::Receiver<()>>,
    is_true: bool,
}

impl Looks {
    /// Where somebody is about to go on with a look: counts it, with those who are in it. Nobody is to be named in `looking`.
    pub fn foresee(&self, looking: Looking) -> Option<Foreseen> {
        let thing = thing(&looking);
        let patients = self.shared.open().shows(&thing, looking.at)?;
        let counts = Arc::default();
        let looking = Looking { patients, ..looking };
        let told = self.ask(Looking {
            sure: Sure::Foreseen(Arc::clone(&counts)),
            ..looking.clone()
        });
        Some(Foreseen {
            looks: self.clone(),
            looking,
            counts,
            told: Some(told),
            is_true: false,
        })
    }
}

impl Foreseen {
    /// Whether this is the look, and is committed. Only then does it stay.
    pub(super) async fn comes_true(mut self, looking: &Looking) -> bool {
        let mut patients = looking.patients.clone();
        patients.sort_unstable();
        patients.dedup();
        let is_it = patients == self.looking.patients && thing(looking) == thing(&self.looking);
        if let Some(told) = self.told.take().filter(|_| is_it) {
            self.is_true = told.await.is_ok();
        }
        self.is_true
    }
}

impl Drop for Foreseen {
    fn drop(&mut self) {
        if !self.is_true && Handle::try_current().is_ok() {
            // Nobody waits for it: what comes after it is folded after it.
            drop(self.looks.ask(Looking {
                sure: Sure::TakenBack(Arc::clone(&self.counts)),
                ..self.looking.clone()
            }));
        }
    }
}

fn thing(looking: &Looking) -> Thing {
    Thing {
        asked: looking.asked.clone(),
        address: looking.address,
    }
}
