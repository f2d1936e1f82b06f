//! Judged on sessions, not on due times: a session that came without a weight is no missed session.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Attendance, Record, Told, finding, implied};
use crate::domain::finding::Finding;
use crate::domain::measure::Measure;
use crate::domain::plan::{Plan, in_force};
use crate::domain::session::Trigger;
use crate::engine::wording;

/// One finding at each scheduled session that is at least the n-th in a row without one of the measures; sessions come in
/// session order. Those in a pause neither count nor break.
pub(super) fn findings(record: &Record<'_>, sessions: &[&Attendance]) -> Vec<Finding> {
    let mut rows = [0_u32; Measure::ALL.len()];
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
            *row = if session.accepted.contains(&measure) {
                0
            } else {
                *row + 1
            };
        }
        let plan = in_force(record.plans, session.completed_at);
        findings.extend(plan.and_then(|plan| at_session(session, plan, &rows)));
    }
    findings
}

fn at_session(session: &Attendance, plan: &Plan, rows: &[u32; Measure::ALL.len()]) -> Option<Finding> {
    let (id, rule) = implied::incomplete(plan)?;
    let mut lacking: BTreeMap<Reverse<u32>, Vec<String>> = BTreeMap::new();
    for measure in &rule.measures {
        let row = rows[*measure as usize];
        if row >= rule.sessions_in_row {
            let spoken = measure.facts().spoken.to_owned();
            lacking.entry(Reverse(row)).or_default().push(spoken);
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
