//! SQLite has one writer connection, first come first served, and readers that never wait for it; PostgreSQL has two
//! pools, so that staff who read are not queued behind a burst of sessions.

use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::StoreError;
use super::lending::Lender;
use super::postgres_tx::PostgresTx;
use super::tx::Tx;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a transaction waits for a connection or a rival before it is told that the database is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connected database. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Db {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres { writers: Lender, readers: Lender },
}

/// How many connections are kept. SQLite always writes on one.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    pub writers: u32,
    pub readers: u32,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            writers: 8,
            readers: 8,
        }
    }
}

/// The connections of one pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolUse {
    pub name: &'static str,
    pub open: u32,
    pub idle: u32,
    pub most: u32,
}

impl PoolUse {
    fn of<D: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<D>, kept: usize) -> Self {
        Self {
            name,
            open: pool.size(),
            idle: u32::try_from(pool.num_idle() + kept).unwrap_or(u32::MAX),
            most: pool.options().get_max_connections(),
        }
    }

    fn lent(name: &'static str, lender: &Lender) -> Self {
        Self::of(name, lender.pool(), lender.idle())
    }
}

impl Db {
    /// Connects to `sqlite:PATH` (made where it is missing) or `postgres://…`; migrates nothing.
    pub async fn connect(url: &str, connections: Connections) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return sqlite(path.strip_prefix("//").unwrap_or(path), connections).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return postgres(url, connections).await;
        }
        Err(StoreError::Address("it must begin with sqlite: or postgres://"))
    }

    /// Begins a transaction that writes. On SQLite it is the only one until it ends.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("begin immediate").await?),
            Self::Postgres { writers, .. } => Tx::Postgres(PostgresTx::writing(writers.begin().await?)),
        })
    }

    /// Begins a transaction that writes together and perhaps asks nothing. On PostgreSQL it begins when something is asked;
    /// where nothing is, all of it is one statement that commits by itself: one way to the server and back, and no lock is held for
    /// longer.
    pub async fn begin_late(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite { .. } => self.begin().await,
            Self::Postgres { writers, .. } => Ok(Tx::Postgres(PostgresTx::put_off(writers.lend().await?))),
        }
    }

    /// For one statement that writes, and no more: on PostgreSQL it commits by itself, which saves two round trips.
    pub async fn begin_one(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite { .. } => self.begin().await,
            Self::Postgres { writers, .. } => Ok(Tx::Postgres(PostgresTx::Alone(writers.lend().await?))),
        }
    }

    /// Begins to read; a write through it is refused. On SQLite all of it sees one state of the data, on PostgreSQL each
    /// statement does.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Tx::Sqlite(readers.begin().await?),
            Self::Postgres { readers, .. } => Tx::Postgres(PostgresTx::Reading(readers.lend().await?)),
        })
    }

    /// How busy the connections are.
    pub fn pools(&self) -> [PoolUse; 2] {
        match self {
            Self::Sqlite { writer, readers } => [
                PoolUse::of("writers", writer, 0),
                PoolUse::of("readers", readers, 0),
            ],
            Self::Postgres { writers, readers } => [
                PoolUse::lent("writers", writers),
                PoolUse::lent("readers", readers),
            ],
        }
    }

    /// What kind of database it is.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
        }
    }

    /// Whether a transaction can begin and end: for readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.begin().await?.rollback().await
    }

    /// Applies the migrations that are missing.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { writer, .. } => SQLITE_MIGRATIONS.run(writer).await?,
            Self::Postgres { writers, .. } => POSTGRES_MIGRATIONS.run(writers.all()).await?,
        }
        Ok(())
    }

    /// The migrations that are missing, by number. Fails where the database was made by a newer program, or otherwise.
    pub async fn pending_migrations(&self) -> Result<Vec<i64>, StoreError> {
        match self {
            Self::Sqlite { writer, .. } => pending(&SQLITE_MIGRATIONS, &mut *writer.acquire().await?).await,
            Self::Postgres { writers, .. } => {
                pending(&POSTGRES_MIGRATIONS, &mut *writers.all().acquire().await?).await
            }
        }
    }

    /// Closes every connection, when those in use have been given back.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { writers, readers } => {
                readers.close().await;
                writers.close().await;
            }
        }
    }
}

async fn sqlite(path: &str, connections: Connections) -> Result<Db, StoreError> {
    if path.is_empty() || path.contains(":memory:") {
        return Err(StoreError::Address(
            "SQLite needs a file: its readers are connections of their own",
        ));
    }
    super::file::private(std::path::Path::new(path)).map_err(|fault| StoreError::Unavailable {
        what: format!("the file {path} cannot be made or opened: {fault}"),
    })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .synchronous(SqliteSynchronous::Full)
        .statement_cache_capacity(300)
        // A slow statement is its caller's news, not the driver's: its text does not belong in our log.
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(PATIENCE * 2)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone().journal_mode(SqliteJournalMode::Wal))
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(connections.readers)
        .acquire_timeout(PATIENCE * 2)
        .connect_with(options.pragma("query_only", "on"))
        .await?;
    Ok(Db::Sqlite { writer, readers })
}

async fn postgres(url: &str, connections: Connections) -> Result<Db, StoreError> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|_: sqlx::Error| StoreError::Address("it is not a PostgreSQL address"))?;
    // What the driver supposes where neither the address nor PGUSER names anybody.
    if options.get_username() == "anonymous" {
        return Err(StoreError::Address(
            "it names no user: write postgres://USER@HOST/NAME, or add ?user=USER",
        ));
    }
    let options = options
        .application_name("homeward")
        .statement_cache_capacity(300)
        .disable_statement_logging()
        .options([
            // Compiling a statement takes longer than any of ours runs.
            ("jit", "off"),
            ("lock_timeout", "10s"),
            ("TimeZone", "UTC"),
        ]);
    // A pool goes on trying until its time is up, and then knows no reason: a single connection says why.
    PgConnection::connect_with(&options).await?.close().await?;
    let pool = |most| {
        PgPoolOptions::new()
            .acquire_timeout(PATIENCE * 2)
            .max_connections(most)
    };
    let reading = options.clone().options([("default_transaction_read_only", "on")]);
    // A batch finds its rows by index, whatever they are, so that one plan does for all: to make one anew for each batch of a
    // single session took half of PostgreSQL's time. A plan made while a table was small, and kept, would go on reading it
    // from end to end.
    let writing = options.options([
        ("enable_seqscan", "off"),
        ("plan_cache_mode", "force_generic_plan"),
    ]);
    // At once: on some machines each takes the server a tenth of a second.
    let (writers, readers) = tokio::try_join!(
        pool(connections.writers).connect_with(writing),
        pool(connections.readers).connect_with(reading),
    )?;
    let [writers, readers] = [writers, readers].map(|pool| Lender::new(pool, PATIENCE * 2));
    Ok(Db::Postgres { writers, readers })
}

async fn pending<C: Migrate>(known: &Migrator, connection: &mut C) -> Result<Vec<i64>, StoreError> {
    let applied = match connection.list_applied_migrations(&known.table_name).await {
        Ok(applied) => applied,
        Err(MigrateError::Execute(error)) if is_missing_table(&error) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    for done in &applied {
        match known.iter().find(|migration| migration.version == done.version) {
            None => return Err(MigrateError::VersionMissing(done.version).into()),
            Some(migration) if migration.checksum != done.checksum => {
                return Err(MigrateError::VersionMismatch(done.version).into());
            }
            Some(_) => {}
        }
    }
    let is_missing = |version: &i64| applied.iter().all(|done| done.version != *version);
    Ok(known
        .iter()
        .map(|migration| migration.version)
        .filter(is_missing)
        .collect())
}

fn is_missing_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|refusal| {
        refusal.code().as_deref() == Some("42P01") || refusal.message().starts_with("no such table")
    })
}
