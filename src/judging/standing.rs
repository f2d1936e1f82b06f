//! A session as it stands in the store: all that judging others, or seeing whether judging it again changed anything,
//! needs to know of it. Its document is not among that.

use crate::domain::ids::SessionKey;
use crate::domain::reading::{ReadingState, Suspicion, judged_value};
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::engine::{self, Judged, PastReading, PastSession};
use crate::store::series::SeriesReading;
use crate::store::session::HistoryRow;

use super::past::PastFault;
use super::rows::out_of_time;

#[derive(Debug, PartialEq, Eq)]
pub struct Standing {
    pub session: PastSession,
    pub received_at: Instant,
    pub plan_version: Option<i64>,
    /// See `SessionRow::out_of_time`.
    pub out_of_time: bool,
}

impl Standing {
    /// What a transaction made of a session, new or judged again.
    pub(super) fn of(session: &Session, judged: &Judged) -> Self {
        let readings = session.readings.iter().zip(&judged.states);
        Self {
            session: PastSession {
                key: session.key.clone(),
                completed_at: session.completed_at,
                readings: readings
                    .map(|(reading, state)| PastReading {
                        measure: reading.measure,
                        judged: reading.judged(),
                        taken_at: reading.taken_at,
                        state: *state,
                    })
                    .collect(),
                fired: judged.fired.clone(),
            },
            received_at: session.received_at,
            plan_version: judged.plan_version,
            out_of_time: out_of_time(session, judged),
        }
    }

    pub(super) fn read(row: HistoryRow) -> Result<Self, PastFault> {
        let fired = serde_json::from_str(&row.fired).map_err(|fault| PastFault::Unreadable {
            session: row.key.clone(),
            fault: fault.to_string(),
        })?;
        Ok(Self {
            session: PastSession {
                key: row.key,
                completed_at: row.completed_at,
                readings: row.series.iter().map(past_reading).collect(),
                fired,
            },
            received_at: row.received_at,
            plan_version: row.plan_version,
            out_of_time: row.out_of_time,
        })
    }

    /// When its readings were taken, of those that can matter to others, as `engine::Span` has it. A control solution dated
    /// 1970 by a broken clock must not have the whole past judged again, nor one dated 2099 every session from then on.
    pub(super) fn matter_at(&self) -> impl Iterator<Item = Instant> {
        let readings = self.session.readings.iter();
        readings
            .filter(|reading| {
                reading.state.counts() || reading.state == ReadingState::Suspect(Suspicion::WeightJump)
            })
            .map(|reading| reading.taken_at)
    }

    /// Whether a change can alter the session's states or findings.
    pub(super) fn is_reached(&self, change: Reach) -> bool {
        // Readings after the session's end count by a person's decision, or within `engine::LEAD` of it.
        let may_hold_later = self.out_of_time || !self.is_before(change);
        self.completed_at() >= change.from || (may_hold_later && self.matter_at().any(|at| at >= change.from))
    }

    /// Whether it ended so long before that no reading in time is reached.
    pub(super) fn is_before(&self, change: Reach) -> bool {
        self.completed_at() < change.led
    }

    pub(super) fn key(&self) -> &SessionKey {
        &self.session.key
    }

    pub(super) fn completed_at(&self) -> Instant {
        self.session.completed_at
    }
}

/// What a change from an instant on may reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    from: Instant,
    /// A session completed before this holds no reading from then on, but for a person's decision.
    led: Instant,
}

impl Reach {
    pub(super) fn from(from: Instant) -> Self {
        Self {
            from,
            led: from - engine::LEAD,
        }
    }
}

fn past_reading(kept: &SeriesReading) -> PastReading {
    PastReading {
        measure: kept.measure,
        judged: judged_value(kept.value, kept.comparator),
        taken_at: kept.taken_at,
        state: kept.state,
    }
}
