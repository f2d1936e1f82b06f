//! What a batch says to others, written in its transaction and sent by a worker: stream events, retest requests, plans.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;

use uuid::Uuid;

use crate::domain::ids::{Ids, OutboxId, UnitId};
use crate::domain::measure::Measure;
use crate::domain::time::Instant;
use crate::engine;
use crate::judging::{TakenIn, notice};
use crate::store::event::{EventKind, NewEvent};
use crate::store::outbox::{NewNotice, NoticeKind};
use crate::store::unit::{Sighting, UnitStatus};
use crate::store::{self, StoreError, Tx};
use crate::wire::request::{Request, RequestKind};

use super::arrival::Arrival;
use super::ground::Ground;
use super::heard::{self, Heard};
use super::sorting::Reported;

/// A request is of no use to somebody who has left the unit.
const RETEST_WITHIN: TimeDelta = TimeDelta::minutes(30);

/// That sessions have come, for the stream.
pub fn sessions(taken_in: &[TakenIn], now: Instant) -> Vec<NewEvent> {
    taken_in.iter().map(|taken| session_event(taken, now)).collect()
}

/// Asks the units to measure again what could not be believed: once per session, each measure named once.
pub async fn retests(tx: &mut Tx, taken_in: &[TakenIn], ids: &Ids, now: Instant) -> Result<(), StoreError> {
    let notices: Vec<NewNotice> = taken_in
        .iter()
        .filter_map(|taken| retest(taken, ids, now))
        .collect();
    store::outbox::insert(tx, &notices).await
}

fn retest(taken: &TakenIn, ids: &Ids, now: Instant) -> Option<NewNotice> {
    let session = &taken.session;
    let measures: Vec<Measure> = engine::retests(session, &taken.judged);
    if measures.is_empty() {
        return None;
    }
    let id: Uuid = ids.make(now);
    let expires_at = session.completed_at + RETEST_WITHIN;
    let request = Request {
        request_id: id,
        kind: RequestKind::Retest,
        measures,
        text: None,
        expires_at,
    };
    let payload = String::from_utf8_lossy(&request.encode()).into_owned();
    Some(NewNotice {
        id: OutboxId(id),
        unique_key: format!("retest/{}", session.key),
        kind: NoticeKind::UnitRequest,
        recipient: session.key.unit_id.to_string(),
        payload,
        created_at: now,
        due_at: now,
        expires_at: Some(expires_at),
    })
}

/// Whatever a unit sends says that it is there; only what the broker had kept does not. Gives what was written. All units in
/// one statement before any other that writes `unit_status`, those that report their status among them, so that two batches
/// cannot lock each other out.
pub async fn heard(
    tx: &mut Tx,
    arrivals: &[Arrival],
    (ground, reported): (&Ground, &[Reported<'_>]),
    recorded: &Heard,
) -> Result<Vec<Sighting>, StoreError> {
    let reporting = reported.iter().map(|report| report.unit_id).collect();
    let heard = arrivals
        .iter()
        .enumerate()
        .filter(|(at, arrival)| !arrival.retained && ground.is_registered(*at))
        .filter_map(|(_, arrival)| heard::sighting(arrival));
    let news = recorded.news(heard.collect(), &reporting);
    store::unit::seen(tx, &news).await?;
    Ok(news)
}

/// Takes units' word about themselves in, and tells the stream of what changed; one that has just come online is sent its
/// plan again.
pub async fn statuses(
    tx: &mut Tx,
    reported: &[Reported<'_>],
    ids: &Ids,
    now: Instant,
) -> Result<(), StoreError> {
    let rows: Vec<UnitStatus> = reported.iter().map(status_report).collect();
    let changed = store::unit::report(tx, &rows).await?;
    let woken: BTreeSet<&UnitId> = reported
        .iter()
        .filter(|report| report.status.online == Some(true) && !report.retained)
        .map(|report| report.unit_id)
        .collect();
    let notices: Vec<NewNotice> = woken
        .iter()
        .map(|unit| notice::plan(unit, &format!("online/{}", ids.make::<Uuid>(now)), ids, now, now))
        .collect();
    store::outbox::insert(tx, &notices).await?;
    let events: Vec<NewEvent> = changed.iter().map(|unit| unit_event(unit, now)).collect();
    store::event::insert(tx, &events).await
}

fn status_report(reported: &Reported<'_>) -> UnitStatus {
    let status = reported.status;
    UnitStatus {
        unit_id: reported.unit_id.clone(),
        online: status.online,
        battery_pct: status.battery_pct,
        firmware: status.firmware.clone(),
        queued: status.queued,
        reported_at: status.at,
        // What the broker retained says nothing of when the unit was last there, except by its own clock.
        last_seen_at: if reported.retained {
            status.at.unwrap_or(reported.received_at)
        } else {
            reported.received_at
        },
    }
}

fn session_event(taken: &TakenIn, now: Instant) -> NewEvent {
    let session = &taken.session;
    let times = (session.completed_at, session.received_at);
    NewEvent::session(taken.patient, &session.key, times, now)
}

fn unit_event(row: &UnitStatus, now: Instant) -> NewEvent {
    let body = json!({ "unit_id": row.unit_id, "online": row.online, "battery_pct": row.battery_pct });
    NewEvent {
        kind: EventKind::Unit,
        patient_id: None,
        unit_id: Some(row.unit_id.clone()),
        subject_id: row.unit_id.to_string(),
        body: body.to_string(),
        at: now,
    }
}
