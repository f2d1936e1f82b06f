//! From compliance findings to alerts: only once everybody who was due has been looked at, so that what is missing everywhere is
//! seen to be so before the first patient is rung.

use std::collections::HashSet;

use crate::domain::alert::About;
use crate::domain::finding::FindingState;
use crate::domain::ids::{FindingId, Ids, PatientId};
use crate::domain::time::Instant;
use crate::store::{self, Tx};

use super::alerting::{self, News};
use super::attendance;
use super::compliance::{come, has_left};
use super::plans::PlanShelf;
use super::rejudge::JudgingFault;

/// Raises what waits of these patients and is still so, unless the patient has been heard of since or was discharged. The caller
/// holds their locks. Gives how many alerts were opened or joined.
pub async fn raise(
    tx: &mut Tx,
    shelf: &PlanShelf,
    patients: &[PatientId],
    ids: &Ids,
    now: Instant,
) -> Result<usize, JudgingFault> {
    let plans = shelf.of(tx, patients).await?;
    let times = attendance::times(tx, patients).await?;
    let marks = store::compliance::marks(tx, patients).await?;
    let waiting = store::compliance::waiting(tx, patients).await?;
    let distinct: HashSet<FindingId> = waiting.iter().map(|waiting| waiting.finding_id).collect();
    let findings = store::finding::of(tx, &distinct.into_iter().collect::<Vec<_>>()).await?;
    let news = findings.into_iter().filter_map(|row| {
        let patient = row.patient_id?;
        let mark = marks.iter().find(|mark| mark.patient_id == patient)?;
        let plans = plans.get(&patient)?;
        let left = times.get(&patient).is_some_and(|(stays, _)| has_left(stays, now));
        let answered = come(mark).answers(&row.finding, plans);
        let stands = row.state == FindingState::Current && !answered && !left;
        stands.then(|| News::of(About::Patient(patient), row))
    });
    let news: Vec<News> = news.collect();
    let raised = alerting::raise(tx, &news, ids, now).await?;
    store::compliance::no_longer_waiting(tx, patients).await?;
    Ok(raised.len())
}
