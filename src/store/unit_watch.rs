//! When a unit must be looked at. A row is due at its `look_at`; whoever claims it puts that off, so that no other process
//! looks at the same time, and what ingest writes meanwhile makes it due again.

use uuid::Uuid;

use crate::domain::ids::{PatientId, SessionKey, UnitId};
use crate::domain::time::Instant;

use super::bind::{binds, bools, texts, times, uuids};
use super::finding::{FindingRow, Row as FindingColumns, finding_columns, finding_row};
use super::session::session_key;
use super::statement::statements;
use super::unit::{names, unit_id};
use super::{StoreError, Tx};

statements! {
    "unit_status";

    /// In order: without, PostgreSQL expects to find one soon and reads the whole table where none is due.
    DUE = "select unit_id from unit_status where look_at <= $1 order by look_at limit 1";

    /// So many stand in the text: where PostgreSQL plans for any number it expects a tenth of all units, and reads every one.
    CLAIM = "select unit_id from unit_status where look_at <= $1 order by look_at limit 100 {skip_locked}";

    PUT_OFF [unit_id Text] = "update unit_status set look_at = $1 where unit_id {one_of_rows}";

    FACTS [unit_id Text] =
        "select unit_id, last_seen_at, battery_pct, skew_seconds from unit_status
         where unit_id {one_of_rows}";

    STANDING [unit_id Text] = concat!(
        "select ", finding_columns!(), " from {rows} {each} finding {such_that} t.unit_id = r.unit_id
             and t.session_id is null and t.state = 'current' {end_each}
         where t.rule in ('battery_low', 'unit_silent', 'clock_skew', 'seq_gap', 'seq_repeat') order by t.at, t.id"
    );

    LOOKED [unit_id Text, silent Bool, look_at Time] =
        "insert into unit_status (unit_id, silent, look_at) select r.unit_id, r.silent, r.look_at from {rows} where true
         order by r.unit_id
         on conflict (unit_id) do update set silent = excluded.silent,
             look_at = case when unit_status.look_at = $1 then excluded.look_at else unit_status.look_at end";

    /// By patient, since that is how sessions are found.
    NUMBERED [unit_id Text, patient_id Uuid, since Time] =
        "select t.unit_id, t.session_id, t.seq, t.completed_at, t.received_at
         from {rows} {each} session {such_that} t.patient_id = r.patient_id and t.completed_at >= r.since {end_each}
         where t.unit_id = r.unit_id and t.seq is not null";

    NUMBERED_OF_NOBODY [unit_id Text, since Time] =
        "select t.unit_id, t.session_id, t.seq, t.completed_at, t.received_at
         from {rows} {each} session {such_that} t.unit_id = r.unit_id and t.patient_id is null
             and t.completed_at >= r.since {end_each}
         where t.seq is not null";

    NUMBERS_CAME = "select distinct unit_id from session
                    where received_at > $1 and received_at <= $2 and seq is not null order by unit_id";

    WAKE_ALL [unit_id Text] =
        "insert into unit_status (unit_id, look_at) select r.unit_id, $1 from {rows} where true
         order by r.unit_id
         on conflict (unit_id) do update set look_at = excluded.look_at
         where unit_status.look_at is null or unit_status.look_at > excluded.look_at";

    WAKE = "insert into unit_status (unit_id, look_at) values ($1, $2)
            on conflict (unit_id) do update set look_at = excluded.look_at";

    WAKE_ASSIGNED = "update unit_status set look_at = $2 where unit_id in (select unit_id from assignment where id = $1)";

    WAKE_UNITS_OF = "update unit_status set look_at = $2 where unit_id in (
                         select unit_id from assignment where patient_id = $1)";
}

/// What is known of a unit that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub unit_id: UnitId,
    pub last_seen_at: Option<Instant>,
    pub battery_pct: Option<i64>,
    pub skew_seconds: Option<i64>,
}

/// What a look left: whether the unit is told of as silent, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    pub unit_id: UnitId,
    pub silent: bool,
    pub look_at: Option<Instant>,
}

pub async fn is_any_due(tx: &mut Tx, now: Instant) -> Result<bool, StoreError> {
    let row: Option<(String,)> = tx.optional(&DUE, binds![now]).await?;
    Ok(row.is_some())
}

/// Takes units that are due, a hundred at most, and puts them off until then.
pub async fn claim(tx: &mut Tx, now: Instant, leased_until: Instant) -> Result<Vec<UnitId>, StoreError> {
    let rows: Vec<(String,)> = tx.all(&CLAIM, binds![now]).await?;
    let units = rows.into_iter();
    let mut units: Vec<UnitId> = units
        .map(|(unit,)| unit_id("unit_status", "unit_id", &unit))
        .collect::<Result<_, _>>()?;
    units.sort_unstable();
    tx.execute(&PUT_OFF, binds![leased_until, vec![names(&units)]])
        .await?;
    Ok(units)
}

type FactsRow = (String, Option<Instant>, Option<i64>, Option<i64>);

pub async fn facts(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<Facts>, StoreError> {
    let rows: Vec<FactsRow> = tx.all(&FACTS, binds![vec![names(units)]]).await?;
    let facts = |(unit, last_seen_at, battery_pct, skew_seconds): FactsRow| {
        Ok(Facts {
            unit_id: unit_id("unit_status", "unit_id", &unit)?,
            last_seen_at,
            battery_pct,
            skew_seconds,
        })
    };
    rows.into_iter().map(facts).collect()
}

/// The current findings that looks have made about these units.
pub async fn standing(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<FindingRow>, StoreError> {
    let rows: Vec<FindingColumns> = tx.all(&STANDING, binds![vec![names(units)]]).await?;
    rows.into_iter().map(finding_row).collect()
}

/// A session that its unit has numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedRow {
    pub key: SessionKey,
    pub seq: i64,
    pub completed_at: Instant,
    pub received_at: Instant,
}

/// The numbered sessions of these (distinct) units completed since then, as far as they are these patients' or nobody's.
pub async fn numbered(
    tx: &mut Tx,
    units: &[UnitId],
    hands: &[(UnitId, PatientId)],
    since: Instant,
) -> Result<Vec<NumberedRow>, StoreError> {
    let rows = vec![
        texts(hands.iter().map(|(unit, _)| unit.as_str())),
        uuids(hands.iter().map(|(_, patient)| patient.0)),
        times(hands.iter().map(|_| since)),
    ];
    let mut found: Vec<SeqRow> = tx.all(&NUMBERED, binds![rows]).await?;
    let rows = vec![names(units), times(units.iter().map(|_| since))];
    found.extend(tx.all::<SeqRow>(&NUMBERED_OF_NOBODY, binds![rows]).await?);
    let numbered = |(unit, session_id, seq, completed_at, received_at): SeqRow| {
        Ok(NumberedRow {
            key: session_key(&unit, session_id)?,
            seq,
            completed_at,
            received_at,
        })
    };
    found.into_iter().map(numbered).collect()
}

type SeqRow = (String, Uuid, i64, Instant, Instant);

/// The units of which numbered sessions came after `from`, up to `to`, sorted.
pub async fn numbers_came(tx: &mut Tx, from: Instant, to: Instant) -> Result<Vec<UnitId>, StoreError> {
    let rows: Vec<(String,)> = tx.all(&NUMBERS_CAME, binds![from, to]).await?;
    let units = rows.into_iter();
    units
        .map(|(unit,)| unit_id("session", "unit_id", &unit))
        .collect()
}

/// Has these (sorted) units looked at soon.
pub async fn wake_all(tx: &mut Tx, units: &[UnitId], now: Instant) -> Result<(), StoreError> {
    tx.execute(&WAKE_ALL, binds![now, vec![names(units)]]).await?;
    Ok(())
}

/// Writes what a look left, sorted by unit. One that something has made due since it was claimed stays so.
pub async fn looked(tx: &mut Tx, looked: &[Looked], leased_until: Instant) -> Result<(), StoreError> {
    let rows = vec![
        texts(looked.iter().map(|one| one.unit_id.as_str())),
        bools(looked.iter().map(|one| one.silent)),
        times(looked.iter().map(|one| one.look_at)),
    ];
    tx.expect_rows(looked.len(), &LOOKED, binds![leased_until, rows])
        .await
}

/// Has the unit looked at soon: it was assigned.
pub(super) async fn wake(tx: &mut Tx, unit: &UnitId) -> Result<(), StoreError> {
    tx.expect_rows(1, &WAKE, binds![unit, Instant::UNIX_EPOCH]).await
}

/// The same for the unit of an assignment that was changed.
pub(super) async fn wake_assigned(tx: &mut Tx, assignment: Uuid) -> Result<(), StoreError> {
    tx.execute(&WAKE_ASSIGNED, binds![assignment, Instant::UNIX_EPOCH])
        .await?;
    Ok(())
}

/// The same for every unit that the patient ever had: how long it may be silent has changed.
pub(super) async fn wake_units_of(tx: &mut Tx, patient: PatientId) -> Result<(), StoreError> {
    tx.execute(&WAKE_UNITS_OF, binds![patient.0, Instant::UNIX_EPOCH])
        .await?;
    Ok(())
}
