//! Store and forward. A session leaves the queue by its receipt and by nothing else: the broker's
//! acknowledgement, a closed connection and the time that went by prove nothing about the service's store.

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::payload::Session;

/// How long to wait for a receipt before the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first: TimeDelta,
    pub longest: TimeDelta,
}

impl Default for Backoff {
    /// 30 s, doubling to 10 min.
    fn default() -> Self {
        Self {
            first: TimeDelta::seconds(30),
            longest: TimeDelta::minutes(10),
        }
    }
}

impl Backoff {
    /// The wait after the `tries`-th try, up to a quarter longer by chance, so that the units of a whole region
    /// do not come back together.
    pub(crate) fn after(&self, tries: u32, dice: &mut StdRng) -> TimeDelta {
        let first = self.first.num_milliseconds().max(1);
        let longest = self.longest.num_milliseconds().max(first);
        let doubled = first
            .saturating_mul(1 << (tries.saturating_sub(1)).min(20))
            .min(longest);
        TimeDelta::milliseconds(
            (doubled + dice.random_range(0..=doubled / 4)).min(longest.max(first * 5 / 4)),
        )
    }
}

#[derive(Debug)]
pub struct Queue {
    /// Oldest first.
    waiting: Vec<Waiting>,
    backoff: Backoff,
    dice: StdRng,
}

#[derive(Debug)]
struct Waiting {
    session: Session,
    tries: u32,
    next_try: DateTime<Utc>,
    /// Holds a place in the window until then: not for as long as a late try waits, or sessions that the service
    /// does not answer would hold up those behind them.
    in_flight_until: DateTime<Utc>,
}

const AT_ONCE: DateTime<Utc> = DateTime::<Utc>::MIN_UTC;

/// So many sessions are sent without a receipt at a time: a unit that comes back with a week's store must not
/// fill the broker's queues, which drop what they cannot hold.
const WINDOW: usize = 16;

impl Queue {
    pub fn new(backoff: Backoff, seed: u64) -> Self {
        Self {
            waiting: Vec::new(),
            backoff,
            dice: StdRng::seed_from_u64(seed),
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Keeps a session, to be sent at once.
    pub fn push(&mut self, session: Session) {
        self.waiting.push(Waiting {
            session,
            tries: 0,
            next_try: AT_ONCE,
            in_flight_until: AT_ONCE,
        });
    }

    /// The service has it: forgets the session, and says whether it was waiting.
    pub fn receipted(&mut self, session_id: Uuid) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|w| w.session.session_id != session_id);
        self.waiting.len() < before
    }

    /// On a new connection everything may be sent again at once: what the client had queued is gone.
    pub fn connected(&mut self) {
        for waiting in &mut self.waiting {
            waiting.in_flight_until = AT_ONCE;
            waiting.next_try = AT_ONCE;
        }
    }

    /// The sessions to send now; each counts as tried.
    pub fn due(&mut self, now: DateTime<Utc>) -> Vec<Session> {
        let mut room = WINDOW.saturating_sub(self.in_flight(now));
        let mut due = Vec::new();
        for waiting in &mut self.waiting {
            if room == 0 {
                break;
            }
            if waiting.next_try > now {
                continue;
            }
            waiting.tries = waiting.tries.saturating_add(1);
            waiting.next_try = now + self.backoff.after(waiting.tries, &mut self.dice);
            waiting.in_flight_until = now + self.backoff.first;
            room -= 1;
            due.push(waiting.session.clone());
        }
        due
    }

    /// When there is something to send again; a receipt may bring it forward.
    pub fn next_try(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.in_flight(now) >= WINDOW {
            self.waiting
                .iter()
                .map(|w| w.in_flight_until)
                .filter(|until| *until > now)
                .min()
        } else {
            self.waiting.iter().map(|w| w.next_try).min()
        }
    }

    fn in_flight(&self, now: DateTime<Utc>) -> usize {
        self.waiting.iter().filter(|w| w.in_flight_until > now).count()
    }
}
