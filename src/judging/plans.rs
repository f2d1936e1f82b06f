//! Plan versions are immutable and numbered without gaps, so a patient's parsed plans are fresh as long as the newest number is.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::domain::ids::PatientId;
use crate::domain::plan::Plan;
use crate::engine;
use crate::store::{self, StoreError, Tx};
use crate::wire;

use super::alike::Alike;

/// A patient's plan versions; empty where there is none yet.
pub type Plans = Arc<Versions>;

/// Plan versions, oldest first, with what is asked of all of them for every session.
#[derive(Debug)]
pub struct Versions {
    plans: Box<[Plan]>,
    /// See [`engine::reach`].
    pub reach: TimeDelta,
}

impl FromIterator<Plan> for Versions {
    fn from_iter<Of: IntoIterator<Item = Plan>>(plans: Of) -> Self {
        let plans: Box<[Plan]> = plans.into_iter().collect();
        Self {
            reach: engine::reach(&plans),
            plans,
        }
    }
}

impl Default for Versions {
    fn default() -> Self {
        std::iter::empty().collect()
    }
}

impl Deref for Versions {
    type Target = [Plan];

    fn deref(&self) -> &[Plan] {
        &self.plans
    }
}

/// Parsed plans of the patients seen lately, kept over batches.
#[derive(Debug, Default)]
pub struct PlanShelf {
    kept: Mutex<HashMap<PatientId, Plans>>,
    alike: Mutex<Alike>,
}

/// A stored plan that the parser refuses: it was sound when it was put, so the program or the row has changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("plan_version {version} of patient {patient} can no longer be read: {fault}")]
    Unreadable {
        patient: PatientId,
        version: i64,
        fault: String,
    },
    #[error("plan_version of patient {patient} has {found} versions where the newest is {wanted}")]
    Missing {
        patient: PatientId,
        wanted: i64,
        found: usize,
    },
}

impl PlanShelf {
    /// How many patients' plans are kept. Beyond it the shelf is emptied, not searched.
    const CAPACITY: usize = 100_000;

    /// The plans of these patients. Only versions that have come since they were last asked for are fetched and parsed.
    pub async fn of(
        &self,
        tx: &mut Tx,
        patients: &[PatientId],
    ) -> Result<HashMap<PatientId, Plans>, PlanFault> {
        let mut plans: HashMap<PatientId, Plans> = {
            let kept = self.kept();
            let known = |patient| kept.get(patient).cloned().unwrap_or_default();
            patients
                .iter()
                .map(|patient| (*patient, known(patient)))
                .collect()
        };
        let mut asked: Vec<PatientId> = plans.keys().copied().collect();
        while !asked.is_empty() {
            let newest = |patient: &PatientId| plans[patient].last().map_or(0, |plan| plan.version);
            let known: Vec<(PatientId, i64)> =
                asked.iter().map(|patient| (*patient, newest(patient))).collect();
            let mut newer: HashMap<PatientId, Vec<Plan>> = HashMap::new();
            for (patient, version, body) in store::plan::since(tx, &known).await? {
                let newer = newer.entry(patient).or_default();
                newer.extend(body.map(|body| parse(patient, version, &body)).transpose()?);
            }
            // Whoever has fewer versions than were known has been restored: all of hers are asked for.
            asked = known
                .into_iter()
                .filter(|(patient, version)| *version > 0 && !newer.contains_key(patient))
                .map(|(patient, _)| patient)
                .collect();
            for patient in &asked {
                plans.insert(*patient, Plans::default());
            }
            newer.retain(|_, newer| !newer.is_empty());
            self.keep(&mut plans, newer)?;
        }
        Ok(plans)
    }

    /// Adds versions that were not known to those that were.
    fn keep(
        &self,
        plans: &mut HashMap<PatientId, Plans>,
        mut newer: HashMap<PatientId, Vec<Plan>>,
    ) -> Result<(), PlanFault> {
        if newer.is_empty() {
            return Ok(());
        }
        let mut alike = self.alike.lock().unwrap_or_else(PoisonError::into_inner);
        newer.values_mut().flatten().for_each(|plan| alike.share(plan));
        drop(alike);
        let mut kept = self.kept();
        if kept.len() + newer.len() > Self::CAPACITY {
            kept.clear();
        }
        for (patient, newer) in newer {
            let known = plans.remove(&patient).unwrap_or_default();
            let versions: Versions = known.iter().cloned().chain(newer).collect();
            complete(patient, &versions)?;
            let versions = Arc::new(versions);
            kept.insert(patient, Arc::clone(&versions));
            plans.insert(patient, versions);
        }
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<PatientId, Plans>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(patient: PatientId, version: i64, body: &str) -> Result<Plan, PlanFault> {
    wire::plan::parse(body, version).map_err(|problems| PlanFault::Unreadable {
        patient,
        version,
        fault: problems
            .iter()
            .map(|problem| format!("{} {}", problem.at, problem.code))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// Judging by fewer versions than there are would look like health.
fn complete(patient: PatientId, versions: &[Plan]) -> Result<(), PlanFault> {
    let numbers = versions.iter().map(|plan| plan.version);
    if numbers.eq((1..).take(versions.len())) {
        return Ok(());
    }
    Err(PlanFault::Missing {
        patient,
        wanted: versions.last().map_or(0, |plan| plan.version),
        found: versions.len(),
    })
}
