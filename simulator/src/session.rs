//! From a plan, a patient and a time to a session: nothing else goes in, so the same three give the same bytes.
//! A session takes minutes, and what is asked for is its end, the time at which the unit sends it.

use chrono::{DateTime, SubsecRound, TimeDelta, Timelike, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::{Builder, Uuid};

use crate::answers;
use crate::patient::{Condition, Patient, Values};
use crate::payload::{Answer, Peripheral, Reading, Session, Trigger};
use crate::plan::PlanDoc;

/// Makes one unit's sessions and numbers them.
#[derive(Debug, Clone)]
pub struct SessionMaker {
    unit_id: String,
    patient: Patient,
    seed: u64,
    next_seq: u64,
}

/// An instrument on the table beside the unit, with what it measures in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instrument {
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

impl SessionMaker {
    /// `seed` decides the session ids, `next_seq` is the number of the first session (1 for a new unit).
    pub fn new(unit_id: &str, patient: Patient, seed: u64, next_seq: u64) -> Self {
        Self {
            unit_id: unit_id.to_owned(),
            patient,
            seed,
            next_seq,
        }
    }

    pub fn patient(&self) -> &Patient {
        &self.patient
    }

    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Goes on after a restart.
    pub fn continue_from(&mut self, next_seq: u64) {
        self.next_seq = self.next_seq.max(next_seq);
    }

    /// The session that the plan asks for, completed at `at`.
    pub fn session(&mut self, at: DateTime<Utc>, plan: &PlanDoc) -> Session {
        self.make(at, &plan.measures, Some(plan), Trigger::Scheduled)
    }

    /// A session that nobody asked for: the usual measures of the condition, and no questions.
    pub fn unprompted(&mut self, at: DateTime<Utc>) -> Session {
        let measures = usual(self.patient.condition())
            .iter()
            .map(|&m| m.to_owned())
            .collect::<Vec<_>>();
        self.make(at, &measures, None, Trigger::Patient)
    }

    /// The measures of a request once more, taken with care and without the questions.
    pub fn retest(
        &mut self,
        at: DateTime<Utc>,
        request_id: &str,
        measures: &[String],
        plan: Option<&PlanDoc>,
    ) -> Session {
        let measures = match (measures, plan) {
            ([], Some(plan)) => &plan.measures,
            _ => measures,
        };
        let mut session = self.make(at, measures, None, Trigger::Retest);
        session.request_id = Some(request_id.to_owned());
        session.plan_version = plan.map(|plan| plan.version);
        session
    }

    fn make(
        &mut self,
        at: DateTime<Utc>,
        measures: &[String],
        plan: Option<&PlanDoc>,
        trigger: Trigger,
    ) -> Session {
        let completed_at = at.trunc_subsecs(0);
        let seq = self.next_seq;
        self.next_seq += 1;
        let instruments = instruments(measures);
        let questions = plan.map_or(&[][..], |plan| &plan.questions[..]);
        let taken = instruments.iter().map(|i| i.seconds()).sum::<i64>();
        let asked = 12 * i64::try_from(questions.len()).unwrap_or(0);
        let started_at = completed_at - TimeDelta::seconds(taken + asked + 10);

        let values = self.patient.values(completed_at, trigger == Trigger::Retest);
        let mut readings = Vec::new();
        let mut clock = started_at;
        for instrument in instruments {
            clock += TimeDelta::seconds(instrument.seconds());
            self.measure(instrument, measures, &values, clock, &mut readings);
        }
        let illness = self.patient.illness(completed_at);
        let answers = questions
            .iter()
            .map(|question| {
                clock += TimeDelta::seconds(12);
                Answer {
                    question: question.id.clone(),
                    answer: answers::answer(question, self.patient.condition(), illness),
                    answered_at: Some(clock),
                }
            })
            .collect();
        Session {
            session_id: self.id(seq, completed_at),
            seq: Some(seq),
            trigger: Some(trigger),
            request_id: None,
            plan_version: plan.map(|plan| plan.version),
            started_at: Some(started_at),
            completed_at,
            sent_at: None,
            readings,
            answers,
        }
    }

    /// A version 7 UUID in form, its random part made from unit, seed and number. The time in it keeps two runs under the
    /// same seed apart: the same id with another content would be a conflict.
    fn id(&self, seq: u64, at: DateTime<Utc>) -> Uuid {
        let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, self.unit_id.as_bytes());
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(name.as_bytes());
        seed[16..24].copy_from_slice(&self.seed.to_le_bytes());
        seed[24..].copy_from_slice(&seq.to_le_bytes());
        let random = StdRng::from_seed(seed).random::<[u8; 10]>();
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    fn measure(
        &self,
        instrument: Instrument,
        asked: &[String],
        values: &Values,
        at: DateTime<Utc>,
        readings: &mut Vec<Reading>,
    ) {
        let group = asked.iter().any(|m| m == "blood_pressure");
        let wants = |measure: &str| asked.iter().any(|m| m == measure);
        let mut take = |measure: &str, value: f64, decimals: i32, unit: &str, context: Option<&str>| {
            let mut reading = Reading::new(measure, rounded(value, decimals), unit, at);
            let by_hand = instrument == Instrument::ByHand;
            reading.source = Some(if by_hand { "manual" } else { "device" }.to_owned());
            reading.peripheral = (!by_hand).then(|| self.peripheral(instrument));
            reading.context = context.map(str::to_owned);
            readings.push(reading);
        };
        match instrument {
            Instrument::Scale => take("weight", values.weight, 1, "kg", None),
            Instrument::Cuff => {
                take("systolic_bp", values.systolic, 0, "mm[Hg]", None);
                take("diastolic_bp", values.diastolic, 0, "mm[Hg]", None);
                if group || wants("heart_rate") {
                    take("heart_rate", values.heart_rate, 0, "/min", None);
                }
            }
            Instrument::FingerSensor => {
                if wants("spo2") {
                    take("spo2", values.spo2.min(100.0), 0, "%", Some("on_air"));
                }
                if wants("heart_rate") && !uses_cuff(asked) {
                    take("heart_rate", values.heart_rate, 0, "/min", None);
                }
            }
            Instrument::Thermometer => take("temperature", values.temperature, 1, "Cel", None),
            Instrument::GlucoseMeter => {
                let context = if at.hour() < 11 { "fasting" } else { "before_meal" };
                take("glucose", values.glucose, 1, "mmol/L", Some(context));
            }
            Instrument::Spirometer => {
                if wants("peak_flow") {
                    take("peak_flow", values.peak_flow, 0, "L/min", None);
                }
                if wants("fev1") {
                    take("fev1", values.fev1, 2, "L", None);
                }
            }
            Instrument::ByHand => {
                take(
                    "respiratory_rate",
                    values.respiratory_rate,
                    0,
                    "/min",
                    Some("alert"),
                );
            }
        }
    }

    fn peripheral(&self, instrument: Instrument) -> Peripheral {
        let serial = Uuid::new_v5(
            &Uuid::NAMESPACE_OID,
            format!("{}/{instrument:?}", self.unit_id).as_bytes(),
        );
        Peripheral {
            model: format!("Simulated {}", instrument.name()),
            serial: serial.simple().to_string()[..8].to_uppercase(),
        }
    }
}

impl Instrument {
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
    fn seconds(self) -> i64 {
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
}

fn uses_cuff(measures: &[String]) -> bool {
    measures
        .iter()
        .any(|m| Instrument::of(m) == Some(Instrument::Cuff))
}

/// The instruments in the order of the plan's measures. One that measures several is used once, and measures of
/// which a unit knows nothing are left out, as a unit without the instrument would.
fn instruments(measures: &[String]) -> Vec<Instrument> {
    let cuff = uses_cuff(measures);
    let mut instruments = Vec::new();
    for measure in measures {
        let instrument = match Instrument::of(measure) {
            Some(Instrument::FingerSensor) if measure == "heart_rate" && cuff => Instrument::Cuff,
            Some(instrument) => instrument,
            None => continue,
        };
        if !instruments.contains(&instrument) {
            instruments.push(instrument);
        }
    }
    instruments
}

fn usual(condition: Condition) -> &'static [&'static str] {
    match condition {
        Condition::HeartFailure => &["weight", "blood_pressure", "spo2"],
        Condition::Copd => &["spo2", "heart_rate", "peak_flow", "temperature"],
        Condition::Diabetes => &["glucose", "blood_pressure"],
        Condition::Hypertension => &["blood_pressure"],
    }
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
