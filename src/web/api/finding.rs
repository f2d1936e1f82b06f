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
    pub set_at: Option<DateTime<Utc>>,
    pub session_id: Option<Uuid>,
    #[schema(value_type = Option<String>)]
    pub unit_id: Option<UnitId>,
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
pub struct Signatures(HashMap<(PatientId, i64), Signature>);

impl Signatures {
    /// Of every version that these findings were judged by.
    pub async fn of<'a>(
        tx: &mut Tx,
        findings: impl IntoIterator<Item = &'a FindingRow>,
    ) -> Result<Self, StoreError> {
        let mut wanted: Vec<(PatientId, i64)> = findings
            .into_iter()
            .filter_map(|row| Some((row.patient_id?, row.finding.plan_version?)))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let signatures = store::plan::signatures(tx, &wanted).await?;
        Ok(Self(
            signatures
                .into_iter()
                .map(|signature| ((signature.patient_id, signature.version), signature))
                .collect(),
        ))
    }

    fn find(&self, row: &FindingRow) -> Option<&Signature> {
        self.0.get(&(row.patient_id?, row.finding.plan_version?))
    }

    /// The sentence with who set what it was judged by.
    pub fn sentence(&self, row: &FindingRow, timezone: Tz) -> String {
        let sentence = &row.finding.sentence;
        let Some(signature) = self.find(row).filter(|_| row.finding.class == Class::Clinical) else {
            return sentence.clone();
        };
        let date = signature.set_at.with_timezone(&timezone).format("%-d %B %Y");
        let end = if sentence.ends_with(['.', '!', '?']) {
            ""
        } else {
            "."
        };
        format!("{sentence}{end} Set by {} on {date}.", signature.set_by.name)
    }

    pub fn show(&self, row: FindingRow, timezone: Tz) -> FindingView {
        let sentence = self.sentence(&row, timezone);
        let signature = self.find(&row);
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
