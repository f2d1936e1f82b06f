//! The home units of the demo: the simulator's, over MQTT, with credentials of their own, as any unit would come.

use std::io::Write;
use std::time::Duration;

use chrono::TimeDelta;
use home_unit::cohort::{self, Cohort};
use home_unit::link::Broker;
use home_unit::patient::{Course, Story};
use home_unit::plan::PlanDoc;

use crate::app::App;
use crate::clock::Clock;
use crate::desk::Desk;
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::PatientId;
use crate::domain::plan::in_force;
use crate::domain::time::Instant;
use crate::judging::plans::PlanShelf;
use crate::store::worklist::Filter;
use crate::store::{self, Db, StoreError};
use crate::wire::unit_plan;

use super::DemoError;
use super::kept::{Kept, Member};

/// The first patient's session comes soon enough to be looked for.
const FIRST: Duration = Duration::from_secs(6);
/// Everybody measures once more in so long; a day at home is a few minutes here.
const EVERY: Duration = Duration::from_mins(2);

/// The member as the simulator knows it. The one who deteriorates has done so since the history ended.
pub(super) fn member(kept: &Member, now: Instant) -> cohort::Member {
    let mut member = cohort::Member::new(&kept.unit_id, &kept.secret, kept.seed);
    member.next_seq = kept.next_seq;
    if kept.deteriorates {
        let onset = now - TimeDelta::hours(12);
        member.course = Course {
            story: Story::Deteriorating,
            onset,
            over: TimeDelta::zero(),
        };
    }
    member
}

/// Connects every unit; each begins a little after the one before.
pub(super) async fn start(kept: &Kept, app: &App, clock: &Clock) -> Result<Cohort, DemoError> {
    let now = clock.now();
    let mut members = Vec::with_capacity(kept.members.len());
    let connected = kept.members.iter().filter(|member| !member.silent);
    for (one, place) in connected.zip(0_u32..) {
        let mut unit = member(one, now);
        let unit_id = one
            .unit_id
            .parse()
            .map_err(|_| DemoError::HistoryOutcome("of a unit that is none"))?;
        // The folder may have been lived in since it was made.
        let newest = store::holding::newest_seq(&mut app.db.read().await?, &unit_id).await?;
        unit.next_seq = unit
            .next_seq
            .max(u64::try_from(newest.unwrap_or(0)).unwrap_or(0) + 1);
        let wait = if one.deteriorates {
            FIRST
        } else {
            FIRST + Duration::from_millis(4_500) * place
        };
        unit.habits.pace.first = Some(wait);
        unit.habits.pace.every = Some(EVERY);
        members.push(unit);
    }
    let address = app
        .mqtt
        .ok_or(DemoError::HistoryOutcome("without a broker of its own"))?;
    let broker = Broker::tcp(&address.ip().to_string(), address.port());
    Ok(Cohort::start(
        members,
        &cohort::Settings::new(broker),
        &home_unit::clock::Clock::real(),
    )?)
}

/// What the patient's unit asks for, as it would be published.
pub(super) async fn plan_of(desk: &Desk, patient: PatientId, now: Instant) -> Result<PlanDoc, DemoError> {
    let shelf = PlanShelf::default();
    let mut tx = desk.db.read().await?;
    let plans = shelf
        .of(&mut tx, &[patient])
        .await
        .map_err(|fault| DemoError::Plan(fault.to_string()))?;
    let plan = plans.get(&patient).and_then(|plans| in_force(plans, now));
    let plan = plan.ok_or(DemoError::HistoryOutcome("without a plan"))?;
    Ok(serde_json::from_slice(&unit_plan::encode(plan))?)
}

/// Says when the first red alert is there. Never whose it is.
pub(super) async fn announce_first_red(
    db: Db,
    clock: &Clock,
    out: &mut (dyn Write + Send),
) -> Result<(), StoreError> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let red = Filter {
            class: Some(Class::Clinical),
            severity: Some(Severity::Red),
            ..Filter::default()
        };
        if !store::worklist::worst_first(&mut db.read().await?, &red, clock.now(), 1)
            .await?
            .is_empty()
        {
            if let Err(fault) = writeln!(out, "A red alert is on the worklist.").and_then(|()| out.flush()) {
                tracing::debug!(%fault, "nobody reads what the demo says");
            }
            return Ok(());
        }
    }
}
