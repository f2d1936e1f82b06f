//! What a unit has done, counted where it is done. `waiting` is the number that matters: sessions of which
//! nobody knows yet whether the service has them.

use chrono::{DateTime, Utc};
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Sessions that were taken, retests apart.
    pub taken: u64,
    pub retests: u64,
    /// Publications, each try counted.
    pub sent: u64,
    /// Receipts by their outcome, one per session.
    pub stored: u64,
    pub duplicate: u64,
    pub rejected: u64,
    /// Sessions without a receipt.
    pub waiting: u64,
    /// Due sessions that the patient's story left out.
    pub forgotten: u64,
    /// Receipts of sessions that had theirs already.
    pub repeated_receipts: u64,
    /// What the service found wrong with single readings.
    pub problems: u64,
    pub messages: u64,
    /// Requests for a retest that came or were due too late.
    pub expired: u64,
    /// Payloads from the service that could not be read.
    pub unreadable: u64,
    /// Connections made; 0 is a unit that never reached the broker.
    pub connections: u64,
    pub connected: bool,
    /// The broker does not take the unit's name and secret.
    pub refused: bool,
    /// The unit gave up because it could not keep its sessions.
    pub broken: bool,
    pub plan_version: Option<u32>,
    /// When the patient will take the next session, in lived time.
    pub next_session: Option<DateTime<Utc>>,
    /// The last thing that went wrong.
    pub fault: Option<String>,
}

impl Tally {
    /// Sessions that the service answered for.
    pub fn receipted(&self) -> u64 {
        self.stored + self.duplicate + self.rejected
    }
}

/// The tallies of a cohort, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tallies {
    pub units: Vec<(String, Tally)>,
}

/// A cohort's tallies added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    pub units: u64,
    pub connected: u64,
    pub refused: u64,
    pub with_plan: u64,
    pub taken: u64,
    pub retests: u64,
    pub sent: u64,
    pub receipted: u64,
    pub stored: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub waiting: u64,
    pub forgotten: u64,
    pub repeated_receipts: u64,
    pub problems: u64,
    pub messages: u64,
    pub expired: u64,
    pub unreadable: u64,
    pub connections: u64,
}

impl Tallies {
    pub fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        for (_, tally) in &self.units {
            sum.units += 1;
            sum.connected += u64::from(tally.connected);
            sum.refused += u64::from(tally.refused);
            sum.with_plan += u64::from(tally.plan_version.is_some());
            sum.taken += tally.taken;
            sum.retests += tally.retests;
            sum.sent += tally.sent;
            sum.receipted += tally.receipted();
            sum.stored += tally.stored;
            sum.duplicate += tally.duplicate;
            sum.rejected += tally.rejected;
            sum.waiting += tally.waiting;
            sum.forgotten += tally.forgotten;
            sum.repeated_receipts += tally.repeated_receipts;
            sum.problems += tally.problems;
            sum.messages += tally.messages;
            sum.expired += tally.expired;
            sum.unreadable += tally.unreadable;
            sum.connections += tally.connections;
        }
        sum
    }
}
