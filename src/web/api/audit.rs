//! Who saw and changed what: acts and looks in one list, newest first. To read it is itself on record.

use axum::extract::State as Extract;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{ListOf, cursor, limit};
use crate::domain::ids::PatientId;
use crate::store;
use crate::store::audit::{Filter, Recorded};
use crate::store::audit_read::{Outcome, Seen};
use crate::store::audit_trail::{Trace, Wanted};
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::Query;
use crate::web::looking::Shown;
use crate::web::problem::Problem;
use crate::web::time::AskedTime;

/// An act, or a patient whom somebody was shown. Who goes on looking at the same thing, never five minutes apart, is one
/// entry for up to an hour, with its first time, its last and how often.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct EntryView {
    pub kind: Kind,
    /// Of acts: its place in the record. Null for looks.
    pub seq: Option<i64>,
    /// When it was done, or first looked at.
    pub at: DateTime<Utc>,
    /// When it was last looked at; for an act `at`.
    pub last_at: DateTime<Utc>,
    /// How often it was looked at; 1 for an act.
    pub times: i64,
    /// `staff`, `token`, `system` or `command`.
    #[schema(value_type = String)]
    pub actor_kind: &'static str,
    pub actor_id: Option<Uuid>,
    /// As it was then.
    pub actor_name: String,
    /// `plan.put`, `sessions.read`.
    pub act: String,
    pub subject_kind: String,
    /// Null for a list.
    pub subject_id: Option<String>,
    pub patient_id: Option<Uuid>,
    /// `done` for acts; of looks `shown`, `repeated` (the answer of an act was given again), and of attempts that were
    /// refused `forbidden` or `not_found`.
    #[schema(value_type = String)]
    pub outcome: &'static str,
    /// Of acts: what they were done with. Empty for looks.
    #[schema(value_type = Object)]
    pub detail: Box<RawValue>,
}

/// Acts change something, looks do not.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AuditKind)]
pub enum Kind {
    Act,
    Look,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    cursor: Option<String>,
    patient_id: Option<Uuid>,
    /// A member of staff, or a token.
    staff_id: Option<Uuid>,
    /// Included; a look that went on until then is found too.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<AskedTime>,
    /// Excluded.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<AskedTime>,
    /// Both where nothing is said.
    #[param(inline)]
    kind: Option<Kind>,
}

pub async fn list(Extract(state): Extract<State>, Query(query): Query<AuditQuery>) -> Answer {
    let filter = Filter {
        patient: query.patient_id.map(PatientId),
        actor: query.staff_id,
        from: query.from.map(|from| from.0),
        to: query.to.map(|to| to.0),
    };
    let wanted = match query.kind {
        None => Wanted::Both,
        Some(Kind::Act) => Wanted::Acts,
        Some(Kind::Look) => Wanted::Looks,
    };
    let most = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref());
    let mut tx = state.desk.db.read().await?;
    let page = store::audit_trail::list(&mut tx, &filter, wanted, after.as_ref(), most).await?;
    let next_cursor = page.next.map(|cursor| cursor.as_str().to_owned());
    let items = page.items.into_iter().map(show).collect::<Result<_, _>>()?;
    let mut response = plain(&ListOf { items, next_cursor });
    // It tells of patients by their ids alone: whose trail was followed is what counts.
    response.extensions_mut().insert(Shown {
        patients: filter.patient.into_iter().collect(),
        subject_id: filter.actor.map(|actor| actor.to_string()),
        outcome: Outcome::Shown,
    });
    Ok(response)
}

fn show(trace: Trace) -> Result<EntryView, Problem> {
    match trace {
        Trace::Act(recorded) => act(recorded),
        Trace::Look(seen) => look(seen),
    }
}

fn act(Recorded { seq, entry }: Recorded) -> Result<EntryView, Problem> {
    let detail = RawValue::from_string(entry.detail)
        .map_err(|error| Problem::internal(&format!("audit.detail of {seq} cannot be read: {error}")))?;
    Ok(EntryView {
        kind: Kind::Act,
        seq: Some(seq),
        at: entry.at,
        last_at: entry.at,
        times: 1,
        actor_kind: entry.actor_kind.word(),
        actor_id: entry.actor_id,
        actor_name: entry.actor_name,
        act: entry.act,
        subject_kind: entry.subject_kind,
        subject_id: Some(entry.subject_id),
        patient_id: entry.patient_id.map(|patient| patient.0),
        outcome: "done",
        detail,
    })
}

fn look(seen: Seen) -> Result<EntryView, Problem> {
    let detail = RawValue::from_string("{}".to_owned()).map_err(|error| Problem::internal(&error))?;
    let asked = seen.asked;
    Ok(EntryView {
        kind: Kind::Look,
        seq: None,
        at: seen.first_at,
        last_at: seen.last_at,
        times: seen.times,
        actor_kind: asked.actor_kind.word(),
        actor_id: asked.actor_id,
        actor_name: asked.actor_name,
        act: asked.act,
        subject_kind: asked.subject_kind,
        subject_id: asked.subject_id,
        patient_id: seen.patient.map(|patient| patient.0),
        outcome: asked.outcome.word(),
        detail,
    })
}
