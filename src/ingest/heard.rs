//! A unit that sends a backlog is heard of many times a second; the record of it is written once in a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::domain::ids::UnitId;
use crate::domain::time::Instant;

/// When a unit was last heard of is recorded this precisely.
const PRECISION: TimeDelta = TimeDelta::seconds(10);

/// What this process has recorded of when units were heard of. One short entry for each unit that sends to it.
#[derive(Debug, Default)]
pub struct Heard(Mutex<HashMap<UnitId, Instant>>);

impl Heard {
    /// Those that are worth recording.
    pub(super) fn news(&self, mut heard: Vec<(UnitId, Instant)>) -> Vec<(UnitId, Instant)> {
        let recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.retain(|(unit, at)| {
            recorded
                .get(unit)
                .is_none_or(|before| (*at - *before).abs() >= PRECISION)
        });
        heard
    }

    /// That these were recorded. Only after the commit.
    pub(super) fn recorded(&self, heard: Vec<(UnitId, Instant)>) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.extend(heard);
    }
}
