//! Due times are local: 09:00 stays 09:00 when the clocks change.

use chrono::NaiveTime;

/// When the unit asks for a session. Windows in minutes around each due time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub times: Vec<NaiveTime>,
    pub days: Vec<chrono::Weekday>,
    pub window_before_min: u32,
    pub grace_min: u32,
}
