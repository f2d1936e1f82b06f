//! A session serves one due time only, the nearest; a second session does not move on to the next.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::due::Slot;
use super::{Attendance, DueState, Stretch};
use crate::domain::ids::SessionKey;
use crate::domain::time::Instant;

/// What a unit kept while ingest was down may take so long to arrive.
const CATCHING_UP: TimeDelta = TimeDelta::minutes(60);

/// For each due time that is served the first session, in session order, that serves it.
pub(super) struct Served<'a>(HashMap<Instant, &'a SessionKey>);

impl<'a> Served<'a> {
    /// Slots in order of time, sessions in session order.
    pub(super) fn new(slots: &[Slot<'_>], sessions: &[&'a Attendance]) -> Self {
        let longest = |length: fn(&Slot<'_>) -> TimeDelta| slots.iter().map(length).max().unwrap_or_default();
        let (before, grace) = (
            longest(|slot| slot.at - slot.opens),
            longest(|slot| slot.closes - slot.at),
        );
        let mut served = HashMap::new();
        for session in sessions.iter().filter(|session| session.serves()) {
            let at = session.completed_at;
            let begin = slots.partition_point(|slot| slot.at < at - grace);
            let end = slots.partition_point(|slot| slot.at <= at + before);
            let near = slots.get(begin..end).unwrap_or_default();
            let open = near.iter().filter(|slot| slot.opens <= at && at < slot.closes);
            if let Some(nearest) = open.min_by_key(|slot| ((slot.at - at).abs(), slot.at)) {
                served.entry(nearest.at).or_insert(&session.key);
            }
        }
        Self(served)
    }
}

/// How a due time stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing<'a> {
    Served(&'a SessionKey),
    Missed,
    Unknown,
    /// Not served, and the patient still has time.
    Open,
}

impl Standing<'_> {
    pub(super) fn state(self) -> Option<DueState> {
        match self {
            Self::Served(by) => Some(DueState::Served(by.clone())),
            Self::Missed => Some(DueState::Missed),
            Self::Unknown => Some(DueState::Unknown),
            Self::Open => None,
        }
    }
}

/// How each due time stands at `now`, in order of time.
pub(super) fn standing<'a>(
    slots: &[Slot<'a>],
    served: &Served<'a>,
    outages: &[Stretch],
    now: Instant,
) -> Vec<(Slot<'a>, Standing<'a>)> {
    let recent: Vec<&Stretch> = outages.iter().filter(|outage| is_recent(outage, now)).collect();
    let of = |slot: &Slot<'a>| match served.0.get(&slot.at) {
        Some(by) => Standing::Served(by),
        None if now < slot.over_from() => Standing::Open,
        None if recent
            .iter()
            .any(|outage| outage.overlaps(slot.opens, slot.closes)) =>
        {
            Standing::Unknown
        }
        None => Standing::Missed,
    };
    slots.iter().map(|slot| (*slot, of(slot))).collect()
}

fn is_recent(outage: &Stretch, now: Instant) -> bool {
    outage.to.is_none_or(|to| now < to + CATCHING_UP)
}

/// When an unknown due time becomes known if nothing comes, at the earliest: an outage that goes on may end now.
pub(super) fn known_from(slot: &Slot<'_>, outages: &[Stretch], now: Instant) -> Instant {
    let ends = overlapping(slot, outages).map(|outage| outage.to.unwrap_or(now));
    ends.max().unwrap_or(now) + CATCHING_UP
}

/// When a missed due time was told at the earliest.
pub(super) fn told_from(slot: &Slot<'_>, outages: &[Stretch]) -> Instant {
    let ends = overlapping(slot, outages).filter_map(|outage| outage.to);
    let known = ends.map(|end| end + CATCHING_UP).max();
    known.map_or(slot.over_from(), |known| known.max(slot.over_from()))
}

fn overlapping<'a>(slot: &Slot<'_>, outages: &'a [Stretch]) -> impl Iterator<Item = &'a Stretch> {
    let (opens, closes) = (slot.opens, slot.closes);
    outages
        .iter()
        .filter(move |outage| outage.overlaps(opens, closes))
}
