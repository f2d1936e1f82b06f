//! Plan versions are immutable and numbered without gaps, so a patient's parsed plans are fresh as long as the newest number is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::PatientId;
use crate::domain::plan::Plan;
use crate::store::{self, StoreError, Tx};
use crate::wire;

/// A patient's plan versions, oldest first; empty where there is none yet.
pub type Plans = Arc<Vec<Plan>>;

/// Parsed plans of the patients seen lately, kept over batches.
#[derive(Debug, Default)]
pub struct PlanShelf {
    kept: Mutex<HashMap<PatientId, Plans>>,
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
    /// How many patients' plans are kept; about 5 kB each. Beyond it the shelf is emptied, not searched.
    const CAPACITY: usize = 100_000;

    /// The plans of these patients, parsed only where a new version has come since they were last asked for.
    pub async fn of(
        &self,
        tx: &mut Tx,
        patients: &[PatientId],
    ) -> Result<HashMap<PatientId, Plans>, PlanFault> {
        let mut newest: HashMap<PatientId, i64> = HashMap::with_capacity(patients.len());
        for (patient, version) in store::plan::versions_of(tx, patients).await? {
            let known = newest.entry(patient).or_default();
            *known = version.max(*known);
        }
        let mut plans = HashMap::with_capacity(patients.len());
        let mut missing = Vec::new();
        {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            for patient in patients {
                let version = newest.get(patient).copied().unwrap_or_default();
                match kept.get(patient) {
                    _ if version == 0 => drop(plans.insert(*patient, Plans::default())),
                    Some(known) if known.last().is_some_and(|plan| plan.version == version) => {
                        plans.insert(*patient, Arc::clone(known));
                    }
                    _ => missing.extend((1..=version).map(|number| (*patient, number))),
                }
            }
        }
        if missing.is_empty() {
            return Ok(plans);
        }
        let mut parsed: HashMap<PatientId, Vec<Plan>> = HashMap::new();
        for row in store::plan::bodies(tx, &missing).await? {
            let plan =
                wire::plan::parse(&row.body, row.version).map_err(|problems| PlanFault::Unreadable {
                    patient: row.patient_id,
                    version: row.version,
                    fault: problems
                        .iter()
                        .map(|problem| format!("{} {}", problem.at, problem.code))
                        .collect::<Vec<_>>()
                        .join(", "),
                })?;
            parsed.entry(row.patient_id).or_default().push(plan);
        }
        for patient in missing.iter().map(|(patient, _)| patient) {
            // Judging by fewer versions than there are would look like health.
            let wanted = newest.get(patient).copied().unwrap_or_default();
            let found = parsed.get(patient).map_or(0, Vec::len);
            if i64::try_from(found) != Ok(wanted) {
                return Err(PlanFault::Missing {
                    patient: *patient,
                    wanted,
                    found,
                });
            }
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + parsed.len() > Self::CAPACITY {
            kept.clear();
        }
        for (patient, mut versions) in parsed {
            versions.sort_by_key(|plan| plan.version);
            // Most patients have one version, and the room of four would be kept for it.
            versions.shrink_to_fit();
            let versions = Arc::new(versions);
            kept.insert(patient, Arc::clone(&versions));
            plans.insert(patient, versions);
        }
        Ok(plans)
    }
}
