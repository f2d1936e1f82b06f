//! A temporary version interrupts another, which then goes on: time is cut wherever the version in force may change.

use crate::domain::plan::{Plan, in_force};
use crate::domain::time::Instant;

/// A time throughout which one version is in force; the next may be of the same one.
pub(super) struct Reign<'a> {
    pub(super) plan: &'a Plan,
    pub(super) from: Instant,
    pub(super) to: Instant,
}

impl Reign<'_> {
    pub(super) fn holds(&self, at: Instant) -> bool {
        self.from <= at && at < self.to
    }
}

/// The reigns from an instant up to another, in order.
pub(super) fn reigns(plans: &[Plan], from: Instant, to: Instant) -> Vec<Reign<'_>> {
    let turns = plans
        .iter()
        .flat_map(|plan| [Some(plan.effective_from), plan.until])
        .flatten();
    let mut bounds: Vec<Instant> = turns.filter(|at| from < *at && *at < to).collect();
    bounds.extend([from, to.max(from)]);
    bounds.sort_unstable();
    bounds.dedup();
    let between = bounds.iter().zip(bounds.iter().skip(1));
    between
        .filter_map(|(from, to)| {
            Some(Reign {
                plan: in_force(plans, *from)?,
                from: *from,
                to: *to,
            })
        })
        .collect()
}
