//! Readings are stored in their sessions, so a page of readings is cut out of pages of sessions; its cursor says where.

use axum::extract::State as Extract;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::sessions::{ReadingView, known, unfold};
use super::{ListOf, bad_query, limit};
use crate::domain::ids::{PatientId, UnitId};
use crate::domain::measure::Measure;
use crate::store::{self, Cursor};
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Path, Query};
use crate::web::looking::Showing as _;
use crate::web::problem::Problem;
use crate::web::time::AskedTime;

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReadingOfSession)]
pub struct ReadingOfSession {
    #[schema(value_type = String)]
    pub unit_id: UnitId,
    pub session_id: Uuid,
    #[serde(flatten)]
    pub reading: ReadingView,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ReadingsQuery {
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    cursor: Option<String>,
    #[param(inline)]
    measure: Option<Measure>,
    /// Taken from then (included).
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<AskedTime>,
    /// Taken until then (excluded).
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<AskedTime>,
}

/// Sessions read at a time.
const STEP: u32 = 100;

pub async fn list(
    Extract(state): Extract<State>,
    Path(id): Path<Uuid>,
    Query(query): Query<ReadingsQuery>,
) -> Answer {
    let most = limit(query.limit)? as usize;
    let (from, to) = (query.from.map(|from| from.0), query.to.map(|to| to.0));
    let Place { mut after, mut skip } = Place::read(query.cursor.as_deref())?;
    let mut tx = state.desk.db.read().await?;
    known(&mut tx, PatientId(id)).await?;
    // A reading that is not suspect for its time was taken at most a minute after its session's end and hours before it at most.
    let day = TimeDelta::days(1);
    let period = (
        from.and_then(|from| from.checked_sub_signed(day)),
        to.and_then(|to| to.checked_add_signed(day)),
    );
    let mut items = Vec::new();
    loop {
        let page = store::shown::list(&mut tx, PatientId(id), period, after.as_ref(), STEP).await?;
        let sessions = unfold(&mut tx, &page.items).await?;
        for (session, unfolded) in page.items.iter().zip(sessions) {
            for (place, reading) in unfolded.readings.into_iter().enumerate().skip(skip) {
                let wanted = query
                    .measure
                    .is_none_or(|measure| reading.measure == measure.code())
                    && from.is_none_or(|from| from <= reading.taken_at)
                    && to.is_none_or(|to| reading.taken_at < to);
                if !wanted {
                    continue;
                }
                if items.len() == most {
                    let next_cursor = Some(Place { after, skip: place }.text());
                    return Ok(plain(&ListOf { items, next_cursor }).showing([PatientId(id)]));
                }
                items.push(ReadingOfSession {
                    unit_id: session.key.unit_id.clone(),
                    session_id: session.key.session_id,
                    reading,
                });
            }
            skip = 0;
            after = Some(store::shown::cursor_after(session));
        }
        if page.next.is_none() {
            return Ok(plain(&ListOf::whole(items)).showing([PatientId(id)]));
        }
    }
}

/// After which session a page begins, and how many readings of the next one were given already.
struct Place {
    after: Option<Cursor>,
    skip: usize,
}

impl Place {
    fn read(said: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = said.filter(|text| !text.is_empty()) else {
            return Ok(Self { after: None, skip: 0 });
        };
        let bad = || {
            bad_query(
                "cursor",
                "bad_cursor",
                "send next_cursor of the list as it was given",
            )
        };
        let (skip, after) = text.split_once('.').ok_or_else(bad)?;
        Ok(Self {
            after: (!after.is_empty()).then(|| Cursor::from(after)),
            skip: skip.parse().map_err(|_| bad())?,
        })
    }

    fn text(&self) -> String {
        let after = self.after.as_ref().map_or("", Cursor::as_str);
        format!("{}.{after}", self.skip)
    }
}
