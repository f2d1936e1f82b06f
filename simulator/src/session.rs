//! From a plan, a patient and a time to a session: nothing else goes in, so the same three give the same bytes.
//! A session takes minutes, and what is asked for is its end, the time at which the unit sends it.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::{Builder, Uuid};

use crate::answers;
use crate::instrument::Instrument;
use crate::patient::{Condition, Patient};
use crate::payload::{Answer, Session, Trigger};
use crate::plan::{PlanDoc, Schedule};

/// Makes one unit's sessions and numbers them.
#[derive(Debug, Clone)]
pub struct SessionMaker {
    unit_id: String,
    patient: Patient,
    seed: u64,
    next_seq: u64,
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

    /// When the session due at `due` will be complete; never, where the patient forgets it.
    pub fn completion(&self, due: DateTime<Utc>, schedule: &Schedule) -> Option<DateTime<Utc>> {
        if self.patient.forgets(due) {
            return None;
        }
        let last_minute = i64::from(schedule.grace_min) - 1;
        // Where there is no grace, the patient has to come before the time.
        let minutes = if last_minute < 4 {
            -i64::from(schedule.window_before_min / 2)
        } else {
            self.patient.minutes_late(due).min(last_minute)
        };
        Some(due + TimeDelta::minutes(minutes))
    }

    /// The sessions of the due times after `from` and up to `to`: a history.
    pub fn history(&mut self, from: DateTime<Utc>, to: DateTime<Utc>, plan: &PlanDoc) -> Vec<Session> {
        let Some(schedule) = &plan.schedule else {
            return Vec::new();
        };
        let due = std::iter::successors(plan.next_due(from), |due| plan.next_due(*due));
        due.take_while(|due| *due <= to)
            .filter_map(|due| Some(self.session(self.completion(due, schedule)?, plan)))
            .collect()
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
        let instruments = Instrument::for_measures(measures);
        let questions = plan.map_or(&[][..], |plan| &plan.questions[..]);
        let taken = instruments.iter().map(|i| i.seconds()).sum::<i64>();
        let asked = 12 * i64::try_from(questions.len()).unwrap_or(0);
        let started_at = completed_at - TimeDelta::seconds(taken + asked + 10);

        let values = self.patient.values(completed_at, trigger == Trigger::Retest);
        let mut readings = Vec::new();
        let mut clock = started_at;
        for instrument in instruments {
            clock += TimeDelta::seconds(instrument.seconds());
            readings.extend(instrument.measure(&self.unit_id, measures, &values, clock));
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

    /// A version 7 UUID in form, its random part made from unit, seed and number. The time in it keeps two runs
    /// under the same seed apart: the same id with another content would be a conflict.
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
}

fn usual(condition: Condition) -> &'static [&'static str] {
    match condition {
        Condition::HeartFailure => &["weight", "blood_pressure", "spo2"],
        Condition::Copd => &["spo2", "heart_rate", "peak_flow", "temperature"],
        Condition::Diabetes => &["glucose", "blood_pressure"],
        Condition::Hypertension => &["blood_pressure"],
    }
}
