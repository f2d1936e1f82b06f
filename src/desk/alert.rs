//! Claim, release and close are compare-and-swap on the version that the person has seen: one winner, and nobody closes what
//! has meanwhile become worse.

use serde_json::json;

use crate::domain::alert::{About, Alert, Outcome};
use crate::domain::ids::AlertId;
use crate::store;
use crate::store::event::NewEvent;

use super::audit::{self, Subject};
use super::{Act, Form, Refusal};

/// Takes the alert.
pub async fn claim(act: &mut Act, id: AlertId, seen_version: i64) -> Result<Alert, Refusal> {
    let alert = current(act, id, seen_version).await?;
    let claimed = alert.claim(act.caller.actor.clone(), act.now)?;
    write(act, claimed, seen_version, "alert.claim", json!({})).await
}

/// Gives it back to the list.
pub async fn release(act: &mut Act, id: AlertId, seen_version: i64) -> Result<Alert, Refusal> {
    let alert = current(act, id, seen_version).await?;
    let released = alert.release(&act.caller.actor, act.now)?;
    write(act, released, seen_version, "alert.release", json!({})).await
}

/// Ends it with a coded outcome.
pub async fn close(
    act: &mut Act,
    id: AlertId,
    seen_version: i64,
    outcome: Outcome,
    note: Option<String>,
) -> Result<Alert, Refusal> {
    let mut form = Form::default();
    let note = note
        .filter(|note| !note.trim().is_empty())
        .map(|note| form.note("/note", &note));
    form.check()?;
    let alert = current(act, id, seen_version).await?;
    let closed = alert.close(act.caller.actor.clone(), outcome, note, act.now)?;
    write(
        act,
        closed,
        seen_version,
        "alert.close",
        json!({ "outcome": outcome.word() }),
    )
    .await
}

async fn current(act: &mut Act, id: AlertId, seen_version: i64) -> Result<Alert, Refusal> {
    let alert = store::alert::get(&mut act.tx, id)
        .await?
        .ok_or(Refusal::NotFound("alert"))?;
    if alert.version == seen_version {
        Ok(alert)
    } else {
        Err(Refusal::Stale {
            current: alert.version,
        })
    }
}

async fn write(
    act: &mut Act,
    alert: Alert,
    seen_version: i64,
    name: &'static str,
    detail: serde_json::Value,
) -> Result<Alert, Refusal> {
    if !store::alert::update(&mut act.tx, &alert, seen_version).await? {
        return Err(Refusal::Stale {
            current: seen_version + 1,
        });
    }
    let event = NewEvent::alert(&alert, act.now);
    store::event::insert(&mut act.tx, &[event]).await?;
    let patient = match &alert.about {
        About::Patient(patient) => Some(*patient),
        About::Unit(_) | About::Service => None,
    };
    let subject = Subject::new("alert", alert.id, patient);
    audit::record(act, name, subject, detail).await?;
    Ok(alert)
}
