//! A stored session whose times were wrong is judged again where it stood and where it stands now: what is current then is
//! what would be if it had come right the first time.

use crate::domain::ids::{Ids, PatientId};
use crate::domain::reading::Decision;
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::engine::{self, ToJudge};
use crate::store::series::SeriesReading;
use crate::store::shift::MovedRow;
use crate::store::shown::ShownSession;
use crate::store::{self, Tx};

use super::again::{Moved, change_hands, rejudge};
use super::past::{self, PastFault};
use super::rejudge::{JudgingFault, leave_unassigned};
use super::technical;

/// A stored session as it would stand with its times moved.
#[derive(Debug)]
pub struct Moving {
    pub session: Session,
    decisions: Vec<(u16, Decision)>,
    before: Option<PatientId>,
    since: Instant,
    series: Vec<SeriesReading>,
}

/// The session with its times moved by so many seconds from where they stand; `None` where a time cannot be moved so far.
/// The caller has locked its unit, so that no decision about it is under way.
pub async fn read(tx: &mut Tx, shown: &ShownSession, seconds: i64) -> Result<Option<Moving>, JudgingFault> {
    let stands = past::decoded(&shown.key, &shown.document, shown.received_at)?;
    let decisions = past::decisions(tx, std::slice::from_ref(&shown.key)).await?;
    let decisions = decisions.into_values().next().unwrap_or_default();
    let Some(session) = stands.clone().moved(seconds) else {
        return Ok(None);
    };
    let first = |session: &Session| {
        let decisions = &decisions;
        engine::span(ToJudge { session, decisions }).first
    };
    let since = first(&stands).min(first(&session));
    if shown.series.len() != session.readings.len() {
        return Err(PastFault::Unreadable {
            session: shown.key.clone(),
            fault: "its series is not of its document".to_owned(),
        }
        .into());
    }
    let series = (shown.series.iter().zip(&session.readings))
        .map(|(kept, reading)| SeriesReading {
            taken_at: reading.taken_at,
            ..*kept
        })
        .collect();
    Ok(Some(Moving {
        session,
        decisions,
        before: shown.patient_id,
        since,
        series,
    }))
}

/// Moves the session, to `after` where that is whose it is at its new time, and judges again what either place reaches.
/// The caller has locked the unit for update and both patients, and has recorded the shift.
pub async fn settle(
    tx: &mut Tx,
    moving: Moving,
    after: Option<PatientId>,
    ids: &Ids,
    now: Instant,
) -> Result<(), JudgingFault> {
    let Moving {
        session,
        decisions,
        before,
        since,
        series,
    } = moving;
    let row = MovedRow {
        key: session.key.clone(),
        started_at: session.started_at,
        completed_at: session.completed_at,
        series,
    };
    store::shift::move_times(tx, &[row]).await?;
    if before != after {
        let unit = session.key.unit_id.clone();
        let moved = Moved {
            session,
            decisions,
            before,
            after,
            since,
        };
        return change_hands(tx, &unit, &[moved], ids, now).await;
    }
    if let Some(patient) = after {
        return rejudge(tx, &[(patient, since)], ids, now).await.map(drop);
    }
    let to_judge = ToJudge {
        session: &session,
        decisions: &decisions,
    };
    leave_unassigned(tx, &[to_judge]).await?;
    // Only its time is another: that it belongs to nobody has been told.
    technical::unassigned(tx, [&session], now).await?;
    Ok(())
}
