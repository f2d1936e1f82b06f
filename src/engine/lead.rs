//! Whether findings came before a patient was admitted to hospital, and how long before: what parameters are for. A session
//! counts from its end, as if it had arrived at once: late data is not played through.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::preview::{Fate, Previewed, Tally};
use crate::domain::finding::Severity;
use crate::domain::time::Instant;

/// How long before an admission a finding counts as its warning.
pub const LOOK_BACK: TimeDelta = TimeDelta::days(7);

/// What either side found before an admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foresight {
    pub admitted_at: Instant,
    /// [`LOOK_BACK`] before, or where the stretch that was judged begins.
    pub looked_back_from: Instant,
    pub in_force: Option<Warning>,
    pub proposed: Option<Warning>,
}

/// The red and amber findings of one side before an admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The end of the first session that had one.
    pub first_at: Instant,
    /// From there to the admission.
    pub lead: TimeDelta,
    /// The worst.
    pub severity: Severity,
    /// By id, each once.
    pub rules: Vec<String>,
}

impl Foresight {
    /// Looks back from an admission over findings of sessions completed from `begin` on.
    pub fn of(admitted_at: Instant, begin: Instant, findings: &[Previewed]) -> Self {
        let looked_back_from = begin.max(admitted_at - LOOK_BACK);
        let before: Vec<&Previewed> = findings
            .iter()
            .filter(|found| (looked_back_from..admitted_at).contains(&found.completed_at))
            .filter(|found| found.finding.severity > Severity::Context)
            .collect();
        let warning = |other_side: Fate| {
            let of_side = before.iter().filter(|found| found.fate != other_side);
            Warning::of(admitted_at, of_side.copied())
        };
        Self {
            admitted_at,
            looked_back_from,
            in_force: warning(Fate::New),
            proposed: warning(Fate::Gone),
        }
    }
}

impl Warning {
    fn of<'a>(admitted_at: Instant, findings: impl Iterator<Item = &'a Previewed> + Clone) -> Option<Self> {
        let first_at = findings.clone().map(|found| found.completed_at).min()?;
        let severity = findings.clone().map(|found| found.finding.severity).max()?;
        let rules: BTreeSet<&str> = findings.map(|found| found.finding.rule.as_str()).collect();
        Some(Self {
            first_at,
            lead: admitted_at - first_at,
            severity,
            rules: rules.into_iter().map(ToOwned::to_owned).collect(),
        })
    }
}

/// How many admissions either side would have preceded.
pub fn preceded<'a>(admissions: impl IntoIterator<Item = &'a Foresight>) -> Tally {
    let mut tally = Tally::default();
    for admission in admissions {
        match (&admission.in_force, &admission.proposed) {
            (Some(_), Some(_)) => tally.add(Fate::Stays),
            (Some(_), None) => tally.add(Fate::Gone),
            (None, Some(_)) => tally.add(Fate::New),
            (None, None) => {}
        }
    }
    tally
}
