//! A rehearsal of parameters on a patient's own history. It is no act: nothing is written, and nobody waits for it.

use crate::domain::hospital::HospitalAdmission;
use crate::domain::ids::PatientId;
use crate::domain::plan::Plan;
use crate::domain::review::Mark;
use crate::domain::time::Instant;
use crate::engine::lead::Foresight;
use crate::engine::preview::{Preview, begin};
use crate::judging::preview::beside_those_in_force;
use crate::store::{self, Tx};
use crate::wire::problem::Problem;

use super::news2::Bearer;
use super::{Refusal, guard, plan};

/// How many local days are looked at where nobody says.
pub const USUAL_DAYS: u16 = 90;
/// No rule's window is longer either.
pub const MOST_DAYS: u16 = 400;

/// What was previewed, over which time, and what came of it.
#[derive(Debug)]
pub struct Rehearsal {
    pub proposed: Plan,
    pub days: u16,
    pub from: Instant,
    pub to: Instant,
    pub preview: Preview,
    /// What will be marked when the plan is put, each with the key of the body that has still to be given.
    pub marks: Vec<(Mark, Option<&'static str>)>,
    /// The stays in hospital that began in these days, the oldest first, each with what came before it.
    pub admissions: Vec<(HospitalAdmission, Foresight)>,
}

/// Judges the patient's last days by the proposed body beside what is in force. Faults of the body stand under `/plan`.
pub async fn rehearse(
    tx: &mut Tx,
    patient: PatientId,
    (body, days): (&str, Option<i64>),
    now: Instant,
) -> Result<Rehearsal, Refusal> {
    let person = store::patient::get(tx, patient)
        .await?
        .ok_or(Refusal::NotFound("patient"))?;
    let versions = store::plan::list(tx, patient).await?;
    let version = versions.first().map_or(1, |latest| latest.version + 1);
    let proposed = match plan::sound(body, version, Bearer::of(&person)) {
        Ok((plan, aside)) => guard::from_known_templates(&aside)?.map(|()| (plan, aside)),
        Err(faults) => Err(faults),
    };
    let (days, (proposed, aside)) = match (whole_days(days), proposed) {
        (Ok(days), Ok(proposed)) => (days, proposed),
        (days, proposed) => {
            let of_plan = proposed.err().unwrap_or_default().into_iter();
            let of_plan = of_plan.map(|fault| Problem {
                at: format!("/plan{}", fault.at),
                ..fault
            });
            return Err(Refusal::Invalid(of_plan.chain(days.err()).collect()));
        }
    };
    let marks = guard::foreseen(&versions, &person.conditions, (&proposed, &aside), now)?;
    let from = begin(proposed.timezone, now, days);
    let preview = beside_those_in_force(tx, patient, &proposed, from).await?;
    let admissions = store::hospital_admission::of(tx, &[patient])
        .await?
        .into_iter()
        .filter(|stay| counts(stay, from, now))
        .map(|stay| {
            let foresight = Foresight::of(stay.admitted_at, from, &preview.findings);
            (stay, foresight)
        })
        .collect();
    Ok(Rehearsal {
        proposed,
        days,
        from,
        to: now,
        preview,
        marks,
        admissions,
    })
}

/// Whether a stay began in these days, and was one.
pub(super) fn counts(stay: &HospitalAdmission, from: Instant, to: Instant) -> bool {
    !stay.entered_in_error && (from..=to).contains(&stay.admitted_at)
}

pub(super) fn whole_days(asked: Option<i64>) -> Result<u16, Problem> {
    let days = asked.map_or(Ok(USUAL_DAYS), u16::try_from);
    days.ok()
        .filter(|days| (1..=MOST_DAYS).contains(days))
        .ok_or_else(|| {
            let detail = format!("must be from 1 to {MOST_DAYS}");
            Problem::new("/days", "out_of_range", detail)
        })
}
