//! The due times that compliance findings rest on, worked out anew: they are not stored.

use crate::domain::ids::{PatientId, SessionKey};
use crate::domain::time::Instant;
use crate::engine::compliance::calendar::{Standing, calendar, needs};
use crate::engine::compliance::{Attendance, DueState, Record};
use crate::store::Tx;

use super::plans::PlanShelf;
use super::rejudge::JudgingFault;
use super::{attendance, compliance};

/// A due time and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTime {
    pub at: Instant,
    pub opens: Instant,
    pub closes: Instant,
    /// `served`, `missed`, `unknown` or, where it may still be served, `open`.
    pub state: &'static str,
    pub served_by: Option<SessionKey>,
}

/// The patient's due times in a span of time, oldest first, as the service sees them now.
pub async fn of(
    tx: &mut Tx,
    patient: PatientId,
    span: (Instant, Instant),
    now: Instant,
) -> Result<Vec<DueTime>, JudgingFault> {
    let patients = std::slice::from_ref(&patient);
    let plans = PlanShelf::default().of(tx, patients).await?;
    let plans = plans.get(&patient).cloned().unwrap_or_default();
    let watch = compliance::watch(tx, now).await?;
    let mut times = attendance::times(tx, patients).await?;
    let (stays, pauses) = times.remove(&patient).unwrap_or_default();
    let mut record = Record {
        plans: &plans,
        stay: None,
        pauses: &pauses,
        outages: &watch.outages,
        sessions: &[],
    };
    let (begin, _) = needs(&record, span);
    let sessions: Vec<Attendance> = attendance::since(tx, &[(patient, begin)])
        .await?
        .remove(&patient)
        .unwrap_or_default();
    record.sessions = &sessions;
    let of_stay = stays.into_iter().flat_map(|stay| {
        record.stay = Some(stay);
        calendar(&record, span, watch.as_of)
    });
    Ok(of_stay.map(DueTime::from).collect())
}

impl From<Standing> for DueTime {
    fn from(standing: Standing) -> Self {
        let Standing {
            at,
            opens,
            closes,
            state,
        } = standing;
        Self {
            at,
            opens,
            closes,
            state: state.as_ref().map_or("open", DueState::word),
            served_by: match state {
                Some(DueState::Served(by)) => Some(by),
                _ => None,
            },
        }
    }
}
