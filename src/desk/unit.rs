//! A unit's secret is shown once, to whoever registers it; we keep its hash.

use secrecy::SecretString;
use serde_json::json;

use crate::domain::ids::UnitId;
use crate::store::unit::HomeUnit;
use crate::store::{self, StoreError};

use super::audit::{self, Subject};
use super::{Act, Refusal, secret};

/// Registers a home unit; gives the secret it signs in with.
pub async fn register(act: &mut Act, unit: &UnitId) -> Result<(HomeUnit, SecretString), Refusal> {
    let (secret, hash) = secret::fresh();
    store::unit::insert(&mut act.tx, unit, &hash, act.now)
        .await
        .map_err(|error| match error {
            StoreError::Taken { .. } => Refusal::Taken {
                at: "/unit_id",
                detail: "a unit with this id is registered already".to_owned(),
            },
            other => other.into(),
        })?;
    audit::record(act, "unit.register", Subject::new("unit", unit, None), json!({})).await?;
    let unit = HomeUnit {
        unit_id: unit.clone(),
        version: 1,
        created_at: act.now,
    };
    Ok((unit, secret))
}
