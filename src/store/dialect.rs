//! All that the two databases say differently. A statement is one text with these marks in it; nothing else differs.
//!
//! Many rows go as one parameter a column (PostgreSQL, `unnest`) or one JSON text (SQLite, `json_each`): the text does
//! not depend on their number, so it is prepared once, and no limit on parameters applies. Where they are of one column
//! and only looked up, `where id {one_of_rows}`, PostgreSQL has a third of the work in planning it. Arrays that are unnested in
//! the list of what is selected it takes apart row by row; behind `from` it would first write down each of them whole, which
//! takes twice as long.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use serde_json::Value;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Arguments as _, Postgres, Sqlite};

use super::bind::{Bind, Column, Kind};
use super::error::StoreError;

// Of the whole server, not only of our database: which database a transaction is in PostgreSQL tells nobody but those who
// may see every role's, and one that was overlooked would leave events untold for ever.
macro_rules! oldest_open {
    () => {
        "cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint)"
    };
}

/// Mark, SQLite, PostgreSQL.
const MARKS: [(&str, &str, &str); 19] = [
    // One writer at a time: a lock of rows would lock nothing more.
    ("{for_share}", "", "for share"),
    ("{for_update}", "", "for update"),
    ("{for_no_key_update}", "", "for no key update"),
    ("{skip_locked}", "", "for update skip locked"),
    // Where an event stands. SQLite has one writer: events become visible in the order of their numbers.
    ("{tx}", "0", "tx"),
    ("{place}", "seq", "tx, seq"),
    ("{newest_place}", "seq desc", "tx desc, seq desc"),
    ("{from_place}", "seq >= $2 and $1 = 0", "(tx, seq) >= ($1, $2)"),
    ("{through_place}", "seq <= $2 and $1 = 0", "(tx, seq) <= ($1, $2)"),
    // Rows of transactions older than every open one: none that comes before them can still appear.
    ("{settled}", "true", concat!("tx < ", oldest_open!())),
    ("{unsettled}", "false", concat!("tx >= ", oldest_open!())),
    ("{of_the_past}", "seq = seq", "tx = 0"),
    // Rows of a server with higher numbers than this one has reached: they came by a restore.
    (
        "{foreign}",
        "false",
        "tx >= cast(cast(pg_snapshot_xmax(pg_current_snapshot()) as text) as bigint)",
    ),
    // `from {rows} {each} session {such_that} t.patient_id = r.patient_id {end_each}`: every row `r` of the batch is looked
    // up by index, what is found is `t`. Left to itself PostgreSQL may join by hash, reading the whole table for a handful of sessions.
    ("{each}", "cross join", "cross join lateral (select * from"),
    ("{such_that}", "t on", "t where"),
    ("{end_each}", "", "offset 0) t"),
    // `from (select … {end_each} {apart}) one`: it is worked out for itself, so what it locks it locks in the order of the rows.
    ("{apart}", "", "offset 0"),
    // Without statistics SQLite takes the shorter of two indexes, which leaves it to look through all that somebody ever saw.
    ("{by_both}", "indexed by audit_read_of_by", ""),
    // What the server says of itself: version, fsync, synchronous_commit, journal, connections, standby, clock.
    (
        "{server}",
        "sqlite_version(), 'on', (select cast(synchronous as text) from pragma_synchronous), \
         (select journal_mode from pragma_journal_mode), cast(0 as bigint), cast(0 as integer), cast(null as text)",
        "current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'), 'wal', \
         cast(current_setting('max_connections') as bigint), pg_is_in_recovery(), clock_timestamp()",
    ),
];

pub(super) fn sqlite(text: &str, first_rows_parameter: usize, columns: &[(&str, Kind)]) -> String {
    let mut rows = String::from("(select ");
    for (place, (name, kind)) in columns.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        let value = if matches!(kind, Kind::Uuid | Kind::Bytes) {
            format!("unhex(value ->> {place})")
        } else {
            format!("value ->> {place}")
        };
        // Writing to a String cannot fail.
        let _ = write!(rows, "{comma}{value} as {name}");
    }
    let _ = write!(rows, " from json_each(${first_rows_parameter}))");
    let text = text
        .replace("{rows}", &format!("{rows} as r"))
        .replace("{one_of_rows}", &format!("in {rows}"));
    MARKS
        .iter()
        .fold(text, |text, (mark, sqlite, _)| text.replace(mark, sqlite))
}

pub(super) fn postgres(text: &str, first_rows_parameter: usize, columns: &[(&str, Kind)]) -> String {
    let arrays = columns
        .iter()
        .enumerate()
        .map(|(place, (_, kind))| format!("${}::{}[]", first_rows_parameter + place, postgres_type(*kind)));
    let arrays: Vec<String> = arrays.collect();
    let names = columns.iter().map(|(name, _)| *name);
    let unnested = arrays.iter().zip(names);
    let unnested: Vec<String> = unnested
        .map(|(array, name)| format!("unnest({array}) as {name}"))
        .collect();
    let text = text
        .replace("{rows}", &format!("(select {}) as r", unnested.join(", ")))
        .replace("{one_of_rows}", &format!("= any({})", arrays.join(", ")));
    MARKS
        .iter()
        .fold(text, |text, (mark, _, postgres)| text.replace(mark, postgres))
}

const fn postgres_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Uuid => "uuid",
        Kind::Text => "text",
        Kind::Bigint => "bigint",
        Kind::Bool => "boolean",
        Kind::Time => "timestamptz",
        Kind::Bytes => "bytea",
    }
}

type SqliteQuery<'q> = Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;
type PostgresQuery<'q> = Query<'q, Postgres, PgArguments>;

pub(super) fn bind_sqlite<'q>(query: SqliteQuery<'q>, binds: &[Bind<'_>]) -> SqliteQuery<'q> {
    binds.iter().fold(query, |query, bind| match bind {
        Bind::Uuid(value) => query.bind(*value),
        Bind::Text(value) => query.bind(value.map(ToOwned::to_owned)),
        Bind::Bigint(value) => query.bind(*value),
        Bind::Bool(value) => query.bind(*value),
        Bind::Time(value) => query.bind(*value),
        Bind::Date(value) => query.bind(*value),
        Bind::Bytes(value) => query.bind(value.to_vec()),
        Bind::Rows(columns) => query.bind(json_rows(columns)),
    })
}

pub(super) fn bind_postgres<'q>(
    text: &'static str,
    binds: &[Bind<'_>],
) -> Result<PostgresQuery<'q>, StoreError> {
    let mut arguments = PgArguments::default();
    add_postgres(&mut arguments, binds)?;
    Ok(sqlx::query_with(text, arguments))
}

/// Adds a statement's parameters to those of others.
pub(super) fn add_postgres(arguments: &mut PgArguments, binds: &[Bind<'_>]) -> Result<(), StoreError> {
    // Grown step by step, the documents of a batch would be copied several times over. What comes beside them is some tenth of them.
    let size: usize = binds.iter().map(Bind::size).sum();
    arguments.reserve(binds.len(), size + size / 4);
    for bind in binds {
        match bind {
            Bind::Uuid(value) => arguments.add(*value),
            Bind::Text(value) => arguments.add(*value),
            Bind::Bigint(value) => arguments.add(*value),
            Bind::Bool(value) => arguments.add(*value),
            Bind::Time(value) => arguments.add(*value),
            Bind::Date(value) => arguments.add(*value),
            Bind::Bytes(value) => arguments.add(*value),
            Bind::Rows(columns) => columns.iter().try_for_each(|column| match column {
                Column::Uuid(values) => arguments.add(values),
                Column::Text(values) => arguments.add(values),
                Column::Bigint(values) => arguments.add(values),
                Column::Bool(values) => arguments.add(values),
                Column::Time(values) => arguments.add(values),
                Column::Bytes(values) => arguments.add(values),
            }),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(())
}

/// `[["HU-1","0193…",null],…]`: bytes as hex, times in the very text that the driver writes for one bound alone.
fn json_rows(columns: &[Column<'_>]) -> String {
    let rows = columns.first().map_or(0, Column::len);
    let mut text = String::with_capacity(rows * columns.len() * 24 + 2);
    text.push('[');
    for row in 0..rows {
        text.push_str(if row == 0 { "[" } else { ",[" });
        for (place, column) in columns.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            push_json(&mut text, column, row);
        }
        text.push(']');
    }
    text.push(']');
    text
}

fn push_json(text: &mut String, column: &Column<'_>, row: usize) {
    // Writing to a String cannot fail.
    let _ = match column {
        Column::Uuid(values) => match values[row] {
            Some(id) => write!(text, "\"{}\"", id.simple()),
            None => write!(text, "null"),
        },
        Column::Text(values) => match values[row] {
            Some(value) => write!(text, "{}", Value::from(value)),
            None => write!(text, "null"),
        },
        Column::Bigint(values) => match values[row] {
            Some(value) => write!(text, "{value}"),
            None => write!(text, "null"),
        },
        Column::Bool(values) => match values[row] {
            Some(value) => write!(text, "{value}"),
            None => write!(text, "null"),
        },
        Column::Time(values) => match values[row] {
            Some(at) => write!(text, "\"{}\"", at.to_rfc3339_opts(SecondsFormat::AutoSi, false)),
            None => write!(text, "null"),
        },
        Column::Bytes(values) => match values[row] {
            Some(value) => {
                text.push('"');
                for byte in value {
                    push_hex(text, *byte);
                }
                text.push('"');
                Ok(())
            }
            None => write!(text, "null"),
        },
    };
}

fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    text.push(DIGITS[usize::from(byte >> 4)]);
    text.push(DIGITS[usize::from(byte & 15)]);
}
