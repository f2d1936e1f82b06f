//! Machine clients. A token is random and shown once; only its hash is kept, and a revoked one stays as the record of a name.

use uuid::Uuid;

use crate::domain::ids::TokenId;
use crate::domain::staff::Role;
use crate::domain::time::Instant;

use super::bind::binds;
use super::statement::statements;
use super::{StoreError, Tx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    pub created_at: Instant,
    pub revoked_at: Option<Instant>,
}

statements! {
    "token";

    INSERT = "insert into token (id, name, role, token_hash, created_at, revoked_at) values ($1, $2, $3, $4, $5, $6)";

    BY_HASH = "select id, name, role, created_at, revoked_at from token where token_hash = $1 and revoked_at is null";

    LIST = "select id, name, role, created_at, revoked_at from token order by created_at desc, id desc";

    REVOKE = "update token set revoked_at = $2 where id = $1 and revoked_at is null";
}

/// [`StoreError::Taken`] if the name is, by a revoked one too.
pub async fn insert(tx: &mut Tx, token: &Token, token_hash: &[u8; 32]) -> Result<(), StoreError> {
    let binds = binds![
        token.id.0,
        &token.name,
        token.role.word(),
        token_hash,
        token.created_at,
        token.revoked_at
    ];
    tx.expect_rows(1, &INSERT, binds).await
}

/// Whose token it is, unless it was revoked.
pub async fn by_hash(tx: &mut Tx, token_hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
    tx.optional(&BY_HASH, binds![token_hash])
        .await?
        .map(token)
        .transpose()
}

/// All of them, newest first, revoked ones too.
pub async fn list(tx: &mut Tx) -> Result<Vec<Token>, StoreError> {
    let rows: Vec<Row> = tx.all(&LIST, binds![]).await?;
    rows.into_iter().map(token).collect()
}

/// False where there is none, or it was revoked already.
pub async fn revoke(tx: &mut Tx, id: TokenId, at: Instant) -> Result<bool, StoreError> {
    tx.swapped(&REVOKE, binds![id.0, at]).await
}

type Row = (Uuid, String, String, Instant, Option<Instant>);

fn token((id, name, role, created_at, revoked_at): Row) -> Result<Token, StoreError> {
    let role = Role::from_word(&role).ok_or_else(|| StoreError::row("token", "role", id))?;
    Ok(Token {
        id: id.into(),
        name,
        role,
        created_at,
        revoked_at,
    })
}
