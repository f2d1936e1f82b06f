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
use crate::engine::clearing::{Awaited, Why};
use crate::store::audit::{ActorKind, Entry};
use crate::store::event::NewEvent;
use crate::store::{self, StoreError, Tx};

use super::alerting::News;
use super::open_alerts::{OpenAlerts, by_patient};
use super::plans::PlanShelf;
use super::recall::Known;
use super::rejudge::JudgingFault;
use evidence::Evidence;

/// Who closes, as the record names it.
const ACTOR: &str = "clearing";

/// An alert that has just ended by itself: its class, and the word for why.
pub type Cleared = (Class, &'static str);

/// Which alerts may end by what a batch brought: the technical ones of its patients, and the clinical ones where a plan allows it.
pub fn concerned(known: &[(PatientId, Box<Known>)]) -> Vec<(About, Class)> {
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
    let looked = look(tx, shelf, open).await?.into_iter();
    let due = looked.filter_map(|(alert, outlook)| Some((alert, outlook.ends()?)));
    Ok(close(tx, due.collect(), now).await?)
}

/// What else has joined the alerts of a batch's patients than what was found in their sessions, or will.
pub fn joined(known: &mut [(PatientId, Box<Known>)], news: &[News]) {
    let others = news.iter().filter(|news| news.finding.finding.session.is_none());
    for News { about, finding, .. } in others {
        let whose = |(patient, _): &&mut (PatientId, Box<Known>)| *about == About::Patient(*patient);
        if let Some((_, known)) = known.iter_mut().find(whose) {
            known.open.joined_by(&finding.finding);
        }
    }
}

/// Takes out of a batch's memory the alerts that are over with what it brought: nothing need be asked of them. What joins one, which is
/// among the news, ends it by [`clear_remembering`], if at all.
pub fn take_what_is_over(known: &mut [(PatientId, Box<Known>)], news: &[News]) -> Vec<(Alert, Why)> {
    let technical = news
        .iter()
        .filter(|news| news.finding.finding.class == Class::Technical);
    let joined: HashSet<&About> = technical.map(|news| &news.about).collect();
    let over = known
        .iter_mut()
        .filter(|(patient, _)| joined.is_empty() || !joined.contains(&About::Patient(*patient)))
        .filter_map(|(_, known)| known.open.take_what_is_over());
    over.map(|alert| (alert, Why::CauseGone)).collect()
}

/// [`clear`] for a batch that has just opened or changed these alerts, and remembers of each patient what may end: nothing is looked
/// for with each of her sessions.
pub async fn clear_remembering(
    tx: &mut Tx,
    shelf: &PlanShelf,
    known: &mut [(PatientId, Box<Known>)],
    raised: Vec<Alert>,
    now: Instant,
) -> Result<Vec<Cleared>, JudgingFault> {
    let mut raised = by_patient(raised);
    for (patient, known) in &mut *known {
        for alert in raised.remove(patient).into_iter().flatten() {
            known.open.changed(*patient, &known.plans, alert);
        }
    }
    let asked = known.iter_mut().filter(|(_, known)| known.open.may_end());
    let mut asked: ById<PatientId, &mut Known> =
        asked.map(|(patient, known)| (*patient, &mut **known)).collect();
    let whose: Vec<(About, Class)> = asked
        .keys()
        .flat_map(|patient| OpenAlerts::CLASSES.map(|class| (About::Patient(*patient), class)))
        .collect();
    let mut open = by_patient(store::alert::open_for(tx, &whose).await?);
    let mut may_end = Vec::new();
    for (patient, known) in &mut asked {
        let open = open.remove(patient).unwrap_or_default();
        may_end.extend(those_that_may_end(*patient, &known.plans, &open));
        known.open = OpenAlerts::read(*patient, &known.plans, open);
    }
    let mut due = Vec::new();
    for (alert, outlook) in look(tx, shelf, may_end).await? {
        if let About::Patient(patient) = &alert.about
            && let Some(known) = asked.get_mut(patient)
        {
            known.open.looked_at(&alert, &outlook);
        }
        due.extend(outlook.ends().map(|why| (alert, why)));
    }
    Ok(close(tx, due, now).await?)
}

/// Those of a patient's open alerts that her sessions may end.
pub(super) fn those_that_may_end(
    patient: PatientId,
    plans: &[Plan],
    open: &[Alert],
) -> impl Iterator<Item = Alert> {
    let classes: Vec<(About, Class)> = classes(patient, plans).collect();
    let of_those = open.iter().filter(move |alert| {
        alert.severity == Severity::Amber && classes.contains(&(alert.about.clone(), alert.class))
    });
    of_those.cloned()
}

/// What becomes of an alert that may end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outlook {
    Ends(Why),
    /// Technical, once all of this was measured again.
    Awaits(Vec<Awaited>),
    /// Whatever ends it is yet to come, or a person.
    Stays,
}

impl Outlook {
    pub(super) const fn ends(&self) -> Option<Why> {
        match self {
            Self::Ends(why) => Some(*why),
            Self::Awaits(_) | Self::Stays => None,
        }
    }
}

/// What becomes of each of these alerts, which are amber and may end by themselves. Nothing is locked.
pub(super) async fn look(
    tx: &mut Tx,
    shelf: &PlanShelf,
    mut open: Vec<Alert>,
) -> Result<Vec<(Alert, Outlook)>, JudgingFault> {
    open.retain(|alert| alert.class != Class::Clinical || alert.state == AlertState::New);
    let stays = take_what_stays(tx, &mut open).await?;
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
    let looked = open.into_iter().map(|(alert, findings)| {
        let outlook = evidence.weigh(&alert, &findings);
        (alert, outlook)
    });
    let stays = stays.into_iter().map(|alert| (alert, Outlook::Stays));
    Ok(looked.chain(stays).collect())
}

/// A technical alert ends by suspect readings that were measured again, and not while anything else is current on it. An answer
/// that no plan knows adds a finding a day: an alert with a hundred of them must not be read through with every session.
async fn take_what_stays(tx: &mut Tx, open: &mut Vec<Alert>) -> Result<Vec<Alert>, StoreError> {
    let technical = open.iter().filter(|alert| alert.class == Class::Technical);
    let technical: Vec<AlertId> = technical.map(|alert| alert.id).collect();
    let may_end: HashSet<AlertId> = store::alert::only_by(tx, SUSPECT, &technical)
        .await?
        .into_iter()
        .collect();
    let stays = open.extract_if(.., |alert| {
        alert.class == Class::Technical && !may_end.contains(&alert.id)
    });
    Ok(stays.collect())
}

/// Alerts as they end, and what is told of it.
#[derive(Debug, Default)]
pub struct Endings {
    /// Each with the version that it was at.
    pub closed: Vec<(Alert, i64)>,
    pub cleared: Vec<Cleared>,
    entries: Vec<Entry>,
}

impl Endings {
    /// Those that only a person may close are passed over.
    pub fn of(due: Vec<(Alert, Why)>, now: Instant) -> Self {
        let mut endings = Self::default();
        for (alert, why) in due {
            let seen_version = alert.version;
            let Ok(alert) = alert.clear(why.to_string(), now) else {
                continue;
            };
            endings.entries.push(record(&alert, why, now));
            endings.cleared.push((alert.class, why.word()));
            endings.closed.push((alert, seen_version));
        }
        endings
    }

    pub fn events(&self, now: Instant) -> impl Iterator<Item = NewEvent> {
        self.closed
            .iter()
            .map(move |(alert, _)| NewEvent::alert(alert, now))
    }

    pub async fn record(&self, tx: &mut Tx) -> Result<(), StoreError> {
        store::audit::insert(tx, &self.entries).await
    }
}

/// Closes alerts whose rows the caller's transaction has locked, as `store::alert::open_for` does. Gives those that a person need not
/// close.
pub async fn close(tx: &mut Tx, due: Vec<(Alert, Why)>, now: Instant) -> Result<Vec<Cleared>, StoreError> {
    let endings = Endings::of(due, now);
    store::alert::merge(tx, &endings.closed).await?;
    let events: Vec<NewEvent> = endings.events(now).collect();
    store::event::insert(tx, &events).await?;
    endings.record(tx).await?;
    Ok(endings.cleared)
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
