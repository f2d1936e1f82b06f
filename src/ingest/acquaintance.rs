//! When a process starts it gets to know the patients who have a unit, as many as it may remember: the first message of each finds
//! her as known as every later one. It goes on beside what arrives, and rests as long as it works.

use tokio::sync::watch;
use tokio::time::Instant as Moment;

use crate::clock::Clock;
use crate::domain::by_id::ById;
use crate::domain::ids::{PatientId, UnitId};
use crate::domain::time::Instant;
use crate::judging::recall::Offered;
use crate::judging::{JudgingFault, acquaintance};
use crate::store;

use super::batch::Keeper;
use super::hands;

/// Patients who are read together.
const TOGETHER: u32 = 200;

/// How often it begins anew after everybody was forgotten, as after a fault of the database.
const ANEW: u32 = 3;

/// Works until everybody is known, there is no more room, or it is told to stop. What fails costs the first sessions some time,
/// no more.
pub async fn run(keeper: Keeper, clock: Clock, mut stop: watch::Receiver<bool>) {
    let begun = Moment::now();
    let acquainting = get_acquainted(&keeper, &clock);
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        (patients, end) = acquainting => match end {
            Ok(Offered::Kept) => tracing::info!(patients, took = ?begun.elapsed(), "every patient who has a unit is known"),
            Ok(Offered::Full) => tracing::info!(patients, "as many patients are known as may be remembered"),
            Ok(Offered::Forgotten) => tracing::info!("everybody was forgotten; patients will be known by their first sessions"),
            Err(fault) => tracing::warn!(%fault, patients, "not all patients are known beforehand: their first sessions will take a little longer"),
        }
    }
}

/// How many patients were met, and why no more.
async fn get_acquainted(keeper: &Keeper, clock: &Clock) -> (usize, Result<Offered, JudgingFault>) {
    let (mut patients, mut anew, mut after) = (0, 0, None);
    loop {
        let begun = Moment::now();
        let met = match meet(keeper, after, clock.now()).await {
            Ok(met) => met,
            Err(fault) => return (patients, Err(fault)),
        };
        match met.offered {
            Offered::Kept => (patients, after) = (patients + met.patients, met.last),
            Offered::Full => return (patients + met.patients, Ok(Offered::Full)),
            Offered::Forgotten if anew < ANEW => (patients, anew, after) = (0, anew + 1, None),
            Offered::Forgotten => return (0, Ok(Offered::Forgotten)),
        }
        if met.last.is_none() {
            return (patients, Ok(Offered::Kept));
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
}

/// Some patients who were met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    pub patients: usize,
    /// After whom to go on; nothing where that was everybody.
    pub last: Option<PatientId>,
    pub offered: Offered,
}

/// Gets to know the next patients after one.
pub async fn meet(keeper: &Keeper, after: Option<PatientId>, now: Instant) -> Result<Met, JudgingFault> {
    let forgotten = keeper.recall.forgotten();
    let mut tx = keeper.db.read().await?;
    let patients = store::patient::ids_after(&mut tx, after, TOGETHER).await?;
    // Before anything that they stand for.
    let mut turns = store::patient::last_turns(&mut tx, &patients).await?;
    let units = store::assignment::units_of(&mut tx, &patients, now).await?;
    let lent = hands::read(&mut tx, &units).await?;
    let mut units: ById<PatientId, Vec<(UnitId, i64)>> = ById::default();
    for hands::Read {
        unit,
        lending: (turn, _),
        turns,
    } in &lent
    {
        for (patient, _) in turns {
            let of_patient = units.entry(*patient).or_default();
            if of_patient.last().is_none_or(|(last, _)| last != unit) {
                of_patient.push((unit.clone(), *turn));
            }
        }
    }
    // Whoever has no unit sends nothing.
    turns.retain(|(patient, _)| units.contains_key(patient));
    let mut known = acquaintance::read(&mut tx, &keeper.shelf, &turns).await?;
    for (patient, known) in &mut known {
        known.keep_units(units.remove(patient).unwrap_or_default());
    }
    let offered = keeper.recall.offer(known, forgotten, || keeper.hands.keep(&lent));
    Ok(Met {
        patients: turns.len(),
        last: patients.last().copied(),
        offered,
    })
}
