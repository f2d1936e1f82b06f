//! Parameters tried out on every patient of a team. It is begun by one act and runs on its own, in small steps with a read
//! connection each, so that nobody waits for it; what remains are sums.

use std::sync::Arc;

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::domain::ids::{PatientId, RehearsalId, TeamId};
use crate::domain::patient::Condition;
use crate::domain::plan::Plan;
use crate::domain::rehearsal::{Forecast, RehearsalState};
use crate::domain::time::Instant;
use crate::engine::forecast::{Effort, Stretch, Summing};
use crate::engine::lead::Foresight;
use crate::engine::preview::begin as window;
use crate::judging::preview::{LastDays, last_days};
use crate::store::rehearsal::{OfTeam, Rehearsal};
use crate::store::{self, Db, StoreError};
use crate::wire::problem::Problem;

use super::audit::{self, Subject};
use super::news2::{self, Bearer};
use super::preview::{counts, whole_days};
use super::{Act, Form, Refusal, plan, template};

/// So many at once in one process: beside them there must be room for ingest and staff.
const AT_ONCE: usize = 2;
/// Patients of one step: 90 days of so many are some 2 MB, and decoded in some 15 ms.
const STEP: usize = 16;
/// How often it is said how far a rehearsal is.
const SAID_EVERY: TimeDelta = TimeDelta::seconds(1);
/// How long what came of it is kept.
const KEPT: TimeDelta = TimeDelta::days(7);
/// A rehearsal of which nothing was heard for so long has lost its process.
pub const LOST_AFTER: TimeDelta = TimeDelta::seconds(60);

/// The places for rehearsals in this process. Clones share them.
#[derive(Debug, Clone)]
pub struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Places {
    /// A place, held until it is dropped; `None` where all are taken.
    pub fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// What is tried out: a plan body, or a template by its id.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub plan: Option<Box<RawValue>>,
    pub template: Option<String>,
}

/// How it is tried out, as it was asked for; kept with the rehearsal.
#[derive(Debug, Clone, Serialize)]
pub struct Terms {
    pub template: Option<String>,
    pub days: u16,
    /// Only patients who have it.
    pub condition: Option<Condition>,
    pub minutes_per_alert: Option<f64>,
    pub staffed_minutes_per_day: Option<f64>,
}

/// The request's other half, unchecked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    pub days: Option<i64>,
    pub condition: Option<Condition>,
    pub minutes_per_alert: Option<f64>,
    pub staffed_minutes_per_day: Option<f64>,
}

/// A rehearsal that is on record and has still to be run.
#[derive(Debug)]
pub struct Begun {
    pub row: Rehearsal,
    patients: Vec<OfTeam>,
    proposed: Plan,
    stretch: Stretch,
    effort: Option<Effort>,
}

impl Begun {
    pub fn patients(&self) -> impl Iterator<Item = PatientId> {
        self.patients.iter().map(|one| one.id)
    }
}

/// Puts the rehearsal on record. Faults of a plan stand under `/plan`.
pub async fn begin(act: &mut Act, team: TeamId, proposal: Proposal, asked: Asked) -> Result<Begun, Refusal> {
    if store::team::get(&mut act.tx, team).await?.is_none() {
        return Err(Refusal::NotFound("team"));
    }
    let (proposed, terms) = sound(proposal, asked, act)?;
    let stretch = Stretch {
        zone: proposed.timezone,
        days: terms.days,
        from: window(proposed.timezone, act.now, terms.days),
        to: act.now,
    };
    let patients = store::rehearsal::of_team(&mut act.tx, team, terms.condition).await?;
    let row = Rehearsal {
        id: act.id(),
        team_id: team,
        asked: json!(terms).to_string(),
        state: RehearsalState::Running,
        judged: 0,
        patients: i64::try_from(patients.len()).unwrap_or(i64::MAX),
        forecast: None,
        asked_by: act.caller.actor.clone(),
        asked_at: act.now,
        said_at: act.now,
    };
    store::rehearsal::forget(&mut act.tx, act.now - KEPT).await?;
    store::rehearsal::insert(&mut act.tx, &row).await?;
    let subject = Subject::new("rehearsal", row.id, None);
    let detail = json!({ "team_id": team, "patients": row.patients, "asked": terms });
    audit::record(act, "rehearsal.begin", subject, detail).await?;
    let effort = terms.minutes_per_alert.map(|minutes_per_alert| Effort {
        minutes_per_alert,
        staffed_minutes: terms.staffed_minutes_per_day,
    });
    Ok(Begun {
        row,
        patients,
        proposed,
        stretch,
        effort,
    })
}

/// Takes a rehearsal away; whoever runs it stops. `NotFound` where there is none.
pub async fn cancel(act: &mut Act, team: TeamId, id: RehearsalId) -> Result<(), Refusal> {
    if !store::rehearsal::delete(&mut act.tx, team, id).await? {
        return Err(Refusal::NotFound("rehearsal"));
    }
    let subject = Subject::new("rehearsal", id, None);
    audit::record(act, "rehearsal.cancel", subject, json!({ "team_id": team })).await
}

/// Runs it to its end, or until it is no longer wanted, and keeps what came of it.
pub async fn run(db: &Db, clock: &Clock, begun: Begun) -> Result<(), StoreError> {
    let id = begun.row.id;
    let all = begun.row.patients;
    let kept = match judge(db, clock, begun).await {
        Ok(Some(forecast)) => Ok(json!(forecast).to_string()),
        Ok(None) => {
            tracing::info!(rehearsal = %id, "a rehearsal was taken away while it ran");
            return Ok(());
        }
        Err(fault) => Err(fault),
    };
    if let Err(fault) = &kept {
        tracing::error!(rehearsal = %id, %fault, "a rehearsal failed");
    }
    let mut tx = db.begin_one().await?;
    let (forecast, judged) = match &kept {
        Ok(forecast) => (Some(forecast.as_str()), all),
        Err(_) => (None, 0),
    };
    store::rehearsal::end(&mut tx, id, forecast, judged, clock.now()).await?;
    tx.commit().await
}

/// `None` where it is no longer wanted.
async fn judge(db: &Db, clock: &Clock, begun: Begun) -> Result<Option<Forecast>, Refusal> {
    let Begun {
        row,
        patients,
        proposed,
        stretch,
        effort,
    } = begun;
    let mut sums = Summing::over(stretch);
    let (mut judged, mut said_at) = (0, row.said_at);
    for step in patients.chunks(STEP) {
        let (fit, unfit): (Vec<OfTeam>, Vec<OfTeam>) = step
            .iter()
            .partition(|one| news2::fits(&proposed, bearer(one)).is_ok());
        sums.leave_out(unfit.len());
        let Some((loaded, stays)) = load(db, row.id, &fit, &proposed, stretch).await? else {
            return Ok(None);
        };
        for days in loaded {
            let preview = days.judge(&proposed);
            let of_patient = stays
                .iter()
                .filter(|(patient, _)| *patient == days.patient)
                .map(|(_, at)| Foresight::of(*at, stretch.from, &preview.findings));
            let foresights: Vec<Foresight> = of_patient.collect();
            sums.add(preview, &foresights);
            // Some milliseconds each: whoever else is served by this thread has a turn.
            tokio::task::yield_now().await;
        }
        judged += i64::try_from(step.len()).unwrap_or_default();
        let now = clock.now();
        if now - said_at >= SAID_EVERY {
            said_at = now;
            let mut tx = db.begin_one().await?;
            store::rehearsal::progress(&mut tx, row.id, judged, now).await?;
            tx.commit().await?;
        }
    }
    let mut tx = db.read().await?;
    let is_wanted = store::rehearsal::is_wanted(&mut tx, row.id).await?;
    Ok(is_wanted.then(|| sums.forecast(effort)))
}

const fn bearer(one: &OfTeam) -> Bearer {
    Bearer {
        born: one.birth_date,
        pregnant: one.pregnant,
    }
}

type Loaded = (Vec<LastDays>, Vec<(PatientId, Instant)>);

/// What one step needs, read in one go; the connection is given back before anything is judged.
async fn load(
    db: &Db,
    id: RehearsalId,
    fit: &[OfTeam],
    proposed: &Plan,
    stretch: Stretch,
) -> Result<Option<Loaded>, Refusal> {
    let mut tx = db.read().await?;
    if !store::rehearsal::is_wanted(&mut tx, id).await? {
        return Ok(None);
    }
    let patients: Vec<PatientId> = fit.iter().map(|one| one.id).collect();
    let loaded = last_days(&mut tx, &patients, proposed, stretch.from).await?;
    let stays = store::hospital_admission::of(&mut tx, &patients)
        .await?
        .into_iter()
        .filter(|stay| counts(stay, stretch.from, stretch.to))
        .map(|stay| (stay.patient_id, stay.admitted_at));
    Ok(Some((loaded, stays.collect())))
}

/// The plan to try and its terms; or every fault, with its place.
fn sound(proposal: Proposal, asked: Asked, act: &Act) -> Result<(Plan, Terms), Refusal> {
    let mut form = Form::default();
    let template = proposal.template.clone();
    let proposed = match (proposal.plan, proposal.template) {
        (Some(body), None) => plan::sound_for_somebody(body.get(), 1)
            .map(|(plan, _)| plan)
            .map_err(|faults| {
                for fault in faults {
                    form.fault(&format!("/plan{}", fault.at), &fault.code, fault.detail);
                }
            })
            .ok(),
        (None, Some(id)) => {
            let plan = of_template(&id, act)?;
            if plan.is_none() {
                form.fault("/template", "unknown_template", "there is no such template");
            }
            plan
        }
        (Some(_), Some(_)) => {
            form.fault("/template", "one_of", "give a plan or a template, not both");
            None
        }
        (None, None) => {
            form.fault("/plan", "required", "give a plan or a template");
            None
        }
    };
    let days = whole_days(asked.days).map_err(|Problem { at, code, detail }| form.fault(&at, &code, detail));
    let mut minutes = |at, given: Option<f64>, range: std::ops::RangeInclusive<f64>| {
        if given.is_some_and(|minutes| !range.contains(&minutes)) {
            let detail = format!("must be from {} to {}", range.start(), range.end());
            form.fault(at, "out_of_range", detail);
        }
    };
    minutes("/minutes_per_alert", asked.minutes_per_alert, 0.1..=1440.0);
    minutes(
        "/staffed_minutes_per_day",
        asked.staffed_minutes_per_day,
        0.0..=1_000_000.0,
    );
    if asked.staffed_minutes_per_day.is_some() && asked.minutes_per_alert.is_none() {
        let detail = "is needed to set alerts against staffed minutes";
        form.fault("/minutes_per_alert", "required", detail);
    }
    let terms = days.ok().map(|days| Terms {
        template,
        days,
        condition: asked.condition,
        minutes_per_alert: asked.minutes_per_alert,
        staffed_minutes_per_day: asked.staffed_minutes_per_day,
    });
    form.sound(proposed.zip(terms))
}

/// The template's parameters as a plan that begins now.
fn of_template(id: &str, act: &Act) -> Result<Option<Plan>, Refusal> {
    let Some(template) = template::all()?.into_iter().find(|template| template.id == id) else {
        return Ok(None);
    };
    let broken = |fault: String| Refusal::Broken(format!("template {id} is no plan: {fault}"));
    let body: serde_json::Result<serde_json::Map<_, _>> = serde_json::from_str(template.plan.get());
    let mut body = body.map_err(|fault| broken(fault.to_string()))?;
    body.insert("reason".to_owned(), json!("rehearsal"));
    body.insert("effective_from".to_owned(), json!(act.now));
    plan::sound_for_somebody(&serde_json::Value::Object(body).to_string(), 1)
        .map(|(plan, _)| Some(plan))
        .map_err(|faults| {
            broken(
                faults
                    .iter()
                    .map(|fault| format!("{} {}", fault.at, fault.code))
                    .collect::<Vec<_>>()
                    .join(", "),
            )
        })
}
