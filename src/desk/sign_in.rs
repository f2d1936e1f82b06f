//! Whoever cannot sign in learns only that: not whether the name is known, the password wrong or the person inactive, and
//! each takes as long.

use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::json;

use crate::domain::staff::Actor;
use crate::domain::time::Instant;
use crate::store::sign_in::{NewSignIn, SignIn};
use crate::store::staff::Staff;
use crate::store::{self, Db, StoreError};

use super::audit::{self, Subject};
use super::password::Passwords;
use super::{Caller, CallerKind, Desk, Refusal, secret};

/// A person who has just signed in. The token goes into the cookie and nowhere else.
#[derive(Debug)]
pub struct SignedIn {
    pub staff: Staff,
    pub token: SecretString,
    pub csrf_token: String,
    pub expires_at: Instant,
}

/// Whose cookie it is.
#[derive(Debug)]
pub struct Recognised {
    pub caller: Caller,
    pub csrf_token: String,
}

/// Signs somebody in for `hours`; `None` where that is refused.
pub async fn sign_in(
    desk: &Desk,
    passwords: &Passwords,
    username: &str,
    password: SecretString,
    hours: u32,
) -> Result<Option<SignedIn>, Refusal> {
    let username = username.trim().to_lowercase();
    // A form may hold what no database does.
    let found = if username.contains('\0') {
        None
    } else {
        let mut tx = desk.db.read().await?;
        store::staff::by_username(&mut tx, &username).await?
    };
    let (staff, hash) = found.unzip();
    let right = passwords.verify(password, hash).await?;
    let staff = match staff {
        Some(staff) if right && staff.active => staff,
        Some(staff) => {
            let mut tx = desk.db.begin().await?;
            audit::refused_sign_in(&mut tx, staff.id, desk.clock.now()).await?;
            tx.commit().await?;
            return Ok(None);
        }
        None => return Ok(None),
    };
    let mut act = desk.begin(caller(&staff)).await?;
    let (token, token_hash) = secret::fresh();
    let (csrf_token, _) = secret::fresh();
    let signed = SignedIn {
        token,
        csrf_token: secrecy::ExposeSecret::expose_secret(&csrf_token).to_owned(),
        expires_at: act.now + TimeDelta::hours(i64::from(hours)),
        staff,
    };
    store::sign_in::delete_expired(&mut act.tx, act.now).await?;
    let new = NewSignIn {
        token_hash,
        staff_id: signed.staff.id,
        csrf_token: signed.csrf_token.clone(),
        created_at: act.now,
        expires_at: signed.expires_at,
    };
    store::sign_in::insert(&mut act.tx, &new).await?;
    let subject = Subject::new("staff", signed.staff.id, None);
    audit::record(&mut act, "sign_in", subject, json!({})).await?;
    act.commit().await?;
    Ok(Some(signed))
}

/// Ends the sign-in of this cookie.
pub async fn sign_out(desk: &Desk, caller: &Caller, token: &str) -> Result<(), Refusal> {
    let mut act = desk.begin(caller.clone()).await?;
    if store::sign_in::delete(&mut act.tx, &secret::hash(token)).await? {
        let subject = Subject::new("staff", caller.actor.id, None);
        audit::record(&mut act, "sign_out", subject, json!({})).await?;
    }
    Ok(act.commit().await?)
}

/// Whose cookie it is, unless it has run out or nobody has used it for `idle`.
pub async fn by_cookie(
    db: &Db,
    token: &str,
    idle: TimeDelta,
    now: Instant,
) -> Result<Option<Recognised>, StoreError> {
    let hash = secret::hash(token);
    let Some(sign_in) = standing(db, &hash, idle, now).await? else {
        return Ok(None);
    };
    if store::sign_in::is_worth_touching(&sign_in, now) {
        let mut tx = db.begin().await?;
        store::sign_in::touch(&mut tx, &hash, now).await?;
        tx.commit().await?;
    }
    Ok(Some(Recognised {
        caller: caller(&sign_in.staff),
        csrf_token: sign_in.csrf_token,
    }))
}

/// The same for whoever only looks: it does not count as having used it.
pub async fn still(
    db: &Db,
    token: &str,
    idle: TimeDelta,
    now: Instant,
) -> Result<Option<Caller>, StoreError> {
    let sign_in = standing(db, &secret::hash(token), idle, now).await?;
    Ok(sign_in.map(|sign_in| caller(&sign_in.staff)))
}

async fn standing(
    db: &Db,
    hash: &[u8; 32],
    idle: TimeDelta,
    now: Instant,
) -> Result<Option<SignIn>, StoreError> {
    let mut tx = db.read().await?;
    let found = store::sign_in::by_hash(&mut tx, hash, now).await?;
    Ok(found.filter(|sign_in| now - sign_in.last_seen_at < idle))
}

/// Whose token it is, unless it was revoked. Looked up by its hash, so the time taken tells nothing of it.
pub async fn by_token(db: &Db, token: &str) -> Result<Option<Caller>, StoreError> {
    let mut tx = db.read().await?;
    let found = store::token::by_hash(&mut tx, &secret::hash(token)).await?;
    Ok(found.map(|token| Caller {
        actor: Actor {
            id: token.id.0,
            name: token.name,
        },
        kind: CallerKind::Token,
        role: token.role,
        username: None,
        team_id: None,
    }))
}

fn caller(staff: &Staff) -> Caller {
    Caller {
        actor: Actor {
            id: staff.id.0,
            name: staff.name.clone(),
        },
        kind: CallerKind::Staff,
        role: staff.role,
        username: Some(staff.username.clone()),
        team_id: staff.team_id,
    }
}
