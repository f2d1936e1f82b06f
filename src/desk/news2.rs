//! NEWS2 is refused for whom it was not made. A pregnancy that comes to be known while it is in force refuses nothing, since
//! it is true: what is out of place from then on is said wherever the patient and the parameters are shown.

use chrono::NaiveDate;

use crate::domain::ids::PatientId;
use crate::domain::patient::Patient;
use crate::domain::plan::{Plan, to_reign};
use crate::domain::rule::RuleKind;
use crate::domain::time::Instant;
use crate::store::plan::PlanRow;
use crate::store::plan_put::VersionKey;
use crate::store::{self, StoreError, Tx};
use crate::wire::problem::Problem;

use super::{Refusal, plan};

/// Below it the score's bands are not those of the patient (Royal College of Physicians 2017).
const FROM_AGE: u32 = 16;
pub const IN_PREGNANCY: &str = "news2_in_pregnancy";

/// What of a patient decides whether NEWS2 may be scored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bearer {
    pub(super) born: NaiveDate,
    /// `None`: not on record.
    pub(super) pregnant: Option<bool>,
}

impl Bearer {
    pub(super) const fn of(person: &Patient) -> Self {
        Self {
            born: person.birth_date,
            pregnant: person.pregnant,
        }
    }
}

/// Refuses NEWS2 under 16 when the version begins, and for whoever is on record as pregnant now.
pub(super) fn fits(plan: &Plan, bearer: Bearer) -> Result<(), Vec<Problem>> {
    let begins = plan.effective_from.with_timezone(&plan.timezone).date_naive();
    let is_young = begins.years_since(bearer.born).is_none_or(|age| age < FROM_AGE);
    let mut faults = Vec::new();
    for place in places(plan) {
        if is_young {
            let detail = "NEWS2 is not for patients under 16";
            faults.push(Problem::new(place.as_str(), "news2_under_16", detail));
        }
        if bearer.pregnant == Some(true) {
            faults.push(in_pregnancy(place));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

pub(super) fn is_in(plan: &Plan) -> bool {
    places(plan).next().is_some()
}

/// Where a plan scores it, as JSON pointers.
fn places(plan: &Plan) -> impl Iterator<Item = String> {
    (0_usize..)
        .zip(&plan.rules)
        .filter(|(_, rule)| matches!(rule.kind, RuleKind::News2(_)))
        .map(|(place, _)| format!("/rules/{place}/kind"))
}

fn in_pregnancy(place: String) -> Problem {
    let detail = "NEWS2 is not for use in pregnancy, and the patient is on record as pregnant";
    Problem::new(place, IN_PREGNANCY, detail)
}

/// What to say beside a version that [`out_of_place`] has named, at each place of its body.
pub fn problems(row: &PlanRow) -> Result<Vec<Problem>, Refusal> {
    Ok(places(&plan::stored(row)?).map(in_pregnancy).collect())
}

/// Of these patients the versions that score it in pregnancy, and are in force or will be.
pub async fn out_of_place(
    tx: &mut Tx,
    patients: &[PatientId],
    now: Instant,
) -> Result<Vec<VersionKey>, StoreError> {
    let versions = store::plan_put::news2_in_pregnancy(tx, patients).await?;
    reigning(tx, versions, now).await
}

/// The same of every patient.
pub async fn every_out_of_place(tx: &mut Tx, now: Instant) -> Result<Vec<VersionKey>, StoreError> {
    let versions = store::plan_put::every_news2_in_pregnancy(tx).await?;
    reigning(tx, versions, now).await
}

async fn reigning(
    tx: &mut Tx,
    mut versions: Vec<VersionKey>,
    now: Instant,
) -> Result<Vec<VersionKey>, StoreError> {
    if versions.is_empty() {
        return Ok(versions);
    }
    let mut patients: Vec<PatientId> = versions.iter().map(|(patient, _)| *patient).collect();
    patients.sort_unstable();
    patients.dedup();
    let spans = store::plan::spans(tx, &patients).await?;
    versions.retain(|(patient, version)| {
        spans
            .get(patient)
            .is_some_and(|spans| to_reign(spans, now).contains(version))
    });
    Ok(versions)
}
