//! The embedded broker asks the store at every sign-in, so a unit that was just added may come at once.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::broker::{Admission, UnitGate};
use crate::domain::ids::UnitId;
use crate::store::{self, Db, StoreError};

/// Admits units by the hash of their secret.
#[derive(Debug)]
pub(super) struct StoreGate {
    db: Db,
}

impl StoreGate {
    pub(super) fn of(db: Db) -> Arc<dyn UnitGate> {
        Arc::new(Self { db })
    }

    async fn knows(&self, unit_id: &UnitId, secret: &str) -> Result<bool, StoreError> {
        let mut tx = self.db.read().await?;
        let kept = store::unit::secret_hash(&mut tx, unit_id).await?;
        let given = Sha256::digest(secret.as_bytes());
        Ok(kept.is_some_and(|kept| bool::from(kept.ct_eq(given.as_slice()))))
    }
}

impl UnitGate for StoreGate {
    fn admit<'a>(&'a self, unit_id: &'a str, secret: &'a str) -> Admission<'a> {
        Box::pin(async move {
            let Ok(unit_id) = unit_id.parse::<UnitId>() else {
                return false;
            };
            match self.knows(&unit_id, secret).await {
                Ok(known) => known,
                Err(fault) => {
                    tracing::error!(%unit_id, %fault, "a unit could not be checked and was turned away; it will try again");
                    false
                }
            }
        })
    }
}
