//! Whose units are and were, kept over batches: a unit's turn number says whether any of its assignments has changed since.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::by_id::ById;
use crate::domain::ids::UnitId;
use crate::store::assignment::Assignment;
use crate::store::{self, StoreError, Tx};

/// How many units are kept; about 300 bytes each. Beyond it all are forgotten.
const CAPACITY: usize = 200_000;

/// Every period of a unit, by beginning.
pub(super) type Periods = Arc<[Assignment]>;

/// These, and the turn that stood at the unit.
pub(super) type Lending = (i64, Periods);

/// The assignments of units seen lately.
#[derive(Debug, Default)]
pub struct Hands(Mutex<ById<UnitId, Lending>>);

/// What stands of these (distinct) units; those that never were anybody's are left out.
pub(super) async fn read(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<(UnitId, Lending)>, StoreError> {
    let lent = store::assignment::lent(tx, units).await?;
    let of_units = lent.chunk_by(|(_, one), (_, other)| one.unit_id == other.unit_id);
    let lending = of_units.filter_map(|of_unit| {
        let (turn, first) = of_unit.first()?;
        let periods = of_unit.iter().map(|(_, assignment)| assignment.clone());
        Some((first.unit_id.clone(), (*turn, periods.collect())))
    });
    Ok(lending.collect())
}

impl Hands {
    /// What is remembered of these units, with the turns that stood then. It may be out of date.
    fn remembered(&self, units: &[UnitId]) -> ById<UnitId, Lending> {
        let kept = self.kept();
        let known = |unit: &UnitId| Some((unit.clone(), kept.get(unit)?.clone()));
        units.iter().filter_map(known).collect()
    }

    /// The same, and what is not remembered is read, without a lock.
    pub(super) async fn of(
        &self,
        tx: &mut Tx,
        units: &[UnitId],
    ) -> Result<ById<UnitId, Lending>, StoreError> {
        let mut lent = self.remembered(units);
        let unknown = units.iter().filter(|unit| !lent.contains_key(unit));
        let unknown: Vec<UnitId> = unknown.cloned().collect();
        let read = read(tx, &unknown).await?;
        self.keep(&read);
        lent.extend(read);
        Ok(lent)
    }

    /// Remembers them.
    pub(super) fn keep(&self, read: &[(UnitId, Lending)]) {
        let mut kept = self.kept();
        if kept.len() + read.len() > CAPACITY {
            kept.clear();
        }
        kept.extend(read.iter().cloned());
    }

    /// Forgets these, whose assignments are otherwise than they were.
    pub(super) fn forget_of(&self, units: &[UnitId]) {
        let mut kept = self.kept();
        for unit in units {
            kept.remove(unit);
        }
    }

    /// Forgets everything: see `Recall::forget`.
    pub(super) fn forget(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> MutexGuard<'_, ById<UnitId, Lending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
