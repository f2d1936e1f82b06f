//! A finding's id says what it is about, not what it measured: judged again with other numbers it stays the same finding.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::ids::{FindingId, PatientId, ReadingId, SessionKey, UnitId};
use super::number::Milli;
use super::time::Instant;
use super::words::words;

/// One rule's outcome on one session, unit event or due time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Rule id; for technical findings the fixed name (`suspect`, `unassigned` …).
    pub rule: String,
    /// For limits only.
    pub side: Option<Side>,
    /// The rule kind's word; for technical findings the same as `rule`.
    pub kind: String,
    pub class: Class,
    pub severity: Severity,
    /// Of the version judged by; `None` where no plan was needed.
    pub plan_version: Option<i64>,
    pub session: Option<SessionKey>,
    pub unit_id: Option<UnitId>,
    /// When it was so: `taken_at` of its reading, `completed_at` of its session, or the event's time.
    pub at: Instant,
    pub numbers: Numbers,
    /// The reading that fired first, then those it was measured against.
    pub readings: Vec<ReadingId>,
    /// One English sentence that a call handler can read out.
    pub sentence: String,
    /// A code where the rule has several causes (`weight_jump`, `not_json`).
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Clinical,
    Compliance,
    Technical,
}

/// Ordered: the later is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Stored; raises nothing alone.
    Context,
    Amber,
    Red,
}

/// Which bound of a limits rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    AmberHigh,
    AmberLow,
    RedHigh,
    RedLow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    Current,
    /// Judged again and no longer so; kept.
    Superseded,
}

words! {
    Class { Clinical = "clinical", Compliance = "compliance", Technical = "technical" }
    Severity { Context = "context", Amber = "amber", Red = "red" }
    Side { AmberHigh = "amber_high", AmberLow = "amber_low", RedHigh = "red_high", RedLow = "red_low" }
    FindingState { Current = "current", Superseded = "superseded" }
}

/// The numbers a finding rests on, in the unit of its measure; what a rule does not use is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Milli>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<Milli>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Milli>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Milli>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Milli>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sd: Option<Milli>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<Milli>,
}

/// The rule of technical findings about a reading that is not believed.
pub const SUSPECT: &str = "suspect";

/// The `UUIDv5` of the DNS name `homeward.finding`.
const FINDING_NAMESPACE: Uuid = Uuid::from_u128(0xf0fa_f2e9_54c9_5558_84be_5589_9aaa_a6b8);

/// The identity that engine.md gives a finding: patient (or none), session (or the event's key), rule, side, severity; for `suspect` the reading too.
pub fn identity(patient: Option<PatientId>, finding: &Finding, event_key: Option<&str>) -> FindingId {
    let mut name = String::with_capacity(160);
    let mut part = |text: &str| {
        name.push_str(text);
        name.push('|');
    };
    part(&patient.map(|id| id.to_string()).unwrap_or_default());
    part(
        &finding
            .session
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    );
    part(event_key.unwrap_or_default());
    part(&finding.rule);
    part(finding.side.map_or("", Side::word));
    part(finding.severity.word());
    if finding.rule == SUSPECT {
        part(
            &finding
                .readings
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
        );
    }
    FindingId(Uuid::new_v5(&FINDING_NAMESPACE, name.as_bytes()))
}
