//! A rehearsal is begun by one call and looked at by others, of whichever process. Beginning it is on record as a look at
//! every patient of the team; what it answers are sums, which show nobody.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::plans::PlanBody;
use super::{ListOf, NoQuery, PageQuery, Who};
use crate::desk::{Refusal, rehearsal as desk};
use crate::domain::ids::{RehearsalId, TeamId};
use crate::domain::patient::Condition;
use crate::domain::rehearsal::{Forecast, RehearsalState};
use crate::domain::time::Instant;
use crate::store;
use crate::store::rehearsal::Rehearsal;
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Body, Path, Query};
use crate::web::looking::Showing as _;
use crate::web::problem::{Problem, TOO_MANY};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRehearsal {
    /// As for `PUT` of a patient's plan; it judges the whole stretch, whatever its `effective_from` and `until` say. Its
    /// faults stand under `/plan`.
    #[schema(value_type = Option<PlanBody>)]
    plan: Option<Box<RawValue>>,
    /// Instead of a plan: a template as it is, by its id.
    template: Option<String>,
    /// How many local days, today among them.
    #[schema(minimum = 1, maximum = 400, default = 90)]
    days: Option<i64>,
    /// Only patients who have it.
    condition: Option<Condition>,
    /// What an alert takes of the staff's time.
    #[schema(minimum = 0.1, maximum = 1440)]
    minutes_per_alert: Option<f64>,
    /// How much of it there is on a day.
    #[schema(minimum = 0, maximum = 1_000_000)]
    staffed_minutes_per_day: Option<f64>,
}

/// What parameters would have raised for the patients of a team, beside what is in force for each of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rehearsal)]
pub struct RehearsalView {
    pub id: Uuid,
    pub team_id: Uuid,
    pub state: Standing,
    pub progress: Progress,
    #[schema(value_type = RehearsalTerms)]
    pub asked: Box<RawValue>,
    pub asked_by: Who,
    pub asked_at: DateTime<Utc>,
    /// Once it is done.
    #[schema(value_type = Option<Forecast>)]
    pub forecast: Option<Box<RawValue>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RehearsalState)]
pub enum Standing {
    Running,
    Done,
    Failed,
    /// Its process has gone; ask again.
    Lost,
}

/// So many patients of so many.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RehearsalProgress)]
pub struct Progress {
    pub done: i64,
    pub of: i64,
}

/// What was asked for, the parameters apart.
#[derive(Debug, Serialize, ToSchema)]
pub struct RehearsalTerms {
    pub template: Option<String>,
    pub days: u16,
    pub condition: Option<Condition>,
    pub minutes_per_alert: Option<f64>,
    pub staffed_minutes_per_day: Option<f64>,
}

pub async fn create(
    Extract(state): Extract<State>,
    acting: Acting,
    Path(team): Path<Uuid>,
    Body(new): Body<NewRehearsal>,
) -> Answer {
    let place = state.rehearsals.take().ok_or_else(|| {
        let detail = "As many rehearsals as may run at once are running here; wait for one of them.";
        Problem::new(&TOO_MANY, detail).retry_after(5)
    })?;
    let proposal = desk::Proposal {
        plan: new.plan,
        template: new.template,
    };
    let asked = desk::Asked {
        days: new.days,
        condition: new.condition,
        minutes_per_alert: new.minutes_per_alert,
        staffed_minutes_per_day: new.staffed_minutes_per_day,
    };
    let mut act = acting.begin().await?;
    let begun = desk::begin(&mut act, TeamId(team), proposal, asked).await?;
    let view = RehearsalView::of(begun.row.clone(), act.now)?;
    let patients: Vec<_> = begun.patients().collect();
    let answer = acting.done(act, StatusCode::ACCEPTED, None, &view).await?;
    let (db, clock) = (state.desk.db, state.desk.clock);
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = desk::run(&db, &clock, begun).await {
            tracing::error!(%error, "what came of a rehearsal could not be kept");
        }
    });
    Ok(answer.showing(patients))
}

pub async fn get(Extract(state): Extract<State>, Path((team, id)): Path<(Uuid, Uuid)>, _: NoQuery) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let row = store::rehearsal::get(&mut tx, TeamId(team), RehearsalId(id)).await?;
    let row = row.ok_or(Refusal::NotFound("rehearsal"))?;
    let view = RehearsalView::of(row, state.desk.clock.now())?;
    Ok(plain(&view).showing([]))
}

/// Those of the last week that nobody has taken away.
pub async fn list(
    Extract(state): Extract<State>,
    Path(team): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> Answer {
    let team = TeamId(team);
    let mut tx = state.desk.db.read().await?;
    if store::team::get(&mut tx, team).await?.is_none() {
        return Err(Refusal::NotFound("team").into());
    }
    let page = store::rehearsal::list(&mut tx, team, query.cursor().as_ref(), query.limit()?).await?;
    let now = state.desk.clock.now();
    let items = page.items.into_iter().map(|row| RehearsalView::of(row, now));
    let items = items.collect::<Result<Vec<_>, Problem>>()?;
    let next_cursor = page.next.map(|cursor| cursor.as_str().to_owned());
    Ok(plain(&ListOf { items, next_cursor }).showing([]))
}

pub async fn cancel(acting: Acting, Path((team, id)): Path<(Uuid, Uuid)>) -> Answer {
    let mut act = acting.begin().await?;
    desk::cancel(&mut act, TeamId(team), RehearsalId(id)).await?;
    act.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl RehearsalView {
    fn of(row: Rehearsal, now: Instant) -> Result<Self, Problem> {
        let json = |text: String| RawValue::from_string(text).map_err(|fault| Problem::internal(&fault));
        Ok(Self {
            id: row.id.0,
            team_id: row.team_id.0,
            state: match row.state {
                RehearsalState::Running if row.said_at + desk::LOST_AFTER < now => Standing::Lost,
                RehearsalState::Running => Standing::Running,
                RehearsalState::Done => Standing::Done,
                RehearsalState::Failed => Standing::Failed,
            },
            progress: Progress {
                done: row.judged,
                of: row.patients,
            },
            asked: json(row.asked)?,
            asked_by: row.asked_by.into(),
            asked_at: row.asked_at,
            forecast: row.forecast.map(json).transpose()?,
        })
    }
}
