//! A plan is never changed, only followed by a version: what was in force travels with every finding.

use serde_json::json;

use crate::domain::ids::{PatientId, UnitId};
use crate::domain::plan::Plan;
use crate::domain::time::Instant;
use crate::judging::{again, notice};
use crate::store::plan::PlanRow;
use crate::store::plan_put::PlanPut;
use crate::store::{self, StoreError};
use crate::wire;
use crate::wire::plan::Aside;
use crate::wire::problem::Problem;

use super::audit::{self, Subject};
use super::news2::{self, Bearer};
use super::{Act, Refusal, guard};

/// Puts the next version and judges again what it covers. `seen_version`: the latest that the caller has seen, `None` for
/// none. `body` is kept as it was written.
pub async fn put(
    act: &mut Act,
    patient: PatientId,
    seen_version: Option<i64>,
    body: String,
) -> Result<PlanRow, Refusal> {
    if store::patient::lock(&mut act.tx, &[patient]).await?.is_empty() {
        return Err(Refusal::NotFound("patient"));
    }
    let before = store::plan::list(&mut act.tx, patient).await?;
    let standing = before.first().map(|newest| newest.version);
    if standing != seen_version {
        return Err(Refusal::Stale {
            current: standing.unwrap_or(0),
        });
    }
    let version = standing.unwrap_or(0) + 1;
    let person = store::patient::get(&mut act.tx, patient)
        .await?
        .ok_or(Refusal::NotFound("patient"))?;
    let (plan, aside) = sound(&body, version, Bearer::of(&person)).map_err(Refusal::Invalid)?;
    let scores_news2 = news2::is_in(&plan);
    let marks = guard::check(&act.caller, &before, &person.conditions, (&plan, &aside), act.now)?;
    let row = PlanRow {
        patient_id: patient,
        version,
        effective_from: plan.effective_from,
        until: plan.until,
        reason: plan.reason,
        body,
        set_by: act.caller.actor.clone(),
        set_at: act.now,
    };
    store::plan::insert(&mut act.tx, &row)
        .await
        .map_err(|error| match error {
            StoreError::Taken { .. } => Refusal::Stale { current: version },
            other => other.into(),
        })?;
    // Before all versions the one that begins first is in force: the first plan, and one that begins before all others,
    // judge from the beginning.
    let is_first = before
        .iter()
        .all(|other| row.effective_from <= other.effective_from);
    let from = if is_first {
        Instant::UNIX_EPOCH
    } else {
        row.effective_from
    };
    let rejudged = again::rejudge(&mut act.tx, &[(patient, from)], &act.ids, act.now).await?;
    let marked: Vec<&str> = marks.iter().map(|mark| mark.at.as_str()).collect();
    let detail = json!({
        "version": version, "effective_from": row.effective_from, "reason": row.reason,
        "marked": marked, "superseded": rejudged.superseded, "made": rejudged.made,
    });
    let put = PlanPut {
        patient_id: patient,
        version,
        review_on: plan.review_on,
        news2: scores_news2,
        rejudged: Some(rejudged),
        why: aside.widening_reason.filter(|_| !marks.is_empty()),
        marks,
        confirmed: None,
    };
    store::plan_put::insert(&mut act.tx, &put).await?;
    tell_units(act, patient, &row).await?;
    audit::record(
        act,
        "plan.put",
        Subject::new("plan", version, Some(patient)),
        detail,
    )
    .await?;
    Ok(row)
}

/// The plan that this body would be as the next version of this patient; or every fault, with its place.
pub(super) fn sound(body: &str, version: i64, bearer: Bearer) -> Result<(Plan, Aside), Vec<Problem>> {
    let (plan, aside) = sound_for_somebody(body, version)?;
    news2::fits(&plan, bearer)?;
    Ok((plan, aside))
}

/// The plan that this body would be for a patient who is not known yet.
pub(super) fn sound_for_somebody(body: &str, version: i64) -> Result<(Plan, Aside), Vec<Problem>> {
    wire::plan::parse_with_aside(body, version)
}

/// A version that is stored, as it is judged by.
pub(super) fn stored(row: &PlanRow) -> Result<Plan, Refusal> {
    wire::plan::parse(&row.body, row.version).map_err(|_| {
        Refusal::Broken(format!(
            "plan_version {} of patient {} can no longer be read",
            row.version, row.patient_id
        ))
    })
}

/// Has the plan published to every unit that the patient has: now, when it begins and when it ends.
async fn tell_units(act: &mut Act, patient: PatientId, row: &PlanRow) -> Result<(), Refusal> {
    let now = act.now;
    let units: Vec<UnitId> = store::assignment::of_patient(&mut act.tx, patient)
        .await?
        .into_iter()
        .filter(|assignment| assignment.to.is_none_or(|to| now < to))
        .map(|assignment| assignment.unit_id)
        .collect();
    let mut notices = Vec::new();
    for unit in &units {
        let occasions = [
            Some(("put", now)),
            (now < row.effective_from).then_some(("begins", row.effective_from)),
            row.until
                .filter(|until| now < *until)
                .map(|until| ("ends", until)),
        ];
        for (what, due_at) in occasions.into_iter().flatten() {
            let occasion = format!("{patient}/{}/{what}", row.version);
            notices.push(notice::plan(unit, &occasion, &act.ids, now, due_at));
        }
    }
    Ok(store::outbox::insert(&mut act.tx, &notices).await?)
}
