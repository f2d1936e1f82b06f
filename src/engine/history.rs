//! Every session gets its rank in session order once; after that reading order is a comparison of three small numbers.

use std::borrow::Borrow;
use std::cell::OnceCell;
use std::collections::HashMap;

use super::belief::Beliefs;
use super::{Fired, PastSession, ToJudge};
use crate::domain::finding::Side;
use crate::domain::ids::{ReadingId, SessionKey};
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::time::Instant;

/// All sessions in session order: (`completed_at`, `unit_id`, `session_id`).
pub(super) struct Timeline<'a>(Vec<Entry<'a>>);

#[derive(Clone, Copy)]
pub(super) enum Entry<'a> {
    Past(&'a PastSession),
    Now(&'a ToJudge<'a>),
}

/// Which reading: the rank of its session, and its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) rank: usize,
    pub(super) index: u16,
}

impl<'a> Entry<'a> {
    fn key(self) -> &'a SessionKey {
        match self {
            Self::Past(session) => &session.key,
            Self::Now(to_judge) => &to_judge.session.key,
        }
    }

    fn completed_at(self) -> Instant {
        match self {
            Self::Past(session) => session.completed_at,
            Self::Now(to_judge) => to_judge.session.completed_at,
        }
    }
}

impl<'a> Timeline<'a> {
    pub(super) fn new<Past: Borrow<PastSession>>(past: &'a [Past], now: &'a [ToJudge<'a>]) -> Self {
        let mut entries: Vec<_> = past
            .iter()
            .map(|past| Entry::Past(past.borrow()))
            .chain(now.iter().map(Entry::Now))
            .collect();
        entries.sort_by(|a, b| (a.completed_at(), a.key()).cmp(&(b.completed_at(), b.key())));
        Self(entries)
    }

    pub(super) fn ranked(&self) -> impl Iterator<Item = (usize, Entry<'a>)> {
        self.0.iter().copied().enumerate()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn reading_id(&self, place: Place) -> ReadingId {
        ReadingId::of(self.0[place.rank].key(), place.index)
    }
}

/// An accepted reading, as the windows see it. Ordered by reading order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) taken_at: Instant,
    pub(super) place: Place,
    pub(super) value: Milli,
}

/// The accepted readings of every session, by measure, in reading order. Gathered only of the measures that a rule asks
/// for: most rules look at the session alone.
pub(super) struct History<'a> {
    timeline: &'a Timeline<'a>,
    beliefs: &'a Beliefs,
    gathered: [OnceCell<Vec<Point>>; Measure::ALL.len()],
}

impl<'a> History<'a> {
    pub(super) fn new(timeline: &'a Timeline<'a>, beliefs: &'a Beliefs) -> Self {
        Self {
            timeline,
            beliefs,
            gathered: Default::default(),
        }
    }

    fn of(&self, measure: Measure) -> &[Point] {
        self.gathered[measure as usize].get_or_init(|| self.gather(measure))
    }

    fn gather(&self, measure: Measure) -> Vec<Point> {
        let mut points = Vec::with_capacity(self.timeline.len());
        let mut add = |rank, index: usize, taken_at, value: Option<Milli>| {
            if let (Some(value), Ok(index)) = (value, u16::try_from(index)) {
                points.push(Point {
                    taken_at,
                    place: Place { rank, index },
                    value,
                });
            }
        };
        for (rank, entry) in self.timeline.ranked() {
            match entry {
                Entry::Past(session) => {
                    for (index, reading) in session.readings.iter().enumerate() {
                        if reading.measure == Some(measure) && reading.state.counts() {
                            add(rank, index, reading.taken_at, reading.judged);
                        }
                    }
                }
                Entry::Now(ToJudge { session, .. }) => {
                    let readings = session.readings.iter().zip(self.beliefs.of(rank));
                    for (index, (reading, held)) in readings.enumerate() {
                        if reading.measure == Some(measure) && held.state.counts() {
                            add(rank, index, reading.taken_at, reading.judged());
                        }
                    }
                }
            }
        }
        points.sort_unstable();
        points
    }

    /// The accepted readings with `from` ≤ `taken_at` < `before`, by time and not by order, in reading order.
    pub(super) fn between(&self, measure: Measure, from: Instant, before: Instant) -> &[Point] {
        let points = self.of(measure);
        let begin = points.partition_point(|point| point.taken_at < from);
        let end = points.partition_point(|point| point.taken_at < before);
        points.get(begin..end).unwrap_or_default()
    }

    /// The accepted readings with `from` ≤ `taken_at` ≤ `until`, by time and not by order, in reading order.
    pub(super) fn up_to(&self, measure: Measure, from: Instant, until: Instant) -> &[Point] {
        let points = self.of(measure);
        let begin = points.partition_point(|point| point.taken_at < from);
        let end = points.partition_point(|point| point.taken_at <= until);
        points.get(begin..end).unwrap_or_default()
    }

    /// The last so many accepted readings in reading order that end with `this`, none of them taken before `from`.
    pub(super) fn last(&self, measure: Measure, from: Instant, this: Point, count: u32) -> &[Point] {
        let points = self.of(measure);
        let end = points.partition_point(|point| *point <= this);
        let begin = points.partition_point(|point| point.taken_at < from);
        let last = end.saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        points.get(begin.max(last)..end).unwrap_or_default()
    }
}

/// For each rule and side the latest session so far in which it fired: all that a combination asks of the past.
#[derive(Default)]
pub(super) struct Earlier(HashMap<String, Vec<Firing>>);

/// That a rule fired, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Firing {
    pub(super) rank: usize,
    pub(super) completed_at: Instant,
    pub(super) side: Option<Side>,
    pub(super) reading: Option<u16>,
}

impl Earlier {
    /// Takes in what fired in a session; sessions come in session order.
    pub(super) fn note(&mut self, rank: usize, completed_at: Instant, fired: &[Fired]) {
        for Fired { rule, side, reading } in fired {
            let firing = Firing {
                rank,
                completed_at,
                side: *side,
                reading: *reading,
            };
            let Some(known) = self.0.get_mut(rule) else {
                self.0.insert(rule.clone(), vec![firing]);
                continue;
            };
            match known.iter_mut().find(|known| known.side == *side) {
                Some(known) => *known = firing,
                None => known.push(firing),
            }
        }
    }

    /// The latest firing of each side of a rule.
    pub(super) fn of(&self, rule: &str) -> &[Firing] {
        self.0.get(rule).map_or(&[], Vec::as_slice)
    }
}
