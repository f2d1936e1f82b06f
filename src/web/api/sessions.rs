//! What was sent stands in the document, what became of it in `series`: both are shown side by side.

use chrono::{DateTime, Utc};
use std::collections::HashMap;

use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::finding::{FindingView, Signatures};
use super::shift::ShiftView;
use super::{ListOf, Who, cursor, limit};
use crate::desk::Refusal;
use crate::desk::shift::version;
use crate::domain::finding::FindingState;
use crate::domain::ids::{PatientId, ReadingId, SessionKey, UnitId};
use crate::domain::number::Milli;
use crate::domain::reading::{Context, Decision, Reading};
use crate::domain::session::{Answer as Answered, Trigger};
use crate::domain::time::moved;
use crate::store::decision::DecisionRow;
use crate::store::shift::ShiftRow;
use crate::store::shown::ShownSession;
use crate::store::{self, Tx};
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Path, Query};
use crate::web::looking::Showing as _;
use crate::web::problem::Problem;
use crate::web::time::AskedTime;
use crate::wire;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    #[schema(value_type = String)]
    pub unit_id: UnitId,
    pub session_id: Uuid,
    pub trigger: Trigger,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    /// The version it was judged by.
    pub plan_version: Option<i64>,
    /// By how much a person moved the session's times from those that the unit sent, which were from a wrong clock. Every
    /// time here but `received_at` and `sent` is moved by it.
    pub shift_seconds: i64,
    /// Each time that they were moved, oldest first.
    pub shifts: Vec<ShiftView>,
    /// Rises with each shift.
    pub version: i64,
    pub readings: Vec<ReadingView>,
    pub answers: Vec<AnswerView>,
    pub findings: Vec<FindingView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reading)]
pub struct ReadingView {
    pub id: Uuid,
    /// Its place in the session, from 0.
    pub index: u16,
    /// As sent, where the name is none of the measures.
    pub measure: String,
    /// In the measure's own unit; null where no usable number was sent.
    #[schema(value_type = Option<f64>)]
    pub value: Option<Milli>,
    pub unit: Option<&'static str>,
    pub sent: SentView,
    pub taken_at: DateTime<Utc>,
    /// `accepted`, `suspect` or `excluded`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// Why it is suspect, or what a person gave as reason.
    pub reason: Option<String>,
    pub context: Option<Context>,
    /// The last decision, where there is one.
    pub decision: Option<DecisionView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sent)]
pub struct SentView {
    /// As it stood on the wire, digit by digit.
    #[schema(value_type = Object)]
    pub value: Box<RawValue>,
    pub unit: String,
    pub comparator: Option<String>,
    pub source: Option<String>,
    /// By the unit's clock, before any shift.
    pub taken_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReadingDecision)]
pub struct DecisionView {
    pub decision: Decision,
    pub reason: String,
    pub by: Who,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Answer)]
pub struct AnswerView {
    pub question: String,
    pub answer: String,
    pub answered_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct SessionsQuery {
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    cursor: Option<String>,
    /// Completed from then (included).
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<AskedTime>,
    /// Completed until then (excluded).
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<AskedTime>,
    /// Superseded findings too.
    superseded: Option<bool>,
}

pub async fn list(
    Extract(state): Extract<State>,
    Path(id): Path<Uuid>,
    Query(query): Query<SessionsQuery>,
) -> Answer {
    let patient = PatientId(id);
    let period = (query.from.map(|from| from.0), query.to.map(|to| to.0));
    let most = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref());
    let mut tx = state.desk.db.read().await?;
    known(&mut tx, patient).await?;
    let page = store::shown::list(&mut tx, patient, period, after.as_ref(), most).await?;
    let keys: Vec<SessionKey> = page.items.iter().map(|session| session.key.clone()).collect();
    let rows = store::finding::of_sessions(&mut tx, &keys).await?;
    let signatures = Signatures::of(&mut tx, &rows).await?;
    let mut findings: HashMap<SessionKey, Vec<FindingView>> = HashMap::new();
    for row in rows {
        // What a former holder of the unit was found to have is not this patient's.
        let mine = row.patient_id == Some(patient);
        let wanted = row.state == FindingState::Current || query.superseded.unwrap_or(false);
        if let (Some(key), true) = (row.finding.session.clone(), mine && wanted) {
            let view = signatures.show(row, state.settings.timezone);
            findings.entry(key).or_default().push(view);
        }
    }
    let mut shifts: HashMap<SessionKey, Vec<ShiftRow>> = HashMap::new();
    for row in store::shift::of_sessions(&mut tx, &keys).await? {
        shifts.entry(row.key.clone()).or_default().push(row);
    }
    let sessions = unfold(&mut tx, &page.items).await?;
    let items = page
        .items
        .into_iter()
        .zip(sessions)
        .map(|(session, unfolded)| {
            let shifts = shifts.remove(&session.key).unwrap_or_default();
            SessionView {
                trigger: session.trigger,
                started_at: session.started_at,
                completed_at: session.completed_at,
                received_at: session.received_at,
                plan_version: session.plan_version,
                shift_seconds: session.document.shift_seconds,
                version: version(&shifts),
                shifts: shifts.into_iter().map(ShiftView::from).collect(),
                readings: unfolded.readings,
                answers: unfolded.answers,
                findings: findings.remove(&session.key).unwrap_or_default(),
                session_id: session.key.session_id,
                unit_id: session.key.unit_id,
            }
        })
        .collect();
    Ok(plain(&ListOf {
        items,
        next_cursor: page.next.map(|cursor| cursor.as_str().to_owned()),
    })
    .showing([patient]))
}

/// 404 where there is no such patient: an empty list would say that there is one.
pub(super) async fn known(tx: &mut Tx, patient: PatientId) -> Result<(), Problem> {
    match store::patient::get(tx, patient).await? {
        Some(_) => Ok(()),
        None => Err(Refusal::NotFound("patient").into()),
    }
}

/// A session's document, read.
pub(super) struct Unfolded {
    pub(super) readings: Vec<ReadingView>,
    pub(super) answers: Vec<AnswerView>,
}

/// Readings with their states and decisions, and answers, in the order of `sessions`.
pub(super) async fn unfold(tx: &mut Tx, sessions: &[ShownSession]) -> Result<Vec<Unfolded>, Problem> {
    let keys: Vec<SessionKey> = sessions.iter().map(|session| session.key.clone()).collect();
    let mut last: HashMap<(SessionKey, u16), DecisionRow> = HashMap::new();
    for row in store::decision::of_sessions(tx, &keys).await? {
        let place = (row.key.clone(), row.reading_index);
        let newer = last
            .get(&place)
            .is_none_or(|known| (known.decided_at, known.id) < (row.decided_at, row.id));
        if newer {
            last.insert(place, row);
        }
    }
    sessions
        .iter()
        .map(|session| {
            let decoded = wire::session::decode_moved(
                &session.key.unit_id,
                session.document.text.as_bytes(),
                session.received_at,
                session.document.shift_seconds,
            )
            .map_err(|rejection| {
                Problem::internal(&format!(
                    "session.document of {} can no longer be decoded: {:?}",
                    session.key, rejection.code
                ))
            })?;
            let readings = decoded
                .session
                .readings
                .into_iter()
                .map(|reading| {
                    let decision = last.remove(&(session.key.clone(), reading.index));
                    reading_view(session, reading, decision)
                })
                .collect::<Result<_, _>>()?;
            let answers = decoded.session.answers.into_iter().map(answer_view).collect();
            Ok(Unfolded { readings, answers })
        })
        .collect()
}

fn reading_view(
    session: &ShownSession,
    reading: Reading,
    decision: Option<DecisionRow>,
) -> Result<ReadingView, Problem> {
    let stored = session.series.get(usize::from(reading.index)).ok_or_else(|| {
        Problem::internal(&format!(
            "session.series of {} is shorter than its document",
            session.key
        ))
    })?;
    let value = RawValue::from_string(reading.sent.value).map_err(|error| Problem::internal(&error))?;
    let reason = match (stored.state.reason(), &decision) {
        (Some(code), _) => Some(code.to_owned()),
        (None, Some(decision)) => Some(decision.reason.clone()),
        (None, None) => None,
    };
    Ok(ReadingView {
        id: ReadingId::of(&session.key, reading.index).0,
        index: reading.index,
        measure: reading
            .measure
            .map_or(reading.sent.measure.into_owned(), |measure| {
                measure.code().to_owned()
            }),
        value: reading.value,
        unit: reading.measure.map(|measure| measure.facts().unit),
        sent: SentView {
            value,
            unit: reading.sent.unit.into_owned(),
            comparator: reading.sent.comparator,
            source: reading.sent.source,
            taken_at: moved(reading.taken_at, -session.document.shift_seconds).unwrap_or(reading.taken_at),
        },
        taken_at: reading.taken_at,
        state: stored.state.word(),
        reason,
        context: reading.context,
        decision: decision.map(|row| DecisionView {
            decision: row.decision,
            reason: row.reason,
            by: row.decided_by.into(),
            at: row.decided_at,
        }),
    })
}

fn answer_view(answer: Answered) -> AnswerView {
    AnswerView {
        question: answer.question,
        answer: answer.answer,
        answered_at: answer.answered_at,
    }
}
