//! Writes that nobody waits for go to PostgreSQL together, as one statement: the way there and back takes longer than most of
//! them do. SQLite is no way off, and makes each at once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{AssertSqlSafe, Row as _};

use super::bind::Bind;
use super::dialect;
use super::error::StoreError;
use super::statement::Statement;

/// Views name none of the tables that they read.
pub const VIEWS: [&str; 1] = ["sent_reading"];

/// Writes of one transaction that are still to be made, each to a table of its own.
#[derive(Debug, Default)]
pub(super) struct Together {
    writes: Vec<Write>,
    arguments: PgArguments,
}

#[derive(Debug)]
struct Write {
    statement: &'static Statement,
    /// How many rows it must touch, where that is known.
    meant: Option<usize>,
}

impl Together {
    /// Whether a statement looks at what one of the writes will change, or changes it too. All of them see what was there
    /// before the first.
    pub(super) fn concerns(&self, statement: &'static Statement) -> bool {
        let mut written = self.writes.iter().map(|write| write.statement.written());
        written.any(|table| statement.names(table))
            || (!self.is_empty() && VIEWS.into_iter().any(|view| statement.names(view)))
    }

    pub(super) fn add(
        &mut self,
        meant: Option<usize>,
        statement: &'static Statement,
        binds: &[Bind<'_>],
    ) -> Result<(), StoreError> {
        dialect::add_postgres(&mut self.arguments, binds)?;
        self.writes.push(Write { statement, meant });
        Ok(())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Makes them. Their foreign keys are looked at when all of them are made.
    pub(super) async fn make(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let Self { writes, arguments } = std::mem::take(self);
        let touched = touched(connection, &writes, arguments).await?;
        for (write, touched) in writes.iter().zip(touched) {
            match write.meant {
                Some(meant) if touched != meant as u64 => {
                    return Err(write.statement.meant(meant as u64, touched));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// How many rows each of them touched.
async fn touched(
    connection: &mut PgConnection,
    writes: &[Write],
    arguments: PgArguments,
) -> Result<Vec<u64>, StoreError> {
    if let [alone] = writes {
        let query = sqlx::query_with(alone.statement.postgres(), arguments);
        return Ok(vec![query.execute(connection).await?.rows_affected()]);
    }
    // Made of declared statements alone.
    let row = sqlx::query_with(AssertSqlSafe(text(writes)), arguments)
        .fetch_one(connection)
        .await?;
    let count = |place| row.try_get::<i64, _>(place).map(i64::unsigned_abs);
    Ok((0..writes.len()).map(count).collect::<Result<_, _>>()?)
}

/// One text for the same writes in the same order, and one plan of it for each connection. There are as many as there are
/// ways through the program.
fn text(writes: &[Write]) -> Arc<str> {
    static TEXTS: LazyLock<Mutex<HashMap<Vec<&str>, Arc<str>>>> = LazyLock::new(Mutex::default);
    let alone: Vec<&str> = writes.iter().map(|write| write.statement.postgres()).collect();
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let text = texts
        .entry(alone)
        .or_insert_with_key(|alone| put_together(alone).into());
    Arc::clone(text)
}

/// `with w0 as (… returning 1), w1 as (…) select (select count(*) from w0), …`, its parameters one after the other.
fn put_together(alone: &[&str]) -> String {
    let (mut with, mut counts, mut parameters) = (String::new(), String::new(), 0);
    for (place, text) in alone.iter().enumerate() {
        let (with_comma, comma) = if place == 0 { ("with", "") } else { (",", ",") };
        let (text, last) = renumbered(text, parameters);
        parameters = last;
        // Writing to a String cannot fail.
        let _ = write!(with, "{with_comma} w{place} as ({text} returning 1)");
        let _ = write!(counts, "{comma} (select count(*) from w{place})");
    }
    format!("{with} select{counts}")
}

/// The text with its parameters after so many others, and the number of the last.
fn renumbered(text: &str, after: usize) -> (String, usize) {
    let mut parts = text.split('$');
    let mut renumbered = parts.next().unwrap_or_default().to_owned();
    let mut last = after;
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number = after + number.parse::<usize>().unwrap_or_default();
        last = last.max(number);
        let _ = write!(renumbered, "${number}{rest}");
    }
    (renumbered, last)
}
