//! What a patient's last days would have looked like by other parameters. Takes no lock and writes nothing: what changes
//! meanwhile may be seen or not.

use std::sync::Arc;

use crate::domain::ids::PatientId;
use crate::domain::plan::Plan;
use crate::domain::time::Instant;
use crate::engine::ToJudge;
use crate::engine::preview::{Preview, preview};
use crate::store::Tx;

use super::past::{self, Reached, Touched};
use super::plans::PlanShelf;
use super::rejudge::JudgingFault;

/// Judges the patient's sessions completed since then by `proposed` beside what is in force.
pub async fn beside_those_in_force(
    tx: &mut Tx,
    patient: PatientId,
    proposed: &Plan,
    since: Instant,
) -> Result<Preview, JudgingFault> {
    let stored = PlanShelf::default().of(tx, &[patient]).await?.remove(&patient);
    let stored = stored.unwrap_or_default();
    // As far back as the rules of either side look.
    let plans: Vec<Plan> = stored.iter().chain([proposed]).cloned().collect();
    let touched = Touched {
        patient,
        from: since,
        earliest: since,
        plans: Arc::new(plans),
        known: None,
    };
    let reached = past::load(tx, vec![touched]).await?.remove(&patient);
    let (past, again) = reached.map_or_else(Default::default, |Reached { past, again, .. }| (past, again));
    // A session that ended before the window may hold a reading of it, by a person's decision: it is past all the same.
    let (again, before): (Vec<_>, Vec<_>) = again
        .into_iter()
        .partition(|again| again.session.completed_at >= since);
    let past: Vec<_> = past
        .into_iter()
        .chain(before.into_iter().map(|again| again.before))
        .map(|standing| standing.session)
        .collect();
    let sessions: Vec<ToJudge<'_>> = again
        .iter()
        .map(|again| ToJudge {
            session: &again.session,
            decisions: &again.decisions,
        })
        .collect();
    Ok(preview(&stored, proposed, &past, &sessions))
}
