//! Payloads written by hand stand beside generated ones, so that decoder and generator cannot be wrong together.

mod golden;
mod number;
mod plan;
mod reading;
mod rejection;
mod same_content;
mod schema;
mod session;
mod shown;
mod status;
mod stranger;
mod unit;

use chrono::{DateTime, TimeZone, Utc};
use homeward::domain::ids::UnitId;
use homeward::wire::session::{Decoded, Rejection, decode};

pub(super) fn received() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 9, 4, 5).unwrap()
}

pub(super) fn unit() -> UnitId {
    "HU-7".parse().unwrap()
}

pub(super) fn read(payload: &str) -> Result<Decoded, Rejection> {
    decode(&unit(), payload.as_bytes(), received())
}

/// A session of one reading and one answer, with the given text put in place of a part of it.
pub(super) fn with(part: &str, replacement: &str) -> String {
    const ONE: &str = r#"{"session_id": "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11", "completed_at": "2026-11-21T09:04:03+00:00", "readings": [{"measure": "weight", "value": 84.2, "unit": "kg", "taken_at": "2026-11-21T09:01:40+00:00"}], "answers": [{"question": "ankles_swollen", "answer": "yes"}]}"#;
    assert!(ONE.contains(part), "{part} stands in the session");
    ONE.replace(part, replacement)
}

/// Code and place of each problem.
pub(super) fn told(problems: &[homeward::wire::problem::Problem]) -> Vec<(&str, &str)> {
    problems
        .iter()
        .map(|problem| (problem.code.as_str(), problem.at.as_str()))
        .collect()
}

/// The page's own example (contract.md), filled in.
pub(super) const CONTRACT: &str = r#"{
  "session_id": "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11", "seq": 412, "trigger": "scheduled", "request_id": null, "plan_version": 3,
  "started_at": "2026-11-21T09:01:12+00:00", "completed_at": "2026-11-21T09:04:03+00:00", "sent_at": "2026-11-21T09:04:04+00:00",
  "readings": [
    {"measure": "weight", "value": 84.2, "unit": "kg", "taken_at": "2026-11-21T09:01:40+00:00"},
    {"measure": "systolic_bp", "value": 142, "unit": "mm[Hg]", "taken_at": "2026-11-21T09:02:30+00:00"},
    {"measure": "diastolic_bp", "value": 88, "unit": "mm[Hg]", "taken_at": "2026-11-21T09:02:30+00:00"},
    {"measure": "spo2", "value": 93, "comparator": null, "unit": "%", "taken_at": "2026-11-21T09:03:02+00:00",
     "source": "device", "peripheral": {"model": "OX-1", "serial": "A77"}, "context": "on_air"}
  ],
  "answers": [{"question": "ankles_swollen", "answer": "yes", "answered_at": "2026-11-21T09:03:40+00:00"}]
}"#;
