//! The measures, their units and their limits of the possible: one table, from engine.md "Measures and numbers".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::number::Milli;

/// What a peripheral measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    SystolicBp,
    DiastolicBp,
    HeartRate,
    Spo2,
    Weight,
    Temperature,
    Glucose,
    PeakFlow,
    Fev1,
    RespiratoryRate,
}

/// The group that may stand where a plan lists what the unit asks for, never in a rule.
pub const BLOOD_PRESSURE: &str = "blood_pressure";

/// One row of the table. Bounds are inclusive; all numbers in the measure's own unit.
#[derive(Debug, Clone, Copy)]
pub struct MeasureFacts {
    pub code: &'static str,
    /// As a call handler says it.
    pub spoken: &'static str,
    /// UCUM.
    pub unit: &'static str,
    /// As it is written for people.
    pub shown_unit: &'static str,
    pub possible: (Milli, Milli),
    /// The least standard deviation a `baseline` rule works with.
    pub min_sd: Milli,
    /// Values a well person has; limits must leave some of them unremarked. `None`: no such check.
    pub well: Option<(Milli, Milli)>,
}

impl Measure {
    pub const ALL: [Self; 10] = [
        Self::SystolicBp,
        Self::DiastolicBp,
        Self::HeartRate,
        Self::Spo2,
        Self::Weight,
        Self::Temperature,
        Self::Glucose,
        Self::PeakFlow,
        Self::Fev1,
        Self::RespiratoryRate,
    ];

    pub const fn facts(self) -> MeasureFacts {
        const fn facts(
            names: [&'static str; 4],
            possible: (i64, i64),
            min_sd: i64,
            well: Option<(i64, i64)>,
        ) -> MeasureFacts {
            let [code, spoken, unit, shown_unit] = names;
            MeasureFacts {
                code,
                spoken,
                unit,
                shown_unit,
                possible: (Milli::new(possible.0), Milli::new(possible.1)),
                min_sd: Milli::new(min_sd),
                well: match well {
                    Some((low, high)) => Some((Milli::new(low), Milli::new(high))),
                    None => None,
                },
            }
        }
        match self {
            Self::SystolicBp => facts(
                ["systolic_bp", "systolic blood pressure", "mm[Hg]", "mmHg"],
                (30_000, 300_000),
                5_000,
                Some((100_000, 140_000)),
            ),
            Self::DiastolicBp => facts(
                ["diastolic_bp", "diastolic blood pressure", "mm[Hg]", "mmHg"],
                (15_000, 200_000),
                4_000,
                Some((60_000, 90_000)),
            ),
            Self::HeartRate => facts(
                ["heart_rate", "heart rate", "/min", "beats a minute"],
                (20_000, 300_000),
                5_000,
                Some((60_000, 90_000)),
            ),
            Self::Spo2 => facts(
                ["spo2", "oxygen saturation", "%", "%"],
                (30_000, 100_000),
                1_000,
                Some((88_000, 98_000)),
            ),
            Self::Weight => facts(["weight", "weight", "kg", "kg"], (15_000, 400_000), 300, None),
            Self::Temperature => facts(
                ["temperature", "temperature", "Cel", "°C"],
                (25_000, 45_000),
                200,
                Some((36_000, 37_500)),
            ),
            Self::Glucose => facts(
                ["glucose", "blood glucose", "mmol/L", "mmol/L"],
                (500, 50_000),
                500,
                Some((4_000, 10_000)),
            ),
            Self::PeakFlow => facts(
                ["peak_flow", "peak flow", "L/min", "L/min"],
                (20_000, 900_000),
                15_000,
                None,
            ),
            Self::Fev1 => facts(["fev1", "FEV1", "L", "L"], (100, 9_000), 100, None),
            Self::RespiratoryRate => facts(
                ["respiratory_rate", "breathing rate", "/min", "breaths a minute"],
                (3_000, 80_000),
                2_000,
                Some((12_000, 20_000)),
            ),
        }
    }

    pub const fn code(self) -> &'static str {
        self.facts().code
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The name is none of the measures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown measure")]
pub struct UnknownMeasure;

impl FromStr for Measure {
    type Err = UnknownMeasure;

    fn from_str(code: &str) -> Result<Self, UnknownMeasure> {
        Self::ALL
            .into_iter()
            .find(|measure| measure.code() == code)
            .ok_or(UnknownMeasure)
    }
}
