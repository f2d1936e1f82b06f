//! What home units send, in the simulator's own types: a mistake of ours cannot hide in them.

use chrono::TimeDelta;
use home_unit::payload::{Reading, Session};
use homeward::domain::time::Instant;
use serde_json::{Value, json};
use uuid::Uuid;

/// A session begun three minutes before it was completed.
pub(crate) fn session(number: u128, completed_at: Instant) -> Session {
    let mut session = Session::new(Uuid::from_u128(number), completed_at);
    session.started_at = Some(completed_at - TimeDelta::minutes(3));
    session
}

pub(crate) trait Says: Sized {
    /// A reading taken a minute before the end.
    fn takes(self, measure: &str, value: impl Into<Value>, unit: &str) -> Self;
    fn weighs(self, kg: f64) -> Self;
    fn breathes(self, spo2: f64) -> Self;
    fn pressure(self, systolic: i64, diastolic: i64) -> Self;
    /// The last reading was taken at another time.
    fn taken(self, at: Instant) -> Self;
    fn ankles(self, answer: &str) -> Self;
}

impl Says for Session {
    fn takes(self, measure: &str, value: impl Into<Value>, unit: &str) -> Self {
        let taken_at = self.completed_at - TimeDelta::minutes(1);
        self.reading(Reading::new(measure, value, unit, taken_at))
    }

    fn weighs(self, kg: f64) -> Self {
        self.takes("weight", kg, "kg")
    }

    fn breathes(self, spo2: f64) -> Self {
        self.takes("spo2", spo2, "%")
    }

    fn pressure(self, systolic: i64, diastolic: i64) -> Self {
        self.takes("systolic_bp", systolic, "mm[Hg]")
            .takes("diastolic_bp", diastolic, "mm[Hg]")
    }

    fn taken(mut self, at: Instant) -> Self {
        self.readings.last_mut().expect("a reading").taken_at = at;
        self
    }

    fn ankles(self, answer: &str) -> Self {
        self.answer("ankles", answer)
    }
}

/// A plan with these rules, in force from 1 November, that asks `ankles`.
pub(crate) fn plan(rules: &[Value]) -> Value {
    json!({
        "reason": "a test", "effective_from": "2026-11-01T00:00:00+00:00",
        "measures": ["weight", "blood_pressure", "spo2"], "rules": rules,
        "questions": [
            { "id": "ankles", "type": "yes_no", "text": { "en": "Are your ankles more swollen than usual?" } }
        ],
    })
}

/// The same plan from another day of November on.
pub(crate) fn from(day: &str, mut plan: Value) -> Value {
    plan["effective_from"] = json!(format!("2026-11-{day}:00+00:00"));
    plan
}

/// Weight risen by 2 kg within 3 days.
pub(crate) fn gain() -> Value {
    json!({ "id": "gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 2.0, "within_days": 3,
        "severity": "amber" })
}

/// Amber below 92, red below 90.
pub(crate) fn spo2() -> Value {
    json!({ "id": "limits.spo2", "kind": "limits", "measure": "spo2", "amber_low": 92, "red_low": 90 })
}

/// Swollen ankles, which raise nothing alone.
pub(crate) fn ankles() -> Value {
    json!({ "id": "swollen", "kind": "answer", "question": "ankles", "any_of": ["yes"], "severity": "context" })
}

/// Both of `gain` and `swollen` within so many hours: red.
pub(crate) fn both(within_hours: u32) -> Value {
    json!({ "id": "both", "kind": "combination", "all_of": ["gain", "swollen"], "within_hours": within_hours,
        "severity": "red" })
}
