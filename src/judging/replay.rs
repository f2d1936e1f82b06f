//! Law 2 held against the store: judging what is stored again must give what stands, byte for byte in canonical form.
//! Compared are clinical, `suspect` and `unknown_answer` findings, and what each session keeps of its verdict.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::domain::finding::{Finding, FindingState, identity};
use crate::domain::ids::{FindingId, PatientId, SessionKey};
use crate::domain::time::Instant;
use crate::engine::{Judged, PastSession, ToJudge};
use crate::store::finding::FindingRow;
use crate::store::{self, Tx};

use super::past::{self, Again, Touched};
use super::plans::PlanShelf;
use super::rejudge::{JudgingFault, judge_each};
use super::standing::Standing;
use super::verdict::is_judged;

/// What came of one patient.
#[derive(Debug, Default)]
pub struct Replayed {
    pub sessions: usize,
    pub findings: usize,
    pub differences: Vec<Difference>,
}

/// What stands otherwise than it is judged. It names no value: whoever looks at it sees no reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub session: SessionKey,
    pub what: What,
    /// The rule, with its side and severity; `None` where it is the session's own.
    pub finding: Option<String>,
    /// The parts that are not as they would be judged.
    pub parts: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It would be found, and no current finding says so.
    Missing,
    /// A current finding stands and would not be found.
    Unfounded,
    /// It stands and says something else.
    Differs,
    /// What the session keeps for judging others.
    Session,
}

impl What {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unfounded => "unfounded",
            Self::Differs => "differs",
            Self::Session => "session",
        }
    }
}

/// A finding's canonical form, part by part: without id, time of making and `late`.
fn canonical(finding: &Finding) -> [(&'static str, Value); 13] {
    [
        (
            "session",
            json!(finding.session.as_ref().map(ToString::to_string)),
        ),
        ("rule", json!(finding.rule)),
        ("side", json!(finding.side)),
        ("kind", json!(finding.kind)),
        ("class", json!(finding.class)),
        ("severity", json!(finding.severity)),
        ("plan_version", json!(finding.plan_version)),
        ("unit_id", json!(finding.unit_id)),
        ("at", json!(finding.at)),
        ("numbers", json!(finding.numbers)),
        ("readings", json!(finding.readings)),
        ("sentence", json!(finding.sentence)),
        ("reason", json!(finding.reason)),
    ]
}

/// The parts of a finding that are other bytes than in the one that stands.
fn other_parts(finding: &Finding, stands: &Finding) -> Vec<&'static str> {
    let bytes = |part: &Value| serde_json::to_vec(part).ok();
    let both = canonical(finding).into_iter().zip(canonical(stands));
    both.filter(|((_, one), (_, other))| bytes(one) != bytes(other))
        .map(|((part, _), _)| part)
        .collect()
}

/// Judges the patient's sessions completed in the period again, and compares. What lies before it is taken as it stands.
/// Writes nothing; exact only where nobody else writes meanwhile.
pub async fn replay(
    tx: &mut Tx,
    patient: PatientId,
    (from, to): (Instant, Option<Instant>),
) -> Result<Replayed, JudgingFault> {
    let plans = PlanShelf::default()
        .of(tx, &[patient])
        .await?
        .remove(&patient)
        .unwrap_or_default();
    let touched = Touched {
        patient,
        from,
        earliest: from,
        plans: plans.clone(),
        known: None,
    };
    let Some(reached) = past::load(tx, vec![touched]).await?.remove(&patient) else {
        return Ok(Replayed::default());
    };
    let keys: Vec<SessionKey> = reached
        .again
        .iter()
        .map(|again| again.before.key().clone())
        .collect();
    let mut standing: HashMap<SessionKey, BTreeMap<FindingId, FindingRow>> = HashMap::new();
    for row in store::finding::of_sessions(tx, &keys).await? {
        // What a former holder of the unit was found to have is superseded; current, it is nobody's.
        if let (Some(key), true) = (
            &row.finding.session,
            row.state == FindingState::Current && is_judged(&row),
        ) {
            standing.entry(key.clone()).or_default().insert(row.id, row);
        }
    }
    let past: Vec<&PastSession> = reached.past.iter().map(|standing| &standing.session).collect();
    let to_judge: Vec<ToJudge<'_>> = reached.again.iter().map(Again::to_judge).collect();
    let judged = judge_each(&plans, &past, &to_judge);
    let mut replayed = Replayed::default();
    let in_period = |at: Instant| from <= at && to.is_none_or(|to| at < to);
    for (again, judged) in reached.again.iter().zip(&judged) {
        let standing = standing.remove(again.before.key()).unwrap_or_default();
        if in_period(again.before.completed_at()) {
            replayed.sessions += 1;
            replayed.findings += judged.findings.len();
            compare(patient, again, judged, standing, &mut replayed.differences);
        }
    }
    Ok(replayed)
}

fn compare(
    patient: PatientId,
    again: &Again,
    judged: &Judged,
    mut standing: BTreeMap<FindingId, FindingRow>,
    differences: &mut Vec<Difference>,
) {
    let key = again.before.key();
    let difference = |what, finding: Option<&Finding>, parts| Difference {
        session: key.clone(),
        what,
        finding: finding.map(name),
        parts,
    };
    let stands = Standing::of(&again.session, judged);
    if stands != again.before {
        let parts = [
            (
                "readings",
                stands.session.readings == again.before.session.readings,
            ),
            ("fired", stands.session.fired == again.before.session.fired),
            ("plan_version", stands.plan_version == again.before.plan_version),
            ("out_of_time", stands.out_of_time == again.before.out_of_time),
            (
                "completed_at",
                stands.completed_at() == again.before.completed_at(),
            ),
        ];
        let parts = parts.into_iter().filter(|(_, same)| !same).map(|(part, _)| part);
        differences.push(difference(What::Session, None, parts.collect()));
    }
    for finding in &judged.findings {
        let Some(row) = standing.remove(&identity(Some(patient), finding, None)) else {
            differences.push(difference(What::Missing, Some(finding), Vec::new()));
            continue;
        };
        let mut parts = other_parts(finding, &row.finding);
        if row.patient_id != Some(patient) {
            parts.push("patient_id");
        }
        if !parts.is_empty() {
            differences.push(difference(What::Differs, Some(finding), parts));
        }
    }
    for row in standing.into_values() {
        differences.push(difference(What::Unfounded, Some(&row.finding), Vec::new()));
    }
}

/// `limits.spo2.red_low red`.
fn name(finding: &Finding) -> String {
    let side = finding
        .side
        .map(|side| format!(".{}", side.word()))
        .unwrap_or_default();
    format!("{}{side} {}", finding.rule, finding.severity.word())
}
