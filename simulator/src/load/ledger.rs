//! Each session's account: how often it was sent, what came back, and whether that is what the contract promises.
//! A receipt names a session, not a publication; so after a resend two answers are lawful where one was due.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::account::{Account, Counts, Next, Stage};
use super::bytes::Copy;
use super::expectation::CONFLICT;
use super::latency::Latencies;
use super::recipe::Recipe;
use super::spec::Kind;
use crate::payload::{Outcome, Receipt};

#[derive(Debug)]
pub struct Ledger {
    recipe: Arc<Recipe>,
    accounts: Vec<Account>,
    /// The service may be killed meanwhile: a `stored` receipt may then be lost, and the broker may hand a session
    /// over twice.
    crashes: bool,
    pub counts: Counts,
    /// From the time when a good session was due, or sent, to its first receipt.
    pub latencies: Latencies,
    /// The first few wrongs, in words.
    pub wrongs: Vec<String>,
}

/// Wrongs that are kept in words.
const EXAMPLES: usize = 10;

impl Ledger {
    pub fn new(recipe: Arc<Recipe>, crashes: bool) -> Self {
        let accounts = (0..recipe.sessions()).map(|_| Account::default()).collect();
        Self {
            recipe,
            accounts,
            crashes,
            counts: Counts::default(),
            latencies: Latencies::default(),
            wrongs: Vec::new(),
        }
    }

    /// The session is due at `due` (microseconds since the start of the run), and its latency
    /// counts from there, however late it goes out. Says how many copies go out together.
    pub fn admit(&mut self, index: u64, due: u64) -> u16 {
        let copies = self.copies(index);
        let account = self.account(index);
        account.stage = Stage::First;
        account.due = due;
        copies
    }

    /// The copy to send now, which counts as sent.
    pub fn send(&mut self, index: u64) -> Copy {
        let (kind, copies) = (self.recipe.kind(index), self.copies(index));
        let account = self.account(index);
        if account.stage == Stage::Second {
            account.sent_second = account.sent_second.saturating_add(1);
            if account.sent_second == 1 {
                self.counts.second += 1;
            } else {
                self.counts.resent += 1;
            }
            return if kind == Kind::Conflict {
                Copy::Changed
            } else {
                Copy::Again
            };
        }
        account.sent = account.sent.saturating_add(1);
        let sent = account.sent;
        match sent {
            1 => self.counts.first += 1,
            2 if copies == 2 => self.counts.second += 1,
            _ => self.counts.resent += 1,
        }
        if sent == 1 || matches!(kind, Kind::Malformed(_)) {
            Copy::First
        } else {
            Copy::Again
        }
    }

    /// How often the session has been sent.
    pub fn tries(&self, index: u64) -> u32 {
        let account = &self.accounts[place(index)];
        u32::from(account.sent) + u32::from(account.sent_second)
    }

    /// Copies to send now, were everything sent so far lost: at least one.
    pub fn lacking(&self, index: u64) -> u16 {
        let account = &self.accounts[place(index)];
        match account.stage {
            Stage::First => self.copies(index).saturating_sub(account.sent).max(1),
            Stage::Unsent | Stage::Second | Stage::Closed => 1,
        }
    }

    pub fn is_open(&self, index: u64) -> bool {
        matches!(self.accounts[place(index)].stage, Stage::First | Stage::Second)
    }

    /// The broker took the session. That proves nothing, but for one that nobody can answer there is no more.
    pub fn taken(&mut self, index: u64) -> Next {
        match self.recipe.kind(index) {
            Kind::Malformed(fault) if !fault.is_answerable() && self.is_open(index) => {
                self.counts.unanswerable += 1;
                self.close(index)
            }
            _ => Next::Wait,
        }
    }

    /// A receipt for the session of this index, at `now` in microseconds since the start.
    pub fn receipt(&mut self, index: u64, receipt: &Receipt, now: u64) -> Next {
        match receipt.outcome {
            Outcome::Stored => self.counts.stored += 1,
            Outcome::Duplicate => self.counts.duplicate += 1,
            Outcome::Rejected => self.counts.rejected += 1,
        }
        if self.accounts[place(index)].sent == 0 {
            // Of an earlier run under the same seed.
            self.counts.echoes += 1;
            return Next::Wait;
        }
        match (self.recipe.kind(index), receipt.outcome) {
            (Kind::Malformed(fault), outcome) => self.malformed(index, fault.code(), outcome, receipt),
            (kind, Outcome::Rejected) => self.rejected(index, kind, receipt),
            (kind, Outcome::Stored) => self.stored(index, kind, receipt.received_at, now),
            (kind, Outcome::Duplicate) => self.answered(index, kind, now),
        }
    }

    /// A receipt of ours under another unit's topic.
    pub fn misdirected(&mut self, index: u64, unit_id: &str) {
        self.wrong(index, &format!("receipted to {unit_id}"));
    }

    pub fn sessions(&self) -> u64 {
        self.recipe.sessions()
    }

    /// Sessions that were sent, or due, and have not got all that they should.
    pub fn missing(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.recipe.sessions()).filter(|index| self.is_open(*index))
    }

    /// Sessions that the run did not come to.
    pub fn unsent(&self) -> u64 {
        self.accounts
            .iter()
            .filter(|account| account.stage == Stage::Unsent)
            .count() as u64
    }

    fn malformed(&mut self, index: u64, code: &str, outcome: Outcome, receipt: &Receipt) -> Next {
        if outcome != Outcome::Rejected {
            self.wrong(index, &format!("malformed ({code}), and {outcome:?}"));
        } else if !names(receipt, code) {
            self.wrong(
                index,
                &format!("malformed ({code}), rejected as {}", codes(receipt)),
            );
        } else if !self.is_open(index) {
            self.counts.echoes += 1;
            return Next::Wait;
        }
        self.close(index)
    }

    fn rejected(&mut self, index: u64, kind: Kind, receipt: &Receipt) -> Next {
        let conflict = kind == Kind::Conflict && names(receipt, CONFLICT);
        let account = self.account(index);
        if !conflict || account.sent_second == 0 {
            self.wrong(index, &format!("{kind:?}, and rejected as {}", codes(receipt)));
        } else if account.stage == Stage::Closed {
            self.counts.echoes += 1;
            return Next::Wait;
        }
        self.close(index)
    }

    fn stored(&mut self, index: u64, kind: Kind, received_at: DateTime<Utc>, now: u64) -> Next {
        let received_at = received_at.timestamp_micros();
        let account = self.account(index);
        match account.stored_at {
            None => account.stored_at = Some(received_at),
            Some(before) if before == received_at => {
                self.counts.echoes += 1;
                return Next::Wait;
            }
            Some(_) => {
                self.wrong(index, "stored twice");
                return Next::Wait;
            }
        }
        self.answered(index, kind, now)
    }

    /// A `stored` or `duplicate` receipt of a session that may have one.
    fn answered(&mut self, index: u64, kind: Kind, now: u64) -> Next {
        let (copies, crashes) = (self.copies(index), self.crashes);
        let account = self.account(index);
        account.answers = account.answers.saturating_add(1);
        let (stage, answers, due) = (account.stage, account.answers, account.due);
        let (resent, stored) = (account.sent > copies, account.stored_at.is_some());
        // What the second publication of a conflict brings is a rejection and nothing else.
        let surplus = kind == Kind::Conflict && stage == Stage::Second && answers > account.sent;
        if stage == Stage::First && answers == 1 {
            self.latencies.record(now.saturating_sub(due));
        }
        match stage {
            Stage::First if answers >= copies => {
                if !stored && (resent || crashes) {
                    self.counts.stored_receipt_lost += 1;
                } else if !stored {
                    self.wrong(index, "duplicate, and never stored");
                }
                if matches!(kind, Kind::Conflict | Kind::Duplicate { at_once: false }) {
                    self.account(index).stage = Stage::Second;
                    Next::SendSecond
                } else {
                    self.close(index)
                }
            }
            Stage::First => Next::Wait,
            Stage::Second if surplus && !crashes => {
                self.wrong(index, "in conflict, and not rejected");
                Next::Wait
            }
            Stage::Second if kind != Kind::Conflict => self.close(index),
            Stage::Unsent | Stage::Second | Stage::Closed => {
                self.counts.echoes += 1;
                Next::Wait
            }
        }
    }

    /// Copies of the first content that go out together.
    fn copies(&self, index: u64) -> u16 {
        match self.recipe.kind(index) {
            Kind::Duplicate { at_once: true } => 2,
            Kind::Duplicate { at_once: false } | Kind::Good | Kind::Conflict | Kind::Malformed(_) => 1,
        }
    }

    fn close(&mut self, index: u64) -> Next {
        if !self.is_open(index) {
            return Next::Wait;
        }
        self.account(index).stage = Stage::Closed;
        self.counts.closed += 1;
        Next::Closed
    }

    fn wrong(&mut self, index: u64, what: &str) {
        self.counts.wrong += 1;
        if self.wrongs.len() < EXAMPLES {
            self.wrongs.push(format!("{}: {what}", self.name(index)));
        }
    }

    /// A session's unit and id.
    pub fn name(&self, index: u64) -> String {
        let spec = self.recipe.spec(index);
        format!("{} {}", self.recipe.unit_id(index), self.recipe.session_id(&spec))
    }

    fn account(&mut self, index: u64) -> &mut Account {
        &mut self.accounts[place(index)]
    }
}

fn place(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn names(receipt: &Receipt, code: &str) -> bool {
    receipt.problems.iter().any(|problem| problem.code == code)
}

fn codes(receipt: &Receipt) -> String {
    let codes: Vec<_> = receipt.problems.iter().map(|p| p.code.as_str()).collect();
    if codes.is_empty() {
        "nothing in particular".to_owned()
    } else {
        codes.join(", ")
    }
}
