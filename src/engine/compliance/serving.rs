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
        None if now < slot.closes || now <= slot.at => Standing::Open,
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
