//! A service has a handful of teams: the list is not paged.

use uuid::Uuid;

use crate::domain::ids::TeamId;
use crate::domain::time::Instant;

use super::bind::binds;
use super::statement::statements;
use super::{StoreError, Tx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    pub id: TeamId,
    pub name: String,
    pub created_at: Instant,
}

statements! {
    "team";

    INSERT = "insert into team (id, name, created_at) values ($1, $2, $3)";

    GET = "select id, name, created_at from team where id = $1";

    LIST = "select id, name, created_at from team order by name, id";
}

/// [`StoreError::Taken`] if the name is.
pub async fn insert(tx: &mut Tx, team: &Team) -> Result<(), StoreError> {
    tx.expect_rows(1, &INSERT, binds![team.id.0, &team.name, team.created_at])
        .await
}

pub async fn get(tx: &mut Tx, id: TeamId) -> Result<Option<Team>, StoreError> {
    Ok(tx.optional(&GET, binds![id.0]).await?.map(team))
}

/// All of them, by name: a service has a handful.
pub async fn list(tx: &mut Tx) -> Result<Vec<Team>, StoreError> {
    let rows: Vec<(Uuid, String, Instant)> = tx.all(&LIST, binds![]).await?;
    Ok(rows.into_iter().map(team).collect())
}

fn team((id, name, created_at): (Uuid, String, Instant)) -> Team {
    Team {
        id: id.into(),
        name,
        created_at,
    }
}
