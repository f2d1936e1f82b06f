//! A unit whose clock was wrong: a person says by how much, the session's times are moved, and it may change hands by that,
//! for it belongs to whoever had the unit then. The word is kept, with all before it; what the unit sent stays as it is.

use serde_json::json;

use crate::domain::ids::{PatientId, SessionKey};
use crate::domain::session::Session;
use crate::judging::moved::{self, Moving};
use crate::store;
use crate::store::event::NewEvent;
use crate::store::shift::ShiftRow;
use crate::store::shown::ShownSession;
use crate::wire;

use super::audit::{self, Subject};
use super::{Act, Form, Refusal};

/// A hundred years: a clock that has lost its time begins anew in 1970 or 2000.
const FARTHEST_SECONDS: i64 = 100 * 366 * 86_400;

/// A session whose times were moved.
#[derive(Debug)]
pub struct Shifted {
    pub session: ShownSession,
    /// Every time that its times were moved, oldest first.
    pub shifts: Vec<ShiftRow>,
}

/// The version of a session that was moved so often: what is known of its times changes by nothing else.
pub fn version(shifts: &[ShiftRow]) -> i64 {
    i64::try_from(shifts.len()).unwrap_or(i64::MAX).saturating_add(1)
}

/// Nobody's clock is wrong by more.
pub(super) fn check_seconds(form: &mut Form, at: &str, seconds: i64) {
    if !(-FARTHEST_SECONDS..=FARTHEST_SECONDS).contains(&seconds) {
        form.fault(at, "out_of_range", "is more than a hundred years");
    }
}

/// Moves a stored session by so many seconds from where it stands, and judges again what either place reaches.
/// `seen` is the version that the caller rests on, where they say so.
pub async fn shift(
    act: &mut Act,
    key: &SessionKey,
    seen: Option<i64>,
    seconds: i64,
    reason: &str,
) -> Result<Shifted, Refusal> {
    let mut form = Form::default();
    let reason = form.note("/reason", reason);
    check_seconds(&mut form, "/seconds", seconds);
    if seconds == 0 {
        form.fault("/seconds", "zero", "moves nothing");
    }
    form.check()?;
    let unit = std::slice::from_ref(&key.unit_id);
    // For update: no decision and no other shift may come between.
    store::unit::lock_for_update(&mut act.tx, unit).await?;
    let before = stored(act, key).await?;
    let mut shifts = store::shift::of_sessions(&mut act.tx, std::slice::from_ref(key)).await?;
    let current = version(&shifts);
    if seen.is_some_and(|seen| seen != current) {
        return Err(Refusal::Stale { current });
    }
    let moving = moving(act, &before, seconds).await?;
    refuse_clock_fault(&moving.session, &before)?;
    let completed_at = moving.session.completed_at;
    let periods = store::assignment::of_units(&mut act.tx, unit).await?;
    let after = periods.iter().find(|period| period.holds_at(completed_at));
    let after: Option<PatientId> = after.map(|period| period.patient_id);
    let mut patients: Vec<PatientId> = [before.patient_id, after].into_iter().flatten().collect();
    patients.sort_unstable();
    patients.dedup();
    store::patient::lock(&mut act.tx, &patients).await?;
    // States stand only under the patients' locks.
    let before = stored(act, key).await?;
    let moving = self::moving(act, &before, seconds).await?;
    let row = ShiftRow {
        id: act.id(),
        key: key.clone(),
        seconds,
        reason,
        at: act.now,
        by: act.caller.actor.clone(),
    };
    store::shift::record(&mut act.tx, std::slice::from_ref(&row)).await?;
    moved::settle(&mut act.tx, moving, after, &act.ids, act.now).await?;
    let session = stored(act, key).await?;
    let owners: Vec<Option<PatientId>> = if patients.is_empty() {
        vec![None]
    } else {
        patients.into_iter().map(Some).collect()
    };
    let events: Vec<NewEvent> = owners
        .iter()
        .flatten()
        .map(|patient| event(&session, *patient, act))
        .collect();
    store::event::insert(&mut act.tx, &events).await?;
    let detail = json!({
        "seconds": seconds, "total_seconds": session.document.shift_seconds, "reason": row.reason,
        "patient_before": before.patient_id, "patient_after": session.patient_id,
    });
    let records = owners
        .into_iter()
        .map(|patient| (Subject::new("session", key, patient), detail.clone()));
    audit::record_all(act, "session.shift", records.collect()).await?;
    shifts.push(row);
    Ok(Shifted { session, shifts })
}

async fn moving(act: &mut Act, before: &ShownSession, seconds: i64) -> Result<Moving, Refusal> {
    let moving = moved::read(&mut act.tx, before, seconds).await?;
    moving.ok_or_else(|| {
        Refusal::invalid(
            "/seconds",
            "out_of_range",
            "the session holds a time that cannot be moved so far",
        )
    })
}

/// Moved, it must be a session that would have been taken in when it came.
fn refuse_clock_fault(session: &Session, before: &ShownSession) -> Result<(), Refusal> {
    let fault = wire::session::after_receipt(session, before.received_at)
        .or_else(|| wire::session::clock_fault(session, before.received_at));
    match fault {
        None => Ok(()),
        Some(fault) => Err(Refusal::invalid(
            "/seconds",
            &fault.code,
            format!("moved so far, completed_at {}", fault.detail),
        )),
    }
}

async fn stored(act: &mut Act, key: &SessionKey) -> Result<ShownSession, Refusal> {
    store::shown::of(&mut act.tx, std::slice::from_ref(key))
        .await?
        .pop()
        .ok_or(Refusal::NotFound("session"))
}

/// That the session is another now, for one of those whose it was or is.
fn event(session: &ShownSession, patient_id: PatientId, act: &Act) -> NewEvent {
    let times = (session.completed_at, session.received_at);
    NewEvent::session(patient_id, &session.key, times, act.now)
}
