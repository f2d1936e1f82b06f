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

/// Every period of these (distinct) units, given turns that were read before.
pub(super) async fn read(
    tx: &mut Tx,
    units: Vec<(UnitId, i64)>,
) -> Result<Vec<(UnitId, Lending)>, StoreError> {
    let names: Vec<UnitId> = units.iter().map(|(unit, _)| unit.clone()).collect();
    let mut periods: ById<UnitId, Vec<Assignment>> = ById::default();
    for assignment in store::assignment::of_units(tx, &names).await? {
        periods
            .entry(assignment.unit_id.clone())
            .or_default()
            .push(assignment);
    }
    let lending = |(unit, turn): (UnitId, i64)| {
        let periods: Periods = periods.remove(&unit).unwrap_or_default().into();
        (unit, (turn, periods))
    };
    Ok(units.into_iter().map(lending).collect())
}

impl Hands {
    /// What is remembered of these units, with the turns that stood then. It may be out of date.
    pub(super) fn remembered(&self, units: &[UnitId]) -> ById<UnitId, Lending> {
        let kept = self.kept();
        let known = |unit: &UnitId| Some((unit.clone(), kept.get(unit)?.clone()));
        units.iter().filter_map(known).collect()
    }

    /// Every period of these units, given the turns that stand at them. The caller holds their locks.
    pub(super) async fn of(
        &self,
        tx: &mut Tx,
        units: &[(UnitId, i64)],
    ) -> Result<ById<UnitId, Lending>, StoreError> {
        let mut periods = ById::default();
        let mut unknown = Vec::new();
        {
            let kept = self.kept();
            for (unit, turn) in units {
                match kept.get(unit) {
                    Some((known, of_unit)) if known == turn => {
                        periods.insert(unit.clone(), (*turn, Arc::clone(of_unit)));
                    }
                    _ => unknown.push((unit.clone(), *turn)),
                }
            }
        }
        let read = read(tx, unknown).await?;
        self.keep(&read);
        periods.extend(read);
        Ok(periods)
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
