//! Whether each reading counts. Only weight looks at other sessions; everything else is decided within the session.

use std::ops::RangeInclusive;

use chrono::TimeDelta;

use super::ToJudge;
use super::cuff::Cuffs;
use super::history::{Entry, Place, Timeline};
use super::jump::{self, Standing, Weight};
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::reading::{Context, Decision, Reading, ReadingState, Suspicion};
use crate::domain::session::Session;
use crate::domain::time::Instant;

/// A reading may be taken this long after its session's `completed_at` before its time is doubted.
pub const LEAD: TimeDelta = TimeDelta::minutes(1);

/// A reading may be taken this long before its session's `started_at` before its time is doubted.
const LAG: TimeDelta = TimeDelta::minutes(10);

/// What we hold of one reading, and the reading that speaks against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) state: ReadingState,
    pub(super) against: Option<Against>,
}

/// The value a reading contradicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Against {
    pub(super) place: Place,
    pub(super) value: Milli,
}

/// By rank; empty for sessions that are not judged now.
pub(super) struct Beliefs(Vec<Vec<Held>>);

impl Beliefs {
    pub(super) fn of(&self, rank: usize) -> &[Held] {
        &self.0[rank]
    }
}

/// The states of all readings to judge: first within each session, then the weights in reading order over all of them.
pub(super) fn hold(timeline: &Timeline<'_>) -> Beliefs {
    let mut beliefs = Vec::with_capacity(timeline.len());
    let mut weights = Vec::with_capacity(timeline.len());
    for (rank, entry) in timeline.ranked() {
        let mut weigh = |index, taken_at, value: Option<Milli>, standing: Option<Standing>| {
            let place = Place { rank, index };
            weights.extend(value.zip(standing).map(|(value, standing)| Weight {
                taken_at,
                place,
                value,
                standing,
            }));
        };
        let is_weight = |measure| measure == Some(Measure::Weight);
        match entry {
            Entry::Past(session) => {
                for (index, reading) in (0..).zip(&session.readings) {
                    if is_weight(reading.measure) {
                        weigh(
                            index,
                            reading.taken_at,
                            reading.judged,
                            Standing::settled(reading.state),
                        );
                    }
                }
                beliefs.push(Vec::new());
            }
            Entry::Now(to_judge) => {
                let held = within_session(rank, to_judge);
                for (index, (reading, held)) in (0..).zip(to_judge.session.readings.iter().zip(&held)) {
                    if is_weight(reading.measure) {
                        weigh(
                            index,
                            reading.taken_at,
                            reading.judged(),
                            Standing::unsettled(held.state),
                        );
                    }
                }
                beliefs.push(held);
            }
        }
    }
    jump::doubt(&mut weights, &mut beliefs);
    Beliefs(beliefs)
}

/// The states as far as the session itself decides them: its weights are not yet compared with those before.
pub(super) fn within_session(rank: usize, to_judge: &ToJudge<'_>) -> Vec<Held> {
    let ToJudge { session, decisions } = *to_judge;
    let decision = |index: usize| {
        let last = decisions.iter().rev().find(|(of, _)| usize::from(*of) == index);
        last.map(|(_, decision)| *decision)
    };
    let cuffs = Cuffs::new(rank, session, decision);
    let in_time = in_time(session);
    let hold = |(index, reading): (usize, &Reading)| {
        let settled = |state| Held { state, against: None };
        if reading.measure == Some(Measure::Glucose) && reading.context == Some(Context::ControlSolution) {
            return settled(ReadingState::ControlSolution);
        }
        let usable = reading.measure.is_some() && reading.value.is_some() && !unreadable(reading);
        match decision(index) {
            Some(Decision::Exclude) => return settled(ReadingState::ExcludedByDecision),
            Some(Decision::Accept) if usable => return settled(ReadingState::AcceptedByDecision),
            Some(Decision::Accept) | None => {}
        }
        let contradicted = cuffs.against(reading);
        let reasons = [
            reading.measure.is_none().then_some(Suspicion::UnknownMeasure),
            reading.fault,
            (!usable && reading.fault.is_none()).then_some(Suspicion::NotFinite),
            (!in_time.contains(&reading.taken_at)).then_some(Suspicion::Time),
            impossible(reading).then_some(Suspicion::OutOfRange),
            contradicted.map(|_| Suspicion::SystolicNotAboveDiastolic),
        ];
        match reasons.into_iter().flatten().min() {
            None => settled(ReadingState::Accepted),
            Some(why @ Suspicion::SystolicNotAboveDiastolic) => Held {
                state: ReadingState::Suspect(why),
                against: contradicted,
            },
            Some(why) => settled(ReadingState::Suspect(why)),
        }
    };
    session.readings.iter().enumerate().map(hold).collect()
}

/// Whether decoding found nothing that could be judged, whoever vouches for it.
fn unreadable(reading: &Reading) -> bool {
    use Suspicion::{NotFinite, UnknownMeasure, UnknownUnit};
    matches!(reading.fault, Some(UnknownMeasure | UnknownUnit | NotFinite))
}

/// When a reading of the session may have been taken.
fn in_time(session: &Session) -> RangeInclusive<Instant> {
    let from = session
        .started_at
        .map_or(Instant::MIN_UTC, |started| started - LAG);
    from..=session.completed_at + LEAD
}

/// Whether the value lies outside what the measure can be at all. A meter's LO or HI never does.
pub(super) fn impossible(reading: &Reading) -> bool {
    let (Some(measure), Some(value), None) = (reading.measure, reading.value, reading.comparator) else {
        return reading.fault == Some(Suspicion::OutOfRange);
    };
    let (low, high) = measure.facts().possible;
    value < low || value > high
}
