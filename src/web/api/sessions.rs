//! What was sent stands in the document, what became of it in `series`: both are shown side by side.

use chrono::{DateTime, Utc};
use std::borrow::Cow;
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
use crate::domain::ids::{PatientId, ReadingId, ReadingIds, SessionKey, UnitId};
use crate::domain::number::Milli;
use crate::domain::reading::{Context, Decision};
use crate::domain::session::Trigger;
use crate::domain::time::moved;
use crate::store::decision::DecisionRow;
use crate::store::series::SeriesReading;
use crate::store::shift::ShiftRow;
use crate::store::shown::ShownSession;
use crate::store::{self, Tx};
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Path, Query};
use crate::web::looking::Showing as _;
use crate::web::problem::Problem;
use crate::web::time::{AskedTime, write, write_some};
use crate::wire;
use crate::wire::shown::{SaidAnswer, SaidReading, Words};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    #[schema(value_type = String)]
    pub unit_id: UnitId,
    pub session_id: Uuid,
    pub trigger: Trigger,
    #[serde(serialize_with = "write_some")]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "write")]
    pub completed_at: DateTime<Utc>,
    #[serde(serialize_with = "write")]
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

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Reading)]
pub struct ReadingView {
    pub id: Uuid,
    /// Its place in the session, from 0.
    pub index: u16,
    /// As sent, where the name is none of the measures.
    #[schema(value_type = String)]
    pub measure: Cow<'static, str>,
    /// In the measure's own unit; null where no usable number was sent.
    #[schema(value_type = Option<f64>)]
    pub value: Option<Milli>,
    pub unit: Option<&'static str>,
    pub sent: SentView,
    #[serde(serialize_with = "write")]
    pub taken_at: DateTime<Utc>,
    /// `accepted`, `suspect` or `excluded`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// Why it is suspect, or what a person gave as reason.
    #[schema(value_type = Option<String>)]
    pub reason: Option<Cow<'static, str>>,
    pub context: Option<Context>,
    /// The last decision, where there is one.
    pub decision: Option<DecisionView>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Sent)]
pub struct SentView {
    /// As it stood on the wire, digit by digit.
    #[schema(value_type = Object)]
    pub value: Box<RawValue>,
    #[schema(value_type = String)]
    pub unit: Cow<'static, str>,
    pub comparator: Option<String>,
    #[schema(value_type = Option<String>)]
    pub source: Option<Cow<'static, str>>,
    /// By the unit's clock, before any shift.
    #[serde(serialize_with = "write")]
    pub taken_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
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
    #[serde(serialize_with = "write_some")]
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
    let page = match store::shown::list(&mut tx, patient, period, after.as_ref(), most).await {
        Ok(page) if !page.items.is_empty() => page,
        listed => {
            known(&mut tx, patient).await?;
            listed?
        }
    };
    let keys = keys(&page.items);
    let (rows, signatures) = store::finding::signed_of_sessions(&mut tx, patient, &keys).await?;
    let signatures = Signatures::new(signatures, state.settings.timezone);
    let mut findings: HashMap<SessionKey, Vec<FindingView>> = HashMap::new();
    for row in rows {
        let wanted = row.state == FindingState::Current || query.superseded.unwrap_or(false);
        if let (Some(key), true) = (row.finding.session.clone(), wanted) {
            findings.entry(key).or_default().push(signatures.show(row));
        }
    }
    let mut shifts: HashMap<SessionKey, Vec<ShiftRow>> = HashMap::new();
    let moved = self::keys(page.items.iter().filter(|session| session.was_moved));
    for row in store::shift::of_sessions(&mut tx, &moved).await? {
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

fn keys<'a>(sessions: impl IntoIterator<Item = &'a ShownSession>) -> Vec<SessionKey> {
    sessions.into_iter().map(|session| session.key.clone()).collect()
}

/// Readings with their states and decisions, and answers, in the order of `sessions`.
pub(super) async fn unfold(tx: &mut Tx, sessions: &[ShownSession]) -> Result<Vec<Unfolded>, Problem> {
    let decided = keys(sessions.iter().filter(|session| session.was_decided));
    let mut last: HashMap<(SessionKey, u16), DecisionRow> = HashMap::new();
    for row in store::decision::of_sessions(tx, &decided).await? {
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
            let words = wire::shown::words(&session.document.text, session.document.shift_seconds);
            let Words { readings, answers } = words.ok_or_else(|| {
                Problem::internal(&format!(
                    "session.document of {} can no longer be read",
                    session.key
                ))
            })?;
            if readings.len() != session.series.len() {
                return Err(Problem::internal(&format!(
                    "session.series of {} is not of its document",
                    session.key
                )));
            }
            let mut ids = ReadingIds::of(&session.key);
            let readings = (0..)
                .zip(readings)
                .zip(&session.series)
                .map(|((index, said), stored)| {
                    let decision = (session.was_decided)
                        .then(|| last.remove(&(session.key.clone(), index)))
                        .flatten();
                    let seconds = session.document.shift_seconds;
                    reading_view((ids.at(index), index), said, (stored, seconds), decision)
                })
                .collect();
            let answers = answers.into_iter().map(answer_view).collect();
            Ok(Unfolded { readings, answers })
        })
        .collect()
}
/// `seconds`: by how many a person moved what is stored from what was sent.
fn reading_view(
    (id, index): (ReadingId, u16),
    said: SaidReading<'_>,
    (stored, seconds): (&SeriesReading, i64),
    decision: Option<DecisionRow>,
) -> ReadingView {
    let unit = stored.measure.map(|measure| measure.facts().unit);
    let reason = match (stored.state.reason(), &decision) {
        (Some(code), _) => Some(Cow::Borrowed(code)),
        (None, Some(decision)) => Some(Cow::Owned(decision.reason.clone())),
        (None, None) => None,
    };
    ReadingView {
        id: id.0,
        index,
        measure: stored.measure.map_or_else(
            || Cow::Owned(said.measure.into_owned()),
            |measure| Cow::Borrowed(measure.code()),
        ),
        value: stored.value,
        unit,
        sent: SentView {
            value: said.value.to_owned(),
            unit: match unit {
                Some(unit) if said.unit == unit => Cow::Borrowed(unit),
                _ => Cow::Owned(said.unit.into_owned()),
            },
            comparator: said.comparator.map(Cow::into_owned),
            source: said.source.map(source),
            taken_at: moved(stored.taken_at, -seconds).unwrap_or(stored.taken_at),
        },
        taken_at: stored.taken_at,
        state: stored.state.word(),
        reason,
        context: said.context,
        decision: decision.map(|row| DecisionView {
            decision: row.decision,
            reason: row.reason,
            by: row.decided_by.into(),
            at: row.decided_at,
        }),
    }
}

/// Nearly always one of two words, which need no memory of their own.
fn source(said: Cow<'_, str>) -> Cow<'static, str> {
    let known = wire::shown::SOURCES.into_iter().find(|word| said == *word);
    known.map_or_else(|| Cow::Owned(said.into_owned()), Cow::Borrowed)
}

fn answer_view(answer: SaidAnswer<'_>) -> AnswerView {
    AnswerView {
        question: answer.question.into_owned(),
        answer: answer.answer.into_owned(),
        answered_at: answer.answered_at,
    }
}
