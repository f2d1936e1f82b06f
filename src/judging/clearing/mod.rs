//! Alerts that close by themselves: each closing is on record as an act of the service's own. Of patients with no open amber
//! alert, who are nearly all, a batch remembers that or asks with one statement.

mod evidence;

use std::collections::{HashMap, HashSet};

use serde_json::json;

use crate::domain::alert::{About, Alert, AlertState};
use crate::domain::by_id::ById;
use crate::domain::finding::{Class, Finding, FindingState, SUSPECT, Severity};
use crate::domain::ids::{AlertId, PatientId};
use crate::domain::plan::Plan;
use crate::domain::time::Instant;
use crate::engine::clearing::Why;
use crate::store::audit::{ActorKind, Entry};
use crate::store::event::NewEvent;
use crate::store::{self, StoreError, Tx};

use super::open_alerts::OpenAlerts;
use super::plans::PlanShelf;
use super::recall::Known;
use super::rejudge::JudgingFault;
use evidence::Evidence;

/// Who closes, as the record names it.
const ACTOR: &str = "clearing";

/// An alert that has just ended by itself: its class, and the word for why.
pub type Cleared = (Class, &'static str);

/// Which alerts may end by what a batch brought: the technical ones of its patients, and the clinical ones where a plan allows it.
pub fn concerned(known: &[(PatientId, Known)]) -> Vec<(About, Class)> {
    known
        .iter()
        .flat_map(|(patient, known)| classes(*patient, &known.plans))
        .collect()
}

/// The classes of a patient's alerts that may end by themselves when her sessions are judged.
pub(super) fn classes(patient: PatientId, plans: &[Plan]) -> impl Iterator<Item = (About, Class)> + use<> {
    let allowed = plans.iter().any(|plan| plan.amber_auto_close);
    let classes = [Some(Class::Technical), allowed.then_some(Class::Clinical)];
    classes
        .into_iter()
        .flatten()
        .map(move |class| (About::Patient(patient), class))
}

/// Looks which open alerts about these (distinct) may end by themselves now, and ends them. The caller holds the locks of the
/// patients, and has written findings and raised alerts.
pub async fn clear(
    tx: &mut Tx,
    shelf: &PlanShelf,
    whose: &[(About, Class)],
    now: Instant,
) -> Result<Vec<Cleared>, JudgingFault> {
    let open = store::alert::amber_for(tx, whose).await?;
    clear_of(tx, shelf, open, now).await
}

/// [`clear`] for a batch that has just opened or changed these alerts, and remembers of each patient what may end: nothing is looked
/// for with each of her sessions.
pub async fn clear_remembering(
    tx: &mut Tx,
    shelf: &PlanShelf,
    known: &mut [(PatientId, Known)],
    raised: Vec<Alert>,
    now: Instant,
) -> Result<Vec<Cleared>, JudgingFault> {
    let mut raised = by_patient(raised);
    for (patient, known) in &mut *known {
        for alert in raised.remove(patient).into_iter().flatten() {
            known.open.changed(*patient, &known.plans, alert);
        }
    }
    let mut asked: Vec<&mut (PatientId, Known)> =
        known.iter_mut().filter(|(_, known)| known.open.may_end).collect();
    let whose: Vec<(About, Class)> = asked
        .iter()
        .flat_map(|(patient, _)| OpenAlerts::CLASSES.map(|class| (About::Patient(*patient), class)))
        .collect();
    let mut open = by_patient(store::alert::open_for(tx, &whose).await?);
    let mut may_end = Vec::new();
    for (patient, known) in &mut asked {
        let open = open.remove(patient).unwrap_or_default();
        let classes: Vec<(About, Class)> = classes(*patient, &known.plans).collect();
        let of_those = open.iter().filter(|alert| {
            alert.severity == Severity::Amber && classes.contains(&(alert.about.clone(), alert.class))
        });
        may_end.extend(of_those.cloned());
        known.open = OpenAlerts::read(*patient, &known.plans, open);
    }
    clear_of(tx, shelf, may_end, now).await
}

fn by_patient(alerts: Vec<Alert>) -> ById<PatientId, Vec<Alert>> {
    let mut by_patient: ById<PatientId, Vec<Alert>> = ById::default();
    for alert in alerts {
        if let About::Patient(patient) = alert.about {
            by_patient.entry(patient).or_default().push(alert);
        }
    }
    by_patient
}

async fn clear_of(
    tx: &mut Tx,
    shelf: &PlanShelf,
    mut open: Vec<Alert>,
    now: Instant,
) -> Result<Vec<Cleared>, JudgingFault> {
    open.retain(|alert| alert.class != Class::Clinical || alert.state == AlertState::New);
    leave_what_stays(tx, &mut open).await?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<AlertId> = open.iter().map(|alert| alert.id).collect();
    let mut current: HashMap<AlertId, Vec<Finding>> = HashMap::new();
    for (alert, row) in store::worklist::findings(tx, &ids).await? {
        if row.state == FindingState::Current {
            current.entry(alert).or_default().push(row.finding);
        }
    }
    let open = open.into_iter().map(|alert| {
        let findings = current.remove(&alert.id).unwrap_or_default();
        (alert, findings)
    });
    let open: Vec<(Alert, Vec<Finding>)> = open.collect();
    let evidence = Evidence::load(tx, shelf, &open).await?;
    let due = open.into_iter().filter_map(|(alert, findings)| {
        let why = evidence.weigh(&alert, &findings)?;
        Some((alert, why))
    });
    Ok(close(tx, due.collect(), now).await?)
}

/// A technical alert ends by suspect readings that were measured again, and not while anything else is current on it. An answer
/// that no plan knows adds a finding a day: an alert with a hundred of them must not be read through with every session.
async fn leave_what_stays(tx: &mut Tx, open: &mut Vec<Alert>) -> Result<(), StoreError> {
    let technical = open.iter().filter(|alert| alert.class == Class::Technical);
    let technical: Vec<AlertId> = technical.map(|alert| alert.id).collect();
    let may_end: HashSet<AlertId> = store::alert::only_by(tx, SUSPECT, &technical)
        .await?
        .into_iter()
        .collect();
    open.retain(|alert| alert.class != Class::Technical || may_end.contains(&alert.id));
    Ok(())
}

/// Closes alerts whose rows the caller's transaction has locked, as `store::alert::open_for` does. Those that only a person
/// may close are passed over. Gives the others.
pub async fn close(tx: &mut Tx, due: Vec<(Alert, Why)>, now: Instant) -> Result<Vec<Cleared>, StoreError> {
    let (mut closed, mut entries, mut cleared) = (Vec::new(), Vec::new(), Vec::new());
    for (alert, why) in due {
        let seen_version = alert.version;
        let Ok(alert) = alert.clear(why.to_string(), now) else {
            continue;
        };
        entries.push(record(&alert, why, now));
        cleared.push((alert.class, why.word()));
        closed.push((alert, seen_version));
    }
    store::alert::merge(tx, &closed).await?;
    let events: Vec<NewEvent> = closed
        .iter()
        .map(|(alert, _)| NewEvent::alert(alert, now))
        .collect();
    store::event::insert(tx, &events).await?;
    store::audit::insert(tx, &entries).await?;
    Ok(cleared)
}

fn record(alert: &Alert, why: Why, now: Instant) -> Entry {
    Entry {
        at: now,
        actor_kind: ActorKind::System,
        actor_id: None,
        actor_name: ACTOR.to_owned(),
        act: "alert.clear".to_owned(),
        subject_kind: "alert".to_owned(),
        subject_id: alert.id.to_string(),
        patient_id: match &alert.about {
            About::Patient(patient) => Some(*patient),
            About::Unit(_) | About::Service => None,
        },
        detail: json!({ "class": alert.class, "why": why.word() }).to_string(),
    }
}
