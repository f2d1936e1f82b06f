//! Times when nothing is due from a patient; newest first.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ListOf, NoQuery};
use crate::desk::edit::Edit;
use crate::desk::pause as desk;
use crate::domain::ids::{PatientId, PauseId};
use crate::domain::pause::{Pause, PauseReason};
use crate::store;
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Body, IfMatch, Path};
use crate::web::looking::Showing as _;
use crate::web::time::Time;

use super::sessions::known;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pause)]
pub struct PauseView {
    pub id: Uuid,
    pub patient_id: Uuid,
    /// Nothing is due from then (included) …
    pub from: DateTime<Utc>,
    /// … until then (excluded); null until further notice.
    pub to: Option<DateTime<Utc>>,
    pub reason: PauseReason,
    pub version: i64,
    pub created_at: DateTime<Utc>,
}

impl From<Pause> for PauseView {
    fn from(pause: Pause) -> Self {
        Self {
            id: pause.id.0,
            patient_id: pause.patient_id.0,
            from: pause.from,
            to: pause.to,
            reason: pause.reason,
            version: pause.version,
            created_at: pause.created_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPause {
    #[schema(value_type = DateTime<Utc>)]
    from: Time,
    /// Null or absent: until further notice.
    #[schema(value_type = Option<DateTime<Utc>>)]
    to: Option<Time>,
    reason: PauseReason,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseChange {
    #[schema(value_type = Option<DateTime<Utc>>)]
    from: Option<Time>,
    /// Null takes the end away.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    to: Edit<Time>,
    reason: Option<PauseReason>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PauseWithdrawal)]
pub struct Withdrawal {
    /// Why it should not have been entered.
    reason: String,
}

pub async fn list(Extract(state): Extract<State>, Path(id): Path<Uuid>, _: NoQuery) -> Answer {
    let patient = PatientId(id);
    let mut tx = state.desk.db.read().await?;
    known(&mut tx, patient).await?;
    let pauses = store::pause::of(&mut tx, &[patient]).await?;
    let items = pauses.into_iter().rev().map(PauseView::from).collect();
    Ok(plain(&ListOf::whole(items)).showing([patient]))
}

pub async fn create(acting: Acting, Path(id): Path<Uuid>, Body(new): Body<NewPause>) -> Answer {
    let mut act = acting.begin().await?;
    let time = (new.from.0, new.to.map(|to| to.0));
    let pause = desk::enter(&mut act, PatientId(id), time, new.reason).await?;
    let view = PauseView::from(pause);
    acting
        .done(act, StatusCode::CREATED, Some(view.version), &view)
        .await
}

pub async fn change(
    acting: Acting,
    Path((patient, id)): Path<(Uuid, Uuid)>,
    IfMatch(seen): IfMatch,
    Body(change): Body<PauseChange>,
) -> Answer {
    let mut act = acting.begin().await?;
    let change = desk::Change {
        from: change.from.map(|from| from.0),
        to: change.to.map(|to| to.0),
        reason: change.reason,
    };
    let pause = desk::change(&mut act, PatientId(patient), PauseId(id), seen, change).await?;
    let view = PauseView::from(pause);
    acting.done(act, StatusCode::OK, Some(view.version), &view).await
}

pub async fn withdraw(
    acting: Acting,
    Path((patient, id)): Path<(Uuid, Uuid)>,
    IfMatch(seen): IfMatch,
    Body(said): Body<Withdrawal>,
) -> Answer {
    let mut act = acting.begin().await?;
    let pause = desk::withdraw(&mut act, PatientId(patient), PauseId(id), seen, &said.reason).await?;
    acting
        .done(act, StatusCode::OK, None, &PauseView::from(pause))
        .await
}
