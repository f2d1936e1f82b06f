//! Teams, by name.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ListOf, NoQuery};
use crate::desk::team;
use crate::store;
use crate::store::team::Team;
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain};
use crate::web::extract::Body;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Team)]
pub struct TeamView {
    pub id: Uuid,
    pub name: String,
    pub created_at: DateTime<Utc>,
}

impl From<Team> for TeamView {
    fn from(team: Team) -> Self {
        Self {
            id: team.id.0,
            name: team.name,
            created_at: team.created_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTeam {
    name: String,
}

pub async fn list(Extract(state): Extract<State>, _: NoQuery) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let teams = store::team::list(&mut tx).await?;
    Ok(plain(&ListOf::whole(
        teams.into_iter().map(TeamView::from).collect(),
    )))
}

pub async fn create(acting: Acting, Body(new): Body<NewTeam>) -> Answer {
    let mut act = acting.begin().await?;
    let view = TeamView::from(team::add(&mut act, &new.name).await?);
    acting.done(act, StatusCode::CREATED, None, &view).await
}
