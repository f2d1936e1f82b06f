//! Which patient a unit belonged to, and when. Periods of one unit never overlap: the caller checks that under the unit's
//! lock, and the table's unique keys are only the backstop.

use uuid::Uuid;

use crate::domain::ids::{AssignmentId, PatientId, UnitId};
use crate::domain::time::Instant;

use super::bind::{binds, uuids};
use super::statement::statements;
use super::unit::{names, unit_id};
use super::{StoreError, Tx, unit_watch};

/// A unit belongs to a patient from `from` (included) to `to` (excluded); without an end until further notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub id: AssignmentId,
    pub unit_id: UnitId,
    pub patient_id: PatientId,
    pub from: Instant,
    pub to: Option<Instant>,
    pub version: i64,
    pub created_at: Instant,
}

impl Assignment {
    pub fn holds_at(&self, at: Instant) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, unit_id, patient_id, from_at, to_at, version, created_at from assignment ",
            $rest
        )
    };
}

statements! {
    "assignment";

    OF_UNITS [unit_id Text] = select!("where unit_id {one_of_rows} order by unit_id, from_at");

    LENT [unit_id Text] =
        "select coalesce((select p.turn from patient_turn p where p.patient_id = t.patient_id), -1), t.id, t.unit_id,
                t.patient_id, t.from_at, t.to_at, t.version, t.created_at
         from assignment t where t.unit_id {one_of_rows} order by t.unit_id, t.from_at";

    TURNS [unit_id Text] =
        "select unit_id, cast(sum(version) as bigint) from assignment where unit_id {one_of_rows}
         group by unit_id order by unit_id";

    OF_PATIENT = select!("where patient_id = $1 order by from_at, id");

    UNITS_OF [patient_id Uuid] =
        "select distinct unit_id from assignment where patient_id {one_of_rows} and (to_at is null or to_at > $1)
         order by unit_id";

    GET = select!("where id = $1");

    INSERT = "insert into assignment (id, unit_id, patient_id, from_at, to_at, version, created_at)
              values ($1, $2, $3, $4, $5, $6, $7)";

    /// By this a process of the version before, which may still run, sees that it must read the unit's assignments again.
    TURN = "update home_unit set turn = turn + 1 where unit_id = $1";

    TURN_OF = "update home_unit set turn = turn + 1 where unit_id in (select unit_id from assignment where id = $1)";

    UPDATE = "update assignment set from_at = $3, to_at = $4, version = $2 + 1 where id = $1 and version = $2";
}

/// Every period of each unit, by unit and beginning.
pub async fn of_units(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<Assignment>, StoreError> {
    let rows: Vec<Row> = tx.all(&OF_UNITS, binds![vec![names(units)]]).await?;
    rows.into_iter().map(assignment).collect()
}

/// A period, and its patient's last turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lent {
    pub assignment: Assignment,
    pub patient_turn: i64,
}

/// How often an assignment of the unit was written, by all that there are of it: none is ever deleted, and each is written once
/// for each of its versions.
pub fn turn<'a>(of_unit: impl IntoIterator<Item = &'a Assignment>) -> i64 {
    of_unit.into_iter().map(|period| period.version).sum()
}

/// The same of each of these units that was ever anybody's, by unit.
pub async fn turns(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<(UnitId, i64)>, StoreError> {
    let rows: Vec<(String, i64)> = tx.all(&TURNS, binds![vec![names(units)]]).await?;
    rows.into_iter()
        .map(|(unit, turn)| Ok((unit_id("assignment", "unit_id", &unit)?, turn)))
        .collect()
}

/// Every period of each unit, by unit and beginning, all of one moment.
pub async fn lent(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<Lent>, StoreError> {
    let rows: Vec<LentRow> = tx.all(&LENT, binds![vec![names(units)]]).await?;
    let lent = |(patient_turn, id, unit, patient_id, from, to, version, created_at): LentRow| {
        let row = (id, unit, patient_id, from, to, version, created_at);
        Ok(Lent {
            assignment: assignment(row)?,
            patient_turn,
        })
    };
    rows.into_iter().map(lent).collect()
}

/// Every unit the patient ever had, by beginning.
pub async fn of_patient(tx: &mut Tx, patient: PatientId) -> Result<Vec<Assignment>, StoreError> {
    let rows: Vec<Row> = tx.all(&OF_PATIENT, binds![patient.0]).await?;
    rows.into_iter().map(assignment).collect()
}

/// The units that any of these patients has or will have.
pub async fn units_of(tx: &mut Tx, patients: &[PatientId], now: Instant) -> Result<Vec<UnitId>, StoreError> {
    let rows = vec![uuids(patients.iter().map(|patient| patient.0))];
    let units: Vec<(String,)> = tx.all(&UNITS_OF, binds![now, rows]).await?;
    units
        .into_iter()
        .map(|(unit,)| unit_id("assignment", "unit_id", &unit))
        .collect()
}

pub async fn get(tx: &mut Tx, id: AssignmentId) -> Result<Option<Assignment>, StoreError> {
    tx.optional(&GET, binds![id.0]).await?.map(assignment).transpose()
}

/// The caller has locked the unit, and everybody who has, had or will have it: whoever remembers them relies on their turns.
/// [`StoreError::Taken`] where the unit has a period from the same time, or one without an end, already.
pub async fn insert(tx: &mut Tx, new: &Assignment) -> Result<(), StoreError> {
    let Assignment {
        id,
        unit_id,
        patient_id,
        from,
        to,
        version,
        created_at,
    } = new;
    tx.expect_rows(
        1,
        &INSERT,
        binds![id.0, unit_id, patient_id.0, *from, *to, *version, *created_at],
    )
    .await?;
    tx.expect_rows(1, &TURN, binds![unit_id]).await?;
    unit_watch::wake(tx, unit_id).await
}

/// Changes the period; false where the assignment is no longer at the version that the writer saw.
pub async fn update(
    tx: &mut Tx,
    id: AssignmentId,
    seen_version: i64,
    (from, to): (Instant, Option<Instant>),
) -> Result<bool, StoreError> {
    let swapped = tx.swapped(&UPDATE, binds![id.0, seen_version, from, to]).await?;
    if swapped {
        tx.expect_rows(1, &TURN_OF, binds![id.0]).await?;
        unit_watch::wake_assigned(tx, id.0).await?;
    }
    Ok(swapped)
}

type Row = (Uuid, String, Uuid, Instant, Option<Instant>, i64, Instant);
type LentRow = (i64, Uuid, String, Uuid, Instant, Option<Instant>, i64, Instant);

fn assignment((id, unit, patient_id, from, to, version, created_at): Row) -> Result<Assignment, StoreError> {
    let unit_id = unit_id("assignment", "unit_id", &unit)?;
    Ok(Assignment {
        id: id.into(),
        unit_id,
        patient_id: patient_id.into(),
        from,
        to,
        version,
        created_at,
    })
}
