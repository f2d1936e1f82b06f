//! What a unit is and what it last said stand in two tables: judging locks the first, and a status must never wait for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::UnitId;
use crate::domain::time::Instant;

use super::bind::{bigints, binds, bools, texts, times};
use super::page::{Cursor, Page};
use super::statement::{Statement, statements};
use super::{StoreError, Tx};

/// Below this a battery is low (engine.md, "Technical").
const LOW_BATTERY_PCT: i64 = 20;

/// A registered home unit. Its secret's hash is read only by [`secret_hash`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeUnit {
    pub unit_id: UnitId,
    pub version: i64,
    pub created_at: Instant,
}

/// What a unit last said of itself, and when we last heard anything from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitStatus {
    pub unit_id: UnitId,
    pub online: Option<bool>,
    pub battery_pct: Option<i64>,
    pub firmware: Option<String>,
    pub queued: Option<i64>,
    /// By the unit's clock.
    pub reported_at: Option<Instant>,
    /// By ours.
    pub last_seen_at: Instant,
}

impl UnitStatus {
    /// Whether it is worth telling: there or not, another firmware, or the battery is low now or no longer. A unit that
    /// says the same every few minutes says nothing new.
    pub fn differs(&self, before: &Self) -> bool {
        let low = |status: &Self| status.battery_pct.map(|percent| percent < LOW_BATTERY_PCT);
        (self.online, &self.firmware, low(self)) != (before.online, &before.firmware, low(before))
    }
}

statements! {
    "home_unit";

    INSERT = "insert into home_unit (unit_id, secret_hash, version, created_at) values ($1, $2, 1, $3)";

    GET = "select unit_id, version, created_at from home_unit where unit_id = $1";

    LIST = "select unit_id, version, created_at from home_unit where unit_id > $1 order by unit_id limit $2";

    SECRET_HASH = "select secret_hash from home_unit where unit_id = $1";

    LOCK_FOR_SHARE [unit_id Text] =
        "select unit_id from home_unit where unit_id {one_of_rows} order by unit_id {for_share}";

    LOCK_FOR_UPDATE [unit_id Text] =
        "select unit_id from home_unit where unit_id {one_of_rows} order by unit_id {for_update}";

    /// A last will was written when the unit connected, so its time is older than what the unit said since: that it is
    /// offline is always news.
    REPORT [
        unit_id Text, online Bool, battery_pct Bigint, firmware Text, queued Bigint, reported_at Time, last_seen_at Time,
        look_at Time,
    ] = "insert into unit_status ({columns})
         select {columns} from {rows} where exists (select 1 from home_unit u where u.unit_id = r.unit_id)
         order by r.unit_id
         on conflict (unit_id) do update set
             last_seen_at = coalesce(unit_status.last_seen_at, excluded.last_seen_at),
             look_at = case when (excluded.battery_pct < $2) <> (coalesce(unit_status.battery_pct, 100) < $2)
                 then excluded.look_at else unit_status.look_at end,
             online = excluded.online, battery_pct = coalesce(excluded.battery_pct, unit_status.battery_pct),
             firmware = coalesce(excluded.firmware, unit_status.firmware), queued = coalesce(excluded.queued, unit_status.queued),
             reported_at = case when unit_status.reported_at > excluded.reported_at then unit_status.reported_at
                 else coalesce(excluded.reported_at, unit_status.reported_at) end
         where unit_status.reported_at is null or excluded.reported_at is null or excluded.online = $1
             or excluded.reported_at >= unit_status.reported_at
         returning unit_id, online, battery_pct, firmware, queued, reported_at, last_seen_at";

    BEFORE [unit_id Text] =
        "select unit_id, online, battery_pct, firmware, queued, reported_at, last_seen_at from unit_status
         where last_seen_at is not null and unit_id {one_of_rows} order by unit_id {for_no_key_update}";

    /// Whoever was silent, or whose clock is otherwise than it was, must be looked at.
    SEEN [unit_id Text, last_seen_at Time, skew_seconds Bigint, look_at Time] =
        "insert into unit_status ({columns})
         select {columns} from {rows} where true order by r.unit_id
         on conflict (unit_id) do update set
             last_seen_at = case when unit_status.last_seen_at > excluded.last_seen_at then unit_status.last_seen_at
                 else excluded.last_seen_at end,
             skew_seconds = coalesce(excluded.skew_seconds, unit_status.skew_seconds),
             look_at = case when unit_status.silent or excluded.skew_seconds <> coalesce(unit_status.skew_seconds, 0)
                 then excluded.look_at else unit_status.look_at end
         where unit_status.last_seen_at is null or excluded.last_seen_at > unit_status.last_seen_at
             or excluded.skew_seconds <> coalesce(unit_status.skew_seconds, 0)";

    STATUS_OF [unit_id Text] =
        "select unit_id, online, battery_pct, firmware, queued, reported_at, last_seen_at from unit_status
         where last_seen_at is not null and unit_id {one_of_rows}";
}

/// Registers a unit. [`StoreError::Taken`] if the name is.
pub async fn insert(
    tx: &mut Tx,
    unit: &UnitId,
    secret_hash: &[u8; 32],
    now: Instant,
) -> Result<(), StoreError> {
    tx.expect_rows(1, &INSERT, binds![unit, secret_hash, now]).await
}

pub async fn get(tx: &mut Tx, unit: &UnitId) -> Result<Option<HomeUnit>, StoreError> {
    tx.optional::<UnitRow>(&GET, binds![unit])
        .await?
        .map(home_unit)
        .transpose()
}

/// By name.
pub async fn list(tx: &mut Tx, after: Option<&Cursor>, limit: u32) -> Result<Page<HomeUnit>, StoreError> {
    let after = after.map_or("", Cursor::as_str);
    let rows: Vec<UnitRow> = tx.all(&LIST, binds![after, i64::from(limit) + 1]).await?;
    let units = rows.into_iter().map(home_unit).collect::<Result<_, _>>()?;
    Ok(Page::cut(units, limit, |unit: &HomeUnit| {
        Cursor::of(&[&unit.unit_id])
    }))
}

/// For the broker's gate; `None` where no such unit is registered.
pub async fn secret_hash(tx: &mut Tx, unit: &UnitId) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(Vec<u8>,)> = tx.optional(&SECRET_HASH, binds![unit]).await?;
    Ok(row.map(|(hash,)| hash))
}

/// Keeps the units' assignments as they are until the transaction ends; gives those that are registered, sorted.
pub async fn lock_for_share(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<UnitId>, StoreError> {
    locked_by(tx, &LOCK_FOR_SHARE, units).await
}

async fn locked_by(
    tx: &mut Tx,
    statement: &'static Statement,
    units: &[UnitId],
) -> Result<Vec<UnitId>, StoreError> {
    let rows: Vec<(String,)> = tx.all(statement, binds![vec![names(units)]]).await?;
    rows.into_iter()
        .map(|(unit,)| unit_id("home_unit", "unit_id", &unit))
        .collect()
}

/// For whoever changes assignments: waits for every transaction that locked the unit. Ingest rests on the locks of those who have or
/// had it as well, so whoever writes an assignment locks them too.
pub async fn lock_for_update(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<UnitId>, StoreError> {
    locked_by(tx, &LOCK_FOR_UPDATE, units).await
}

/// Takes in what units said: an older report never overwrites a newer one, and names of no unit are passed over. Gives the
/// units that are now otherwise than they were, so far as [`UnitStatus::differs`] tells.
pub async fn report(tx: &mut Tx, statuses: &[UnitStatus]) -> Result<Vec<UnitStatus>, StoreError> {
    // One row a unit: a statement may not touch the same row twice. Sorted, so that two batches never deadlock.
    let mut newest: BTreeMap<&UnitId, &UnitStatus> = BTreeMap::new();
    for status in statuses {
        let kept = newest.entry(&status.unit_id).or_insert(status);
        let is_will = status.online == Some(false);
        if is_will || status.reported_at.is_none() || status.reported_at >= kept.reported_at {
            *kept = status;
        }
    }
    let newest: Vec<&UnitStatus> = newest.into_values().collect();
    let names = texts(newest.iter().map(|status| status.unit_id.as_str()));
    // Locked, so that of two reports at once each is compared with what it follows.
    let before = tx.all(&BEFORE, binds![vec![names]]).await?;
    let before: BTreeMap<UnitId, UnitStatus> = (before.into_iter().map(unit_status))
        .map(|status| status.map(|status| (status.unit_id.clone(), status)))
        .collect::<Result<_, _>>()?;
    let rows = vec![
        texts(newest.iter().map(|status| status.unit_id.as_str())),
        bools(newest.iter().map(|status| status.online)),
        bigints(newest.iter().map(|status| status.battery_pct)),
        texts(newest.iter().map(|status| status.firmware.as_deref())),
        bigints(newest.iter().map(|status| status.queued)),
        times(newest.iter().map(|status| status.reported_at)),
        times(newest.iter().map(|status| status.last_seen_at)),
        times(newest.iter().map(|status| status.last_seen_at)),
    ];
    let after: Vec<StatusRow> = tx.all(&REPORT, binds![false, LOW_BATTERY_PCT, rows]).await?;
    let after: Vec<UnitStatus> = after.into_iter().map(unit_status).collect::<Result<_, _>>()?;
    // Every registered unit is among these.
    let known: BTreeSet<&UnitId> = before
        .keys()
        .chain(after.iter().map(|after| &after.unit_id))
        .collect();
    let heard: Vec<Sighting> = statuses
        .iter()
        .filter(|status| known.contains(&status.unit_id))
        .map(|status| Sighting::of(status.unit_id.clone(), status.last_seen_at))
        .collect();
    seen(tx, &heard).await?;
    let is_news = |after: &UnitStatus| {
        before
            .get(&after.unit_id)
            .is_none_or(|before| after.differs(before))
    };
    Ok(after.into_iter().filter(is_news).collect())
}

/// That a unit was heard of, by our clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    pub unit_id: UnitId,
    pub at: Instant,
    /// By how much its clock was ahead, where the message says; 0 where that is nothing to tell of.
    pub skew_seconds: Option<i64>,
}

impl Sighting {
    pub const fn of(unit_id: UnitId, at: Instant) -> Self {
        Self {
            unit_id,
            at,
            skew_seconds: None,
        }
    }
}

/// Records that (registered) units were heard of, in the order in which they were.
pub async fn seen(tx: &mut Tx, heard: &[Sighting]) -> Result<(), StoreError> {
    let mut latest: BTreeMap<&str, (Instant, Option<i64>)> = BTreeMap::new();
    for one in heard {
        let kept = latest
            .entry(one.unit_id.as_str())
            .or_insert((one.at, one.skew_seconds));
        *kept = (kept.0.max(one.at), one.skew_seconds.or(kept.1));
    }
    let rows = vec![
        texts(latest.keys().copied()),
        times(latest.values().map(|(at, _)| *at)),
        bigints(latest.values().map(|(_, skew)| *skew)),
        times(latest.values().map(|(at, _)| *at)),
    ];
    tx.later(None, &SEEN, binds![rows]).await
}

/// The units that ever said something.
pub async fn status_of(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<UnitStatus>, StoreError> {
    let rows: Vec<StatusRow> = tx.all(&STATUS_OF, binds![vec![names(units)]]).await?;
    rows.into_iter().map(unit_status).collect()
}

fn unit_status(
    (unit, online, battery_pct, firmware, queued, reported_at, last_seen_at): StatusRow,
) -> Result<UnitStatus, StoreError> {
    Ok(UnitStatus {
        unit_id: unit_id("unit_status", "unit_id", &unit)?,
        online,
        battery_pct,
        firmware,
        queued,
        reported_at,
        last_seen_at,
    })
}

type UnitRow = (String, i64, Instant);
type StatusRow = (
    String,
    Option<bool>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<Instant>,
    Instant,
);

fn home_unit((unit, version, created_at): UnitRow) -> Result<HomeUnit, StoreError> {
    Ok(HomeUnit {
        unit_id: unit_id("home_unit", "unit_id", &unit)?,
        version,
        created_at,
    })
}

pub(super) fn names(units: &[UnitId]) -> super::bind::Column<'_> {
    texts(units.iter().map(UnitId::as_str))
}

/// A stored unit id; the row is named by it.
pub(super) fn unit_id(table: &'static str, column: &str, text: &str) -> Result<UnitId, StoreError> {
    text.parse().map_err(|_| StoreError::row(table, column, text))
}
