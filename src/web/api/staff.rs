//! People who may sign in, by user name.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ListOf, PageQuery, secret};
use crate::desk::Refusal;
use crate::desk::edit::Edit;
use crate::desk::staff::{self as desk, NewStaff, StaffChange};
use crate::domain::ids::{StaffId, TeamId};
use crate::domain::staff::Role;
use crate::store;
use crate::store::staff::Staff;
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain, versioned};
use crate::web::extract::{Body, IfMatch, Path, Query};

/// Also what `homeward staff add --json` prints.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Staff)]
pub struct StaffView {
    pub id: Uuid,
    pub username: String,
    pub name: String,
    pub role: Role,
    pub team_id: Option<Uuid>,
    /// Whether they may sign in.
    pub active: bool,
    pub version: i64,
    pub created_at: DateTime<Utc>,
}

impl From<Staff> for StaffView {
    fn from(staff: Staff) -> Self {
        Self {
            id: staff.id.0,
            username: staff.username,
            name: staff.name,
            role: staff.role,
            team_id: staff.team_id.map(|team| team.0),
            active: staff.active,
            version: staff.version,
            created_at: staff.created_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    username: String,
    name: String,
    role: Role,
    team_id: Option<Uuid>,
    /// At least 12 characters.
    #[schema(value_type = String, format = Password, min_length = 12)]
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    name: Option<String>,
    role: Option<Role>,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    team_id: Edit<Uuid>,
    active: Option<bool>,
}

pub async fn list(Extract(state): Extract<State>, Query(query): Query<PageQuery>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let page = store::staff::list(&mut tx, query.cursor().as_ref(), query.limit()?).await?;
    Ok(plain(&ListOf::of(page, StaffView::from)))
}

pub async fn get(Extract(state): Extract<State>, Path(id): Path<Uuid>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let staff = store::staff::get(&mut tx, StaffId(id))
        .await?
        .ok_or(Refusal::NotFound("member of staff"))?;
    let view = StaffView::from(staff);
    Ok(versioned(StatusCode::OK, view.version, &view))
}

pub async fn create(Extract(state): Extract<State>, acting: Acting, Body(member): Body<NewMember>) -> Answer {
    let new = NewStaff {
        username: member.username,
        name: member.name,
        role: member.role,
        team_id: member.team_id.map(TeamId),
    };
    let hash = desk::prepare(&state.passwords, &new, member.password).await?;
    let mut act = acting.begin().await?;
    let view = StaffView::from(desk::add(&mut act, new, &hash).await?);
    acting
        .done(act, StatusCode::CREATED, Some(view.version), &view)
        .await
}

pub async fn change(
    Extract(state): Extract<State>,
    acting: Acting,
    Path(id): Path<Uuid>,
    IfMatch(seen): IfMatch,
    Body(change): Body<MemberChange>,
) -> Answer {
    let change = StaffChange {
        name: change.name,
        role: change.role,
        team_id: change.team_id.map(TeamId),
        active: change.active,
    };
    let mut act = acting.begin().await?;
    let view = StaffView::from(desk::change(&mut act, StaffId(id), seen, change).await?);
    let answer = acting
        .done(act, StatusCode::OK, Some(view.version), &view)
        .await?;
    state.stream.somebody_left();
    Ok(answer)
}
