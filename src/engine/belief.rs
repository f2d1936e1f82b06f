//! Whether each reading counts. Only weight looks at other sessions; everything else is decided within the session.

use chrono::TimeDelta;

use super::ToJudge;
use super::history::{Entry, Place, Timeline};
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::reading::{Context, Decision, Reading, ReadingState, Suspicion};
use crate::domain::session::Session;
use crate::domain::time::Instant;

/// A reading may be taken this long after its session's `completed_at` before its time is doubted.
pub const LEAD: TimeDelta = TimeDelta::minutes(1);

/// A reading may be taken this long before its session's `started_at` before its time is doubted.
const LAG: TimeDelta = TimeDelta::minutes(10);

/// How far a weight is compared with the one before.
const JUMP_WINDOW: TimeDelta = TimeDelta::hours(48);

/// Within this, a lone earlier weight may be somebody else's.
pub(super) const REACH: TimeDelta = TimeDelta::days(14);

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
    let mut weights = Vec::new();
    for (rank, entry) in timeline.ranked() {
        match entry {
            Entry::Past(session) => {
                for (index, reading) in session.readings.iter().enumerate() {
                    if reading.measure == Some(Measure::Weight) {
                        weights.extend(Weight::new(
                            rank,
                            index,
                            reading.taken_at,
                            reading.judged,
                            reading.state,
                        ));
                    }
                }
                beliefs.push(Vec::new());
            }
            Entry::Now(to_judge) => {
                let held = within_session(rank, to_judge);
                for (index, (reading, held)) in to_judge.session.readings.iter().zip(&held).enumerate() {
                    if reading.measure == Some(Measure::Weight) {
                        let weight = Weight::new(rank, index, reading.taken_at, reading.judged(), held.state);
                        let open = held.state == ReadingState::Accepted;
                        weights.extend(weight.map(|weight| Weight { open, ..weight }));
                    }
                }
                beliefs.push(held);
            }
        }
    }
    if weights.iter().any(|weight| weight.open) {
        weights.sort_unstable_by_key(|weight| (weight.taken_at, weight.place));
        doubt_jumps(&weights, &mut beliefs);
    }
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
            outside_its_session(reading, session).then_some(Suspicion::Time),
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

fn outside_its_session(reading: &Reading, session: &Session) -> bool {
    session
        .started_at
        .is_some_and(|started| reading.taken_at < started - LAG)
        || reading.taken_at > session.completed_at + LEAD
}

/// Whether the value lies outside what the measure can be at all. A meter's LO or HI never does.
pub(super) fn impossible(reading: &Reading) -> bool {
    let (Some(measure), Some(value), None) = (reading.measure, reading.value, reading.comparator) else {
        return reading.fault == Some(Suspicion::OutOfRange);
    };
    let (low, high) = measure.facts().possible;
    value < low || value > high
}

/// For each instant of a session the lowest systolic and the highest diastolic taken then. What a person excluded speaks
/// against nothing; what is out of range does, for it came from the same cuff.
struct Cuffs(Vec<Cuff>);

struct Cuff {
    taken_at: Instant,
    systolic: Option<Against>,
    diastolic: Option<Against>,
}

impl Cuffs {
    fn new(rank: usize, session: &Session, decision: impl Fn(usize) -> Option<Decision>) -> Self {
        let mut cuffs: Vec<Cuff> = Vec::new();
        for (position, reading) in session.readings.iter().enumerate() {
            let pressure = matches!(reading.measure, Some(Measure::SystolicBp | Measure::DiastolicBp));
            let (true, Some(value), Ok(index)) = (pressure, reading.judged(), u16::try_from(position)) else {
                continue;
            };
            if decision(position) == Some(Decision::Exclude) {
                continue;
            }
            let this = Against {
                place: Place { rank, index },
                value,
            };
            let known = cuffs.iter().position(|cuff| cuff.taken_at == reading.taken_at);
            let at = known.unwrap_or_else(|| {
                cuffs.push(Cuff {
                    taken_at: reading.taken_at,
                    systolic: None,
                    diastolic: None,
                });
                cuffs.len() - 1
            });
            if reading.measure == Some(Measure::SystolicBp) {
                let lowest = cuffs[at].systolic.filter(|other| other.value <= value);
                cuffs[at].systolic = lowest.or(Some(this));
            } else {
                let highest = cuffs[at].diastolic.filter(|other| other.value >= value);
                cuffs[at].diastolic = highest.or(Some(this));
            }
        }
        Self(cuffs)
    }

    /// The other half that makes a half of one blood pressure unbelievable.
    fn against(&self, reading: &Reading) -> Option<Against> {
        let cuff = self.0.iter().find(|cuff| cuff.taken_at == reading.taken_at)?;
        let (systolic, diastolic) = (cuff.systolic?, cuff.diastolic?);
        if systolic.value > diastolic.value {
            return None;
        }
        match reading.measure {
            Some(Measure::SystolicBp) => Some(diastolic),
            Some(Measure::DiastolicBp) => Some(systolic),
            _ => None,
        }
    }
}

/// A weight that counts, that jumped, or that is still open.
struct Weight {
    taken_at: Instant,
    place: Place,
    value: Milli,
    jumped: bool,
    open: bool,
}

impl Weight {
    fn new(
        rank: usize,
        index: usize,
        taken_at: Instant,
        value: Option<Milli>,
        state: ReadingState,
    ) -> Option<Self> {
        let jumped = state == ReadingState::Suspect(Suspicion::WeightJump);
        let index = u16::try_from(index).ok()?;
        (state.counts() || jumped).then_some(Self {
            taken_at,
            place: Place { rank, index },
            value: value?,
            jumped,
            open: false,
        })
    }
}

/// Walks the weights in reading order. An open one that is more than a tenth away from the last accepted one of 48 hours is
/// suspect, unless that one stands alone in 14 days and this one repeats the suspect before: then the first was the stranger.
fn doubt_jumps(weights: &[Weight], beliefs: &mut [Vec<Held>]) {
    let (mut last, mut last_but_one, mut jumped): (Option<&Weight>, Option<&Weight>, Option<&Weight>) =
        (None, None, None);
    for weight in weights {
        let within = |other: &&Weight, window| weight.taken_at - other.taken_at <= window;
        let off = |other: &Weight| (weight.value - other.value).abs().thousandths();
        let from = last.filter(|last| weight.open && within(last, JUMP_WINDOW));
        let leaped = from.filter(|last| off(last) * 10 > last.value.thousandths());
        let alone = !last_but_one.is_some_and(|other| within(&other, REACH));
        let repeats = jumped
            .is_some_and(|other| within(&other, JUMP_WINDOW) && off(other) * 50 <= other.value.thousandths());
        match leaped {
            Some(against) if !(alone && repeats) => {
                let against = Some(Against {
                    place: against.place,
                    value: against.value,
                });
                let state = ReadingState::Suspect(Suspicion::WeightJump);
                beliefs[weight.place.rank][usize::from(weight.place.index)] = Held { state, against };
                jumped = Some(weight);
            }
            _ if weight.jumped => jumped = Some(weight),
            _ => (last_but_one, last) = (last, Some(weight)),
        }
    }
}
