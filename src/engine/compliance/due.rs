//! Due times still to come are worked out too: a session may be nearer to one of those than to the one just over.

use chrono::{Days, TimeDelta};

use super::Record;
use super::reign::{Reign, reigns};
use crate::domain::plan::Plan;
use crate::domain::schedule::Schedule;
use crate::domain::time::Instant;
use crate::engine::window;

/// A due time with the window in which a session may serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot<'a> {
    pub(super) at: Instant,
    /// The version in force at it.
    pub(super) plan: &'a Plan,
    pub(super) opens: Instant,
    /// No longer in the window.
    pub(super) closes: Instant,
}

impl<'a> Slot<'a> {
    fn new(at: Instant, plan: &'a Plan, schedule: &Schedule) -> Self {
        Self {
            at,
            plan,
            opens: at - TimeDelta::minutes(schedule.window_before_min.into()),
            closes: at + TimeDelta::minutes(schedule.grace_min.into()),
        }
    }

    /// From when on nothing that is completed later can serve it, and it is a time before now.
    pub(super) fn over_from(&self) -> Instant {
        self.closes.max(self.at + TimeDelta::microseconds(1))
    }
}

/// As far as a session might serve a due time to come instead of one before now.
pub(super) fn horizon(plans: &[Plan], now: Instant) -> Instant {
    let schedules = plans.iter().filter_map(|plan| plan.schedule.as_ref());
    let windows = schedules.map(|schedule| schedule.window_before_min.saturating_add(schedule.grace_min));
    // No session can serve both a due time before now and one beyond this.
    let ahead = windows.max().unwrap_or_default();
    now + TimeDelta::minutes(ahead.into()) + TimeDelta::minutes(1)
}

/// The due times of the stay outside pauses, in order, before `until`; from `from` on, where that is later than the stay's begin.
pub(super) fn slots<'a>(record: &Record<'a>, from: Option<Instant>, until: Instant) -> Vec<Slot<'a>> {
    let Some(stay) = record.stay else {
        return Vec::new();
    };
    let begin = from.map_or(stay.from, |from| from.max(stay.from));
    let end = stay.to.map_or(until, |to| to.min(until));
    let mut slots: Vec<_> = reigns(record.plans, begin, end)
        .iter()
        .flat_map(of_reign)
        .filter(|slot| record.pauses.iter().all(|pause| !pause.holds(slot.at)))
        .collect();
    slots.sort_unstable_by_key(|slot| slot.at);
    // Two that the clock change skipped have fallen together.
    slots.dedup_by_key(|slot| slot.at);
    slots
}

/// The due times of one version while it is in force.
fn of_reign<'a>(reign: &Reign<'a>) -> Vec<Slot<'a>> {
    let plan = reign.plan;
    let Some(schedule) = &plan.schedule else {
        return Vec::new();
    };
    let local = |at: Instant| at.with_timezone(&plan.timezone).date_naive();
    // A time that is skipped may move on into the next day, or past a day that did not exist.
    let first = local(reign.from).checked_sub_days(Days::new(2));
    let days = first.map(|first| first.iter_days().take_while(|day| *day <= local(reign.to)));
    days.into_iter()
        .flatten()
        .filter(|day| schedule.days.contains(&chrono::Datelike::weekday(day)))
        .flat_map(|day| schedule.times.iter().map(move |time| day.and_time(*time)))
        .map(|due| window::instant(plan.timezone, due))
        .filter(|at| reign.holds(*at))
        .map(|at| Slot::new(at, plan, schedule))
        .collect()
}
