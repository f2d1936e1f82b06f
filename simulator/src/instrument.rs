//! The instruments beside a unit, and what each sends. One measures several things at one time, which matters:
//! the two halves of a blood pressure belong together by their `taken_at`.

use chrono::{DateTime, Timelike, Utc};
use uuid::Uuid;

use crate::body::Values;
use crate::payload::{Peripheral, Reading};

/// An instrument on the table beside the unit, with what it measures in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instrument {
    Scale,
    /// Gives the heart rate too, under the same time.
    Cuff,
    FingerSensor,
    Thermometer,
    GlucoseMeter,
    Spirometer,
    /// Counted by the patient or carer and typed in.
    ByHand,
}

impl Instrument {
    /// The instruments in the order of the plan's measures. One that measures several is used once, and measures of
    /// which a unit knows nothing are left out, as a unit without the instrument would.
    pub(crate) fn for_measures(measures: &[String]) -> Vec<Self> {
        let cuff = uses_cuff(measures);
        let mut instruments = Vec::new();
        for measure in measures {
            let instrument = match Self::of(measure) {
                Some(Self::FingerSensor) if measure == "heart_rate" && cuff => Self::Cuff,
                Some(instrument) => instrument,
                None => continue,
            };
            if !instruments.contains(&instrument) {
                instruments.push(instrument);
            }
        }
        instruments
    }

    fn of(measure: &str) -> Option<Self> {
        match measure {
            "weight" => Some(Self::Scale),
            "blood_pressure" | "systolic_bp" | "diastolic_bp" => Some(Self::Cuff),
            "spo2" | "heart_rate" => Some(Self::FingerSensor),
            "temperature" => Some(Self::Thermometer),
            "glucose" => Some(Self::GlucoseMeter),
            "peak_flow" | "fev1" => Some(Self::Spirometer),
            "respiratory_rate" => Some(Self::ByHand),
            _ => None,
        }
    }

    /// From the prompt to the value.
    pub(crate) fn seconds(self) -> i64 {
        match self {
            Self::Scale => 28,
            Self::Cuff => 50,
            Self::FingerSensor | Self::Thermometer => 32,
            Self::GlucoseMeter | Self::Spirometer => 45,
            Self::ByHand => 60,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::Cuff => "cuff",
            Self::FingerSensor => "finger sensor",
            Self::Thermometer => "thermometer",
            Self::GlucoseMeter => "glucose meter",
            Self::Spirometer => "spirometer",
            Self::ByHand => "count",
        }
    }

    /// What it shows, in UCUM units; of `asked` only what it is asked for. `owner` names the kit.
    pub(crate) fn measure(
        self,
        owner: &str,
        asked: &[String],
        values: &Values,
        at: DateTime<Utc>,
    ) -> Vec<Reading> {
        let mut readings = Vec::new();
        let group = asked.iter().any(|m| m == "blood_pressure");
        let wants = |measure: &str| asked.iter().any(|m| m == measure);
        let mut take = |measure: &str, value: f64, decimals: i32, unit: &str, context: Option<&str>| {
            let mut reading = Reading::new(measure, rounded(value, decimals), unit, at);
            let by_hand = self == Self::ByHand;
            reading.source = Some(if by_hand { "manual" } else { "device" }.to_owned());
            reading.peripheral = (!by_hand).then(|| self.peripheral(owner));
            reading.context = context.map(str::to_owned);
            readings.push(reading);
        };
        match self {
            Self::Scale => take("weight", values.weight, 1, "kg", None),
            Self::Cuff => {
                take("systolic_bp", values.systolic, 0, "mm[Hg]", None);
                take("diastolic_bp", values.diastolic, 0, "mm[Hg]", None);
                if group || wants("heart_rate") {
                    take("heart_rate", values.heart_rate, 0, "/min", None);
                }
            }
            Self::FingerSensor => {
                if wants("spo2") {
                    take("spo2", values.spo2.min(100.0), 0, "%", Some("on_air"));
                }
                if wants("heart_rate") && !uses_cuff(asked) {
                    take("heart_rate", values.heart_rate, 0, "/min", None);
                }
            }
            Self::Thermometer => take("temperature", values.temperature, 1, "Cel", None),
            Self::GlucoseMeter => {
                let context = if at.hour() < 11 { "fasting" } else { "before_meal" };
                take("glucose", values.glucose, 1, "mmol/L", Some(context));
            }
            Self::Spirometer => {
                if wants("peak_flow") {
                    take("peak_flow", values.peak_flow, 0, "L/min", None);
                }
                if wants("fev1") {
                    take("fev1", values.fev1, 2, "L", None);
                }
            }
            Self::ByHand => {
                take(
                    "respiratory_rate",
                    values.respiratory_rate,
                    0,
                    "/min",
                    Some("alert"),
                );
            }
        }
        readings
    }

    fn peripheral(self, owner: &str) -> Peripheral {
        let serial = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{owner}/{self:?}").as_bytes());
        Peripheral {
            model: format!("Simulated {}", self.name()),
            serial: serial.simple().to_string()[..8].to_uppercase(),
        }
    }
}

fn uses_cuff(measures: &[String]) -> bool {
    measures
        .iter()
        .any(|m| Instrument::of(m) == Some(Instrument::Cuff))
}

/// To the decimals that the instrument shows; whole numbers go over the wire without a point.
fn rounded(value: f64, decimals: i32) -> serde_json::Value {
    let scale = 10_f64.powi(decimals);
    let value = (value * scale).round() / scale;
    match format!("{value}").parse::<i64>() {
        Ok(whole) => whole.into(),
        Err(_) => value.into(),
    }
}
