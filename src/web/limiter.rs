//! Failed sign-ins are counted per person and address, so that guessing stops while the person, elsewhere, can still sign in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;

use crate::domain::time::Instant;

const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// An address that fails with many names is guessing too.
const PER_ADDRESS: usize = 5;
/// Beyond this many counters the oldest are dropped first.
const CAPACITY: usize = 10_000;

/// Clones share the counters. They live in this process: behind several, each allows its own share.
#[derive(Debug, Clone)]
pub struct SignInLimiter {
    attempts: usize,
    failures: Arc<Mutex<HashMap<Key, Vec<Instant>>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    username: Option<String>,
    address: Option<IpAddr>,
}

impl SignInLimiter {
    /// `attempts` failures within 15 minutes are let through for one name from one address, five times as many for the address.
    pub fn new(attempts: u32) -> Self {
        Self {
            attempts: attempts as usize,
            failures: Arc::default(),
        }
    }

    /// `Err` with the seconds to wait, where there were too many failures.
    pub fn check(&self, username: &str, address: Option<IpAddr>, now: Instant) -> Result<(), u64> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, most) in self.keys(username, address) {
            let Some(times) = failures.get_mut(&key) else {
                continue;
            };
            times.retain(|at| now - *at < WINDOW);
            // The wait ends when so many have left the window that one more is let through.
            if times.len() >= most
                && let Some(first) = times.get(times.len() - most)
            {
                let wait = (*first + WINDOW - now).num_seconds().max(0);
                return Err(u64::try_from(wait).unwrap_or(0) + 1);
            }
        }
        Ok(())
    }

    pub fn failed(&self, username: &str, address: Option<IpAddr>, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= CAPACITY {
            failures.retain(|_, times| times.last().is_some_and(|at| now - *at < WINDOW));
        }
        if failures.len() >= CAPACITY
            && let Some(oldest) = failures
                .iter()
                .min_by_key(|(_, times)| times.last().copied())
                .map(|(key, _)| key.clone())
        {
            failures.remove(&oldest);
        }
        for (key, _) in self.keys(username, address) {
            failures.entry(key).or_default().push(now);
        }
    }

    /// A right password clears the person's counter, not the address's.
    pub fn succeeded(&self, username: &str, address: Option<IpAddr>) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let [(person, _), _] = self.keys(username, address);
        failures.remove(&person);
    }

    fn keys(&self, username: &str, address: Option<IpAddr>) -> [(Key, usize); 2] {
        let person = Key {
            username: Some(username.to_lowercase()),
            address,
        };
        let place = Key {
            username: None,
            address,
        };
        [(person, self.attempts), (place, self.attempts * PER_ADDRESS)]
    }
}
