//! A case stands for a patient's whole record. What the service would refuse refuses the case; what it would reject is one session's outcome.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::arrival::{self, Admission, Arrival};
use super::calendar::{self, Calendar};
use crate::domain::ids::{SessionKey, UnitId};
use crate::domain::plan::Plan;
use crate::domain::reading::Decision;
use crate::domain::time::Instant;
use crate::wire;
use crate::wire::problem::Problem;
use crate::wire::session::RejectCode;

/// The keys of a case. Those from `now` on matter to compliance only.
const KEYS: [&str; 8] = [
    "plans",
    "sessions",
    "decisions",
    "now",
    "admitted_from",
    "discharged_at",
    "pauses",
    "outages",
];

/// A sound case.
pub(super) struct Case {
    pub(super) plans: Vec<Plan>,
    /// In the order of the case.
    pub(super) arrivals: Vec<Arrival>,
    /// The last decision on each reading, by session.
    pub(super) decisions: HashMap<SessionKey, Vec<(u16, Decision)>>,
    pub(super) calendar: Calendar,
    /// What was passed over, and is said.
    pub(super) problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    plans: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sessions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    decisions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    now: Option<&'a RawValue>,
    #[serde(borrow, default)]
    admitted_from: Option<&'a RawValue>,
    #[serde(borrow, default)]
    discharged_at: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pauses: Option<&'a RawValue>,
    #[serde(borrow, default)]
    outages: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DecisionBody {
    unit_id: UnitId,
    session_id: Uuid,
    index: u16,
    decided_at: String,
    decision: Decision,
}

impl Case {
    /// Reads one line; every fault of the case at its place.
    pub(super) fn read(line: &str) -> Result<Self, Vec<Problem>> {
        let body: Body<'_> = object(line, "").map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut problems = unknown_keys(line);
        let plans = plans(&list("plans", body.plans, &mut faults), &mut faults);
        let arrivals = arrival::read(&list("sessions", body.sessions, &mut faults), &mut faults);
        let decided = list("decisions", body.decisions, &mut faults);
        let decisions = decisions(&decided, &arrivals, &mut faults, &mut problems);
        let calendar = Calendar {
            now: calendar::moment("now", body.now, &mut faults),
            admitted_from: calendar::moment("admitted_from", body.admitted_from, &mut faults),
            discharged_at: calendar::moment("discharged_at", body.discharged_at, &mut faults),
            pauses: calendar::stretches("pauses", body.pauses, &mut faults),
            outages: calendar::stretches("outages", body.outages, &mut faults),
        };
        faults.extend(calendar.fault());
        problems.extend(calendar.problem());
        if faults.is_empty() {
            Ok(Self {
                plans,
                arrivals,
                decisions,
                calendar,
                problems,
            })
        } else {
            Err(faults)
        }
    }
}

/// The elements of a key of the case; none where it is absent or null.
pub(super) fn list<'a>(key: &str, raw: Option<&'a RawValue>, faults: &mut Vec<Problem>) -> Vec<&'a RawValue> {
    let read = raw.map_or(Ok(None), |raw| serde_json::from_str::<Option<_>>(raw.get()));
    if read.is_err() {
        faults.push(Problem::new(format!("/{key}"), "bad_field", "must be an array"));
    }
    read.ok().flatten().unwrap_or_default()
}

/// Reads an object; an array whose elements happen to fit is none.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a str, at: &str) -> Result<T, Problem> {
    let fault = |fault: serde_json::Error| {
        let code = if fault.is_data() {
            "bad_field"
        } else {
            RejectCode::NotJson.word()
        };
        Problem::new(at, code, fault.to_string())
    };
    if !text.starts_with('{') {
        serde_json::from_str::<IgnoredAny>(text).map_err(fault)?;
        return Err(Problem::new(at, "bad_field", "must be an object"));
    }
    serde_json::from_str(text).map_err(fault)
}

/// A key that means nothing here is passed over, but said: it may be another one misspelt.
fn unknown_keys(line: &str) -> Vec<Problem> {
    // The line has been read as an object before.
    let keys: BTreeMap<String, &RawValue> = serde_json::from_str(line).unwrap_or_default();
    let unknown = keys.keys().filter(|key| !KEYS.contains(&key.as_str()));
    unknown
        .map(|key| {
            let pointer = key.replace('~', "~0").replace('/', "~1");
            Problem::new(
                format!("/{pointer}"),
                "unknown_key",
                "is no key of a case, and was passed over",
            )
        })
        .collect()
}

fn plans(bodies: &[&RawValue], faults: &mut Vec<Problem>) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::with_capacity(bodies.len());
    for (place, body) in bodies.iter().enumerate() {
        match wire::plan::parse_versioned(body.get()) {
            Ok(plan) if plans.iter().any(|known| known.version == plan.version) => {
                let at = format!("/plans/{place}/version");
                faults.push(Problem::new(at, "duplicate", "is the version of an earlier plan"));
            }
            Ok(plan) => plans.push(plan),
            Err(problems) => faults.extend(problems.into_iter().map(|problem| Problem {
                at: format!("/plans/{place}{}", problem.at),
                ..problem
            })),
        }
    }
    plans
}

pub(super) fn instant(text: &str, at: String) -> Result<Instant, Problem> {
    wire::time::instant(text)
        .ok_or_else(|| Problem::new(at, "bad_time", "must be a time as RFC 3339 with an offset"))
}

/// The last decision by (`decided_at`, place in the case) on each reading.
fn decisions(
    bodies: &[&RawValue],
    arrivals: &[Arrival],
    faults: &mut Vec<Problem>,
    problems: &mut Vec<Problem>,
) -> HashMap<SessionKey, Vec<(u16, Decision)>> {
    let stored = arrivals.iter().filter_map(|arrival| match &arrival.admission {
        Admission::Stored { session, .. } => Some((&session.key, session.readings.len())),
        _ => None,
    });
    let readings: HashMap<_, _> = stored.collect();
    let mut taken: Vec<(Instant, SessionKey, u16, Decision)> = Vec::with_capacity(bodies.len());
    for (place, body) in bodies.iter().enumerate() {
        let at = format!("/decisions/{place}");
        let read = object::<DecisionBody>(body.get(), &at)
            .and_then(|body| Ok((instant(&body.decided_at, format!("{at}/decided_at"))?, body)));
        match read {
            Err(fault) => faults.push(fault),
            Ok((decided_at, body)) => {
                let key = SessionKey {
                    unit_id: body.unit_id,
                    session_id: body.session_id,
                };
                if readings
                    .get(&key)
                    .is_some_and(|count| usize::from(body.index) < *count)
                {
                    taken.push((decided_at, key, body.index, body.decision));
                } else {
                    problems.push(Problem::new(
                        at,
                        "unknown_reading",
                        "names no stored reading of this case",
                    ));
                }
            }
        }
    }
    taken.sort_by_key(|(decided_at, ..)| *decided_at);
    let mut last: HashMap<SessionKey, Vec<(u16, Decision)>> = HashMap::new();
    for (_, key, index, decision) in taken {
        let of_session = last.entry(key).or_default();
        of_session.retain(|(decided, _)| *decided != index);
        of_session.push((index, decision));
    }
    last
}
