//! The answer to a `POST` that may come again, written in the act's own transaction: either both happened or neither.

use uuid::Uuid;

use crate::domain::time::Instant;

use super::bind::binds;
use super::statement::statements;
use super::{StoreError, Tx};

/// What was answered, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub route: String,
    /// The same key with another request is a mistake of the caller.
    pub request_hash: [u8; 32],
    /// HTTP.
    pub status: u16,
    pub body: String,
}

statements! {
    "idempotency";

    GET = "select key, route, request_hash, status, body from idempotency where actor_id = $1 and key = $2";

    INSERT = "insert into idempotency (actor_id, key, route, request_hash, status, body, at)
              values ($1, $2, $3, $4, $5, $6, $7)";

    FORGET = "delete from idempotency where (actor_id, key) in
                  (select actor_id, key from idempotency where at < $1 order by at limit $2 {skip_locked})";
}

pub async fn get(tx: &mut Tx, actor: Uuid, key: &str) -> Result<Option<Answered>, StoreError> {
    let row: Option<(String, String, Vec<u8>, i64, String)> = tx.optional(&GET, binds![actor, key]).await?;
    let Some((key, route, request_hash, status, body)) = row else {
        return Ok(None);
    };
    let fault = |column| StoreError::row("idempotency", column, &key);
    Ok(Some(Answered {
        route,
        request_hash: request_hash.try_into().map_err(|_| fault("request_hash"))?,
        status: status.try_into().map_err(|_| fault("status"))?,
        body,
    }))
}

/// [`StoreError::Taken`] where the same request is being answered by another transaction: undo, and [`get`] its answer.
pub async fn insert(
    tx: &mut Tx,
    actor: Uuid,
    key: &str,
    answered: &Answered,
    now: Instant,
) -> Result<(), StoreError> {
    let Answered {
        route,
        request_hash,
        status,
        body,
    } = answered;
    tx.expect_rows(
        1,
        &INSERT,
        binds![actor, key, route, request_hash, i64::from(*status), body, now],
    )
    .await
}

/// Deletes answers older than that, so many at most; gives how many.
pub async fn forget(tx: &mut Tx, before: Instant, most: u32) -> Result<u64, StoreError> {
    tx.execute(&FORGET, binds![before, i64::from(most)]).await
}
