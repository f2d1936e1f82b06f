//! Who did what, the last recorded first.

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
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::Query;
use crate::web::problem::Problem;
use crate::web::time::AskedTime;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct EntryView {
    /// Its place in the record.
    pub seq: i64,
    pub at: DateTime<Utc>,
    /// `staff`, `token`, `system` or `command`.
    #[schema(value_type = String)]
    pub actor_kind: &'static str,
    pub actor_id: Option<Uuid>,
    pub actor_name: String,
    pub act: String,
    pub subject_kind: String,
    pub subject_id: String,
    pub patient_id: Option<Uuid>,
    #[schema(value_type = Object)]
    pub detail: Box<RawValue>,
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
    /// Included.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<AskedTime>,
    /// Excluded.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<AskedTime>,
}

pub async fn list(Extract(state): Extract<State>, Query(query): Query<AuditQuery>) -> Answer {
    let filter = Filter {
        patient: query.patient_id.map(PatientId),
        actor: query.staff_id,
        from: query.from.map(|from| from.0),
        to: query.to.map(|to| to.0),
    };
    let most = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref());
    let mut tx = state.desk.db.read().await?;
    let page = store::audit::list(&mut tx, &filter, after.as_ref(), most).await?;
    let next_cursor = page.next.map(|cursor| cursor.as_str().to_owned());
    let items = page.items.into_iter().map(show).collect::<Result<_, _>>()?;
    Ok(plain(&ListOf { items, next_cursor }))
}

fn show(recorded: Recorded) -> Result<EntryView, Problem> {
    let Recorded { seq, entry } = recorded;
    let detail = RawValue::from_string(entry.detail)
        .map_err(|error| Problem::internal(&format!("audit.detail of {seq} cannot be read: {error}")))?;
    Ok(EntryView {
        seq,
        at: entry.at,
        actor_kind: entry.actor_kind.word(),
        actor_id: entry.actor_id,
        actor_name: entry.actor_name,
        act: entry.act,
        subject_kind: entry.subject_kind,
        subject_id: entry.subject_id,
        patient_id: entry.patient_id.map(|patient| patient.0),
        detail,
    })
}
