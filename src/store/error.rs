//! A database's own message may quote the row it refused, so what is shown is a code and a place, never a value.

use std::borrow::Cow;
use std::fmt::Display;

use sqlx::error::{DatabaseError, ErrorKind};

/// What went wrong in the store. [`StoreError::is_retryable`] tells trouble that passes from a fault that stays.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique constraint stopped the write: somebody was there first.
    #[error("{what} is taken already")]
    Taken { what: String },
    /// The same where looking again finds what the rival wrote: the transaction is worth another try.
    #[error("another transaction wrote {what} at the same moment")]
    Overtaken { what: String },
    /// The data itself cannot be stored: a check, a reference, a type. Trying again changes nothing.
    #[error("the database refused the data: {what}")]
    Refused { what: String },
    /// A rival transaction came in the way: serialisation, deadlock, lock not got in time, database busy.
    #[error("another transaction was in the way ({code})")]
    Busy { code: String },
    /// No connection, a lost one, a full disk: the same write may succeed later.
    #[error("the database cannot be used now: {what}")]
    Unavailable { what: String },
    /// A stored value is none that this program writes.
    #[error("{table} {id}: column {column} cannot be read")]
    Row {
        table: &'static str,
        column: String,
        id: String,
    },
    /// A write touched more or fewer rows than it meant to.
    #[error("{statement} meant to touch {meant} rows and touched {touched}")]
    Rows {
        statement: String,
        meant: u64,
        touched: u64,
    },
    /// A cursor that this store did not make.
    #[error("the cursor is not one of ours")]
    Cursor,
    /// The database was migrated by another program version, or half.
    #[error("the database's migrations do not fit this program: {0}")]
    Migration(String),
    /// The address names no database that can be used here.
    #[error("the database address cannot be used: {0}")]
    Address(&'static str),
    /// A fault of this program: a statement that the database does not understand.
    #[error("a statement failed: {what}")]
    Statement { what: String },
}

impl StoreError {
    /// Whether the same transaction may succeed if it is tried again unchanged.
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Overtaken { .. } | Self::Busy { .. } | Self::Unavailable { .. }
        )
    }

    /// Whether a unique constraint stopped the write.
    pub const fn is_taken(&self) -> bool {
        matches!(self, Self::Taken { .. })
    }

    /// Whether a rival wrote the same at the same moment.
    pub const fn is_overtaken(&self) -> bool {
        matches!(self, Self::Overtaken { .. })
    }

    /// Of what the writer had looked for before: a rival came in between.
    pub(super) fn overtaken(self) -> Self {
        match self {
            Self::Taken { what } => Self::Overtaken { what },
            fault => fault,
        }
    }

    pub(super) fn row(table: &'static str, column: &str, id: impl Display) -> Self {
        Self::Row {
            table,
            column: column.to_owned(),
            id: id.to_string(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refusal) => of_database(refusal.as_ref()),
            // Of a socket or a file, never of a row.
            sqlx::Error::Io(error) => Self::Unavailable {
                what: error.to_string(),
            },
            sqlx::Error::Tls(_) => Self::Unavailable {
                what: "TLS could not be agreed".to_owned(),
            },
            sqlx::Error::PoolTimedOut => Self::Unavailable {
                what: "no connection became free in time".to_owned(),
            },
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => {
                Self::Unavailable {
                    what: "the connection is closed".to_owned(),
                }
            }
            sqlx::Error::Protocol(_) => Self::Unavailable {
                what: "the connection is out of step".to_owned(),
            },
            sqlx::Error::Configuration(_) => Self::Address("it cannot be parsed"),
            sqlx::Error::Encode(_) => Self::Refused {
                what: "a value cannot be encoded".to_owned(),
            },
            _ => Self::Statement {
                what: "the driver refused it".to_owned(),
            },
        }
    }
}

fn of_database(refusal: &dyn DatabaseError) -> StoreError {
    let code = refusal.code().map(Cow::into_owned).unwrap_or_default();
    let place = place(refusal);
    match refusal.kind() {
        ErrorKind::UniqueViolation => return StoreError::Taken { what: place },
        ErrorKind::ForeignKeyViolation => {
            return StoreError::Refused {
                what: format!("{place}: no such reference"),
            };
        }
        ErrorKind::NotNullViolation | ErrorKind::CheckViolation => {
            return StoreError::Refused { what: place };
        }
        _ => {}
    }
    if refusal
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
    {
        match code.get(..2).unwrap_or_default() {
            "40" | "55" => StoreError::Busy { code },
            // Data exceptions quote the data in their message: the code must do.
            "21" | "22" | "23" | "54" => StoreError::Refused { what: code },
            // What these say is about the server, a role or a database, never about a row.
            // "42" and "0A" too: a table or column that is missing or changed under us is put right by a migration, and
            // until then it would make poison of every session there is.
            "08" | "0A" | "25" | "28" | "3D" | "42" | "53" | "57" | "58" => StoreError::Unavailable {
                what: format!("{} ({code})", refusal.message()),
            },
            _ => StoreError::Statement {
                what: format!("{code} {}", refusal.message()),
            },
        }
    } else {
        // SQLite's extended codes carry the primary one in their low byte.
        match code.parse::<i64>().map(|code| code & 0xff).unwrap_or_default() {
            5 | 6 => StoreError::Busy { code },
            18..=20 => StoreError::Refused { what: code },
            7 | 8 | 10 | 11 | 13..=15 | 26 => StoreError::Unavailable {
                what: format!("SQLite error {code}"),
            },
            // Our statements are fixed, so what they name is missing: see "42" above.
            1 => StoreError::Unavailable {
                what: format!("{} ({code})", refusal.message()),
            },
            _ => StoreError::Statement {
                what: format!("{code} {}", refusal.message()),
            },
        }
    }
}

/// The constraint or, on SQLite, the columns that its message lists after the colon.
fn place(refusal: &dyn DatabaseError) -> String {
    match (refusal.constraint(), refusal.message().split_once(": ")) {
        (Some(constraint), _) => constraint.to_owned(),
        (None, Some((_, columns))) if refusal.table().is_none() => columns.to_owned(),
        (None, _) => refusal.table().unwrap_or("a row").to_owned(),
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::Execute(error) => error.into(),
            MigrateError::ExecuteMigration(error, version) => {
                Self::Migration(format!("{version} failed: {}", Self::from(error)))
            }
            MigrateError::VersionMissing(version) => Self::Migration(format!(
                "{version} is unknown here: the database is newer than this program"
            )),
            MigrateError::VersionMismatch(version) => {
                Self::Migration(format!("{version} was applied with another text"))
            }
            MigrateError::Dirty(version) => Self::Migration(format!("{version} was applied only in part")),
            other => Self::Migration(other.to_string()),
        }
    }
}
