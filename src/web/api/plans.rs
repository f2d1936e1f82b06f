//! A version is shown as the body that was put, with its number and who set it; it never changes.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

use super::sessions::known;
use super::{ListOf, PageQuery, Who, bad_query};
use crate::desk::{Refusal, news2, plan};
use crate::domain::ids::PatientId;
use crate::domain::plan::{Reigning, reigning};
use crate::domain::review::Mark;
use crate::domain::time::Instant;
use crate::store::plan::PlanRow;
use crate::store::plan_put::PlanPut;
use crate::store::{self, Tx};
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain, versioned};
use crate::web::extract::{Path, Precondition, Query, Text};
use crate::web::looking::Showing as _;
use crate::web::problem::Problem;
use crate::wire::problem::Problem as Fault;

/// One version of a patient's parameters: the keys of the plan body stand beside these.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanVersion)]
pub struct PlanView {
    pub patient_id: Uuid,
    /// From 1.
    pub version: i64,
    pub set_by: Who,
    pub set_at: DateTime<Utc>,
    /// Whether it is in force now.
    pub in_force: bool,
    /// Which is in force now, and what follows when. With the newest version only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingView>,
    /// It began before it was set: what it covers was judged again.
    pub back_dated: bool,
    /// What judging again by it did to findings; null where nobody counted.
    pub rejudged: Option<RejudgedView>,
    /// Where it is wider than before, for a second person; null where it is not.
    pub review: Option<ReviewView>,
    /// What came to be known since it was put, and that it does not fit: while it is in force or will be, at each place.
    pub problems: Vec<Fault>,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub body: BTreeMap<String, Box<RawValue>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanStanding)]
pub struct StandingView {
    /// The version in force now.
    pub version: i64,
    /// When another one will be, as far as is known.
    pub until: Option<DateTime<Utc>>,
    /// Which one that is.
    pub next: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rejudged)]
pub struct RejudgedView {
    /// Findings that hold no longer.
    pub superseded: u64,
    /// Findings that are new, or hold again.
    pub made: u64,
    /// Of those made, how many more than a day after their session.
    pub late: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanReview)]
pub struct ReviewView {
    /// `waiting` or `confirmed`.
    #[schema(value_type = String)]
    pub state: &'static str,
    pub marks: Vec<Mark>,
    /// What whoever set it gave as the reason; null where a machine set it.
    pub why: Option<String>,
    pub confirmed_by: Option<Who>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub note: Option<String>,
}

impl ReviewView {
    fn of(put: PlanPut) -> Option<Self> {
        let state = if put.waits() { "waiting" } else { "confirmed" };
        let (by, at, note) = match put.confirmed {
            None => (None, None, None),
            Some(confirmed) => (Some(confirmed.by.into()), Some(confirmed.at), confirmed.note),
        };
        (!put.marks.is_empty()).then_some(Self {
            state,
            marks: put.marks,
            why: put.why,
            confirmed_by: by,
            confirmed_at: at,
            note,
        })
    }
}

impl PlanView {
    fn of(
        row: PlanRow,
        put: Option<PlanPut>,
        problems: Vec<Fault>,
        reigning: Option<Reigning>,
    ) -> Result<Self, Problem> {
        let body = serde_json::from_str(&row.body).map_err(|error| {
            Problem::internal(&format!(
                "plan_version.body of {} version {} can no longer be read: {error}",
                row.patient_id, row.version
            ))
        })?;
        let rejudged = put.as_ref().and_then(|put| put.rejudged);
        Ok(Self {
            patient_id: row.patient_id.0,
            version: row.version,
            in_force: reigning.is_some_and(|reigning| reigning.version == row.version),
            standing: None,
            back_dated: row.effective_from < row.set_at,
            rejudged: rejudged.map(|counted| RejudgedView {
                superseded: counted.superseded,
                made: counted.made,
                late: counted.late,
            }),
            review: put.and_then(ReviewView::of),
            problems,
            set_by: row.set_by.into(),
            set_at: row.set_at,
            body,
        })
    }

    /// Whether its marks wait for somebody.
    pub(super) fn waits(&self) -> bool {
        self.review
            .as_ref()
            .is_some_and(|review| review.confirmed_by.is_none())
    }

    fn standing(self, reigning: Option<Reigning>) -> Self {
        Self {
            standing: reigning.map(|reigning| StandingView {
                version: reigning.version,
                until: reigning.next.map(|(at, _)| at),
                next: reigning.next.map(|(_, version)| version),
            }),
            ..self
        }
    }
}

/// These versions, whoever's they are, as they are shown.
pub(super) async fn views(tx: &mut Tx, rows: Vec<PlanRow>, now: Instant) -> Result<Vec<PlanView>, Problem> {
    let wanted: Vec<_> = rows.iter().map(|row| (row.patient_id, row.version)).collect();
    let mut patients: Vec<PatientId> = rows.iter().map(|row| row.patient_id).collect();
    patients.sort_unstable();
    patients.dedup();
    let spans = store::plan::spans(tx, &patients).await?;
    let misfits = news2::out_of_place(tx, &patients, now).await?;
    let mut puts = store::plan_put::of(tx, &wanted).await?;
    rows.into_iter()
        .zip(wanted)
        .map(|(row, key)| {
            let reigning = spans.get(&key.0).and_then(|spans| reigning(spans, now));
            let problems = if misfits.contains(&key) {
                news2::problems(&row)?
            } else {
                Vec::new()
            };
            PlanView::of(row, puts.remove(&key), problems, reigning)
        })
        .collect()
}

/// One version, with how things stand.
pub(super) async fn one(tx: &mut Tx, row: PlanRow, now: Instant) -> Result<PlanView, Problem> {
    let patient = row.patient_id;
    let spans = store::plan::spans(tx, &[patient]).await?;
    let reigning = spans.get(&patient).and_then(|spans| reigning(spans, now));
    let view = views(tx, vec![row], now).await?.pop();
    let view = view.ok_or_else(|| Problem::internal(&"a version that was read is gone"))?;
    Ok(view.standing(reigning))
}

/// The plan body, as `homeward judge` and the templates have it.
#[derive(Debug, ToSchema)]
#[schema(as = Plan, value_type = Object)]
#[expect(
    dead_code,
    reason = "read by wire::plan from its text; this is its name in the document"
)]
pub struct PlanBody(serde_json::Value);

/// The newest version.
pub async fn get(Extract(state): Extract<State>, Path(id): Path<Uuid>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    known(&mut tx, PatientId(id)).await?;
    let row = store::plan::latest(&mut tx, PatientId(id))
        .await?
        .ok_or(Refusal::NotFound("plan: none was set yet"))?;
    let view = one(&mut tx, row, state.desk.clock.now()).await?;
    Ok(versioned(StatusCode::OK, view.version, &view).showing([PatientId(id)]))
}

pub async fn put(
    acting: Acting,
    Path(id): Path<Uuid>,
    precondition: Precondition,
    Text(body): Text,
) -> Answer {
    let (seen, status) = match precondition {
        Precondition::None => (None, StatusCode::CREATED),
        Precondition::Version(version) => (Some(version), StatusCode::OK),
    };
    let mut act = acting.begin().await?;
    let row = plan::put(&mut act, PatientId(id), seen, body).await?;
    let now = act.now;
    let view = one(&mut act.tx, row, now).await?;
    acting.done(act, status, Some(view.version), &view).await
}

/// Every version, newest first.
pub async fn versions(
    Extract(state): Extract<State>,
    Path(id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> Answer {
    let limit = query.limit()? as usize;
    let before = match query.cursor() {
        None => i64::MAX,
        Some(cursor) => cursor.as_str().parse().map_err(|_| {
            bad_query(
                "cursor",
                "bad_cursor",
                "send next_cursor of the list as it was given",
            )
        })?,
    };
    let mut tx = state.desk.db.read().await?;
    known(&mut tx, PatientId(id)).await?;
    let rows = store::plan::list(&mut tx, PatientId(id)).await?;
    let mut rows = rows.into_iter().filter(|row| row.version < before);
    let page = rows.by_ref().take(limit).collect();
    let items = views(&mut tx, page, state.desk.clock.now()).await?;
    let next_cursor = match (rows.next(), items.last()) {
        (Some(_), Some(last)) => Some(last.version.to_string()),
        _ => None,
    };
    Ok(plain(&ListOf { items, next_cursor }).showing([PatientId(id)]))
}
