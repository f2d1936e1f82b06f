//! Machine clients, newest first; revoked ones stay on the list.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ListOf, NoQuery};
use crate::desk::token as desk;
use crate::domain::ids::TokenId;
use crate::domain::staff::Role;
use crate::store;
use crate::store::token::Token;
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Body, Path};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    pub id: Uuid,
    pub name: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id.0,
            name: token.name,
            role: token.role,
            created_at: token.created_at,
            revoked_at: token.revoked_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    name: String,
    role: Role,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedToken {
    #[serde(flatten)]
    issued: TokenView,
    /// Shown here and never again.
    token: Option<String>,
}

pub async fn list(Extract(state): Extract<State>, _: NoQuery) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let tokens = store::token::list(&mut tx).await?;
    Ok(plain(&ListOf::whole(
        tokens.into_iter().map(TokenView::from).collect(),
    )))
}

pub async fn create(acting: Acting, Body(new): Body<NewToken>) -> Answer {
    let mut act = acting.begin().await?;
    let (token, secret) = desk::issue(&mut act, &new.name, new.role).await?;
    let view = IssuedToken {
        issued: token.into(),
        token: Some(secret.expose_secret().to_owned()),
    };
    acting.done_with_secret(act, None, &view, "token").await
}

pub async fn revoke(Extract(state): Extract<State>, acting: Acting, Path(id): Path<Uuid>) -> Answer {
    let mut act = acting.begin().await?;
    let view = TokenView::from(desk::revoke(&mut act, TokenId(id)).await?);
    let answer = acting.done(act, StatusCode::OK, None, &view).await?;
    state.stream.somebody_left();
    Ok(answer)
}
