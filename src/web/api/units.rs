//! Home units: registered once, heard of ever after.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ListOf, PageQuery};
use crate::desk::{Refusal, unit as desk};
use crate::domain::ids::UnitId;
use crate::store;
use crate::store::unit::{HomeUnit, UnitStatus};
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain, versioned};
use crate::web::extract::{Body, Path, Query};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HomeUnit)]
pub struct UnitView {
    #[schema(value_type = String)]
    pub unit_id: UnitId,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    /// Null until it says so.
    pub online: Option<bool>,
    pub battery_pct: Option<i64>,
    pub firmware: Option<String>,
    /// Sessions that it still keeps.
    pub queued: Option<i64>,
    /// By the unit's clock.
    pub reported_at: Option<DateTime<Utc>>,
    /// By ours.
    pub last_seen_at: Option<DateTime<Utc>>,
}

impl UnitView {
    fn of(unit: HomeUnit, status: Option<&UnitStatus>) -> Self {
        Self {
            unit_id: unit.unit_id,
            version: unit.version,
            created_at: unit.created_at,
            online: status.and_then(|status| status.online),
            battery_pct: status.and_then(|status| status.battery_pct),
            firmware: status.and_then(|status| status.firmware.clone()),
            queued: status.and_then(|status| status.queued),
            reported_at: status.and_then(|status| status.reported_at),
            last_seen_at: status.map(|status| status.last_seen_at),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnit {
    /// `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`; also its MQTT user name.
    #[schema(value_type = String)]
    unit_id: UnitId,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RegisteredUnit {
    #[schema(value_type = String)]
    unit_id: UnitId,
    /// Shown here and never again.
    secret: Option<String>,
    version: i64,
    created_at: DateTime<Utc>,
}

/// By name.
pub async fn list(Extract(state): Extract<State>, Query(query): Query<PageQuery>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let page = store::unit::list(&mut tx, query.cursor().as_ref(), query.limit()?).await?;
    let ids: Vec<UnitId> = page.items.iter().map(|unit| unit.unit_id.clone()).collect();
    let statuses = store::unit::status_of(&mut tx, &ids).await?;
    let view = ListOf::of(page, |unit| {
        let status = statuses.iter().find(|status| status.unit_id == unit.unit_id);
        UnitView::of(unit, status)
    });
    Ok(plain(&view))
}

pub async fn get(Extract(state): Extract<State>, Path(id): Path<UnitId>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let unit = store::unit::get(&mut tx, &id)
        .await?
        .ok_or(Refusal::NotFound("unit"))?;
    let status = store::unit::status_of(&mut tx, &[id]).await?.pop();
    Ok(versioned(
        StatusCode::OK,
        unit.version,
        &UnitView::of(unit, status.as_ref()),
    ))
}

pub async fn create(acting: Acting, Body(new): Body<NewUnit>) -> Answer {
    let mut act = acting.begin().await?;
    let (unit, secret) = desk::register(&mut act, &new.unit_id).await?;
    let view = RegisteredUnit {
        unit_id: unit.unit_id,
        secret: Some(secret.expose_secret().to_owned()),
        version: unit.version,
        created_at: unit.created_at,
    };
    acting
        .done_with_secret(act, Some(view.version), &view, "secret")
        .await
}
