//! People are made inactive, never deleted: what they did keeps their name.

use secrecy::SecretString;
use serde_json::json;

use crate::domain::ids::{StaffId, TeamId};
use crate::domain::staff::Role;
use crate::store::staff::Staff;
use crate::store::{self, StoreError};

use super::audit::{self, Subject};
use super::edit::Edit;
use super::password::{Passwords, fit};
use super::{Act, Form, Refusal};

#[derive(Debug)]
pub struct NewStaff {
    pub username: String,
    pub name: String,
    pub role: Role,
    pub team_id: Option<TeamId>,
}

/// What may be changed; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct StaffChange {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub team_id: Edit<TeamId>,
    pub active: Option<bool>,
}

/// Checks the password and hashes it, before a transaction is begun that would wait for it.
pub async fn prepare(
    passwords: &Passwords,
    new: &NewStaff,
    password: SecretString,
) -> Result<String, Refusal> {
    fit(&new.username, &password)
        .map_err(|unfit| Refusal::invalid("/password", "unfit", unfit.to_string()))?;
    passwords.hash(password).await
}

/// Adds a person; `password_hash` comes from [`prepare`].
pub async fn add(act: &mut Act, new: NewStaff, password_hash: &str) -> Result<Staff, Refusal> {
    let mut form = Form::default();
    let username = form.line("/username", &new.username).to_lowercase();
    let lawful = |letter: char| letter.is_alphanumeric() || ".-_@".contains(letter);
    if !username.chars().all(lawful) {
        form.fault(
            "/username",
            "bad_form",
            "has letters, digits, '.', '-', '_' and '@' only",
        );
    }
    let name = form.line("/name", &new.name);
    check_role(new.role, &mut form);
    check_team(act, new.team_id, &mut form).await?;
    form.check()?;
    let staff = Staff {
        id: act.id(),
        username,
        name,
        role: new.role,
        team_id: new.team_id,
        active: true,
        version: 1,
        created_at: act.now,
    };
    store::staff::insert(&mut act.tx, &staff, password_hash)
        .await
        .map_err(|error| match error {
            StoreError::Taken { .. } => Refusal::Taken {
                at: "/username",
                detail: "somebody with this user name is known already".to_owned(),
            },
            other => other.into(),
        })?;
    let detail = json!({ "role": staff.role.word() });
    audit::record(act, "staff.add", Subject::new("staff", staff.id, None), detail).await?;
    Ok(staff)
}

/// Changes a person's name, role or team, or whether they may sign in.
pub async fn change(
    act: &mut Act,
    id: StaffId,
    seen_version: i64,
    change: StaffChange,
) -> Result<Staff, Refusal> {
    let mut staff = store::staff::get(&mut act.tx, id)
        .await?
        .ok_or(Refusal::NotFound("member of staff"))?;
    let mut form = Form::default();
    if let Some(name) = &change.name {
        staff.name = form.line("/name", name);
    }
    if let Some(role) = change.role {
        check_role(role, &mut form);
        staff.role = role;
    }
    staff.team_id = change.team_id.over(staff.team_id);
    check_team(act, staff.team_id, &mut form).await?;
    form.check()?;
    staff.active = change.active.unwrap_or(staff.active);
    if !staff.active && id.0 == act.caller.actor.id {
        return Err(Refusal::Unlawful(
            "nobody can make themselves inactive".to_owned(),
        ));
    }
    if staff.version != seen_version || !store::staff::update(&mut act.tx, &staff, seen_version).await? {
        return Err(Refusal::Stale {
            current: staff.version,
        });
    }
    // A changed role counts at once, and so does being inactive.
    store::sign_in::delete_of(&mut act.tx, id).await?;
    staff.version = seen_version + 1;
    let detail = json!({ "role": staff.role.word(), "active": staff.active });
    audit::record(act, "staff.change", Subject::new("staff", id, None), detail).await?;
    Ok(staff)
}

fn check_role(role: Role, form: &mut Form) {
    if role == Role::Admin {
        form.fault("/role", "tokens_only", "is a role of machine tokens only");
    }
}

async fn check_team(act: &mut Act, team: Option<TeamId>, form: &mut Form) -> Result<(), Refusal> {
    if let Some(team) = team
        && store::team::get(&mut act.tx, team).await?.is_none()
    {
        form.fault("/team_id", "unknown_team", "there is no such team");
    }
    Ok(())
}
