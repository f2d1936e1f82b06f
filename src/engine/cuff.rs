//! The two halves of one blood pressure share `taken_at`; where they contradict each other, neither is believed.

use super::belief::Against;
use super::history::Place;
use crate::domain::measure::Measure;
use crate::domain::reading::{Decision, Reading};
use crate::domain::session::Session;
use crate::domain::time::Instant;

/// For each instant of a session the lowest systolic and the highest diastolic taken then. What a person excluded speaks
/// against nothing; what is out of range does, for it came from the same cuff.
pub(super) struct Cuffs(Vec<Cuff>);

struct Cuff {
    taken_at: Instant,
    systolic: Option<Against>,
    diastolic: Option<Against>,
}

impl Cuffs {
    pub(super) fn new(rank: usize, session: &Session, decision: impl Fn(usize) -> Option<Decision>) -> Self {
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
    pub(super) fn against(&self, reading: &Reading) -> Option<Against> {
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
