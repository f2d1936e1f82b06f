//! A stretch that is over holds its beginning but not its end, so that two that meet share no instant.

use crate::domain::time::Instant;

/// From an instant up to another, or without an end so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub from: Instant,
    pub to: Option<Instant>,
}

impl Stretch {
    pub(super) fn holds(&self, at: Instant) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }

    /// Whether it shares time with `from` … `to`.
    pub(super) fn overlaps(&self, from: Instant, to: Instant) -> bool {
        let end = self.to.map_or(to, |end| end.min(to));
        self.from.max(from) < end
    }
}
