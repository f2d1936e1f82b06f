//! A request that was sent twice acts once: its answer is kept in the transaction of the act and given again.

use crate::store::idempotency::Answered;
use crate::store::{self, Db, StoreError};

use super::{Act, Caller, Refusal};

/// A request that may come again, and what makes it the same.
#[derive(Debug, Clone)]
pub struct Once {
    /// As the caller chose it; each caller has keys of their own.
    pub key: String,
    pub route: String,
    /// SHA-256.
    pub request_hash: [u8; 32],
}

/// What this caller was answered under this key before.
pub async fn find(db: &Db, caller: &Caller, key: &str) -> Result<Option<Answered>, StoreError> {
    let mut tx = db.read().await?;
    store::idempotency::get(&mut tx, caller.actor.id, key).await
}

/// Keeps the answer. Refused where a request with the same key was being answered at the same time; that one stands.
pub async fn keep(act: &mut Act, once: &Once, status: u16, body: String) -> Result<(), Refusal> {
    let answered = Answered {
        route: once.route.clone(),
        request_hash: once.request_hash,
        status,
        body,
    };
    store::idempotency::insert(&mut act.tx, act.caller.actor.id, &once.key, &answered, act.now)
        .await
        .map_err(|error| match error {
            StoreError::Taken { .. } => Refusal::Unlawful(
                "the same request was being answered at the same time: send it again for its answer"
                    .to_owned(),
            ),
            other => other.into(),
        })
}
