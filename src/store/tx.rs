//! Reading and writing go through the same type, so that every function of the store works inside any transaction.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column as _, ColumnIndex, Decode, FromRow, Row, Sqlite, Transaction, Type};
use uuid::Uuid;

use super::bind::{Bind, Column};
use super::dialect::{bind_postgres, bind_sqlite};
use super::error::StoreError;
use super::postgres_tx::{Lock, PostgresTx};
use super::statement::Statement;

/// A transaction, undone when it is dropped without [`Tx::commit`].
#[derive(Debug)]
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(PostgresTx),
}

/// A row that both drivers can give.
pub(super) trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}
impl<R> Record for R where R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl Tx {
    /// From here on what nobody waits for is written together, with fewer ways to the server and back. What it fails of is not
    /// known before the commit.
    #[must_use]
    pub fn writing_together(mut self) -> Self {
        if let Self::Postgres(tx) = &mut self {
            tx.write_together();
        }
        self
    }

    /// From here on PostgreSQL is asked even where there are no rows to work on, so that it plans what it will be asked.
    #[must_use]
    pub const fn without_rows(mut self) -> Self {
        if let Self::Postgres(PostgresTx::Writing(_, later)) = &mut self {
            later.plan_only();
        }
        self
    }

    /// Whether nothing was asked yet of a transaction whose beginning was put off: see [`super::Db::begin_late`].
    pub const fn is_put_off(&self) -> bool {
        matches!(self, Self::Postgres(tx) if tx.is_put_off())
    }

    /// Makes what was written last.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => Ok(tx.commit().await?),
            Self::Postgres(tx) => tx.commit().await,
        }
    }

    /// Undoes at once what dropping would undo soon.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => Ok(tx.rollback().await?),
            Self::Postgres(tx) => tx.rollback().await,
        }
    }

    /// Marks a place to go back to: locks taken before it, and what was written before it, are kept.
    pub async fn mark(&mut self) -> Result<(), StoreError> {
        self.write_all().await?;
        self.say("savepoint mark").await
    }

    /// Forgets the mark; what was done since it stands with the rest.
    pub async fn unmark(&mut self) -> Result<(), StoreError> {
        self.write_all().await?;
        self.say("release savepoint mark").await
    }

    /// Undoes what was done since the mark, and forgets it.
    pub async fn back_to_mark(&mut self) -> Result<(), StoreError> {
        if let Self::Postgres(PostgresTx::Writing(_, later)) = self {
            later.forget();
        }
        self.say("rollback to savepoint mark").await?;
        self.unmark().await
    }

    /// Writes what is still to be written: before the commit, so that its faults are known.
    pub async fn write_all(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(tx) => tx.write_all().await,
        }
    }

    fn has_nothing_to_do(&self, statement: &Statement, binds: &[Bind<'_>]) -> bool {
        let planning = matches!(self, Self::Postgres(PostgresTx::Writing(_, later)) if later.is_planning());
        !planning && has_no_rows(statement, binds)
    }

    async fn say(&mut self, command: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => sqlx::raw_sql(command).execute(&mut **tx).await.map(|_| ())?,
            Self::Postgres(tx) => tx.loan().await?.say(command).await?,
        }
        Ok(())
    }

    /// Every row that the statement gives; none, without asking, where it was given no rows to work on.
    pub(super) async fn all<R: Record>(
        &mut self,
        statement: &'static Statement,
        binds: &[Bind<'_>],
    ) -> Result<Vec<R>, StoreError> {
        if self.has_nothing_to_do(statement, binds) {
            return Ok(Vec::new());
        }
        match self {
            Self::Sqlite(tx) => {
                let query = bind_sqlite(sqlx::query(statement.sqlite()), binds);
                let rows = query.fetch_all(&mut **tx).await?;
                rows.iter()
                    .map(|row| R::from_row(row).map_err(|error| unreadable(statement, row, error)))
                    .collect()
            }
            Self::Postgres(tx) => {
                let query = bind_postgres(statement.postgres(), binds)?;
                let loan = tx.for_statement(statement).await?;
                let rows = query.fetch_all(loan.work()?).await?;
                loan.rest();
                rows.iter()
                    .map(|row| R::from_row(row).map_err(|error| unreadable(statement, row, error)))
                    .collect()
            }
        }
    }

    /// The only row, where there is one.
    pub(super) async fn optional<R: Record>(
        &mut self,
        statement: &'static Statement,
        binds: &[Bind<'_>],
    ) -> Result<Option<R>, StoreError> {
        let mut rows = self.all(statement, binds).await?;
        match rows.len() {
            0 | 1 => Ok(rows.pop()),
            touched => Err(statement.meant(1, touched as u64)),
        }
    }

    /// How many rows the statement touched.
    pub(super) async fn execute(
        &mut self,
        statement: &'static Statement,
        binds: &[Bind<'_>],
    ) -> Result<u64, StoreError> {
        if self.has_nothing_to_do(statement, binds) {
            return Ok(0);
        }
        Ok(match self {
            Self::Sqlite(tx) => {
                let query = bind_sqlite(sqlx::query(statement.sqlite()), binds);
                query.execute(&mut **tx).await?.rows_affected()
            }
            Self::Postgres(tx) => {
                let query = bind_postgres(statement.postgres(), binds)?;
                let loan = tx.for_statement(statement).await?;
                let done = query.execute(loan.work()?).await?;
                loan.rest();
                done.rows_affected()
            }
        })
    }

    /// Writes: in a transaction that writes together, not before something looks at the table or everything is committed, and fails
    /// then. With [`StoreError::Overtaken`] where a rival was there first, and unless the statement touches exactly as many rows
    /// as it is meant to.
    pub(super) async fn later(
        &mut self,
        meant: Option<usize>,
        statement: &'static Statement,
        binds: &[Bind<'_>],
    ) -> Result<(), StoreError> {
        if self.has_nothing_to_do(statement, binds) {
            return meant.map_or(Ok(()), |meant| Self::as_meant(statement, meant, 0));
        }
        if let Self::Postgres(tx) = self {
            tx.write_for(statement).await?;
        }
        self.put_down(meant, statement, binds).await
    }

    /// [`Tx::later`] of rows that none of the writes before it made or changed, though they may be of the same table.
    pub(super) async fn later_beside(
        &mut self,
        meant: Option<usize>,
        statement: &'static Statement,
        binds: &[Bind<'_>],
    ) -> Result<(), StoreError> {
        if self.has_nothing_to_do(statement, binds) {
            return meant.map_or(Ok(()), |meant| Self::as_meant(statement, meant, 0));
        }
        self.put_down(meant, statement, binds).await
    }

    /// Among what is to be written; at once where nothing is put off.
    async fn put_down(
        &mut self,
        meant: Option<usize>,
        statement: &'static Statement,
        binds: &[Bind<'_>],
    ) -> Result<(), StoreError> {
        if let Self::Postgres(PostgresTx::Writing(_, later)) = self
            && let Some(together) = later.together()
        {
            return together.add(meant, statement, binds);
        }
        let touched = self
            .execute(statement, binds)
            .await
            .map_err(StoreError::overtaken)?;
        meant.map_or(Ok(()), |meant| Self::as_meant(statement, meant, touched))
    }

    /// [`Tx::later`] for rows that are locked by it, which comes before anything that is asked.
    pub(super) async fn lock_later(
        &mut self,
        meant: usize,
        statement: &'static Statement,
        rows: Vec<Column<'static>>,
    ) -> Result<(), StoreError> {
        let lock = Lock {
            meant,
            statement,
            binds: [Bind::Rows(rows)],
        };
        if self.has_nothing_to_do(statement, &lock.binds) {
            return Ok(());
        }
        let lock = match self {
            Self::Postgres(tx) => tx.lock(lock),
            Self::Sqlite(_) => Some(lock),
        };
        match lock {
            Some(Lock { binds, .. }) => self.later(Some(meant), statement, &binds).await,
            None => Ok(()),
        }
    }

    /// Fails unless the statement touched exactly as many rows as it meant to.
    pub(super) async fn expect_rows(
        &mut self,
        rows: usize,
        statement: &'static Statement,
        binds: &[Bind<'_>],
    ) -> Result<(), StoreError> {
        let touched = self.execute(statement, binds).await?;
        Self::as_meant(statement, rows, touched)
    }

    fn as_meant(statement: &'static Statement, meant: usize, touched: u64) -> Result<(), StoreError> {
        if touched == meant as u64 {
            Ok(())
        } else {
            Err(statement.meant(meant as u64, touched))
        }
    }

    /// Whether the one row was still as the writer had seen it: compare and swap.
    pub(super) async fn swapped(
        &mut self,
        statement: &'static Statement,
        binds: &[Bind<'_>],
    ) -> Result<bool, StoreError> {
        match self.execute(statement, binds).await? {
            0 => Ok(false),
            1 => Ok(true),
            touched => Err(statement.meant(1, touched)),
        }
    }
}

fn has_no_rows(statement: &Statement, binds: &[Bind<'_>]) -> bool {
    let Some(Bind::Rows(columns)) = binds.last() else {
        return false;
    };
    debug_assert!(
        columns
            .iter()
            .map(super::bind::Column::kind)
            .eq(statement.columns().iter().map(|(_, kind)| *kind)),
        "{} {} is given other columns than it declares",
        statement.table,
        statement.name
    );
    columns.first().is_none_or(|column| column.len() == 0)
}

/// The row's first column says which row it is: every statement selects its key first.
fn unreadable<R>(statement: &Statement, row: &R, error: sqlx::Error) -> StoreError
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let sqlx::Error::ColumnDecode { index, .. } = error else {
        return error.into();
    };
    let id = row
        .try_get::<Uuid, _>(0)
        .map(|id| id.to_string())
        .or_else(|_| row.try_get::<String, _>(0))
        .or_else(|_| row.try_get::<i64, _>(0).map(|id| id.to_string()))
        .unwrap_or_default();
    // Tuples count their columns, records name them.
    let column = index
        .parse::<usize>()
        .ok()
        .and_then(|place| row.columns().get(place));
    StoreError::row(
        statement.table,
        column.map_or(index.as_str(), |column| column.name()),
        id,
    )
}
