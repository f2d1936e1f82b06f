//! The one reader of a process.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::watch;

use crate::store::StoreError;
use crate::store::stream::{self, Event, Place};
use crate::web::{State, standing};

use super::feed::{Desk, Phase};

/// How soon an event is told after its transaction; on PostgreSQL also after those that began before it.
const EVERY: Duration = Duration::from_millis(250);
/// How often the whole service is looked at.
const STANDING_EVERY: Duration = Duration::from_secs(5);
/// The database answers a page within this, or does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many reads fail in a row before everybody is let go rather than left in a silence that looks like peace.
const FAILURES: u32 = 2;
const PAGE: u32 = 500;
/// An event that waits longer for somebody's open transaction is worth saying.
const HELD_BACK: TimeDelta = TimeDelta::seconds(10);

/// Reads for all listeners until told to stop; then every stream ends.
pub async fn run(state: State, mut stop: watch::Receiver<bool>) {
    let phase = Arc::clone(&state.stream.phase);
    phase.send_replace(Phase::Idle);
    let mut watching = phase.subscribe();
    let working = async {
        loop {
            let wanted = |phase: &Phase| matches!(phase, Phase::Wanted);
            if watching.wait_for(wanted).await.is_err() {
                return;
            }
            match begin(&state).await {
                Ok((desk, place)) => {
                    phase.send_replace(Phase::Reading(desk));
                    read_on(&state, place).await;
                }
                Err(fault) => {
                    tracing::warn!(%fault, "the stream cannot be read");
                    tokio::time::sleep(EVERY).await;
                }
            }
        }
    };
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = working => {}
    }
    phase.send_replace(Phase::Off);
}

async fn begin(state: &State) -> Result<(Desk, Option<Place>), StoreError> {
    let place = in_time(last(state)).await?;
    Ok((Desk::open(look(state).await), place))
}

/// Tells what happens after that place until nobody listens, or nothing can be promised any more. Dropping the ring ends
/// every stream.
async fn read_on(state: &State, mut place: Option<Place>) {
    let phase = &state.stream.phase;
    let (mut ticks, mut looks) = (
        tokio::time::interval(EVERY),
        tokio::time::interval(STANDING_EVERY),
    );
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    looks.reset();
    let mut failures = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = looks.tick() => {
                let standing = look(state).await;
                phase.send_if_modified(|phase| {
                    if let Phase::Reading(desk) = phase {
                        desk.tell_standing(standing);
                    }
                    false
                });
                continue;
            }
        }
        match in_time(page(state, place)).await {
            Ok(Some(events)) => {
                failures = 0;
                place = events.last().map(|event| event.place).or(place);
                if events.len() >= PAGE as usize {
                    ticks.reset_immediately();
                }
                tell(phase, events);
            }
            Ok(None) => {
                tracing::warn!("the stream's own place is gone; whoever listened is told to reload");
                break;
            }
            Err(fault) => {
                failures += 1;
                tracing::warn!(%fault, failures, "the stream cannot be read");
                if failures >= FAILURES {
                    break;
                }
            }
        }
        let mut deserted = false;
        phase.send_if_modified(|phase| {
            deserted = matches!(phase, Phase::Reading(desk) if desk.is_deserted());
            if deserted {
                *phase = Phase::Idle;
            }
            deserted
        });
        if deserted {
            return;
        }
    }
    phase.send_replace(Phase::Idle);
}

fn tell(phase: &watch::Sender<Phase>, events: Vec<Event>) {
    if let Phase::Reading(desk) = &*phase.borrow() {
        for event in events {
            desk.tell(event);
        }
    }
}

async fn last(state: &State) -> Result<Option<Place>, StoreError> {
    let mut tx = state.desk.db.read().await?;
    stream::last(&mut tx).await
}

async fn page(state: &State, place: Option<Place>) -> Result<Option<Vec<Event>>, StoreError> {
    let mut tx = state.desk.db.read().await?;
    stream::after(&mut tx, place, PAGE).await
}

/// How the service is, as JSON. What is not told here is that it is the same as before.
async fn look(state: &State) -> Arc<str> {
    let now = state.desk.clock.now();
    let standing = standing::of(state, now).await;
    let waiting = in_time(async {
        let mut tx = state.desk.db.read().await?;
        stream::held_back(&mut tx).await
    });
    let held_back = waiting
        .await
        .ok()
        .flatten()
        .is_some_and(|since| now - since > HELD_BACK);
    let down: Vec<&str> = standing
        .parts
        .iter()
        .filter(|part| !part.works)
        .map(|part| part.name)
        .collect();
    json!({ "kind": "standing", "works": standing.works, "down": down, "held_back": held_back })
        .to_string()
        .into()
}

async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable {
            what: "no answer in time".to_owned(),
        })
    })
}
