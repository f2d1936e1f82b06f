//! PostgreSQL's connections, handed from one transaction to the next. The driver's pool would go round all of them and ask
//! each, when it comes back, whether it is sound: a way there and back for every page and every batch, and buffers and kept
//! plans on both sides for connections that one or two could do the work of.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection as _, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::error::StoreError;

/// A connection that was of use so lately is taken as sound. One that is not after all fails with a fault that passes.
const SOUND_FOR: Duration = Duration::from_secs(1);

/// Whoever was lent so long goes back to the pool, which ends connections that are too old.
const LENT_FOR: Duration = Duration::from_mins(20);

/// Whoever had nothing to do for so long goes back too.
const IDLE_FOR: Duration = Duration::from_mins(5);

/// Lends each connection of a pool to one transaction at a time, first the one that served most: its server process has planned
/// what is asked day by day, and another would plan it all again.
#[derive(Debug, Clone)]
pub struct Lender {
    pool: PgPool,
    /// As many as the pool has connections: whoever has one never waits for the pool.
    turns: Arc<Semaphore>,
    /// The one that served most last.
    kept: Arc<Mutex<Vec<Kept>>>,
    patience: Duration,
}

/// A connection of the pool's, to which it goes in the end, or nothing where that has been given away.
#[derive(Debug, Default)]
struct Hand(Option<PoolConnection<Postgres>>);

impl Drop for Hand {
    fn drop(&mut self) {
        // The pool works in the runtime. Where that has gone the connection just ends.
        if let Some(connection) = self.0.take()
            && Handle::try_current().is_err()
        {
            drop(connection.detach());
        }
    }
}

/// How long a connection has been with the lender, and how often it was lent.
#[derive(Debug, Clone, Copy)]
struct Service {
    since: Instant,
    loans: u64,
}

/// A connection that nobody uses.
#[derive(Debug)]
struct Kept {
    hand: Hand,
    service: Service,
    idle_since: Instant,
}

/// A connection in use.
#[derive(Debug)]
pub struct Loan {
    /// Empty only while it is dropped.
    hand: Hand,
    service: Service,
    /// A statement was begun and has not ended well: what the connection would say next is not known.
    at_work: bool,
    in_transaction: bool,
    lender: Lender,
    turn: Option<OwnedSemaphorePermit>,
}

impl Lender {
    pub(super) fn new(pool: PgPool, patience: Duration) -> Self {
        let most = pool.options().get_max_connections();
        Self {
            pool,
            turns: Arc::new(Semaphore::new(most.try_into().unwrap_or(Semaphore::MAX_PERMITS))),
            kept: Arc::default(),
            patience,
        }
    }

    /// The pool with all connections that nobody uses, for what is no transaction of the store's.
    pub fn all(&self) -> &PgPool {
        self.kept().clear();
        &self.pool
    }

    pub(super) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// How many wait for work.
    pub(super) fn idle(&self) -> usize {
        self.kept().len()
    }

    /// Lends a connection. Whoever asks first has one first.
    pub async fn lend(&self) -> Result<Loan, StoreError> {
        let turn = timeout(self.patience, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        let (hand, mut service) = if let Some(kept) = self.sound().await {
            (kept.hand, kept.service)
        } else {
            let hand = Hand(Some(self.pool.acquire().await?));
            let since = Instant::now();
            (hand, Service { since, loans: 0 })
        };
        service.loans += 1;
        Ok(Loan {
            hand,
            service,
            at_work: false,
            in_transaction: false,
            lender: self.clone(),
            turn: Some(turn),
        })
    }

    /// The same with a transaction begun in it.
    pub(super) async fn begin(&self) -> Result<Loan, StoreError> {
        let mut loan = self.lend().await?;
        loan.begin().await?;
        Ok(loan)
    }

    /// Ends every connection, when those in use have been given back.
    pub(super) async fn close(&self) {
        let closing = self.pool.close();
        self.kept().clear();
        closing.await;
    }

    async fn sound(&self) -> Option<Kept> {
        loop {
            let mut kept = self.kept().pop()?;
            if kept.idle_since.elapsed() < SOUND_FOR {
                return Some(kept);
            }
            if let Some(connection) = &mut kept.hand.0
                && connection.ping().await.is_ok()
            {
                return Some(kept);
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_back(&self, hand: Hand, service: Service) {
        let mut kept = self.kept();
        // Asked under the lock: what `close` does not find is not there.
        if self.pool.is_closed() || service.since.elapsed() > LENT_FOR {
            return;
        }
        let place = kept.partition_point(|other| other.service.loans <= service.loans);
        let returned = Kept {
            hand,
            service,
            idle_since: Instant::now(),
        };
        kept.insert(place, returned);
        if kept[0].idle_since.elapsed() > IDLE_FOR {
            drop(kept.remove(0));
        }
    }
}

impl Loan {
    /// The connection, for a statement that is ended by [`Loan::rest`].
    pub fn work(&mut self) -> Result<&mut PgConnection, StoreError> {
        self.at_work = true;
        let connection = self.hand.0.as_deref_mut();
        Ok(connection.ok_or(sqlx::Error::PoolClosed)?)
    }

    /// Begins a transaction in it.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        // Before it has begun: one that is given up meanwhile must be undone too.
        self.in_transaction = true;
        self.say("begin").await
    }

    /// The statement has ended well.
    pub const fn rest(&mut self) {
        self.at_work = false;
    }

    /// Undoes a transaction that was given up. Where that fails the connection ends, and with it the transaction.
    async fn undo(mut self) {
        if let (Err(_), Some(connection)) = (self.say("rollback").await, &mut self.hand.0) {
            connection.close_on_drop();
        }
    }

    /// A command without parameters.
    pub(super) async fn say(&mut self, command: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(command).execute(self.work()?).await?;
        self.rest();
        Ok(())
    }

    /// Refused where a statement failed and somebody went on regardless: the server would undo everything and answer the
    /// commit as if it had not.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        if self.at_work {
            return Err(StoreError::Statement {
                what: "a commit after a statement that did not end well".to_owned(),
            });
        }
        self.say("commit").await?;
        self.in_transaction = false;
        Ok(())
    }

    pub(super) async fn rollback(mut self) -> Result<(), StoreError> {
        self.say("rollback").await?;
        self.in_transaction = false;
        Ok(())
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let hand = std::mem::take(&mut self.hand);
        if self.in_transaction {
            // In its own turn still, so that nobody waits for a connection that is not there yet.
            let loan = Self {
                hand,
                service: self.service,
                // Until it is undone.
                at_work: true,
                in_transaction: false,
                lender: self.lender.clone(),
                turn: self.turn.take(),
            };
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(loan.undo());
            }
        } else if !self.at_work && hand.0.is_some() {
            self.lender.take_back(hand, self.service);
        }
        // What is not kept goes to the pool, which looks what state it is in.
    }
}
