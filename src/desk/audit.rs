//! The record of an act stands in the act's transaction: nothing is done unrecorded, nothing recorded that was undone.

use serde_json::Value;

use crate::domain::ids::{PatientId, StaffId};
use crate::domain::time::Instant;
use crate::store::audit::{ActorKind, Entry};
use crate::store::{self, Tx};

use super::{Act, CallerKind, Refusal};

/// What an act was done to.
#[derive(Debug, Clone)]
pub struct Subject {
    kind: &'static str,
    id: String,
    patient: Option<PatientId>,
}

impl Subject {
    pub fn new(kind: &'static str, id: impl std::fmt::Display, patient: Option<PatientId>) -> Self {
        Self {
            kind,
            id: format!("{id}"),
            patient,
        }
    }

    pub fn patient(id: PatientId) -> Self {
        Self::new("patient", id, Some(id))
    }
}

/// Records an act of its caller. `detail` holds codes and reasons, never a secret.
pub async fn record(act: &mut Act, name: &str, subject: Subject, detail: Value) -> Result<(), Refusal> {
    record_all(act, name, vec![(subject, detail)]).await
}

/// Records an act that was done to several.
pub async fn record_all(act: &mut Act, name: &str, done: Vec<(Subject, Value)>) -> Result<(), Refusal> {
    let caller = &act.caller;
    let entry = |(subject, detail): (Subject, Value)| Entry {
        at: act.now,
        actor_kind: match caller.kind {
            CallerKind::Staff => ActorKind::Staff,
            CallerKind::Token => ActorKind::Token,
            CallerKind::Command => ActorKind::Command,
        },
        actor_id: (caller.kind != CallerKind::Command).then_some(caller.actor.id),
        actor_name: caller.actor.name.clone(),
        act: name.to_owned(),
        subject_kind: subject.kind.to_owned(),
        subject_id: subject.id,
        patient_id: subject.patient,
        detail: detail.to_string(),
    };
    let entries: Vec<Entry> = done.into_iter().map(entry).collect();
    store::audit::insert(&mut act.tx, &entries).await?;
    Ok(())
}

/// Records that somebody was refused at the door: nobody acted, so the service itself says it.
pub(super) async fn refused_sign_in(tx: &mut Tx, staff: StaffId, now: Instant) -> Result<(), Refusal> {
    let entry = Entry {
        at: now,
        actor_kind: ActorKind::System,
        actor_id: None,
        actor_name: "sign-in".to_owned(),
        act: "sign_in.refused".to_owned(),
        subject_kind: "staff".to_owned(),
        subject_id: staff.to_string(),
        patient_id: None,
        detail: "{}".to_owned(),
    };
    store::audit::insert(tx, &[entry]).await?;
    Ok(())
}
