//! National Early Warning Score 2 (Royal College of Physicians, 2017) of one session: whole, or not at all.

use std::fmt;

use super::statistics::rounded;
use crate::domain::measure::Measure;
use crate::domain::reading::{Context, Reading, ReadingState};
use crate::domain::rule::OxygenScale;
use crate::domain::session::Session;

/// What came of scoring a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News2 {
    Total(Total),
    Incomplete(Incomplete),
}

/// All seven parameters with their points, in the order of the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    pub parts: Vec<(Parameter, u8)>,
    /// The readings it rests on, by their index in the session.
    pub readings: Vec<u16>,
}

impl Total {
    /// From 0 to 20.
    pub fn points(&self) -> u8 {
        self.parts.iter().map(|(_, points)| points).sum()
    }

    pub fn has_three(&self) -> bool {
        self.parts.iter().any(|(_, points)| *points == 3)
    }
}

/// What has no accepted reading, or a reading without its context. What is known is not told: it would pass for a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete(pub Vec<Parameter>);

impl fmt::Display for Incomplete {
    /// `incomplete: breathing rate, consciousness`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing: Vec<&str> = self.0.iter().map(|parameter| parameter.spoken()).collect();
        write!(f, "incomplete: {}", missing.join(", "))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    RespiratoryRate,
    Spo2,
    AirOrOxygen,
    SystolicBp,
    Pulse,
    Consciousness,
    Temperature,
}

impl Parameter {
    const ALL: [Self; 7] = [
        Self::RespiratoryRate,
        Self::Spo2,
        Self::AirOrOxygen,
        Self::SystolicBp,
        Self::Pulse,
        Self::Consciousness,
        Self::Temperature,
    ];

    /// As a call handler says it.
    pub const fn spoken(self) -> &'static str {
        match self {
            Self::AirOrOxygen => "air or oxygen",
            Self::Consciousness => "consciousness",
            Self::RespiratoryRate | Self::Spo2 | Self::SystolicBp | Self::Pulse | Self::Temperature => {
                self.measure().facts().spoken
            }
        }
    }

    /// The measure whose reading, or whose reading's context, it is.
    const fn measure(self) -> Measure {
        match self {
            Self::RespiratoryRate | Self::Consciousness => Measure::RespiratoryRate,
            Self::Spo2 | Self::AirOrOxygen => Measure::Spo2,
            Self::SystolicBp => Measure::SystolicBp,
            Self::Pulse => Measure::HeartRate,
            Self::Temperature => Measure::Temperature,
        }
    }
}

/// Scores a session; `states` has one for each of its readings. The latest accepted reading of each measure counts.
pub fn assess(scale: &OxygenScale, session: &Session, states: &[ReadingState]) -> News2 {
    let latest = |measure: Measure| {
        let readings = session.readings.iter().zip(states);
        let accepted = readings.filter(|(reading, state)| state.counts() && reading.measure == Some(measure));
        let latest = accepted.max_by_key(|(reading, _)| (reading.taken_at, reading.index));
        latest.map(|(reading, _)| reading)
    };
    let (mut parts, mut missing, mut readings) = (Vec::new(), Vec::new(), Vec::new());
    for parameter in Parameter::ALL {
        let reading = latest(parameter.measure());
        match reading.and_then(|reading| points(parameter, reading, scale)) {
            Some(points) => parts.push((parameter, points)),
            None => missing.push(parameter),
        }
        let index = reading.map(|reading| reading.index);
        readings.extend(index.filter(|index| !readings.contains(index)));
    }
    if missing.is_empty() {
        News2::Total(Total { parts, readings })
    } else {
        News2::Incomplete(Incomplete(missing))
    }
}

fn points(parameter: Parameter, reading: &Reading, scale: &OxygenScale) -> Option<u8> {
    let value = i128::from(reading.judged()?.thousandths());
    let whole = rounded(value, 1000);
    let on_oxygen = match reading.context {
        Some(Context::OnAir) => Some(false),
        Some(Context::OnOxygen) => Some(true),
        _ => None,
    };
    Some(match parameter {
        Parameter::RespiratoryRate => match whole {
            12..=20 => 0,
            9..=11 => 1,
            21..=24 => 2,
            _ => 3,
        },
        Parameter::Spo2 => match scale {
            OxygenScale::One => match whole {
                96.. => 0,
                94..=95 => 1,
                92..=93 => 2,
                _ => 3,
            },
            OxygenScale::Two { .. } => match (whole, on_oxygen?) {
                (88..=92, _) | (93.., false) => 0,
                (86..=87, _) | (93..=94, true) => 1,
                (84..=85, _) | (95..=96, true) => 2,
                _ => 3,
            },
        },
        Parameter::AirOrOxygen => {
            if on_oxygen? {
                2
            } else {
                0
            }
        }
        Parameter::SystolicBp => match whole {
            111..=219 => 0,
            101..=110 => 1,
            91..=100 => 2,
            _ => 3,
        },
        Parameter::Pulse => match whole {
            51..=90 => 0,
            41..=50 | 91..=110 => 1,
            111..=130 => 2,
            _ => 3,
        },
        Parameter::Consciousness => match reading.context? {
            Context::Alert => 0,
            Context::NewConfusion | Context::Voice | Context::Pain | Context::Unresponsive => 3,
            _ => return None,
        },
        Parameter::Temperature => match rounded(value, 100) {
            361..=380 => 0,
            351..=360 | 381..=390 => 1,
            391.. => 2,
            _ => 3,
        },
    })
}
