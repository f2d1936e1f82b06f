//! A message in quarantine is replayed, by the way of all messages, or dismissed with a reason; either ends the finding
//! that it waits. Nothing is ever taken out. Its unit is sent no receipt: it was told `rejected` and has forgotten the session.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};

pub use crate::ingest::replay::Replayed;

use crate::domain::ids::{PatientId, QuarantineId, SessionKey, UnitId};
use crate::ingest::replay::{self, BatchFault, Word};
use crate::judging::dealt_with::dealt_with;
use crate::store;
use crate::store::event::NewEvent;
use crate::store::quarantine::{Case, Quarantined, Settled, TakenIn};
use crate::store::replay::Kept;
use crate::wire::problem::Problem;

use super::audit::{self, Subject};
use super::shift::check_seconds;
use super::{Act, Form, Refusal};

/// The most messages that one act replays: no other writer waits longer for it than for a batch of ingest.
pub const MOST_AT_ONCE: usize = 100;

/// What a person says of messages that are taken in again.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// The unit they are of, where their topic names none or another.
    pub unit_id: Option<UnitId>,
    /// By how much the unit's clock was behind; negative where it was ahead.
    pub shift_seconds: i64,
    pub reason: Option<String>,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub id: QuarantineId,
    pub came_of_it: Replayed,
}

/// Takes one message in again as if it had arrived now. Refused where it does not wait any more.
pub async fn replay(act: &mut Act, id: QuarantineId, how: How) -> Result<Tried, Refusal> {
    match replay_some(act, &[id], how).await?.pop() {
        Some(tried) => Ok(tried),
        None => Err(not_waiting(act, id).await?),
    }
}

/// Takes messages in again, at most [`MOST_AT_ONCE`]; passes over those that are not there or do not wait.
pub async fn replay_some(act: &mut Act, ids: &[QuarantineId], how: How) -> Result<Vec<Tried>, Refusal> {
    let mut form = Form::default();
    check_seconds(&mut form, "/shift_seconds", how.shift_seconds);
    let reason = how.reason.as_deref().map(|reason| form.note("/reason", reason));
    if ids.len() > MOST_AT_ONCE {
        form.fault("/ids", "too_many", format!("names more than {MOST_AT_ONCE}"));
    }
    form.check()?;
    let word = Word {
        by: act.caller.actor.clone(),
        reason: reason.unwrap_or_else(|| "replayed from quarantine".to_owned()),
    };
    let distinct: BTreeSet<QuarantineId> = ids.iter().copied().collect();
    let distinct: Vec<QuarantineId> = distinct.into_iter().collect();
    let mut cases = store::replay::kept(&mut act.tx, &distinct).await?;
    cases.retain(|case| case.waits);
    let kept = cases.iter().map(|case| replay::Kept {
        topic: case.topic.clone(),
        payload: Arc::from(case.payload.as_slice()),
        received_at: case.received_at,
        unit_id: how.unit_id.clone(),
        shift_seconds: how.shift_seconds,
    });
    let mut ready = replay::prepare(&mut act.tx, kept.collect(), act.now).await?;
    // Read before the locks, a message may have been dealt with since.
    let waiting = store::replay::lock(&mut act.tx, &distinct).await?;
    let waits: Vec<bool> = cases.iter().map(|case| waiting.contains(&case.id)).collect();
    ready.keep(&waits);
    cases.retain(|case| waiting.contains(&case.id));
    let mut done = ready
        .take_in(&mut act.tx, &act.ids, &word, act.now)
        .await
        .map_err(refusal)?;
    tell_times_that_stay(act, &mut done, how.shift_seconds).await?;
    settle(act, &cases, &done, (&how, &word)).await?;
    let tried = cases.iter().zip(done).map(|(case, came_of_it)| Tried {
        id: case.id,
        came_of_it,
    });
    Ok(tried.collect())
}

/// Says that a message is not worth taking in, and why. Refused where it does not wait any more.
pub async fn dismiss(act: &mut Act, id: QuarantineId, reason: &str) -> Result<Quarantined, Refusal> {
    let mut form = Form::default();
    let reason = form.note("/reason", reason);
    form.check()?;
    let settled = Settled {
        by: act.caller.actor.clone(),
        at: act.now,
        reason,
    };
    // What ends with the message's finding may be remembered of its patient: it counts for nothing after her turn.
    let whose = get(act, id).await?.patient_id;
    store::patient::lock(&mut act.tx, whose.as_slice()).await?;
    if !store::replay::dismiss(&mut act.tx, id, &settled).await? {
        return Err(not_waiting(act, id).await?);
    }
    let case = get(act, id).await?;
    dealt_with(&mut act.tx, &[(id, case.patient_id)], act.now).await?;
    let event = NewEvent::quarantine(id, &case.state, act.now);
    store::event::insert(&mut act.tx, &[event]).await?;
    let subject = Subject::new("quarantine", id, case.patient_id);
    let detail = json!({ "reason": settled.reason, "code": case.reason });
    audit::record(act, "quarantine.dismiss", subject, detail).await?;
    Ok(case)
}

async fn get(act: &mut Act, id: QuarantineId) -> Result<Quarantined, Refusal> {
    store::quarantine::get(&mut act.tx, id)
        .await?
        .ok_or(Refusal::NotFound("message in quarantine"))
}

/// Why a message cannot be dealt with now.
async fn not_waiting(act: &mut Act, id: QuarantineId) -> Result<Refusal, Refusal> {
    let (what, settled) = match get(act, id).await?.state {
        Case::Replayed(settled, _) => ("replayed", settled),
        Case::Dismissed(settled) => ("dismissed", settled),
        Case::Waiting => return Ok(Refusal::Broken(format!("message {id} waits and was passed over"))),
    };
    let when = settled.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Ok(Refusal::Unlawful(format!(
        "the message was {what} by {} at {when} already",
        settled.by.name
    )))
}

/// A session that was stored before keeps the times that it was stored with: whoever wanted them moved must be told.
async fn tell_times_that_stay(act: &mut Act, done: &mut [Replayed], seconds: i64) -> Result<(), Refusal> {
    if seconds == 0 {
        return Ok(());
    }
    let known = done.iter().filter_map(|one| match one {
        Replayed::TakenIn {
            key, duplicate: true, ..
        } => Some(key.clone()),
        _ => None,
    });
    let known: BTreeSet<SessionKey> = known.collect();
    let known: Vec<SessionKey> = known.into_iter().collect();
    let stored: HashMap<SessionKey, i64> =
        (store::session::documents(&mut act.tx, &known).await?.into_iter())
            .map(|(key, document)| (key, document.shift_seconds))
            .collect();
    for one in done {
        if let Replayed::TakenIn {
            key,
            duplicate: true,
            problems,
            ..
        } = one
            && stored.get(key).is_some_and(|stands| *stands != seconds)
        {
            let detail = "was stored already and its times were not moved now: shift the session itself";
            problems.push(Problem::new("", "not_shifted", detail));
        }
    }
    Ok(())
}

/// Writes what became of each message, ends the findings of those that are dealt with, and records every try.
async fn settle(
    act: &mut Act,
    cases: &[Kept],
    done: &[Replayed],
    (how, word): (&How, &Word),
) -> Result<(), Refusal> {
    let (mut taken_in, mut tried, mut over, mut records) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (case, one) in cases.iter().zip(done) {
        let mut detail =
            json!({ "code": case.reason, "reason": word.reason, "shift_seconds": how.shift_seconds });
        let patient: Option<PatientId> = match one {
            Replayed::TakenIn {
                key,
                patient,
                duplicate,
                ..
            } => {
                let taken = TakenIn {
                    key: key.clone(),
                    duplicate: *duplicate,
                    // Of one that was stored already this act has moved nothing.
                    shift_seconds: if *duplicate { 0 } else { how.shift_seconds },
                };
                taken_in.push((case.id, taken, word.reason.as_str()));
                over.push((case.id, case.patient_id));
                detail["outcome"] = Value::from(if *duplicate { "duplicate" } else { "stored" });
                detail["unit_id"] = json!(key.unit_id);
                detail["session_id"] = json!(key.session_id);
                patient.or(case.patient_id)
            }
            Replayed::Refused { code, problems } => {
                tried.push((case.id, code.word(), json!(problems).to_string()));
                detail["outcome"] = Value::from("rejected");
                detail["refused_as"] = Value::from(code.word());
                detail["unit_id"] = json!(how.unit_id);
                case.patient_id
            }
        };
        records.push((Subject::new("quarantine", case.id, patient), detail));
    }
    let who = (&word.by, act.now);
    store::replay::taken_in(&mut act.tx, &taken_in, who).await?;
    store::replay::tried(&mut act.tx, &tried, who).await?;
    dealt_with(&mut act.tx, &over, act.now).await?;
    let settled = Settled {
        by: word.by.clone(),
        at: act.now,
        reason: word.reason.clone(),
    };
    let events = taken_in.into_iter().map(|(id, taken, _)| {
        let case = Case::Replayed(settled.clone(), taken);
        NewEvent::quarantine(id, &case, act.now)
    });
    let events: Vec<NewEvent> = events.collect();
    store::event::insert(&mut act.tx, &events).await?;
    audit::record_all(act, "quarantine.replay", records).await
}

fn refusal(fault: BatchFault) -> Refusal {
    match fault {
        BatchFault::Store(fault) => fault.into(),
        BatchFault::Judging(fault) => fault.into(),
        BatchFault::Panic(what) => Refusal::Broken(what),
    }
}
