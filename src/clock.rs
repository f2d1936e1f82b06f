//! The one place that reads the wall clock. Everything else is handed a time, or this.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::{Instant, cut};

/// Where the time comes from: the machine, or a hand that tests and the demo's history move.
#[derive(Debug, Clone)]
pub enum Clock {
    Wall,
    Hand(Arc<Mutex<Instant>>),
}

impl Clock {
    /// A clock that stands still until it is moved.
    pub fn fixed(at: Instant) -> Self {
        Self::Hand(Arc::new(Mutex::new(cut(at))))
    }

    /// The time, cut to microseconds.
    #[expect(clippy::disallowed_methods, reason = "this is the one wall-clock read")]
    pub fn now(&self) -> Instant {
        match self {
            Self::Wall => cut(chrono::Utc::now()),
            Self::Hand(hand) => *hand.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a hand clock on; the wall clock cannot be moved, and this does nothing to it.
    pub fn advance(&self, by: Duration) {
        if let (Self::Hand(hand), Ok(by)) = (self, chrono::TimeDelta::from_std(by)) {
            *hand.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }

    /// Sets a hand clock.
    pub fn set(&self, at: Instant) {
        if let Self::Hand(hand) = self {
            *hand.lock().unwrap_or_else(PoisonError::into_inner) = cut(at);
        }
    }
}
