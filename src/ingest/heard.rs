//! A unit that sends a backlog is heard of many times a second; the record of it is written once in a while.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::domain::by_id::ById;
use crate::domain::ids::UnitId;
use crate::domain::time::Instant;
use crate::store::unit::Sighting;

use super::arrival::{Arrival, What};

/// When a unit was last heard of is recorded this precisely.
const PRECISION: TimeDelta = TimeDelta::seconds(10);
/// A clock that is further out than this is told of (engine.md, "Technical").
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// What this process has recorded of when units were heard of, and whether their clocks were right. One short entry for
/// each unit that sends to it.
#[derive(Debug, Default)]
pub struct Heard(Mutex<ById<UnitId, (Instant, bool)>>);

impl Heard {
    /// Those that are worth recording, and those of units whose record is written anyhow.
    pub(super) fn news(&self, mut heard: Vec<Sighting>, anyhow: &HashSet<&UnitId>) -> Vec<Sighting> {
        let recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.retain(|one| {
            let is_written = anyhow.contains(&one.unit_id);
            is_written
                || recorded.get(&one.unit_id).is_none_or(|(before, skewed)| {
                    (one.at - *before).abs() >= PRECISION || is_skewed(one).is_some_and(|now| now != *skewed)
                })
        });
        heard
    }

    /// That these were recorded. Only after the commit.
    pub(super) fn recorded(&self, heard: Vec<Sighting>) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in heard {
            let skewed = is_skewed(&one);
            let kept = recorded.entry(one.unit_id).or_insert((one.at, false));
            *kept = (one.at, skewed.unwrap_or(kept.1));
        }
    }
}

fn is_skewed(one: &Sighting) -> Option<bool> {
    one.skew_seconds.map(|seconds| seconds != 0)
}

/// That a message came from this unit, and what it says of the unit's clock.
pub(super) fn sighting(arrival: &Arrival) -> Option<Sighting> {
    let sent_at = match &arrival.what {
        // A last will is sent by the broker.
        What::Status { status, .. } => status.sent_at.filter(|_| status.online == Some(true)),
        What::Session { session, .. } => session.sent_at,
        What::Refused(_) | What::Nothing => None,
    };
    let skew = sent_at.map(|sent_at| sent_at - arrival.received_at);
    Some(Sighting {
        unit_id: arrival.unit_id()?.clone(),
        at: arrival.received_at,
        skew_seconds: skew.map(|skew| if skew.abs() > SKEW { skew.num_seconds() } else { 0 }),
    })
}
