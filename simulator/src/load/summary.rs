//! What a run comes to. It is a success when every session has exactly the receipts that the contract promises;
//! speed is only reported.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use super::account::Counts;
use super::latency::Percentiles;
use super::run::Run;
use super::spec::{Planned, Timetable};
use super::{Ending, Order, Who};

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub sessions: u64,
    pub closed: u64,
    pub open: u64,
    pub seconds: f64,
    pub wrong: u64,
    pub resent: u64,
    pub latency_ms: Percentiles,
    /// Connections that are up, and all.
    pub connections: (usize, usize),
    /// The last thing that went wrong.
    pub fault: Option<String>,
}

/// All that a run did and found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub ending: Ending,
    /// With these three and the shares, everything that was sent can be computed anew.
    pub seed: u64,
    pub start: String,
    pub step_seconds: Option<f64>,
    pub units: usize,
    pub connections: usize,
    pub rate: Option<f64>,
    pub window: Option<u64>,
    pub planned: Planned,
    /// What was published and what was receipted.
    pub counts: Counts,
    /// Good sessions, from when each was due (with a rate) or sent to its first receipt, in milliseconds.
    pub latency_ms: Percentiles,
    /// From the first session to the last receipt that was waited for.
    pub seconds: f64,
    pub sessions_per_second: f64,
    /// Sent, and without all the receipts that they should have.
    pub missing: u64,
    pub missing_examples: Vec<String>,
    /// Never sent.
    pub unsent: u64,
    pub wrong_examples: Vec<String>,
    pub reconnections: u64,
    /// Publications that the broker refused.
    pub not_taken: u64,
    pub last_fault: Option<String>,
}

const EXAMPLES: usize = 10;

impl Progress {
    pub(super) fn of(run: &Run) -> Self {
        Self {
            sessions: run.ledger.sessions(),
            closed: run.ledger.counts.closed,
            open: run.open(),
            seconds: run.elapsed().as_secs_f64(),
            wrong: run.ledger.counts.wrong,
            resent: run.ledger.counts.resent,
            latency_ms: run.ledger.latencies.percentiles(),
            connections: run.connections(),
            fault: run.fault.clone(),
        }
    }
}

impl Summary {
    #[expect(clippy::cast_precision_loss, reason = "counts below 2^40")]
    pub(super) fn of(order: &Order, run: &Run, ending: Ending) -> Self {
        let (start, step_seconds) = match order.recipe.time() {
            Timetable::Steps { start, step } => (start, Some(step as f64 / 1000.0)),
            Timetable::Live { start, .. } => (start, None),
        };
        let start = DateTime::from_timestamp_millis(start).unwrap_or_default();
        let seconds = run.last_closed as f64 / 1e6;
        let closed = run.ledger.counts.closed as f64;
        Self {
            ending,
            seed: order.recipe.seed(),
            start: start.to_rfc3339_opts(SecondsFormat::AutoSi, false),
            step_seconds,
            units: order.recipe.units().len(),
            connections: match &order.who {
                Who::EachUnit(secrets) => secrets.len(),
                Who::Pool { connections, .. } => *connections,
            },
            rate: order.pace.rate,
            window: (order.pace.window < u64::MAX).then_some(order.pace.window),
            planned: order.recipe.planned(),
            counts: run.ledger.counts,
            latency_ms: run.ledger.latencies.percentiles(),
            seconds,
            sessions_per_second: if seconds > 0.0 { closed / seconds } else { 0.0 },
            missing: run.ledger.missing().count() as u64,
            missing_examples: run
                .ledger
                .missing()
                .take(EXAMPLES)
                .map(|index| run.ledger.name(index))
                .collect(),
            unsent: run.ledger.unsent(),
            wrong_examples: run.ledger.wrongs.clone(),
            reconnections: run.reconnections,
            not_taken: run.not_taken,
            last_fault: run.fault.clone(),
        }
    }

    /// Why the run failed, if it did.
    pub fn failure(&self) -> Option<String> {
        let some = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let failed = [
            some(self.missing, "sessions without their receipt"),
            some(self.unsent, "sessions never sent"),
            some(self.counts.wrong, "receipts that should not be"),
            some(self.counts.unreadable, "receipts that cannot be read"),
        ];
        let ending = match self.ending {
            Ending::Done => None,
            Ending::TimedOut => Some("the time is up".to_owned()),
            Ending::Interrupted => Some("interrupted".to_owned()),
            Ending::Failed => self.last_fault.clone(),
        };
        // A run that was ended when nothing was left to do has failed in nothing.
        let reasons = failed
            .into_iter()
            .flatten()
            .reduce(|all, reason| format!("{all}; {reason}"))?;
        Some(ending.map_or_else(|| reasons.clone(), |ending| format!("{reasons} ({ending})")))
    }

    /// For people.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        let (planned, counts, latency) = (&self.planned, &self.counts, &self.latency_ms);
        let step = self.step_seconds.map_or_else(
            || ", as they are due".to_owned(),
            |step| format!(", one each {step} s"),
        );
        writeln!(
            out,
            "what       {} sessions of {} units from {}{step}; seed {}",
            planned.sessions, self.units, self.start, self.seed
        )?;
        writeln!(
            out,
            "of these   {} malformed ({} without an id), {} late, {} with a breach; beside them {} duplicates, {} conflicts",
            planned.malformed,
            planned.unanswerable,
            planned.late,
            planned.breaches,
            planned.duplicates,
            planned.conflicts
        )?;
        writeln!(
            out,
            "sent       {} first, {} second, {} again for want of a receipt, over {} connections ({} made anew)",
            counts.first, counts.second, counts.resent, self.connections, self.reconnections
        )?;
        writeln!(
            out,
            "receipted  {} stored, {} duplicate, {} rejected ({} echoes)",
            counts.stored, counts.duplicate, counts.rejected, counts.echoes
        )?;
        writeln!(
            out,
            "latency    p50 {:.1}, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1} ms ({} sessions)",
            latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max, latency.count
        )?;
        writeln!(
            out,
            "speed      {:.0} sessions/s in {:.1} s",
            self.sessions_per_second, self.seconds
        )?;
        writeln!(
            out,
            "missing    {}{}",
            self.missing,
            if self.unsent > 0 {
                format!(", and {} never sent", self.unsent)
            } else {
                String::new()
            }
        )?;
        for name in &self.missing_examples {
            writeln!(out, "           {name}")?;
        }
        writeln!(out, "wrong      {}", counts.wrong)?;
        for what in &self.wrong_examples {
            writeln!(out, "           {what}")?;
        }
        if counts.stored_receipt_lost > 0 {
            writeln!(
                out,
                "note       {} sessions were found to be stored when sent again",
                counts.stored_receipt_lost
            )?;
        }
        match &self.last_fault {
            Some(fault) => writeln!(out, "last fault {fault}"),
            None => Ok(()),
        }
    }
}
