//! How far back one must look: what is older than the first change stands as it was judged, and a row of misses is counted from
//! the last due time before it that was served.

use chrono::TimeDelta;

use super::due::Slot;
use super::serving::Standing;
use crate::domain::plan::Plan;
use crate::domain::time::Instant;

/// How much of the past is at hand, and from when on it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// Every session completed from then on is in the record; `None`: every session there is.
    pub since: Option<Instant>,
    /// Findings before it stand as they were made; none is made again.
    pub first: Instant,
    /// The last finding of `adherence` before `first`: for a week after it there is none.
    pub last_adherence: Option<Instant>,
}

impl Reach {
    /// Everything there is.
    pub const WHOLE: Self = Self {
        since: None,
        first: Instant::MIN_UTC,
        last_adherence: None,
    };

    /// Where due times must begin for every session at hand to find its nearest.
    pub(super) fn slots_from(&self, plans: &[Plan]) -> Option<Instant> {
        Some(self.since? - longest(plans).1)
    }

    /// From when on a due time has its whole window at hand. `None` where all have.
    pub(super) fn told_from(&self, plans: &[Plan]) -> Option<Instant> {
        Some(self.since? + longest(plans).0)
    }

    /// Whether each miss that is told now can be counted from its row's beginning.
    pub(super) fn counts_misses(&self, standing: &[(Slot<'_>, Standing<'_>)], is_whole: bool) -> bool {
        let told = |(slot, _): &&(Slot<'_>, Standing<'_>)| slot.at >= self.first;
        let mut told_now = standing.iter().filter(told);
        let mut before = standing.iter().take_while(|slot| !told(slot));
        is_whole
            || told_now.all(|(_, standing)| *standing != Standing::Missed)
            || before.any(|(_, standing)| matches!(standing, Standing::Served(_)))
    }
}

/// The longest window before a due time, and the longest grace after it, of any version.
pub fn longest(plans: &[Plan]) -> (TimeDelta, TimeDelta) {
    let schedules = || plans.iter().filter_map(|plan| plan.schedule.as_ref());
    let minutes = |most: Option<u32>| TimeDelta::minutes(most.unwrap_or_default().into());
    (
        minutes(schedules().map(|schedule| schedule.window_before_min).max()),
        minutes(schedules().map(|schedule| schedule.grace_min).max()),
    )
}
