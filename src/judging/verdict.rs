//! Judged again, a finding stays the same finding: replaced in place, superseded or current again, never deleted.

use std::collections::HashMap;

use chrono::TimeDelta;

use crate::domain::finding::{Class, Finding, FindingState, SUSPECT, Severity, identity};
use crate::domain::ids::{FindingId, PatientId};
use crate::domain::time::Instant;
use crate::engine::Judged;
use crate::engine::technical::UNKNOWN_ANSWER;
use crate::store::finding::FindingRow;

/// A finding first made later than this after its session is shown as late.
pub(super) const LATE_AFTER: TimeDelta = TimeDelta::hours(24);

/// What one patient's verdict changes in the store.
#[derive(Debug, Default)]
pub struct Changes {
    /// New rows, and rows whose numbers, version or state changed.
    pub write: Vec<FindingRow>,
    pub supersede: Vec<FindingId>,
    /// What opens or joins an alert: new, or current again. Context findings never do.
    pub news: Vec<FindingRow>,
    /// How many are new, or current again.
    pub made: u64,
    /// Of these, how many are late.
    pub made_late: u64,
}

impl Changes {
    fn count(&mut self, made: &FindingRow) {
        self.made += 1;
        self.made_late += u64::from(made.late);
    }
}

/// Compares what was judged with what stands: `before` are the stored findings of the sessions judged.
///
/// `judged` has each session's verdict with its `completed_at`.
pub fn compare<'a>(
    patient: PatientId,
    judged: impl Iterator<Item = (&'a Judged, Instant)>,
    before: Vec<FindingRow>,
    now: Instant,
) -> Changes {
    let standing = before.into_iter().filter(is_judged);
    let found = judged.flat_map(|(judged, at)| judged.findings.iter().map(move |finding| (finding, at)));
    let found = found.map(|(finding, at)| (identity(Some(patient), finding, None), finding, at));
    compare_found(patient, found, standing, now)
}

/// Compares what was found, each once and with when it was so, with what stands of the same.
pub(super) fn compare_found<'a>(
    patient: PatientId,
    found: impl Iterator<Item = (FindingId, &'a Finding, Instant)>,
    standing: impl Iterator<Item = FindingRow>,
    now: Instant,
) -> Changes {
    let mut standing: HashMap<FindingId, FindingRow> = standing.map(|row| (row.id, row)).collect();
    let mut changes = Changes::default();
    for (id, finding, so_at) in found {
        let row = |made_at, late| FindingRow {
            id,
            patient_id: Some(patient),
            finding: finding.clone(),
            state: FindingState::Current,
            late,
            made_at,
        };
        match standing.remove(&id) {
            Some(stands) if stands.state == FindingState::Current && stands.finding == *finding => {}
            Some(stands) => {
                let row = row(stands.made_at, stands.late);
                if stands.state == FindingState::Superseded {
                    changes.count(&row);
                    changes.news.extend(raises(&row).then(|| row.clone()));
                }
                changes.write.push(row);
            }
            None => {
                let row = row(now, now - so_at > LATE_AFTER);
                changes.count(&row);
                changes.news.extend(raises(&row).then(|| row.clone()));
                changes.write.push(row);
            }
        }
    }
    let gone = standing
        .into_values()
        .filter(|row| row.state == FindingState::Current);
    changes.supersede = gone.map(|row| row.id).collect();
    changes.supersede.sort_unstable();
    changes
}

/// Whether the finding comes from judging a session, and so is judged again with it. Technical findings by arrival are not.
pub(super) fn is_judged(row: &FindingRow) -> bool {
    row.finding.class == Class::Clinical || matches!(row.finding.rule.as_str(), SUSPECT | UNKNOWN_ANSWER)
}

fn raises(row: &FindingRow) -> bool {
    row.finding.severity > Severity::Context
}
