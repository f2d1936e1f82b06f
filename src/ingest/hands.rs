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

/// The assignments of units seen lately.
#[derive(Debug, Default)]
pub struct Hands(Mutex<ById<UnitId, (i64, Periods)>>);

impl Hands {
    /// Every period of these units, given the turns that stand at them. The caller holds their locks.
    pub(super) async fn of(
        &self,
        tx: &mut Tx,
        units: &[(UnitId, i64)],
    ) -> Result<ById<UnitId, Periods>, StoreError> {
        let mut periods = ById::default();
        let mut unknown: ById<UnitId, (i64, Vec<Assignment>)> = ById::default();
        {
            let kept = self.kept();
            for (unit, turn) in units {
                match kept.get(unit) {
                    Some((known, of_unit)) if known == turn => {
                        periods.insert(unit.clone(), Arc::clone(of_unit));
                    }
                    _ => drop(unknown.insert(unit.clone(), (*turn, Vec::new()))),
                }
            }
        }
        if unknown.is_empty() {
            return Ok(periods);
        }
        let names: Vec<UnitId> = unknown.keys().cloned().collect();
        for assignment in store::assignment::of_units(tx, &names).await? {
            if let Some((_, of_unit)) = unknown.get_mut(&assignment.unit_id) {
                of_unit.push(assignment);
            }
        }
        let mut kept = self.kept();
        if kept.len() + unknown.len() > CAPACITY {
            kept.clear();
        }
        for (unit, (turn, of_unit)) in unknown {
            let of_unit: Periods = of_unit.into();
            kept.insert(unit.clone(), (turn, Arc::clone(&of_unit)));
            periods.insert(unit, of_unit);
        }
        Ok(periods)
    }

    /// Forgets everything: see `Recall::forget`.
    pub(super) fn forget(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> MutexGuard<'_, ById<UnitId, (i64, Periods)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
