//! Thirty days that have been: each session is judged with the clock at its receipt, and what it raised was dealt with the same morning.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::clock::Clock;
use crate::desk::{self, Caller, Desk};
use crate::domain::alert::Outcome;
use crate::domain::finding::Class;
use crate::domain::staff::Role;
use crate::domain::time::Instant;
use crate::ingest::arrival::Arrival;
use crate::ingest::batch::{self, Keeper};
use crate::ingest::hands::Hands;
use crate::judging::incident::Limits;
use crate::judging::recall::Recall;
use crate::metrics::alerts::Alerts;
use crate::store;
use crate::store::worklist::Filter;
use crate::wire::receipt;
use crate::wire::topic;
use crate::workers::compliance::Compliance;

use super::kept::{Kept, Member};
use super::{DemoError, live, seed};

pub(super) const LENGTH: TimeDelta = TimeDelta::days(30);

/// What would have happened so lately happens live.
const JUST_NOW: TimeDelta = TimeDelta::hours(1);
/// For so long nothing came from the silent one.
const SILENCE: TimeDelta = TimeDelta::hours(60);

/// A receipt follows a session by so much.
const ON_THE_WAY: TimeDelta = TimeDelta::seconds(2);

/// What a desk finds out on the telephone, in most cases.
const CLINICAL: [Outcome; 6] = [
    Outcome::AdviceGiven,
    Outcome::InRangeOnRetest,
    Outcome::KnownAndExpected,
    Outcome::AdviceGiven,
    Outcome::MedicationChanged,
    Outcome::GpOrClinic,
];

/// Lets every unit's sessions arrive in order of time, and closes what they raised.
pub(super) async fn live_through(
    desk: &Desk,
    clock: &Clock,
    kept: &mut Kept,
    dice: &mut StdRng,
    now: Instant,
) -> Result<(), DemoError> {
    let mut arrivals: Vec<(DateTime<Utc>, String, Vec<u8>)> = Vec::new();
    for member in &mut kept.members {
        let mut maker = live::member(member, now).maker();
        let plan = live::plan_of(desk, member.patient_id, now).await?;
        for session in maker.history(now - LENGTH, end(member, now), &plan) {
            let at = session.completed_at + ON_THE_WAY;
            if session.completed_at <= now - JUST_NOW {
                arrivals.push((at, member.unit_id.clone(), session.bytes(at)?));
            }
        }
        member.next_seq = maker.next_seq();
    }
    arrivals.sort();
    let keeper = Keeper {
        db: desk.db.clone(),
        shelf: Arc::default(),
        ids: desk.ids.clone(),
        recall: Arc::new(Recall::new(10_000)),
        hands: Arc::new(Hands::new(10_000)),
        heard: Arc::default(),
        trust: Arc::default(),
    };
    let handler = handler(desk, kept).await?;
    let compliance = Compliance {
        db: desk.db.clone(),
        shelf: Arc::clone(&keeper.shelf),
        ids: desk.ids.clone(),
        // Nothing was ever wrong with the service itself.
        limits: Limits {
            share_percent: 100,
            at_least: u32::MAX,
        },
        alerts: Alerts::default(),
    };
    let mut today = None;
    for (at, unit, payload) in arrivals {
        clock.set(at);
        if today.replace(at.date_naive()) != Some(at.date_naive()) {
            while compliance.step(at).await? > 0 {}
        }
        let unit = unit
            .parse()
            .map_err(|_| DemoError::HistoryOutcome("of a unit that is none"))?;
        let arrival = Arrival::of(&topic::session(&unit), payload.into(), false, at);
        for owed in batch::commit(&keeper, &[arrival], at).await?.owed {
            if owed.outcome != receipt::Outcome::Stored {
                return Err(DemoError::HistoryOutcome(owed.outcome.word()));
            }
        }
        settle(desk, clock, &handler, dice, at).await?;
    }
    Ok(())
}

/// Until when the member's unit has sent. Of the one who deteriorates the last day is left out, so that what happens live is news.
fn end(member: &Member, now: Instant) -> Instant {
    now - if member.silent {
        SILENCE
    } else if member.deteriorates {
        TimeDelta::hours(20)
    } else {
        JUST_NOW
    }
}

/// Claims and closes whatever is open, some minutes after it came. Alerts about missed sessions end by themselves with the next.
async fn settle(
    desk: &Desk,
    clock: &Clock,
    handler: &Caller,
    dice: &mut StdRng,
    at: Instant,
) -> Result<(), DemoError> {
    let open = store::worklist::worst_first(&mut desk.db.read().await?, &Filter::default(), at, 50).await?;
    let alerts = open.into_iter().map(|listed| listed.alert);
    for alert in alerts.filter(|alert| alert.class != Class::Compliance) {
        let outcome = match alert.class {
            Class::Technical => Outcome::MeasuringTechnique,
            Class::Clinical | Class::Compliance => CLINICAL[dice.random_range(0..CLINICAL.len())],
        };
        clock.set(at + TimeDelta::minutes(dice.random_range(3..14)));
        let mut act = desk.begin(handler.clone()).await?;
        let claimed = desk::alert::claim(&mut act, alert.id, alert.version).await?;
        act.commit().await?;
        clock.advance(std::time::Duration::from_secs(60 * dice.random_range(4..30)));
        let mut act = desk.begin(handler.clone()).await?;
        desk::alert::close(&mut act, alert.id, claimed.version, outcome, None).await?;
        act.commit().await?;
    }
    Ok(())
}

async fn handler(desk: &Desk, kept: &Kept) -> Result<Caller, DemoError> {
    let username = kept
        .sign_ins
        .iter()
        .find(|person| person.role == Role::CallHandler);
    let username = username.map_or("", |person| &person.username);
    let member = store::staff::by_username(&mut desk.db.read().await?, username).await?;
    let (member, _) = member.ok_or(DemoError::HistoryOutcome("without a call handler"))?;
    Ok(seed::caller(&member))
}
