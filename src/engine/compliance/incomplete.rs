//! Judged on sessions, not on due times: a session that came without a weight is no missed session.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Attendance, Reach, Record, Told, finding, implied};
use crate::domain::finding::Finding;
use crate::domain::measure::Measure;
use crate::domain::plan::{Plan, in_force};
use crate::domain::session::Trigger;
use crate::engine::wording;

/// So many scheduled sessions in a row lack a measure.
#[derive(Debug, Clone, Copy)]
struct Row {
    length: u32,
    /// False where the row may have begun before the sessions at hand.
    is_whole: bool,
}

type Rows = [Row; Measure::ALL.len()];

/// One finding at each scheduled session, completed at `reach.first` or later, that is at least the n-th in a row without one
/// of the measures; sessions come in session order. Those in a pause neither count nor break. `None` where a row that matters
/// began before the sessions at hand.
pub(super) fn findings(record: &Record<'_>, sessions: &[&Attendance], reach: &Reach) -> Option<Vec<Finding>> {
    let begun = Row {
        length: 0,
        is_whole: reach.since.is_none(),
    };
    let mut rows = [begun; Measure::ALL.len()];
    let mut findings = Vec::new();
    let scheduled = sessions
        .iter()
        .filter(|session| session.trigger == Trigger::Scheduled);
    for session in scheduled {
        if record
            .pauses
            .iter()
            .any(|pause| pause.holds(session.completed_at))
        {
            continue;
        }
        for measure in Measure::ALL {
            let row = &mut rows[measure as usize];
            if session.accepted.contains(&measure) {
                (row.length, row.is_whole) = (0, true);
            } else {
                row.length += 1;
            }
        }
        let plan = in_force(record.plans, session.completed_at);
        if let Some(plan) = plan.filter(|_| session.completed_at >= reach.first) {
            if !are_whole(plan, &rows) {
                return None;
            }
            findings.extend(at_session(session, plan, &rows));
        }
    }
    Some(findings)
}

/// Whether the beginnings of all rows that the plan asks about are known.
fn are_whole(plan: &Plan, rows: &Rows) -> bool {
    let rule = implied::incomplete(plan);
    rule.is_none_or(|(_, rule)| {
        rule.measures
            .iter()
            .all(|measure| rows[*measure as usize].is_whole)
    })
}

fn at_session(session: &Attendance, plan: &Plan, rows: &Rows) -> Option<Finding> {
    let (id, rule) = implied::incomplete(plan)?;
    let mut lacking: BTreeMap<Reverse<u32>, Vec<String>> = BTreeMap::new();
    for measure in &rule.measures {
        let length = rows[*measure as usize].length;
        if length >= rule.sessions_in_row {
            let spoken = measure.facts().spoken.to_owned();
            lacking.entry(Reverse(length)).or_default().push(spoken);
        }
    }
    let (Reverse(longest), _) = lacking.first_key_value()?;
    let moment = wording::moment(session.completed_at, plan.timezone);
    let told = Told {
        session: Some(session.key.clone()),
        at: session.completed_at,
        count: *longest,
        bound: rule.sessions_in_row,
        sentence: sentence(&lacking, &moment),
    };
    Some(finding(plan, (id, "incomplete"), rule.severity, told))
}

/// `No usable weight in 3 scheduled sessions in a row, no usable heart rate in 2 in a row, the last on 21 Nov 2026, 09:04.`
fn sentence(lacking: &BTreeMap<Reverse<u32>, Vec<String>>, last: &str) -> String {
    let parts: Vec<String> = lacking
        .iter()
        .enumerate()
        .map(|(place, (Reverse(row), measures))| {
            let measures = wording::list(measures, " or ");
            match (place, row) {
                (0, 1) => format!("No usable {measures} in the scheduled session"),
                (0, _) => format!("No usable {measures} in {row} scheduled sessions in a row"),
                (_, 1) => format!("no usable {measures} in the last one"),
                (_, _) => format!("no usable {measures} in {row} in a row"),
            }
        })
        .collect();
    let only = lacking.keys().all(|Reverse(row)| *row == 1);
    let joint = if only { " of" } else { ", the last on" };
    format!("{}{joint} {last}.", parts.join(", "))
}
