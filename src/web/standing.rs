//! Whether the service works as a whole: the database answers, a process that ingests has said so lately, and every part of
//! this one is up.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Part, State};
use crate::store::heartbeat::OUTAGE;
use crate::store::{self, StoreError};

/// Whoever asks whether the service is ready waits no longer than this for the database.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Standing {
    pub works: bool,
    /// When a process last said that it is subscribed and can commit.
    pub last_verified: Option<DateTime<Utc>>,
    pub parts: Vec<Part>,
}

/// Never fails: that the database does not answer is part of the answer.
pub async fn of(state: &State, now: DateTime<Utc>) -> Standing {
    let beat = match tokio::time::timeout(PATIENCE, last_beat(state)).await {
        Ok(beat) => beat,
        Err(_) => Err(StoreError::Unavailable {
            what: "no answer in time".to_owned(),
        }),
    };
    let last_verified = beat.as_ref().ok().copied().flatten();
    let database = Part {
        name: "database",
        works: beat.is_ok(),
        detail: match &beat {
            Ok(_) => "answers".to_owned(),
            Err(error) => {
                tracing::error!(%error, "the database does not answer");
                "does not answer".to_owned()
            }
        },
    };
    let fresh = last_verified.is_some_and(|at| now - at <= OUTAGE);
    let monitoring = Part {
        name: "monitoring",
        works: fresh,
        detail: match last_verified {
            None if beat.is_err() => "cannot be asked without the database".to_owned(),
            None => "has never reported".to_owned(),
            Some(at) => format!(
                "{} {}",
                if fresh {
                    "last reported at"
                } else {
                    "has not reported since"
                },
                at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            ),
        },
    };
    let parts: Vec<Part> = [database, monitoring]
        .into_iter()
        .chain(state.service.parts())
        .collect();
    Standing {
        works: parts.iter().all(|part| part.works),
        last_verified,
        parts,
    }
}

async fn last_beat(state: &State) -> Result<Option<DateTime<Utc>>, StoreError> {
    let mut tx = state.desk.db.read().await?;
    store::heartbeat::newest(&mut tx).await
}
