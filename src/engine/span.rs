//! A reading dated in 1970 by a broken clock is suspect and feeds nothing: it must not make the whole past be judged again.

use super::belief::within_session;
use super::{PastSession, ToJudge};
use crate::domain::reading::{ReadingState, Suspicion};
use crate::domain::time::Instant;

/// The first and last instant at which something of a session counts: its `completed_at`, its accepted readings, and weights that
/// jumped, because a later weight may repeat them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first: Instant,
    pub last: Instant,
}

impl Span {
    fn over(completed_at: Instant, readings: impl Iterator<Item = (Instant, ReadingState)>) -> Self {
        let whole = Self {
            first: completed_at,
            last: completed_at,
        };
        let counting = readings
            .filter(|(_, state)| state.counts() || *state == ReadingState::Suspect(Suspicion::WeightJump));
        counting.fold(whole, |span, (taken_at, _)| Self {
            first: span.first.min(taken_at),
            last: span.last.max(taken_at),
        })
    }
}

/// The span of a session that is not judged yet.
pub fn span(to_judge: ToJudge<'_>) -> Span {
    let held = within_session(0, &to_judge);
    let ToJudge { session, .. } = to_judge;
    let states = session.readings.iter().zip(held);
    Span::over(
        session.completed_at,
        states.map(|(reading, held)| (reading.taken_at, held.state)),
    )
}

impl PastSession {
    pub fn span(&self) -> Span {
        let states = self
            .readings
            .iter()
            .map(|reading| (reading.taken_at, reading.state));
        Span::over(self.completed_at, states)
    }
}
