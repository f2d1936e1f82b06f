//! What patients' last days would have looked like by other parameters. Takes no lock and writes nothing: what changes
//! meanwhile may be seen or not.

use std::sync::Arc;

use crate::domain::ids::PatientId;
use crate::domain::plan::Plan;
use crate::domain::time::Instant;
use crate::engine::preview::{Preview, preview};
use crate::engine::{PastSession, ToJudge};
use crate::store::Tx;

use super::past::{self, Again, Reached, Touched};
use super::plans::{PlanShelf, Plans};
use super::rejudge::JudgingFault;

/// A patient's last days, loaded and not judged yet.
#[derive(Debug)]
pub struct LastDays {
    pub patient: PatientId,
    stored: Plans,
    past: Vec<PastSession>,
    sessions: Vec<Again>,
}

/// Judges the patient's sessions completed since then by `proposed` beside what is in force.
pub async fn beside_those_in_force(
    tx: &mut Tx,
    patient: PatientId,
    proposed: &Plan,
    since: Instant,
) -> Result<Preview, JudgingFault> {
    let mut loaded = last_days(tx, &[patient], proposed, since).await?;
    Ok(loaded
        .pop()
        .map_or_else(|| preview(&[], proposed, &[], &[]), |days| days.judge(proposed)))
}

/// What judging the (distinct) patients' sessions since then by `proposed` takes, in as many statements as for one of them.
pub async fn last_days(
    tx: &mut Tx,
    patients: &[PatientId],
    proposed: &Plan,
    since: Instant,
) -> Result<Vec<LastDays>, JudgingFault> {
    let mut plans = PlanShelf::default().of(tx, patients).await?;
    let touched = patients.iter().map(|patient| {
        // As far back as the rules of either side look.
        let stored = plans.get(patient).into_iter().flat_map(|plans| plans.iter());
        let both = stored.chain([proposed]).cloned().collect();
        Touched {
            patient: *patient,
            from: since,
            earliest: since,
            plans: Arc::new(both),
            known: None,
        }
    });
    let mut reached = past::load(tx, touched.collect()).await?;
    let loaded = patients.iter().map(|patient| {
        let stored = plans.remove(patient).unwrap_or_default();
        let (past, again) = reached
            .remove(patient)
            .map_or_else(Default::default, |Reached { past, again, .. }| (past, again));
        // A session that ended before the window may hold a reading of it, by a person's decision: it is past all the same.
        let (sessions, before): (Vec<_>, Vec<_>) = again
            .into_iter()
            .partition(|again| again.session.completed_at >= since);
        let past = past
            .into_iter()
            .chain(before.into_iter().map(|again| again.before));
        LastDays {
            patient: *patient,
            stored,
            past: past.map(|standing| standing.session).collect(),
            sessions,
        }
    });
    Ok(loaded.collect())
}

impl LastDays {
    pub fn judge(&self, proposed: &Plan) -> Preview {
        let sessions: Vec<ToJudge<'_>> = self
            .sessions
            .iter()
            .map(|again| ToJudge {
                session: &again.session,
                decisions: &again.decisions,
            })
            .collect();
        preview(&self.stored, proposed, &self.past, &sessions)
    }
}
