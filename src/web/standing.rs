//! Whether the service works: of all its processes for whoever watches patients, of this one for whoever sends it requests.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Part, State};
use crate::domain::process::{Process, ProcessState};
use crate::store::heartbeat::OUTAGE;
use crate::store::{self, StoreError};

/// Whoever asks whether the service is ready waits no longer than this for the database.
const PATIENCE: Duration = Duration::from_secs(2);
/// A process that fell silent is shown for so long.
pub(super) const SHOWN: TimeDelta = TimeDelta::days(1);

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Standing {
    /// Whether monitoring works: the database answers, and this process or another one takes sessions in.
    pub works: bool,
    /// When a process last proved that it is subscribed and can commit.
    pub last_verified: Option<DateTime<Utc>>,
    /// Of the process that answers, but for `database` and `monitoring`, which are of all.
    pub parts: Vec<Part>,
    /// Every process of the service that runs, or that fell silent within a day; the last to speak first.
    pub processes: Vec<ProcessView>,
    /// When the oldest message that a process holds uncommitted arrived.
    #[serde(skip)]
    pub waiting_since: Option<DateTime<Utc>>,
}

impl Standing {
    /// Whether everything that this process needs to be of use is there.
    pub fn is_ready(&self) -> bool {
        self.parts.iter().all(|part| part.works)
    }
}

/// A process of the service, by its own word.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProcessView {
    /// `mqtt.client_id`, which no two processes may share.
    pub name: String,
    /// Whether it is the one that answers.
    pub this: bool,
    pub state: ProcessState,
    pub version: String,
    pub started_at: DateTime<Utc>,
    pub last_verified: Option<DateTime<Utc>>,
    /// Seconds since its last word; a running process says something every 30 s.
    pub age_seconds: i64,
    /// Seconds that its oldest message had waited to be committed when it last said something; 0 where none waited.
    pub ingest_lag_seconds: i64,
}

/// Never fails: that the database does not answer is part of the answer.
pub async fn of(state: &State, now: DateTime<Utc>) -> Standing {
    let seen = state.service.seen();
    let answer = match tokio::time::timeout(PATIENCE, ask(state, now)).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::Unavailable {
            what: "no answer in time".to_owned(),
        }),
    };
    let database = Part {
        name: "database",
        works: answer.is_ok(),
        detail: match &answer {
            Ok(_) => "answers".to_owned(),
            Err(error) => {
                tracing::error!(%error, "the database does not answer");
                "does not answer".to_owned()
            }
        },
    };
    let (last_verified, processes) = answer.as_ref().map(Clone::clone).unwrap_or_default();
    let monitoring = monitoring(last_verified, answer.is_ok(), now);
    let is_this = |process: &Process| seen.process == Some(process.id);
    // Of one that was killed the last word still is that it works; whoever took its place knows better.
    let others: Vec<&Process> = running(&processes).filter(|process| !is_this(process)).collect();
    // Before this process has had its first word, nobody knows whose place it takes.
    let has_spoken = seen.process.is_none() || processes.iter().any(is_this);
    let another_works = has_spoken
        && others
            .iter()
            .any(|process| state_of(process, now) == ProcessState::Working);
    let own_work = seen.parts.iter().all(|part| part.works);
    let waiting_since = others
        .iter()
        .filter(|process| state_of(process, now) != ProcessState::Silent)
        .filter_map(|process| process.waiting_since.filter(|_| process.lag_seconds() > 0))
        .chain(seen.waiting_since)
        .min();
    Standing {
        works: database.works && monitoring.works && (own_work || another_works),
        last_verified,
        processes: running(&processes)
            .map(|process| ProcessView::of(process, is_this(process), now))
            .collect(),
        parts: [database, monitoring].into_iter().chain(seen.parts).collect(),
        waiting_since,
    }
}

/// Those that did not end in order, and whose place nobody has taken.
pub fn running(all: &[Process]) -> impl Iterator<Item = &Process> {
    all.iter()
        .filter(|process| process.state != ProcessState::Stopped)
        .filter(|process| !all.iter().any(|other| process.is_replaced_by(other)))
}

fn monitoring(last_verified: Option<DateTime<Utc>>, database_answers: bool, now: DateTime<Utc>) -> Part {
    let fresh = last_verified.is_some_and(|at| now - at <= OUTAGE);
    let detail = match last_verified {
        None if !database_answers => "cannot be asked without the database".to_owned(),
        None => "has never reported".to_owned(),
        Some(at) => {
            let said = if fresh {
                "last reported at"
            } else {
                "has not reported since"
            };
            format!("{said} {}", at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
        }
    };
    Part {
        name: "monitoring",
        works: fresh,
        detail,
    }
}

/// A word that is too old says nothing any more.
pub fn state_of(process: &Process, now: DateTime<Utc>) -> ProcessState {
    if process.state != ProcessState::Stopped && now - process.said_at > OUTAGE {
        ProcessState::Silent
    } else {
        process.state
    }
}

impl ProcessView {
    fn of(process: &Process, this: bool, now: DateTime<Utc>) -> Self {
        Self {
            name: process.name.clone(),
            this,
            state: state_of(process, now),
            version: process.version.clone(),
            started_at: process.started_at,
            last_verified: process.verified_at,
            age_seconds: (now - process.said_at).num_seconds().max(0),
            ingest_lag_seconds: process.lag_seconds(),
        }
    }
}

async fn ask(state: &State, now: DateTime<Utc>) -> Result<(Option<DateTime<Utc>>, Vec<Process>), StoreError> {
    let mut tx = state.desk.db.read().await?;
    Ok((
        store::heartbeat::newest(&mut tx).await?,
        store::process::list(&mut tx, now - SHOWN).await?,
    ))
}
