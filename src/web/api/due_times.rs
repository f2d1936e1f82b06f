//! When sessions were due and what became of each: what a finding about missed sessions rests on. Newest first.

use axum::extract::State as Extract;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::sessions::known;
use super::{ListOf, bad_query};
use crate::desk::Refusal;
use crate::domain::ids::{PatientId, UnitId};
use crate::judging::due_times::{self, DueTime};
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Path, Query};
use crate::web::looking::Showing as _;
use crate::web::time::AskedTime;

/// The longest span of one answer: at most 24 due times a day.
const LONGEST: TimeDelta = TimeDelta::days(100);
/// Where nothing was said.
const BACK: TimeDelta = TimeDelta::days(14);
const AHEAD: TimeDelta = TimeDelta::days(1);

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DueTime)]
pub struct DueTimeView {
    pub due: DateTime<Utc>,
    /// A session completed from then (included) …
    pub opens: DateTime<Utc>,
    /// … until then (excluded) may serve it.
    pub closes: DateTime<Utc>,
    /// `served`, `missed`, `unknown` (ingest was down, and what the unit kept may still come) or `open` (it may still be
    /// served).
    #[schema(value_type = String)]
    pub state: &'static str,
    /// Of the session that serves it.
    pub session_id: Option<Uuid>,
    #[schema(value_type = Option<String>)]
    pub unit_id: Option<UnitId>,
}

impl From<DueTime> for DueTimeView {
    fn from(due: DueTime) -> Self {
        Self {
            due: due.at,
            opens: due.opens,
            closes: due.closes,
            state: due.state,
            session_id: due.served_by.as_ref().map(|key| key.session_id),
            unit_id: due.served_by.map(|key| key.unit_id),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DueTimesQuery {
    /// Due from then (included); 14 days before `to` where nothing is said.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<AskedTime>,
    /// Due until then (excluded), at most 100 days after `from`; a day ahead where nothing is said.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<AskedTime>,
}

pub async fn list(
    Extract(state): Extract<State>,
    Path(id): Path<Uuid>,
    Query(query): Query<DueTimesQuery>,
) -> Answer {
    let now = state.desk.clock.now();
    let from = query.from.map(|from| from.0);
    let to = query.to.map_or_else(
        || from.map_or(now + AHEAD, |from| (now + AHEAD).clamp(from, from + LONGEST)),
        |to| to.0,
    );
    let from = from.unwrap_or(to - BACK);
    if to < from || from + LONGEST < to {
        return Err(bad_query(
            "to",
            "out_of_range",
            "lies before `from` or more than 100 days after it",
        ));
    }
    let patient = PatientId(id);
    let mut tx = state.desk.db.read().await?;
    known(&mut tx, patient).await?;
    let due = due_times::of(&mut tx, patient, (from, to), now)
        .await
        .map_err(Refusal::from)?;
    let items = due.into_iter().rev().map(DueTimeView::from).collect();
    Ok(plain(&ListOf::whole(items)).showing([patient]))
}
