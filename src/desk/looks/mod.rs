//! Who looks at a patient's data is on record before they are shown anything. What is asked for while one transaction
//! commits is recorded by the next, all of it together: a look waits for a commit, and has none to itself. One that goes on is put
//! on record while what is looked at is still being read.

mod folding;
mod foreseen;

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Caller, CallerKind};
use crate::domain::ids::{Ids, PatientId};
use crate::domain::time::Instant;
use crate::store::audit::ActorKind;
use crate::store::audit_read::{self, Asked, Outcome};
use crate::store::{Db, StoreError};
use folding::{Open, Rows};
pub use foreseen::Foreseen;

/// So many looks in one transaction: the writer is not kept from others for long.
const AT_ONCE: usize = 256;

/// Somebody who is about to be shown something, or was refused it.
#[derive(Debug, Clone)]
pub struct Looking {
    asked: Asked,
    /// SHA-256 of what makes two looks the same beside that.
    address: [u8; 32],
    /// Whose data it is; nobody's where that is not known.
    patients: Vec<PatientId>,
    at: Instant,
    sure: Sure,
}

/// Whether somebody looks.
#[derive(Debug, Clone)]
enum Sure {
    Yes,
    /// Most likely. It counts only where the same people are in it still, and then tells how.
    Foreseen(Arc<OnceLock<Counted>>),
    /// It was foreseen, and then did not come to it.
    TakenBack(Arc<OnceLock<Counted>>),
}

/// How a look that was foreseen counts.
#[derive(Debug, Clone, Copy)]
struct Counted {
    /// In which row.
    row: Uuid,
    /// Which look of that row it is, from 1.
    times: i64,
    /// When the last before it was.
    before: Instant,
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Sight {
    /// `sessions.read`.
    pub act: &'static str,
    pub subject_kind: &'static str,
    /// `None`: a list.
    pub subject_id: Option<String>,
}

impl Looking {
    /// `address` tells one page or search of the same list from another.
    pub fn new(
        caller: &Caller,
        sight: Sight,
        address: &str,
        outcome: Outcome,
        patients: Vec<PatientId>,
        at: Instant,
    ) -> Self {
        let (actor_kind, actor_id) = match caller.kind {
            CallerKind::Staff => (ActorKind::Staff, Some(caller.actor.id)),
            CallerKind::Token => (ActorKind::Token, Some(caller.actor.id)),
            CallerKind::Command => (ActorKind::Command, None),
        };
        Self {
            asked: Asked {
                actor_kind,
                actor_id,
                actor_name: caller.actor.name.clone(),
                act: sight.act.to_owned(),
                subject_kind: sight.subject_kind.to_owned(),
                subject_id: sight.subject_id,
                outcome,
            },
            address: Sha256::digest(address).into(),
            patients,
            at,
            sure: Sure::Yes,
        }
    }
}

/// It could not be put on record, so nobody may be shown it. The log has told why.
#[derive(Debug, thiserror::Error)]
#[error("a look could not be put on record")]
pub struct Unrecorded;

/// Puts looks on record. Clones share what they have open; each process has its own.
#[derive(Debug, Clone)]
pub struct Looks {
    db: Db,
    ids: Ids,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Waiting {
    looks: Vec<Looking>,
    /// Told when theirs is committed; dropped untold when it cannot be.
    askers: Vec<oneshot::Sender<()>>,
    somebody_writes: bool,
}

impl Looks {
    pub fn new(db: Db) -> Self {
        Self {
            db,
            ids: Ids::random(),
            shared: Arc::default(),
        }
    }

    /// Comes back when it is committed.
    pub async fn record(&self, looking: Looking) -> Result<(), Unrecorded> {
        self.ask(looking).await.map_err(|_| Unrecorded)
    }

    /// The same, where it may have been foreseen.
    pub async fn record_foreseen(
        &self,
        looking: Looking,
        foreseen: Option<Foreseen>,
    ) -> Result<(), Unrecorded> {
        if let Some(foreseen) = foreseen
            && foreseen.comes_true(&looking).await
        {
            return Ok(());
        }
        self.record(looking).await
    }

    /// Resolves when it is committed; with an error where it is not.
    fn ask(&self, looking: Looking) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        let is_first = {
            let mut waiting = self.shared.waiting();
            waiting.looks.push(looking);
            waiting.askers.push(tell);
            !std::mem::replace(&mut waiting.somebody_writes, true)
        };
        if is_first {
            // A task of its own: an asker who goes away must not take the others' commit along.
            tokio::spawn(self.clone().write());
        }
        told
    }

    async fn write(self) {
        let mut turn = Turn {
            shared: &self.shared,
            is_over: false,
        };
        while let Some((looks, askers)) = turn.next() {
            let rows = self.shared.open().fold(looks, &self.ids);
            match self.commit(&rows).await {
                Ok(()) => {
                    for (place, asker) in askers.into_iter().enumerate() {
                        if !rows.passed_over.contains(&place) {
                            // Whoever has gone away meanwhile is on record all the same.
                            let _ = asker.send(());
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(%error, looks = askers.len(), "who looked could not be recorded, and nobody is shown what is not on record");
                    self.shared.open().forget(&rows);
                }
            }
        }
    }

    async fn commit(&self, rows: &Rows) -> Result<(), StoreError> {
        let (new, gone_on_with) = rows.looks();
        let only_goes_on = rows.entered.is_empty() && rows.left.is_empty();
        let mut tx = if only_goes_on {
            self.db.begin_one().await?
        } else {
            self.db.begin_late().await?
        };
        audit_read::put(&mut tx, &new).await?;
        audit_read::go_on(&mut tx, &gone_on_with).await?;
        audit_read::enter(&mut tx, &rows.entered).await?;
        audit_read::leave(&mut tx, &rows.left).await?;
        tx.commit().await
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose turn it is to write. However it ends, the next asker finds that nobody writes.
struct Turn<'a> {
    shared: &'a Shared,
    is_over: bool,
}

impl Turn<'_> {
    /// What has come meanwhile; with nothing the turn is over.
    fn next(&mut self) -> Option<(Vec<Looking>, Vec<oneshot::Sender<()>>)> {
        let mut waiting = self.shared.waiting();
        if waiting.looks.is_empty() {
            waiting.somebody_writes = false;
            self.is_over = true;
            return None;
        }
        let most = waiting.looks.len().min(AT_ONCE);
        let later = (waiting.looks.split_off(most), waiting.askers.split_off(most));
        let now = (take(&mut waiting.looks), take(&mut waiting.askers));
        (waiting.looks, waiting.askers) = later;
        Some(now)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            *self.shared.waiting() = Waiting::default();
        }
    }
}
