//! Patients who measure once a day for ninety days, by a plan of twelve rules of every shape that a template has.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) const DAYS: u32 = 90;

pub(super) fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// Twelve rules; saturations below this are amber.
pub(super) fn plan(amber_low: f64) -> Value {
    json!({
        "reason": "a benchmark", "effective_from": "2026-06-01T00:00:00Z",
        "measures": ["weight", "blood_pressure", "spo2", "heart_rate"],
        "rules": [
            {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": 88, "amber_low": amber_low},
            {"id": "limits.systolic_bp", "kind": "limits", "measure": "systolic_bp", "red_low": 80, "amber_low": 90,
             "amber_high": 160, "red_high": 170},
            {"id": "limits.diastolic_bp", "kind": "limits", "measure": "diastolic_bp", "amber_low": 60, "amber_high": 95},
            {"id": "limits.heart_rate", "kind": "limits", "measure": "heart_rate", "red_low": 40, "amber_low": 50,
             "amber_high": 100, "red_high": 110},
            {"id": "gain_of_days", "kind": "change", "measure": "weight", "direction": "rise", "by": 2, "within_days": 3,
             "severity": "amber"},
            {"id": "dry_weight", "kind": "target", "measure": "weight", "value": 82, "low_by": 2, "high_by": 2,
             "severity": "amber"},
            {"id": "weight_creeps", "kind": "trend", "measure": "weight", "direction": "rise", "short_days": 7, "long_days": 28,
             "by": 0.8, "severity": "amber"},
            {"id": "unusual", "kind": "baseline", "measure": "spo2", "direction": "low", "severity": "amber"},
            {"id": "stays_low", "kind": "persistence", "measure": "spo2", "low": 92, "at_least": 2, "of_last": 3,
             "within_days": 7, "severity": "amber"},
            {"id": "pressure_of_the_week", "kind": "mean", "measure": "systolic_bp", "high": 150, "over_days": 7,
             "min_readings": 4, "min_days": 4, "severity": "amber"},
            {"id": "ankles", "kind": "answer", "question": "ankles_swollen", "any_of": ["yes"], "severity": "context"},
            {"id": "weight_and_symptom", "kind": "combination", "all_of": [["gain_of_days", "dry_weight"], "ankles"],
             "within_hours": 48, "severity": "red"},
        ],
        "questions": [
            {"id": "ankles_swollen", "type": "yes_no", "text": {"en": "Are your ankles more swollen?"}},
            {"id": "breathless", "type": "yes_no", "text": {"en": "Are you more breathless?"}},
        ],
    })
}

/// The patient's session of so many days ago. The values wander, a few of them beyond a limit, and are the same every time.
pub(super) fn session(patient: usize, days_ago: u32) -> (DateTime<Utc>, Value) {
    let minutes = i64::try_from(patient % 180).unwrap();
    let at = noon() - TimeDelta::days(days_ago.into()) - TimeDelta::minutes(240 - minutes);
    let seed = (patient as u64) << 32 | u64::from(days_ago);
    let dice = move |which: u64, sides: u64| {
        let mixed = (seed + which).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        u32::try_from((mixed >> 33) % sides).unwrap()
    };
    let tenths = |low: u32, which, sides| f64::from(low + dice(which, sides)) / 10.0;
    let reading = |measure: &str, value: Value, unit: &str| json!({"measure": measure, "value": value, "unit": unit, "taken_at": at});
    let yes_no = |which, sides| if dice(which, sides) == 0 { "yes" } else { "no" };
    let id = Uuid::from_u128(((patient as u128) << 64) | u128::from(days_ago) | (0x4 << 76));
    let payload = json!({
        "session_id": id, "trigger": "scheduled", "started_at": at, "completed_at": at,
        "readings": [
            reading("weight", json!(tenths(805, 1, 30)), "kg"),
            reading("systolic_bp", json!(118 + dice(2, 45)), "mm[Hg]"),
            reading("diastolic_bp", json!(64 + dice(3, 30)), "mm[Hg]"),
            reading("heart_rate", json!(58 + dice(4, 44)), "/min"),
            reading("spo2", json!(90 + dice(5, 9)), "%"),
        ],
        "answers": [
            {"question": "ankles_swollen", "answer": yes_no(6, 12)},
            {"question": "breathless", "answer": yes_no(7, 12)},
        ],
    });
    (at, payload)
}
