//! Whose units are and were, kept over batches: a unit's turn number says whether any of its assignments has changed since.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, UnitId};
use crate::store::assignment::Assignment;
use crate::store::{self, StoreError, Tx};

/// Every period of a unit, by beginning.
pub(super) type Periods = Arc<[Assignment]>;

/// These, and the turn that stood at the unit.
pub(super) type Lending = (i64, Periods);

/// The assignments of units seen lately.
#[derive(Debug, Default)]
pub struct Hands {
    most: usize,
    kept: Mutex<ById<UnitId, Lending>>,
}

/// What stands of a unit, read from the store.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) unit: UnitId,
    pub(super) lending: Lending,
    /// Everybody who has or had it, with the turn that stood at each in the same moment: whoever has the next one knows that the
    /// periods are as they were.
    pub(super) turns: Vec<(PatientId, i64)>,
}

/// What stands of these (distinct) units; those that never were anybody's are left out.
pub(super) async fn read(tx: &mut Tx, units: &[UnitId]) -> Result<Vec<Read>, StoreError> {
    let lent = store::assignment::lent(tx, units).await?;
    let of_units = lent.chunk_by(|one, other| one.assignment.unit_id == other.assignment.unit_id);
    let read = of_units.filter_map(|of_unit| {
        let first = of_unit.first()?;
        let turn = store::assignment::turn(of_unit.iter().map(|lent| &lent.assignment));
        let periods = of_unit.iter().map(|lent| lent.assignment.clone());
        let turns = of_unit
            .iter()
            .map(|lent| (lent.assignment.patient_id, lent.patient_turn));
        Some(Read {
            unit: first.assignment.unit_id.clone(),
            lending: (turn, periods.collect()),
            turns: turns.collect(),
        })
    });
    Ok(read.collect())
}

impl Hands {
    /// Keeps so many units at most, of about 300 bytes each; beyond that all are forgotten. With none every batch reads them.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    /// Says of these units what is remembered, with the turns that stood then; it may be out of date. Their names become the very
    /// ones that are remembered: whoever compares them later need not read them.
    pub(super) fn remind<'a>(&self, units: impl Iterator<Item = (&'a mut UnitId, &'a mut Option<Lending>)>) {
        let kept = self.kept();
        for (unit, lending) in units {
            if let Some((known, kept)) = kept.get_key_value(unit) {
                (*unit, *lending) = (known.clone(), Some(kept.clone()));
            }
        }
    }

    /// What stands of units that are not remembered, read without a lock.
    pub(super) async fn look_up(&self, tx: &mut Tx, units: &[UnitId]) -> Result<Vec<Read>, StoreError> {
        let read = read(tx, units).await?;
        self.keep(&read);
        Ok(read)
    }

    /// Remembers them.
    pub(super) fn keep(&self, read: &[Read]) {
        let mut kept = self.kept();
        if kept.len() + read.len() > self.most {
            kept.clear();
        }
        let read = &read[..read.len().min(self.most)];
        kept.extend(read.iter().map(|read| (read.unit.clone(), read.lending.clone())));
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
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
