//! What goes over the wire, with absent and null left out of what a unit sends: the service must treat them
//! alike. Keys that a later service adds are ignored here, as a unit in a home is never the first to be updated.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

/// One run at the unit. Kept until its receipt, and sent again under the same `session_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub session_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instant_or_null")]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "instant")]
    pub completed_at: DateTime<Utc>,
    /// Set anew at every try; the service leaves it out when it compares contents.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instant_or_null")]
    pub sent_at: Option<DateTime<Utc>>,
    pub readings: Vec<Reading>,
    pub answers: Vec<Answer>,
}

/// Why a session was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    Scheduled,
    Patient,
    Retest,
}

/// One value of one measure. `value` is any JSON value, because a broken meter sends any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub measure: String,
    pub value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparator: Option<String>,
    /// UCUM.
    pub unit: String,
    #[serde(serialize_with = "instant")]
    pub taken_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peripheral: Option<Peripheral>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// The instrument that measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peripheral {
    pub model: String,
    pub serial: String,
}

/// The answer to one question: an option's code, or `not_answered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub question: String,
    pub answer: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instant_or_null")]
    pub answered_at: Option<DateTime<Utc>>,
}

/// How the unit is. Retained on the broker; with `online: false` it is also the last will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub online: bool,
    #[serde(serialize_with = "instant")]
    pub at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instant_or_null")]
    pub sent_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery_pct: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// Sessions without a receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<u64>,
}

/// The unit's only proof that the service has a session.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// Text, not a UUID: a rejected session is receipted under whatever could be read.
    pub session_id: String,
    pub outcome: Outcome,
    pub received_at: DateTime<Utc>,
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// What the service did with a session. After each of the three the unit forgets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Stored,
    Duplicate,
    Rejected,
}

/// One fault in a session, with the JSON pointer to its place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Problem {
    pub at: String,
    pub code: String,
    #[serde(default)]
    pub detail: Option<String>,
}

/// What the desk asks of the patient.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Request {
    pub request_id: String,
    pub kind: RequestKind,
    /// To measure again; nothing named means everything the plan lists.
    #[serde(default)]
    pub measures: Option<Vec<String>>,
    #[serde(default)]
    pub text: Option<String>,
    /// A request that is answered later than this is not answered at all.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    Retest,
    Message,
}

impl Session {
    /// An empty session completed at `at`, to be filled by hand.
    pub fn new(session_id: Uuid, at: DateTime<Utc>) -> Self {
        Self {
            session_id,
            seq: None,
            trigger: None,
            request_id: None,
            plan_version: None,
            started_at: None,
            completed_at: at,
            sent_at: None,
            readings: Vec::new(),
            answers: Vec::new(),
        }
    }

    #[must_use]
    pub fn reading(mut self, reading: Reading) -> Self {
        self.readings.push(reading);
        self
    }

    #[must_use]
    pub fn answer(mut self, question: &str, answer: &str) -> Self {
        self.answers.push(Answer {
            question: question.to_owned(),
            answer: answer.to_owned(),
            answered_at: None,
        });
        self
    }

    /// The bytes of one try, sent at `sent_at`.
    pub fn bytes(&self, sent_at: DateTime<Utc>) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Self {
            sent_at: Some(sent_at),
            ..self.clone()
        })
    }
}

impl Reading {
    /// A plain reading; `value` is mostly a number, and null where it is not finite.
    pub fn new(measure: &str, value: impl Into<Value>, unit: &str, taken_at: DateTime<Utc>) -> Self {
        Self {
            measure: measure.to_owned(),
            value: value.into(),
            comparator: None,
            unit: unit.to_owned(),
            taken_at,
            source: None,
            peripheral: None,
            context: None,
        }
    }
}

/// RFC 3339 with the offset written out, as the contract's example has it, and no fraction of a second that a
/// unit's clock does not have.
fn instant<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn instant_or_null<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => instant(at, serializer),
        None => serializer.serialize_none(),
    }
}
