//! A token acts by its own name, and only those who may do everything can issue one that may.

use secrecy::SecretString;
use serde_json::json;

use crate::domain::ids::TokenId;
use crate::domain::staff::Role;
use crate::store::token::Token;
use crate::store::{self, StoreError};

use super::audit::{self, Subject};
use super::{Act, Form, Refusal, secret};

/// Issues a token; gives its secret, which is shown once.
pub async fn issue(act: &mut Act, name: &str, role: Role) -> Result<(Token, SecretString), Refusal> {
    let mut form = Form::default();
    let name = form.line("/name", name);
    form.check()?;
    if role == Role::Admin && act.caller.role != Role::Admin {
        return Err(Refusal::Forbidden);
    }
    let (secret, hash) = secret::fresh();
    let token = Token {
        id: act.id(),
        name,
        role,
        created_at: act.now,
        revoked_at: None,
    };
    store::token::insert(&mut act.tx, &token, &hash)
        .await
        .map_err(|error| match error {
            StoreError::Taken { .. } => Refusal::Taken {
                at: "/name",
                detail: "a token of this name was issued already".to_owned(),
            },
            other => other.into(),
        })?;
    let detail = json!({ "role": role.word() });
    audit::record(act, "token.issue", Subject::new("token", token.id, None), detail).await?;
    Ok((token, secret))
}

/// Ends a token at once.
pub async fn revoke(act: &mut Act, id: TokenId) -> Result<Token, Refusal> {
    let tokens = store::token::list(&mut act.tx).await?;
    let Some(mut token) = tokens.into_iter().find(|token| token.id == id) else {
        return Err(Refusal::NotFound("token"));
    };
    if token.role == Role::Admin && act.caller.role != Role::Admin {
        return Err(Refusal::Forbidden);
    }
    if !store::token::revoke(&mut act.tx, id, act.now).await? {
        return Err(Refusal::Unlawful("the token was revoked already".to_owned()));
    }
    token.revoked_at = Some(act.now);
    audit::record(act, "token.revoke", Subject::new("token", id, None), json!({})).await?;
    Ok(token)
}
