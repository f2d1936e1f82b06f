//! Patients as they stand, read for the memory before anything of theirs comes: else the first session of each after a start would
//! wait for her plan, her past and her alerts, and a thousand of them at once for a thousand each.

use crate::domain::alert::{About, Alert};
use crate::domain::by_id::ById;
use crate::domain::ids::PatientId;
use crate::domain::time::Instant;
use crate::store::patient::Turn;
use crate::store::{self, Tx};

use super::clearing::{self, Outlook};
use super::open_alerts::{OpenAlerts, by_patient};
use super::plans::PlanShelf;
use super::recall::{Known, SPARE};
use super::rejudge::JudgingFault;
use super::standing::Standing;

/// What stands of these patients, given turns that were read before. No lock is needed: whoever changes any of it takes a turn first,
/// and then what is read here counts for nothing.
pub async fn read(
    tx: &mut Tx,
    shelf: &PlanShelf,
    turns: &[(PatientId, Turn)],
) -> Result<Vec<(PatientId, Box<Known>)>, JudgingFault> {
    let patients: Vec<PatientId> = turns.iter().map(|(patient, _)| *patient).collect();
    let plans = shelf.of(tx, &patients).await?;
    let latest = store::shown::latest_of_patients(tx, &patients).await?;
    let since = |patient: &PatientId| {
        let plans = plans.get(patient).cloned().unwrap_or_default();
        // Of whom there is nothing all of it is known.
        latest
            .get(patient)
            .map_or(Instant::UNIX_EPOCH, |newest| *newest - plans.reach - SPARE)
    };
    let wanted: Vec<(PatientId, Instant)> = patients
        .iter()
        .map(|patient| (*patient, since(patient)))
        .collect();
    let mut sessions: ById<PatientId, Vec<Standing>> = ById::default();
    for row in store::session::history(tx, &wanted).await? {
        sessions
            .entry(row.patient_id)
            .or_default()
            .push(Standing::read(row)?);
    }
    let mut open = by_patient(store::alert::open_of(tx, &patients).await?);
    let may_end = open.iter().flat_map(|(patient, open)| {
        let plans = plans.get(patient).cloned().unwrap_or_default();
        clearing::those_that_may_end(*patient, &plans, open).collect::<Vec<_>>()
    });
    let mut looked: ById<PatientId, Vec<(Alert, Outlook)>> = ById::default();
    for (alert, outlook) in clearing::look(tx, shelf, may_end.collect()).await? {
        if let About::Patient(patient) = alert.about {
            looked.entry(patient).or_default().push((alert, outlook));
        }
    }
    let known = turns.iter().zip(wanted).map(|((patient, turn), (_, since))| {
        let plans = plans.get(patient).cloned().unwrap_or_default();
        let mut open = OpenAlerts::read(*patient, &plans, open.remove(patient).unwrap_or_default());
        for (alert, outlook) in looked.remove(patient).into_iter().flatten() {
            // One that ends does so with her next session, which asks.
            if outlook.ends().is_none() {
                open.looked_at(&alert, &outlook);
            }
        }
        let mut sessions = sessions.remove(patient).unwrap_or_default();
        sessions.shrink_to_fit();
        (*patient, Known::new(*turn, plans, (since, sessions), open))
    });
    Ok(known.collect())
}
