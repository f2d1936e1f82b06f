//! Two people may share a scale, so the first weight of all may be the stranger's: a lone one gives way to a second witness.

use chrono::TimeDelta;

use super::belief::{Against, Held};
use super::history::Place;
use crate::domain::number::Milli;
use crate::domain::reading::{ReadingState, Suspicion};
use crate::domain::time::Instant;

/// How far a weight is compared with the one before.
const JUMP_WINDOW: TimeDelta = TimeDelta::hours(48);

/// Within this, a lone earlier weight may be somebody else's.
pub(super) const REACH: TimeDelta = TimeDelta::days(14);

/// A weight that counts, jumped, or may yet do either.
pub(super) struct Weight {
    pub(super) taken_at: Instant,
    pub(super) place: Place,
    pub(super) value: Milli,
    pub(super) standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Counts,
    Jumped,
    /// Nothing within its session speaks against it.
    Open,
}

impl Standing {
    /// That of a weight whose state is final; the suspect ones of other reasons and the excluded have none.
    pub(super) fn settled(state: ReadingState) -> Option<Self> {
        match state {
            ReadingState::Accepted | ReadingState::AcceptedByDecision => Some(Self::Counts),
            ReadingState::Suspect(Suspicion::WeightJump) => Some(Self::Jumped),
            ReadingState::Suspect(_) | ReadingState::ExcludedByDecision | ReadingState::ControlSolution => {
                None
            }
        }
    }

    /// That of a weight to judge now.
    pub(super) fn unsettled(state: ReadingState) -> Option<Self> {
        match state {
            ReadingState::Accepted => Some(Self::Open),
            state => Self::settled(state),
        }
    }
}

/// Walks the weights in reading order. An open one that is more than a tenth away from the last accepted one of 48 hours is
/// suspect, unless that one stands alone in 14 days and this one repeats the suspect before: then the first was the stranger.
pub(super) fn doubt(weights: &mut [Weight], beliefs: &mut [Vec<Held>]) {
    weights.sort_unstable_by_key(|weight| (weight.taken_at, weight.place));
    let (mut last, mut last_but_one, mut jumped): (Option<&Weight>, Option<&Weight>, Option<&Weight>) =
        (None, None, None);
    for weight in &*weights {
        let within = |other: &&Weight, window| weight.taken_at - other.taken_at <= window;
        let off = |other: &Weight| (weight.value - other.value).abs().thousandths();
        let from = last.filter(|_| weight.standing == Standing::Open);
        let far = from.filter(|last| off(last) * 10 > last.value.thousandths());
        let leaped = far.filter(|last| within(last, JUMP_WINDOW));
        let alone = || !last_but_one.is_some_and(|other| within(&other, REACH));
        let repeats = || {
            jumped.is_some_and(|other| {
                within(&other, JUMP_WINDOW) && off(other) * 50 <= other.value.thousandths()
            })
        };
        match leaped {
            Some(against) if !(alone() && repeats()) => {
                let against = Some(Against {
                    place: against.place,
                    value: against.value,
                });
                let state = ReadingState::Suspect(Suspicion::WeightJump);
                beliefs[weight.place.rank][usize::from(weight.place.index)] = Held { state, against };
                jumped = Some(weight);
            }
            _ if weight.standing == Standing::Jumped => jumped = Some(weight),
            _ => (last_but_one, last) = (last, Some(weight)),
        }
    }
}
