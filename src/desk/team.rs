//! Teams only group; nothing is hidden from another team.

use serde_json::json;

use crate::store::team::Team;
use crate::store::{self, StoreError};

use super::audit::{self, Subject};
use super::{Act, Form, Refusal};

pub async fn add(act: &mut Act, name: &str) -> Result<Team, Refusal> {
    let mut form = Form::default();
    let name = form.line("/name", name);
    form.check()?;
    let team = Team {
        id: act.id(),
        name,
        created_at: act.now,
    };
    store::team::insert(&mut act.tx, &team)
        .await
        .map_err(|error| match error {
            StoreError::Taken { .. } => Refusal::Taken {
                at: "/name",
                detail: "there is a team of this name already".to_owned(),
            },
            other => other.into(),
        })?;
    audit::record(act, "team.add", Subject::new("team", team.id, None), json!({})).await?;
    Ok(team)
}
