//! What is known of one session, and the sums over all. An account is 32 bytes, so that a million fit anywhere.

/// What was done and what came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Publications of a session's first content, as planned.
    pub first: u64,
    /// Planned second publications: duplicates and conflicts.
    pub second: u64,
    /// Publications for want of a receipt.
    pub resent: u64,
    /// Receipts, by outcome.
    pub stored: u64,
    pub duplicate: u64,
    pub rejected: u64,
    /// Of these, such as were not needed any more: echoes of a resend.
    pub echoes: u64,
    /// Good sessions whose `stored` receipt was lost; they were resent and found to be there.
    pub stored_receipt_lost: u64,
    /// Malformed sessions without a readable id, taken by the broker: nobody can answer these.
    pub unanswerable: u64,
    /// Sessions with everything that they should have.
    pub closed: u64,
    /// Receipts that contradict what the contract promises.
    pub wrong: u64,
    /// Receipts of other sessions than this run's.
    pub foreign: u64,
    /// Receipts that cannot be read.
    pub unreadable: u64,
}

/// What a receipt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// More is to come, or nothing is any more.
    Wait,
    /// The duplicate or the conflict may go out now.
    SendSecond,
    Closed,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) stage: Stage,
    /// Publications in the first stage and in the second.
    pub(super) sent: u16,
    pub(super) sent_second: u16,
    /// `stored` and `duplicate` receipts.
    pub(super) answers: u16,
    /// The service's own time of the `stored` receipt, to tell a repeated receipt from a session stored twice.
    pub(super) stored_at: Option<i64>,
    /// From here its latency counts, in microseconds since the start.
    pub(super) due: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Unsent,
    First,
    Second,
    Closed,
}
