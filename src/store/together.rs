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

    /// Makes them outside of a transaction, all or none, with one statement that commits by itself. [`StoreError::Overtaken`] where
    /// one of them would not touch as many rows as it must. Of those that must, the last is made first: it is had, or refused, before
    /// anything that rests on it.
    pub(super) async fn make_alone(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let Self {
            writes,
            mut arguments,
        } = std::mem::take(self);
        for meant in writes.iter().filter_map(|write| write.meant) {
            dialect::add_postgres(&mut arguments, &[Bind::Bigint(i64::try_from(meant).ok())])?;
        }
        let query = sqlx::query_with(AssertSqlSafe(text(&writes, End::Committed)), arguments);
        // Read to the end, which comes when it is committed.
        match query.fetch_all(connection).await {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(refusal)) if refusal.code().as_deref() == Some(NOT_AS_MEANT) => {
                Err(StoreError::Overtaken {
                    what: "what a batch rests on".to_owned(),
                })
            }
            Err(fault) => Err(fault.into()),
        }
    }
}

/// A division by zero, which no statement of ours makes otherwise.
const NOT_AS_MEANT: &str = "22012";

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
    let row = sqlx::query_with(AssertSqlSafe(text(writes, End::Told)), arguments)
        .fetch_one(connection)
        .await?;
    let count = |place| row.try_get::<i64, _>(place).map(i64::unsigned_abs);
    Ok((0..writes.len()).map(count).collect::<Result<_, _>>()?)
}

/// What becomes of the writes' counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    /// They are told.
    Told,
    /// Nothing is made where one is otherwise than it must be.
    Committed,
}

/// The writes' texts, and whether each must touch a number of rows.
type Texts = (Vec<(&'static str, bool)>, End);

/// One text for the same writes in the same order, and one plan of it for each connection. There are as many as there are
/// ways through the program.
fn text(writes: &[Write], end: End) -> Arc<str> {
    static TEXTS: LazyLock<Mutex<HashMap<Texts, Arc<str>>>> = LazyLock::new(Mutex::default);
    let alone = writes
        .iter()
        .map(|write| (write.statement.postgres(), write.meant.is_some()));
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let text = texts
        .entry((alone.collect(), end))
        .or_insert_with_key(|(alone, end)| put_together(alone, *end).into());
    Arc::clone(text)
}

/// `with w0 as (… returning 1), w1 as (…) select (select count(*) from w0), …`, its parameters one after the other. Where it is to
/// commit by itself, `select 1 / case when true and (select count(*) from w7) = $9 and … then 1 else 0 end`.
fn put_together(alone: &[(&str, bool)], end: End) -> String {
    let (mut with, mut parameters) = (String::new(), 0);
    for (place, (text, _)) in alone.iter().enumerate() {
        let comma = if place == 0 { "with" } else { "," };
        let (text, last) = renumbered(text, parameters);
        parameters = last;
        // Writing to a String cannot fail.
        let _ = write!(with, "{comma} w{place} as ({text} returning 1)");
    }
    let count = |place| format!("(select count(*) from w{place})");
    match end {
        End::Told => {
            let counts: Vec<String> = (0..alone.len()).map(count).collect();
            format!("{with} select {}", counts.join(", "))
        }
        End::Committed => {
            let must = alone.iter().enumerate().filter(|(_, (_, must))| *must);
            let as_meant = must
                .zip(parameters + 1..)
                .map(|((place, _), parameter)| format!(" and {} = ${parameter}", count(place)));
            let as_meant: Vec<String> = as_meant.collect();
            let as_meant: String = as_meant.into_iter().rev().collect();
            format!("{with} select 1 / case when true{as_meant} then 1 else 0 end")
        }
    }
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
