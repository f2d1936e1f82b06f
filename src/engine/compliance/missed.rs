//! What may still come (unknown, or its time not over) neither lengthens nor ends a row of misses.

use super::due::Slot;
use super::serving::Standing;
use super::{Told, finding, implied};
use crate::domain::finding::Finding;
use crate::domain::time::Instant;
use crate::engine::wording;

/// One finding at each missed due time, `first` or later, from the n-th in a row on, n from the version in force at it.
pub(super) fn findings(standing: &[(Slot<'_>, Standing<'_>)], first: Instant) -> Vec<Finding> {
    let (mut findings, mut row) = (Vec::new(), 0);
    for (slot, standing) in standing {
        match standing {
            Standing::Served(_) => row = 0,
            Standing::Unknown | Standing::Open => {}
            Standing::Missed => {
                row += 1;
                findings.extend((slot.at >= first).then(|| at_slot(slot, row)).flatten());
            }
        }
    }
    findings
}

fn at_slot(slot: &Slot<'_>, row: u32) -> Option<Finding> {
    let (id, rule) = implied::missed(slot.plan)?;
    let due = wording::moment(slot.at, slot.plan.timezone);
    let told = Told {
        session: None,
        at: slot.at,
        count: row,
        bound: rule.after,
        sentence: match row {
            1 => format!("The session due on {due} has not arrived."),
            _ => format!("{row} sessions in a row have not arrived, the last of them due on {due}."),
        },
    };
    (row >= rule.after).then(|| finding(slot.plan, (id, "missed"), rule.severity, told))
}
