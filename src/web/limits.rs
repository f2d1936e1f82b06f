//! How much anybody may ask for: who is not signed in by address, whoever is by person, machines by how much at once.
//! The counts live in this process: behind several, each allows its own share.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::domain::time::Instant;

const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// Callers remembered at most, a megabyte or two.
const CAPACITY: usize = 20_000;

/// Clones share the counts.
#[derive(Debug, Clone)]
pub struct Limits {
    anonymous: u32,
    person: u32,
    token: u32,
    /// When each caller's allowance is whole again: that one time is all there is to know of them.
    whole_again: Arc<Mutex<HashMap<Counted, Instant>>>,
    at_once: Arc<Mutex<HashMap<Uuid, Arc<Semaphore>>>>,
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    Address(Option<IpAddr>),
    Person(Uuid),
}

impl Counted {
    /// A household or a ward has 2⁶⁴ addresses of IPv6 and is one caller.
    pub fn at(address: Option<IpAddr>) -> Self {
        Self::Address(address.map(|address| match address.to_canonical() {
            IpAddr::V4(four) => IpAddr::V4(four),
            IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits((six.to_bits() >> 64) << 64)),
        }))
    }
}

impl Limits {
    /// `anonymous` and `person`: requests a minute, which may come all at once. `token`: requests under way at a time.
    pub fn new(anonymous: u32, person: u32, token: u32) -> Self {
        Self {
            anonymous,
            person,
            token,
            whole_again: Arc::default(),
            at_once: Arc::default(),
        }
    }

    /// `Err` with the seconds to wait, where the allowance is used up.
    pub fn take(&self, who: Counted, now: Instant) -> Result<(), u64> {
        let a_minute = match who {
            Counted::Address(_) => self.anonymous,
            Counted::Person(_) => self.person,
        };
        let each = MINUTE / i32::try_from(a_minute.max(1)).unwrap_or(i32::MAX);
        let mut whole_again = self.whole_again.lock().unwrap_or_else(PoisonError::into_inner);
        let known = whole_again.get(&who).copied();
        // A clock that was set back does not shut anybody out.
        let from = known.map_or(now, |at| at.clamp(now, now + MINUTE));
        let over = from + each - (now + MINUTE);
        if over > TimeDelta::zero() {
            whole_again.insert(who, from);
            return Err(u64::try_from(over.num_milliseconds())
                .unwrap_or(0)
                .div_ceil(1000)
                .max(1));
        }
        if known.is_none() && whole_again.len() >= CAPACITY {
            make_room(&mut whole_again, now);
        }
        whole_again.insert(who, from + each);
        Ok(())
    }

    /// Waits for a turn; it ends when the permit is dropped. First come, first served.
    pub async fn turn(&self, token: Uuid) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut at_once = self.at_once.lock().unwrap_or_else(PoisonError::into_inner);
            let turns = at_once
                .entry(token)
                .or_insert_with(|| Arc::new(Semaphore::new(self.token as usize)));
            Arc::clone(turns)
        };
        turns.acquire_owned().await.ok()
    }
}

/// Whose allowance is whole is forgotten without a loss; if nobody's is, the quarter that has used least.
fn make_room(whole_again: &mut HashMap<Counted, Instant>, now: Instant) {
    whole_again.retain(|_, at| *at > now);
    if whole_again.len() >= CAPACITY {
        let mut times: Vec<Instant> = whole_again.values().copied().collect();
        let (_, quarter, _) = times.select_nth_unstable(CAPACITY / 4);
        whole_again.retain(|_, at| *at > *quarter);
    }
}
