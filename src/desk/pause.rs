//! A pause may be entered or corrected afterwards: what was held against the patient meanwhile is judged again.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::domain::ids::{PatientId, PauseId};
use crate::domain::pause::{Pause, PauseReason};
use crate::domain::time::Instant;
use crate::store;
use crate::store::StoreError;

use super::audit::{self, Subject};
use super::edit::Edit;
use super::{Act, Form, Refusal};

/// A slip of the pen in the year would silence a patient for good; older sessions are not taken in either.
const FURTHEST: TimeDelta = TimeDelta::days(400);

/// Nothing is due from the patient for a time; without an end, until further notice.
pub async fn enter(
    act: &mut Act,
    patient: PatientId,
    (from, to): (Instant, Option<Instant>),
    reason: PauseReason,
) -> Result<Pause, Refusal> {
    let others = lock(act, patient).await?;
    let new = Pause {
        id: act.id(),
        patient_id: patient,
        from,
        to,
        reason,
        version: 1,
        created_at: act.now,
    };
    check(&new, &others, act.now)?;
    store::pause::insert(&mut act.tx, &new).await.map_err(overlap)?;
    settle(act, &new, from, ("patient.pause", detail(&new))).await?;
    Ok(new)
}

/// What is corrected of a pause.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    pub from: Option<Instant>,
    pub to: Edit<Instant>,
    pub reason: Option<PauseReason>,
}

/// Corrects or ends a pause.
pub async fn change(
    act: &mut Act,
    patient: PatientId,
    id: PauseId,
    seen_version: i64,
    change: Change,
) -> Result<Pause, Refusal> {
    let others = lock(act, patient).await?;
    let before = seen(&others, id, seen_version)?;
    let changed = Pause {
        from: change.from.unwrap_or(before.from),
        to: change.to.over(before.to),
        reason: change.reason.unwrap_or(before.reason),
        version: seen_version + 1,
        ..before.clone()
    };
    check(&changed, &others, act.now)?;
    if !store::pause::update(&mut act.tx, &changed, seen_version)
        .await
        .map_err(overlap)?
    {
        return Err(Refusal::Stale {
            current: seen_version + 1,
        });
    }
    let since = before.from.min(changed.from);
    settle(act, &changed, since, ("patient.pause_change", detail(&changed))).await?;
    Ok(changed)
}

/// Takes back a pause that was entered by mistake: what was due in it counts as if it had never been. What it was, and why it
/// was taken back, remain on record.
pub async fn withdraw(
    act: &mut Act,
    patient: PatientId,
    id: PauseId,
    seen_version: i64,
    why: &str,
) -> Result<Pause, Refusal> {
    let mut form = Form::default();
    let why = form.note("/reason", why);
    form.check()?;
    let others = lock(act, patient).await?;
    let pause = seen(&others, id, seen_version)?;
    if !store::pause::delete(&mut act.tx, pause).await? {
        return Err(Refusal::Stale {
            current: seen_version + 1,
        });
    }
    let detail = json!({ "from": pause.from, "to": pause.to, "paused_for": pause.reason, "reason": why });
    settle(act, pause, pause.from, ("patient.pause_withdraw", detail)).await?;
    Ok(pause.clone())
}

/// The pause at the version that the caller has seen.
fn seen(pauses: &[Pause], id: PauseId, seen_version: i64) -> Result<&Pause, Refusal> {
    let pause = pauses.iter().find(|one| one.id == id);
    let pause = pause.ok_or(Refusal::NotFound("pause"))?;
    if pause.version == seen_version {
        Ok(pause)
    } else {
        Err(Refusal::Stale {
            current: pause.version,
        })
    }
}

/// Locks the patient; gives all her pauses.
async fn lock(act: &mut Act, patient: PatientId) -> Result<Vec<Pause>, Refusal> {
    if store::patient::lock(&mut act.tx, &[patient]).await?.is_empty() {
        return Err(Refusal::NotFound("patient"));
    }
    Ok(store::pause::of(&mut act.tx, &[patient]).await?)
}

fn check(pause: &Pause, others: &[Pause], now: Instant) -> Result<(), Refusal> {
    let mut form = Form::default();
    if now + FURTHEST < pause.from {
        form.fault("/from", "too_far_ahead", "lies more than 400 days ahead");
    }
    if pause.from < now - FURTHEST {
        form.fault("/from", "too_far_back", "lies more than 400 days back");
    }
    if pause.to.is_some_and(|to| to <= pause.from) {
        form.fault("/to", "not_after_from", "the pause must end after it begins");
    }
    form.check()?;
    let taken = others
        .iter()
        .find(|other| other.id != pause.id && other.overlaps(pause));
    match taken {
        None => Ok(()),
        Some(other) => Err(Refusal::Taken {
            at: "/from",
            detail: format!(
                "the patient is paused from {} {} already",
                shown(other.from),
                other.to.map_or("until further notice".to_owned(), |to| format!(
                    "to {}",
                    shown(to)
                ))
            ),
        }),
    }
}

fn shown(at: Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn overlap(error: StoreError) -> Refusal {
    match error {
        StoreError::Taken { .. } => Refusal::Taken {
            at: "/from",
            detail: "the patient is paused in this time already".to_owned(),
        },
        other => other.into(),
    }
}

fn detail(pause: &Pause) -> Value {
    json!({ "from": pause.from, "to": pause.to, "reason": pause.reason })
}

/// What was due since then is judged again, and it is on record.
async fn settle(
    act: &mut Act,
    pause: &Pause,
    since: Instant,
    (name, detail): (&'static str, Value),
) -> Result<(), Refusal> {
    store::compliance::altered(&mut act.tx, &[(pause.patient_id, since)], act.now).await?;
    let subject = Subject::new("pause", pause.id, Some(pause.patient_id));
    audit::record(act, name, subject, detail).await
}
