//! A person's word on a reading outweighs the suspect check; the last word counts, and every word is kept.

use serde_json::json;

use crate::domain::ids::{DecisionId, ReadingId, SessionKey};
use crate::domain::reading::{Decision, ReadingState};
use crate::judging::again;
use crate::store;
use crate::store::decision::DecisionRow;
use crate::store::series::SeriesReading;
use crate::store::shown::ShownSession;

use super::audit::{self, Subject};
use super::{Act, Form, Refusal};

/// Excludes or accepts a reading and judges again what rests on it.
pub async fn decide(
    act: &mut Act,
    reading: ReadingId,
    decision: Decision,
    reason: &str,
) -> Result<DecisionRow, Refusal> {
    let mut form = Form::default();
    let reason = form.note("/reason", reason);
    form.check()?;
    let (key, index) = store::shown::find_reading(&mut act.tx, reading)
        .await?
        .ok_or(Refusal::NotFound("reading"))?;
    // Until the unit is locked its sessions may still change hands.
    store::unit::lock_for_share(&mut act.tx, std::slice::from_ref(&key.unit_id)).await?;
    let patient = session(act, &key).await?.patient_id;
    store::patient::lock(&mut act.tx, patient.as_slice()).await?;
    // States are read only under the patient's lock.
    let session = session(act, &key).await?;
    let state = session.series.get(usize::from(index)).copied();
    if decision == Decision::Accept
        && let Some(reading) = &state
    {
        refuse_unusable(reading)?;
    }
    let row = DecisionRow {
        id: act.id::<DecisionId>(),
        key: key.clone(),
        reading_index: index,
        decision,
        reason,
        decided_at: act.now,
        decided_by: act.caller.actor.clone(),
    };
    store::decision::insert(&mut act.tx, &row).await?;
    if let Some(patient) = patient {
        let from = state.map_or(session.completed_at, |reading| {
            reading.taken_at.min(session.completed_at)
        });
        again::rejudge(&mut act.tx, &[(patient, from)], &act.ids, act.now).await?;
    }
    let name = match decision {
        Decision::Exclude => "reading.exclude",
        Decision::Accept => "reading.accept",
    };
    audit::record(
        act,
        name,
        Subject::new("reading", reading, patient),
        json!({ "reason": row.reason }),
    )
    .await?;
    Ok(row)
}

/// Without a usable number there is nothing to accept; a control solution is nobody's blood.
fn refuse_unusable(reading: &SeriesReading) -> Result<(), Refusal> {
    if reading.state == ReadingState::ControlSolution {
        return Err(Refusal::Unlawful(
            "a control solution is not the patient's blood and cannot be accepted".to_owned(),
        ));
    }
    if reading.measure.is_none() || reading.value.is_none() {
        return Err(Refusal::Unlawful(
            "a reading without a usable number cannot be accepted".to_owned(),
        ));
    }
    Ok(())
}

async fn session(act: &mut Act, key: &SessionKey) -> Result<ShownSession, Refusal> {
    store::shown::of(&mut act.tx, std::slice::from_ref(key))
        .await?
        .pop()
        .ok_or(Refusal::NotFound("reading"))
}
