//! A finding is never shown without who set its limit: the sentence that a call handler reads out ends with it.

use chrono::{DateTime, Utc};
use std::collections::HashMap;

use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Who;
use crate::domain::finding::{Class, FindingState, Severity, Side};
use crate::domain::ids::{PatientId, UnitId};
use crate::store::finding::FindingRow;
use crate::store::plan::Signature;
use crate::store::{self, StoreError, Tx};
use crate::web::time::{write, write_some};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingView {
    pub id: Uuid,
    /// The rule's id; for technical findings a fixed name.
    pub rule: String,
    /// For limits only.
    pub side: Option<Side>,
    pub kind: String,
    pub class: Class,
    pub severity: Severity,
    pub state: FindingState,
    /// First made more than 24 h after its session was completed.
    pub late: bool,
    pub plan_version: Option<i64>,
    pub set_by: Option<Who>,
    #[serde(serialize_with = "write_some")]
    pub set_at: Option<DateTime<Utc>>,
    pub session_id: Option<Uuid>,
    #[schema(value_type = Option<String>)]
    pub unit_id: Option<UnitId>,
    #[serde(serialize_with = "write")]
    pub at: DateTime<Utc>,
    /// In the unit of the measure; what the rule does not use is absent.
    #[schema(value_type = Object)]
    pub numbers: crate::domain::finding::Numbers,
    pub readings: Vec<Uuid>,
    /// Names value, limit and who set it.
    pub sentence: String,
    pub reason: Option<String>,
}

/// Who set which version of whose plan.
#[derive(Debug, Default)]
pub struct Signatures(HashMap<(PatientId, i64), Signed>);

#[derive(Debug)]
struct Signed {
    by: Signature,
    /// What ends the sentences of all its findings.
    ending: String,
}

impl Signatures {
    /// Of every version that these findings were judged by.
    pub async fn of<'a>(
        tx: &mut Tx,
        findings: impl IntoIterator<Item = &'a FindingRow>,
        timezone: Tz,
    ) -> Result<Self, StoreError> {
        let mut wanted: Vec<(PatientId, i64)> = findings
            .into_iter()
            .filter_map(|row| Some((row.patient_id?, row.finding.plan_version?)))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        Ok(Self::new(store::plan::signatures(tx, &wanted).await?, timezone))
    }

    /// `timezone` is that in which the day is told.
    pub fn new(signatures: Vec<Signature>, timezone: Tz) -> Self {
        Self(
            signatures
                .into_iter()
                .map(|by| ((by.patient_id, by.version), Signed::of(by, timezone)))
                .collect(),
        )
    }

    fn find(&self, row: &FindingRow) -> Option<&Signed> {
        self.0.get(&(row.patient_id?, row.finding.plan_version?))
    }

    /// The sentence with who set what it was judged by.
    pub fn sentence(&self, row: &FindingRow) -> String {
        let sentence = &row.finding.sentence;
        let Some(signed) = self.find(row).filter(|_| row.finding.class == Class::Clinical) else {
            return sentence.clone();
        };
        let end = if sentence.ends_with(['.', '!', '?']) {
            ""
        } else {
            "."
        };
        [sentence, end, &signed.ending].concat()
    }

    pub fn show(&self, row: FindingRow) -> FindingView {
        let sentence = self.sentence(&row);
        let signature = self.find(&row).map(|signed| &signed.by);
        FindingView {
            id: row.id.0,
            set_by: signature.map(|signature| signature.set_by.clone().into()),
            set_at: signature.map(|signature| signature.set_at),
            rule: row.finding.rule,
            side: row.finding.side,
            kind: row.finding.kind,
            class: row.finding.class,
            severity: row.finding.severity,
            state: row.state,
            late: row.late,
            plan_version: row.finding.plan_version,
            session_id: row.finding.session.map(|key| key.session_id),
            unit_id: row.finding.unit_id,
            at: row.finding.at,
            numbers: row.finding.numbers,
            readings: row.finding.readings.into_iter().map(|id| id.0).collect(),
            sentence,
            reason: row.finding.reason,
        }
    }
}

impl Signed {
    fn of(by: Signature, timezone: Tz) -> Self {
        let date = by.set_at.with_timezone(&timezone).format("%-d %B %Y");
        Self {
            ending: format!(" Set by {} on {date}.", by.set_by.name),
            by,
        }
    }
}
