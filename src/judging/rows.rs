//! What the store keeps of a session and its verdict.

use std::sync::Arc;

use crate::domain::ids::PatientId;
use crate::domain::session::Session;
use crate::engine::{self, Judged};
use crate::store::series::SeriesReading;
use crate::store::session::{JudgedRow, SessionRow};

use super::rejudge::{Incoming, JudgingFault};

pub(super) fn session_row(
    patient: Option<PatientId>,
    incoming: &Incoming,
    judged: &Judged,
) -> Result<SessionRow, JudgingFault> {
    let session = &incoming.session;
    Ok(SessionRow {
        key: session.key.clone(),
        patient_id: patient,
        trigger: session.trigger,
        seq: session.seq,
        started_at: session.started_at,
        completed_at: session.completed_at,
        received_at: session.received_at,
        content_hash: incoming.content_hash,
        document: Arc::clone(&incoming.document),
        series: series(session, judged),
        fired: fired(judged)?,
        plan_version: judged.plan_version,
        out_of_time: out_of_time(session, judged),
    })
}

pub(super) fn judged_row(
    patient_id: Option<PatientId>,
    session: &Session,
    judged: &Judged,
) -> Result<JudgedRow, JudgingFault> {
    Ok(JudgedRow {
        key: session.key.clone(),
        patient_id,
        series: series(session, judged),
        fired: fired(judged)?,
        plan_version: judged.plan_version,
        out_of_time: out_of_time(session, judged),
    })
}

fn series(session: &Session, judged: &Judged) -> Vec<SeriesReading> {
    let states = judged.states.iter().copied();
    session
        .readings
        .iter()
        .zip(states)
        .map(|(reading, state)| SeriesReading {
            measure: reading.measure,
            value: reading.value,
            comparator: reading.comparator,
            taken_at: reading.taken_at,
            state,
        })
        .collect()
}

fn fired(judged: &Judged) -> Result<String, JudgingFault> {
    if judged.fired.is_empty() {
        return Ok("[]".to_owned());
    }
    serde_json::to_string(&judged.fired).map_err(|fault| JudgingFault::Fired {
        session: judged.key.clone(),
        fault,
    })
}

/// Whether a reading counts, by a person's decision, that lies outside the span in which the session is looked for.
pub(super) fn out_of_time(session: &Session, judged: &Judged) -> bool {
    session
        .readings
        .iter()
        .zip(&judged.states)
        .any(|(reading, state)| state.counts() && reading.taken_at > session.completed_at + engine::LEAD)
}
