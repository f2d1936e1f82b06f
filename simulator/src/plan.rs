//! What the service tells a unit to ask, and when. Due times are local times of the patient's home: the unit
//! has to get the two clock changes of the year right by itself.

use std::collections::BTreeMap;

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The retained payload of a unit's plan topic. An empty payload there means: no plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanDoc {
    pub version: u32,
    #[serde(default = "london", with = "zone_name")]
    pub timezone: Tz,
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// In the order in which they are measured. The group `blood_pressure` may stand for its three.
    pub measures: Vec<String>,
    #[serde(default)]
    pub questions: Vec<Question>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Local, `HH:MM`.
    pub times: Vec<String>,
    #[serde(default = "every_day")]
    pub days: Vec<String>,
    #[serde(default = "two_hours")]
    pub window_before_min: u32,
    #[serde(default = "three_hours")]
    pub grace_min: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// By language.
    pub text: BTreeMap<String, String>,
    #[serde(default)]
    pub options: Vec<Choice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub code: String,
    #[serde(default)]
    pub text: BTreeMap<String, String>,
}

impl PlanDoc {
    /// A plan with nothing but measures, due every day at nine.
    pub fn of(version: u32, measures: &[&str]) -> Self {
        Self {
            version,
            timezone: london(),
            schedule: Some(Schedule {
                times: vec!["09:00".to_owned()],
                days: every_day(),
                window_before_min: two_hours(),
                grace_min: three_hours(),
            }),
            measures: measures.iter().map(|&m| m.to_owned()).collect(),
            questions: Vec::new(),
        }
    }

    /// The first due time later than `after`, none where the plan has no schedule.
    pub fn next_due(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let schedule = self.schedule.as_ref()?;
        let today = after.with_timezone(&self.timezone).date_naive();
        // Eight days hold every weekday once, and the whole of today.
        (0..=8)
            .filter_map(|ahead| today.checked_add_days(Days::new(ahead)))
            .filter(|day| schedule.days.iter().any(|name| is_day(name, day.weekday())))
            .flat_map(|day| schedule.times.iter().map(move |time| (day, time)))
            .filter_map(|(day, time)| self.due_at(day, time))
            .filter(|due| *due > after)
            .min()
    }

    fn due_at(&self, day: NaiveDate, time: &str) -> Option<DateTime<Utc>> {
        let mut local = day.and_time(NaiveTime::parse_from_str(time, "%H:%M").ok()?);
        // A time that the change of clocks skips is due at the first minute that exists again.
        for _ in 0..24 * 60 {
            match self.timezone.from_local_datetime(&local) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => {
                    return Some(at.with_timezone(&Utc));
                }
                LocalResult::None => local += TimeDelta::minutes(1),
            }
        }
        None
    }
}

fn is_day(name: &str, day: Weekday) -> bool {
    name.parse::<Weekday>() == Ok(day)
}

fn london() -> Tz {
    Tz::Europe__London
}

fn every_day() -> Vec<String> {
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .map(str::to_owned)
        .to_vec()
}

fn two_hours() -> u32 {
    120
}

fn three_hours() -> u32 {
    180
}

mod zone_name {
    use chrono_tz::Tz;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference to the field"
    )]
    pub(super) fn serialize<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(zone.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse()
            .map_err(|_| D::Error::custom(format!("unknown time zone {name:?}")))
    }
}
