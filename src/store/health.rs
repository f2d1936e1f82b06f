//! What a doctor asks: how the server is set up, and what has been quiet for too long.

use crate::domain::ids::UnitId;
use crate::domain::time::Instant;

use super::bind::binds;
use super::statement::statements;
use super::unit::unit_id;
use super::{StoreError, Tx};

statements! {
    "server";

    SERVER = "select {server}";

    SILENT = "select a.unit_id, s.last_seen_at from assignment a left join unit_status s on s.unit_id = a.unit_id
              where a.from_at < $2 and (a.to_at is null or a.to_at > $1) and (s.last_seen_at is null or s.last_seen_at < $2)
              order by a.unit_id limit $3";
}

/// How the database server is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub version: String,
    /// `on`, or what is committed may be lost with the machine.
    pub fsync: String,
    /// PostgreSQL's word; SQLite's number, where 2 is full.
    pub synchronous: String,
    pub journal: String,
    /// 0 where there is no such limit.
    pub max_connections: i64,
    pub is_standby: bool,
    /// Its clock, where it has one of its own.
    pub clock: Option<Instant>,
}

type Row = (String, String, String, String, i64, bool, Option<Instant>);

pub async fn server(tx: &mut Tx) -> Result<Option<Server>, StoreError> {
    let row: Option<Row> = tx.optional(&SERVER, binds![]).await?;
    Ok(row.map(
        |(version, fsync, synchronous, journal, max_connections, is_standby, clock)| Server {
            version,
            fsync,
            synchronous,
            journal,
            max_connections,
            is_standby,
            clock,
        },
    ))
}

/// Units that somebody has and that were last heard of before `since`, or never; of those assigned before it, by name.
pub async fn silent_units(
    tx: &mut Tx,
    now: Instant,
    since: Instant,
    limit: u32,
) -> Result<Vec<(UnitId, Option<Instant>)>, StoreError> {
    let rows: Vec<(String, Option<Instant>)> = tx.all(&SILENT, binds![now, since, i64::from(limit)]).await?;
    rows.into_iter()
        .map(|(unit, seen)| Ok((unit_id("assignment", "unit_id", &unit)?, seen)))
        .collect()
}
