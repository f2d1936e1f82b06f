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
use crate::desk::{Refusal, plan};
use crate::domain::ids::PatientId;
use crate::store;
use crate::store::plan::PlanRow;
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain, versioned};
use crate::web::extract::{Path, Precondition, Query, Text};
use crate::web::looking::Showing as _;
use crate::web::problem::Problem;

/// One version of a patient's parameters: the keys of the plan body stand beside these.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanVersion)]
pub struct PlanView {
    pub patient_id: Uuid,
    /// From 1.
    pub version: i64,
    pub set_by: Who,
    pub set_at: DateTime<Utc>,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub body: BTreeMap<String, Box<RawValue>>,
}

impl PlanView {
    fn of(row: PlanRow) -> Result<Self, Problem> {
        let body = serde_json::from_str(&row.body).map_err(|error| {
            Problem::internal(&format!(
                "plan_version.body of {} version {} can no longer be read: {error}",
                row.patient_id, row.version
            ))
        })?;
        Ok(Self {
            patient_id: row.patient_id.0,
            version: row.version,
            set_by: row.set_by.into(),
            set_at: row.set_at,
            body,
        })
    }
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
    let view = PlanView::of(row)?;
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
    let view = PlanView::of(row)?;
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
    let items = rows
        .by_ref()
        .take(limit)
        .map(PlanView::of)
        .collect::<Result<Vec<_>, _>>()?;
    let next_cursor = match (rows.next(), items.last()) {
        (Some(_), Some(last)) => Some(last.version.to_string()),
        _ => None,
    };
    Ok(plain(&ListOf { items, next_cursor }).showing([PatientId(id)]))
}
