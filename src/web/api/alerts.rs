//! An act on an alert names the version that the person has seen, so that nobody closes what has meanwhile become worse.

use chrono::{DateTime, Utc};
use std::collections::HashMap;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::finding::{FindingView, Signatures};
use super::{ListOf, Who};
use crate::desk::{Act, Refusal, alert as desk};
use crate::domain::alert::{About, Alert, AlertState, Outcome};
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::{AlertId, PatientId, TeamId, UnitId};
use crate::store::{self, StoreError, Tx, worklist};
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain, versioned};
use crate::web::extract::{Body, IfMatch, Path, Query};
use crate::web::guard::Signed;
use crate::web::looking::Showing as _;
use crate::web::time::{write, write_some};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub struct AlertView {
    pub id: Uuid,
    pub patient_id: Option<Uuid>,
    #[schema(value_type = Option<String>)]
    pub unit_id: Option<UnitId>,
    pub class: Class,
    pub severity: Severity,
    /// `new`, `claimed` or `closed`.
    #[schema(value_type = String)]
    pub state: &'static str,
    #[serde(serialize_with = "write")]
    pub opened_at: DateTime<Utc>,
    #[serde(serialize_with = "write")]
    pub updated_at: DateTime<Utc>,
    pub claimed_by: Option<Who>,
    #[serde(serialize_with = "write_some")]
    pub claimed_at: Option<DateTime<Utc>>,
    pub closed_by: Option<Who>,
    #[serde(serialize_with = "write_some")]
    pub closed_at: Option<DateTime<Utc>>,
    pub outcome: Option<Outcome>,
    pub note: Option<String>,
    pub version: i64,
    pub findings: Vec<FindingView>,
}

impl AlertView {
    fn of(alert: Alert, findings: Vec<FindingView>) -> Self {
        let (patient_id, unit_id) = match alert.about {
            About::Patient(patient) => (Some(patient.0), None),
            About::Unit(unit) => (None, Some(unit)),
            About::Service => (None, None),
        };
        let state = alert.state.word();
        let (claim, closing) = match alert.state {
            AlertState::New => (None, None),
            AlertState::Claimed(claim) => (Some(claim), None),
            AlertState::Closed(closing) => (None, Some(closing)),
        };
        Self {
            id: alert.id.0,
            patient_id,
            unit_id,
            class: alert.class,
            severity: alert.severity,
            state,
            opened_at: alert.opened_at,
            updated_at: alert.updated_at,
            claimed_at: claim.as_ref().map(|claim| claim.at),
            claimed_by: claim.map(|claim| claim.by.into()),
            closed_at: closing.as_ref().map(|closing| closing.at),
            outcome: closing.as_ref().map(|closing| closing.outcome),
            note: closing.as_ref().and_then(|closing| closing.note.clone()),
            closed_by: closing.and_then(|closing| closing.by).map(Into::into),
            version: alert.version,
            findings,
        }
    }

    fn patient(&self) -> Option<PatientId> {
        self.patient_id.map(PatientId)
    }
}

/// Which alerts, by where they stand.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    #[default]
    Open,
    Closed,
    All,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AlertsQuery {
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    cursor: Option<String>,
    patient_id: Option<Uuid>,
    /// `open` where nothing is said.
    #[param(inline)]
    state: Option<Standing>,
    #[param(inline)]
    class: Option<Class>,
    #[param(inline)]
    severity: Option<Severity>,
    team_id: Option<Uuid>,
    /// Those that the caller holds.
    mine: Option<bool>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    outcome: Outcome,
    /// Beside the outcome, never instead.
    note: Option<String>,
}

pub async fn list(
    Extract(state): Extract<State>,
    signed: Signed,
    Query(query): Query<AlertsQuery>,
) -> Answer {
    let filter = worklist::Filter {
        standing: match query.state.unwrap_or_default() {
            Standing::Open => worklist::Standing::Open,
            Standing::Closed => worklist::Standing::Closed,
            Standing::All => worklist::Standing::All,
        },
        patient: query.patient_id.map(PatientId),
        class: query.class,
        severity: query.severity,
        team: query.team_id.map(TeamId),
        claimed_by: query.mine.unwrap_or(false).then_some(signed.caller.actor.id),
    };
    let limit = super::limit(query.limit)?;
    let cursor = super::cursor(query.cursor.as_deref());
    let mut tx = state.desk.db.read().await?;
    let page = worklist::list(&mut tx, &filter, cursor.as_ref(), limit).await?;
    let next_cursor = page.next.map(|cursor| cursor.as_str().to_owned());
    let items = show(&mut tx, &state, page.items).await?;
    let shown: Vec<PatientId> = items.iter().filter_map(AlertView::patient).collect();
    Ok(plain(&ListOf { items, next_cursor }).showing(shown))
}

pub async fn get(Extract(state): Extract<State>, Path(id): Path<Uuid>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let alert = store::alert::get(&mut tx, AlertId(id))
        .await?
        .ok_or(Refusal::NotFound("alert"))?;
    let version = alert.version;
    let views = show(&mut tx, &state, vec![alert]).await?;
    let view = views.first().ok_or(Refusal::NotFound("alert"))?;
    Ok(versioned(StatusCode::OK, version, view).showing(view.patient()))
}

pub async fn claim(
    Extract(state): Extract<State>,
    acting: Acting,
    Path(id): Path<Uuid>,
    IfMatch(seen): IfMatch,
) -> Answer {
    let mut act = acting.begin().await?;
    let alert = desk::claim(&mut act, AlertId(id), seen).await?;
    answer(state, acting, act, alert).await
}

pub async fn release(
    Extract(state): Extract<State>,
    acting: Acting,
    Path(id): Path<Uuid>,
    IfMatch(seen): IfMatch,
) -> Answer {
    let mut act = acting.begin().await?;
    let alert = desk::release(&mut act, AlertId(id), seen).await?;
    answer(state, acting, act, alert).await
}

pub async fn close(
    Extract(state): Extract<State>,
    acting: Acting,
    Path(id): Path<Uuid>,
    IfMatch(seen): IfMatch,
    Body(close): Body<Close>,
) -> Answer {
    let mut act = acting.begin().await?;
    let alert = desk::close(&mut act, AlertId(id), seen, close.outcome, close.note).await?;
    answer(state, acting, act, alert).await
}

async fn answer(state: State, acting: Acting, mut act: Act, alert: Alert) -> Answer {
    let version = alert.version;
    let views = show(&mut act.tx, &state, vec![alert]).await?;
    let view = views.first().ok_or(Refusal::NotFound("alert"))?;
    acting.done(act, StatusCode::OK, Some(version), view).await
}

/// Alerts with their findings, in two statements however many they are.
async fn show(tx: &mut Tx, state: &State, alerts: Vec<Alert>) -> Result<Vec<AlertView>, StoreError> {
    let ids: Vec<AlertId> = alerts.iter().map(|alert| alert.id).collect();
    let linked = worklist::findings(tx, &ids).await?;
    let rows = linked.iter().map(|(_, row)| row);
    let signatures = Signatures::of(tx, rows, state.settings.timezone).await?;
    let mut findings: HashMap<AlertId, Vec<FindingView>> = HashMap::new();
    for (alert, row) in linked {
        let view = signatures.show(row);
        findings.entry(alert).or_default().push(view);
    }
    Ok(alerts
        .into_iter()
        .map(|alert| {
            let views = findings.remove(&alert.id).unwrap_or_default();
            AlertView::of(alert, views)
        })
        .collect())
}
