//! When nobody need ring about a finding any more, because the patient has been heard of since. Of a week of poor adherence that
//! is never so: one more session does not mend it.

use chrono::TimeDelta;

use crate::domain::finding::{Finding, FindingState};
use crate::domain::plan::{Plan, in_force};
use crate::domain::time::Instant;

/// What has come from a patient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Come {
    /// When the newest session that holds anything was completed.
    pub attended_at: Option<Instant>,
    /// The same of the newest scheduled session, where nothing was found incomplete in it.
    pub complete_at: Option<Instant>,
}

impl Come {
    /// Whether the finding has been answered.
    pub fn answers(&self, finding: &Finding, plans: &[Plan]) -> bool {
        match finding.kind.as_str() {
            "missed" => self.attended_at.is_some_and(|at| opened(finding.at, plans) <= at),
            "incomplete" => self.complete_at.is_some_and(|at| finding.at < at),
            _ => false,
        }
    }

    /// Whether an alert with these findings may close: all that is still so is answered, and all that was missed, even if it is no
    /// longer held against the patient. What a person took back is for a person to close.
    pub fn settles<'a>(
        &self,
        on_alert: impl Iterator<Item = (&'a Finding, FindingState)>,
        plans: &[Plan],
    ) -> bool {
        let counts = |(finding, state): &(&Finding, FindingState)| {
            *state == FindingState::Current || finding.kind == "missed"
        };
        let mut any = false;
        let answered = on_alert.filter(counts).all(|(finding, _)| {
            any = true;
            self.answers(finding, plans)
        });
        answered && any
    }
}

/// When the window of a missed due time opened.
fn opened(due: Instant, plans: &[Plan]) -> Instant {
    let schedule = in_force(plans, due).and_then(|plan| plan.schedule.as_ref());
    let before = schedule.map_or(0, |schedule| schedule.window_before_min);
    due - TimeDelta::minutes(before.into())
}
