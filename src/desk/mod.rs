//! What staff do, one file per act. An act works inside a transaction that its caller began and commits, so that what it
//! changes, its audit row, its notices and the answer kept for a repeated request stand or fall together.

pub mod admission;
pub mod alert;
pub mod assignment;
pub mod audit;
pub mod bank;
pub mod decision;
pub mod edit;
pub mod hospital_admission;
pub mod once;
pub mod password;
pub mod patient;
pub mod pause;
pub mod plan;
pub mod plan_review;
pub mod preview;
pub mod proposal;
pub mod quarantine;
pub mod rehearsal;
pub mod replay;
pub mod secret;
pub mod shift;
pub mod sign_in;
pub mod staff;
pub mod team;
pub mod template;
pub mod token;
pub mod unit;

pub mod form;
mod guard;
pub mod looks;
pub mod news2;
mod refusal;

use uuid::Uuid;

pub use form::Form;
pub use refusal::Refusal;

use crate::clock::Clock;
use crate::domain::ids::{Ids, TeamId};
use crate::domain::staff::{Actor, Role};
use crate::domain::time::Instant;
use crate::store::{Db, StoreError, Tx};

/// What every act needs beside its own matter. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    pub db: Db,
    pub clock: Clock,
    pub ids: Ids,
}

/// Whoever acts, and what they may be.
#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Actor,
    pub kind: CallerKind,
    pub role: Role,
    /// Of staff only.
    pub username: Option<String>,
    pub team_id: Option<TeamId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerKind {
    Staff,
    Token,
    /// Somebody at the machine's command line.
    Command,
}

impl Caller {
    /// For the command line: whoever has the machine may do everything, and the audit says by which command.
    pub fn command(name: &str) -> Self {
        Self {
            actor: Actor {
                id: Uuid::nil(),
                name: format!("homeward {name}"),
            },
            kind: CallerKind::Command,
            role: Role::Admin,
            username: None,
            team_id: None,
        }
    }
}

/// One act under way. Dropped without [`Act::commit`], it never happened.
#[derive(Debug)]
pub struct Act {
    pub tx: Tx,
    pub caller: Caller,
    pub now: Instant,
    pub ids: Ids,
}

impl Desk {
    pub async fn begin(&self, caller: Caller) -> Result<Act, StoreError> {
        let tx = self.db.begin().await?;
        Ok(Act {
            tx,
            caller,
            // After the wait for the writer, so that times rise in the order of commits.
            now: self.clock.now(),
            ids: self.ids.clone(),
        })
    }
}

impl Act {
    pub async fn commit(self) -> Result<(), StoreError> {
        self.tx.commit().await
    }

    pub fn id<Id: From<Uuid>>(&self) -> Id {
        self.ids.make(self.now)
    }
}
