//! A standing rule that somebody has dealt with goes on being found, and need not be raised again every day.

use super::window::days_before;
use crate::domain::finding::Finding;
use crate::domain::plan::Plan;
use crate::domain::time::Instant;

/// Since when the same rule must have fired, at the same severity and in a session whose alert a person has closed, for this
/// finding to open no alert. `None` where its rule wants every alert.
pub fn quiet_since(plan: &Plan, finding: &Finding) -> Option<Instant> {
    let rule = plan.rules.iter().find(|rule| rule.id == finding.rule)?;
    let days = rule.repeat_after_days?;
    Some(days_before(plan.timezone, finding.at, days))
}
