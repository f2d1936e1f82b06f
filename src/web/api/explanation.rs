//! All that a finding rests on, on one page: whoever doubts it must not have to put it together from five lists.

use std::sync::Arc;

use axum::extract::State as Extract;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Who;
use super::finding::{FindingView, Signatures};
use super::readings::ReadingOfSession;
use super::sessions::{AnswerView, unfold};
use crate::desk::Refusal;
use crate::domain::alert::{Alert, AlertState, Outcome};
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::{FindingId, PatientId};
use crate::domain::number::Milli;
use crate::domain::plan::Plan;
use crate::domain::reading::{Comparator, judged_value};
use crate::domain::rule::Rule;
use crate::domain::time::Instant;
use crate::engine::{explain, reach};
use crate::store::finding::FindingRow;
use crate::store::plan::PlanRow;
use crate::store::shown::ShownSession;
use crate::store::{self, Tx};
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::Path;
use crate::web::looking::Showing as _;
use crate::web::problem::Problem;
use crate::wire;

/// The most readings of a window that are shown: the latest.
const MOST: usize = 1000;
/// Sessions read at a time.
const STEP: u32 = 200;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub struct ExplanationView {
    pub finding: FindingView,
    pub patient_id: Option<Uuid>,
    /// When it was first made; `finding.late` says whether that was more than a day after its session.
    pub made_at: DateTime<Utc>,
    /// The version it was judged by; null where none was needed.
    pub plan: Option<JudgedBy>,
    /// The rule as it was written; null where the version holds none of that id.
    #[schema(value_type = Option<Object>)]
    pub rule: Option<Box<RawValue>>,
    /// The sum in numbers and words, such as `84.2 − 81.9 = 2.3 ≥ 2`; null where the rule has no numbers.
    pub computation: Option<String>,
    /// What it rests on: the reading that fired first, then those it was measured against.
    pub readings: Vec<JudgedReading>,
    /// Where the rule looks back: from when on.
    pub window_from: Option<DateTime<Utc>>,
    /// Every reading of the rule's measure in that window, as it stands now, whether it counts or not; oldest first.
    pub window: Vec<JudgedReading>,
    /// Earlier ones of the window that are not shown.
    pub window_left_out: usize,
    /// The answers of its session.
    pub answers: Vec<AnswerView>,
    /// The alerts that it stands on.
    pub alerts: Vec<AlertLine>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct JudgedBy {
    pub version: i64,
    pub reason: String,
    pub effective_from: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    pub set_by: Who,
    pub set_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct JudgedReading {
    /// What rules compare: a thousandth beyond `value` where the meter showed LO or HI.
    #[schema(value_type = Option<f64>)]
    pub judged: Option<Milli>,
    #[serde(flatten)]
    pub reading: ReadingOfSession,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertOfFinding)]
pub struct AlertLine {
    pub id: Uuid,
    pub class: Class,
    pub severity: Severity,
    #[schema(value_type = String)]
    pub state: &'static str,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub outcome: Option<Outcome>,
}

impl From<Alert> for AlertLine {
    fn from(alert: Alert) -> Self {
        let closing = match &alert.state {
            AlertState::Closed(closing) => Some(closing),
            _ => None,
        };
        Self {
            id: alert.id.0,
            class: alert.class,
            severity: alert.severity,
            state: alert.state.word(),
            opened_at: alert.opened_at,
            closed_at: closing.map(|closing| closing.at),
            outcome: closing.map(|closing| closing.outcome),
        }
    }
}

pub async fn get(Extract(state): Extract<State>, Path(id): Path<Uuid>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let row = store::finding::of(&mut tx, &[FindingId(id)]).await?.pop();
    let row = row.ok_or(Refusal::NotFound("finding"))?;
    let judged_by = judged_by(&mut tx, &row).await?;
    let rule = judged_by.as_ref().and_then(|(plan, _)| rule_of(plan, &row));
    let (measure, begin) = match (&judged_by, rule) {
        (Some((plan, _)), Some(rule)) => {
            explain::looks_back(&rule.kind, plan.timezone, row.finding.at).unzip()
        }
        _ => (None, None),
    };
    let begin = begin.flatten();
    let sessions = sessions(&mut tx, &row, judged_by.as_ref().map(|(plan, _)| plan), rule).await?;
    let unfolded = unfold(&mut tx, &sessions).await?;
    let (mut all, mut answers) = (Vec::new(), Vec::new());
    for (session, unfolded) in sessions.iter().zip(unfolded) {
        if row.finding.session.as_ref() == Some(&session.key) {
            answers = unfolded.answers;
        }
        all.extend(unfolded.readings.into_iter().map(|reading| ReadingOfSession {
            unit_id: session.key.unit_id.clone(),
            session_id: session.key.session_id,
            reading,
        }));
    }
    let rests_on = |id| all.iter().find(|one| one.reading.id == id).cloned();
    let readings = row
        .finding
        .readings
        .iter()
        .filter_map(|id| rests_on(id.0))
        .map(judged)
        .collect();
    let mut window: Vec<ReadingOfSession> = Vec::new();
    if let (Some(measure), Some(begin)) = (measure, begin) {
        let within = |one: &ReadingOfSession| {
            let taken_at = one.reading.taken_at;
            one.reading.measure == measure.code() && begin <= taken_at && taken_at <= row.finding.at
        };
        window = all.into_iter().filter(within).collect();
        window.sort_by_key(|one| one.reading.taken_at);
    }
    let window_left_out = window.len().saturating_sub(MOST);
    let window = window
        .split_off(window_left_out)
        .into_iter()
        .map(judged)
        .collect();
    let alerts = store::alert::with(&mut tx, row.id).await?;
    let signatures = Signatures::of(&mut tx, [&row], state.settings.timezone).await?;
    let patient = row.patient_id;
    let view = ExplanationView {
        patient_id: patient.map(|patient| patient.0),
        made_at: row.made_at,
        computation: rule.and_then(|rule| explain::computation(rule, &row.finding)),
        rule: judged_by
            .as_ref()
            .and_then(|(_, stored)| as_written(&stored.body, &row.finding.rule)),
        plan: judged_by.map(|(_, stored)| JudgedBy {
            version: stored.version,
            reason: stored.reason,
            effective_from: stored.effective_from,
            until: stored.until,
            set_by: stored.set_by.into(),
            set_at: stored.set_at,
        }),
        readings,
        window_from: begin,
        window,
        window_left_out,
        answers,
        alerts: alerts.into_iter().map(AlertLine::from).collect(),
        finding: signatures.show(row),
    };
    Ok(plain(&view).showing(patient))
}

/// The version that the finding was judged by, parsed and as it is stored.
async fn judged_by(tx: &mut Tx, row: &FindingRow) -> Result<Option<(Plan, PlanRow)>, Problem> {
    let Some(wanted) = row.patient_id.zip(row.finding.plan_version) else {
        return Ok(None);
    };
    let Some(stored) = store::plan::bodies(tx, &[wanted]).await?.pop() else {
        return Ok(None);
    };
    let plan = wire::plan::parse(&stored.body, stored.version).map_err(|_| {
        Problem::internal(&format!(
            "plan_version {} of patient {} can no longer be read",
            stored.version, stored.patient_id
        ))
    })?;
    Ok(Some((plan, stored)))
}

fn rule_of<'a>(plan: &'a Plan, row: &FindingRow) -> Option<&'a Arc<Rule>> {
    plan.rules.iter().find(|rule| rule.id == row.finding.rule)
}

/// The rule's own text in the body.
fn as_written(body: &str, id: &str) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Body {
        rules: Vec<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let body: Body = serde_json::from_str(body).ok()?;
    let named = |rule: &RawValue| serde_json::from_str::<Named>(rule.get()).is_ok_and(|named| named.id == id);
    body.rules.into_iter().find(|rule| named(rule))
}

/// The finding's session, and the patient's others as far back as the rule looks.
async fn sessions(
    tx: &mut Tx,
    row: &FindingRow,
    plan: Option<&Plan>,
    rule: Option<&Arc<Rule>>,
) -> Result<Vec<ShownSession>, Problem> {
    let Some(key) = row.finding.session.clone() else {
        return Ok(Vec::new());
    };
    let own = store::shown::of(tx, &[key]).await?;
    let (Some(patient), Some(plan), Some(rule), Some(session)) = (row.patient_id, plan, rule, own.first())
    else {
        return Ok(own);
    };
    // A session that has changed hands since is somebody else's now.
    if session.patient_id != Some(patient) {
        return Ok(own);
    }
    let alone = Plan {
        rules: vec![Arc::clone(rule)],
        ..plan.clone()
    };
    // A reading may have been taken well before its session's end, and a later session may hold an earlier one.
    let day = TimeDelta::days(1);
    let from = row.finding.at.min(session.completed_at) - reach(&[alone]) - day;
    all_of(tx, patient, (from, session.completed_at + day)).await
}

async fn all_of(
    tx: &mut Tx,
    patient: PatientId,
    (from, to): (Instant, Instant),
) -> Result<Vec<ShownSession>, Problem> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let period = (Some(from), Some(to));
        let page = store::shown::list(tx, patient, period, after.as_ref(), STEP).await?;
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

fn judged(reading: ReadingOfSession) -> JudgedReading {
    let comparator = match reading.reading.sent.comparator.as_deref() {
        Some("<") => Some(Comparator::Less),
        Some(">") => Some(Comparator::Greater),
        _ => None,
    };
    JudgedReading {
        judged: judged_value(reading.reading.value, comparator),
        reading,
    }
}
