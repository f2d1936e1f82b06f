//! Every due time of a span with how it stands, those that may still be served among them: what explains a finding.

use super::due::{self, Slot};
use super::serving::{self, Served};
use super::{Attendance, DueState, Record, longest};
use crate::domain::time::Instant;

/// A due time as it stands; open where it is neither over nor served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub at: Instant,
    /// A session completed from here on …
    pub opens: Instant,
    /// … and before this may serve it.
    pub closes: Instant,
    /// `None`: it may still be served.
    pub state: Option<DueState>,
}

/// The due times from `from` on, before `to`, in order. The record must hold every session of [`needs`].
pub fn calendar(record: &Record<'_>, (from, to): (Instant, Instant), now: Instant) -> Vec<Standing> {
    let mut sessions: Vec<&Attendance> = record.sessions.iter().collect();
    sessions.sort_unstable_by(|a, b| (a.completed_at, &a.key).cmp(&(b.completed_at, &b.key)));
    let (begin, end) = needs(record, (from, to));
    // A session may be nearer to a due time beside the span.
    let slots = due::slots(
        record,
        Some(begin - longest(record.plans).1),
        end + longest(record.plans).0,
    );
    let served = Served::new(&slots, &sessions);
    let standing = serving::standing(&slots, &served, record.outages, now);
    let asked = |slot: &Slot<'_>| from <= slot.at && slot.at < to;
    standing
        .iter()
        .filter(|(slot, _)| asked(slot))
        .map(|(slot, standing)| Standing {
            at: slot.at,
            opens: slot.opens,
            closes: slot.closes,
            state: standing.state(),
        })
        .collect()
}

/// When sessions were completed that may serve a due time of the span.
pub fn needs(record: &Record<'_>, (from, to): (Instant, Instant)) -> (Instant, Instant) {
    let (before, grace) = longest(record.plans);
    (from - before, to + grace)
}
