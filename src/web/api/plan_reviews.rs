//! What in parameters waits for a second person: limits that were widened, and plans whose day of review has come.

use axum::extract::State as Extract;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::plans::{PlanView, one, views};
use super::{ListOf, PageQuery, Who};
use crate::desk::{news2, plan_review};
use crate::domain::ids::{PatientId, StaffId};
use crate::domain::patient::Patient;
use crate::domain::staff::Role;
use crate::domain::time::Instant;
use crate::store::plan_put::VersionKey;
use crate::store::staff::Staff;
use crate::store::{self, Page, Tx};
use crate::web::State;
use crate::web::acting::Acting;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Body, Path, Query};
use crate::web::guard::Signed;
use crate::web::looking::Showing as _;
use crate::web::problem::Problem;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    note: Option<String>,
}

/// A version that waits, and whose.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanToReview)]
pub struct ToReviewView {
    given_name: String,
    family_name: String,
    team_id: Option<Uuid>,
    /// Whose it is: the patient's named clinician. Null where nobody is named, or the named one set these limits or may not
    /// confirm any more; then it is anybody's who may.
    #[serde(rename = "for")]
    whose: Option<Who>,
    plan: PlanView,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ToReviewQuery {
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    cursor: Option<String>,
    /// Those that are the caller's, as a named clinician.
    #[serde(rename = "for")]
    #[param(inline)]
    whose: Option<Whose>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    Me,
}

/// Versions with marks that nobody has confirmed, whether or not another version has followed, and those that score NEWS2 in
/// pregnancy, until another version has followed; last set first.
pub async fn to_review(
    Extract(state): Extract<State>,
    signed: Signed,
    Query(query): Query<ToReviewQuery>,
) -> Answer {
    let limit = super::limit(query.limit)?;
    let cursor = super::cursor(query.cursor.as_deref());
    let named = query.whose.map(|Whose::Me| StaffId(signed.caller.actor.id));
    let may_confirm = Role::REVIEWERS.contains(&signed.caller.role);
    let mut tx = state.desk.db.read().await?;
    let now = state.desk.clock.now();
    let misfits = news2::every_out_of_place(&mut tx, now).await?;
    let page = if named.is_some() && !may_confirm {
        // Whoever is named and has another role since has nothing to confirm.
        Page {
            items: Vec::new(),
            next: None,
        }
    } else {
        store::plan_put::waiting(&mut tx, (&misfits, named), cursor.as_ref(), limit).await?
    };
    list(&mut tx, page, now).await
}

/// Plans in force of patients who are monitored, whose `review_on` has come, longest overdue first.
pub async fn review_due(Extract(state): Extract<State>, Query(query): Query<PageQuery>) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let now = state.desk.clock.now();
    let today = now.with_timezone(&state.settings.timezone).date_naive();
    let after = query.cursor();
    let page = store::plan_put::due(&mut tx, (today, now), after.as_ref(), query.limit()?).await?;
    list(&mut tx, page, now).await
}

async fn list(tx: &mut Tx, page: Page<VersionKey>, now: Instant) -> Answer {
    let patients: BTreeSet<PatientId> = page.items.iter().map(|(patient, _)| *patient).collect();
    let patients: Vec<PatientId> = patients.into_iter().collect();
    let people: BTreeMap<PatientId, Patient> = (store::patient::of(tx, &patients).await?.into_iter())
        .map(|person| (person.id, person))
        .collect();
    let named: BTreeSet<StaffId> = people
        .values()
        .filter_map(|person| person.named_clinician_id)
        .collect();
    let named: Vec<StaffId> = named.into_iter().collect();
    let named: BTreeMap<StaffId, Staff> = (store::staff::of(tx, &named).await?.into_iter())
        .map(|staff| (staff.id, staff))
        .collect();
    let rows = store::plan::bodies(tx, &page.items).await?;
    let plans = views(tx, rows, now).await?.into_iter();
    let mut plans: BTreeMap<VersionKey, PlanView> = plans
        .map(|plan| ((PatientId(plan.patient_id), plan.version), plan))
        .collect();
    let items = page
        .items
        .iter()
        .map(|key| {
            let (Some(person), Some(plan)) = (people.get(&key.0), plans.remove(key)) else {
                return Err(Problem::internal(
                    &"plan_put names a version or a patient that is not there",
                ));
            };
            Ok(ToReviewView {
                given_name: person.given_name.clone(),
                family_name: person.family_name.clone(),
                team_id: person.team_id.map(|team| team.0),
                whose: person
                    .named_clinician_id
                    .and_then(|id| whose(named.get(&id), &plan)),
                plan,
            })
        })
        .collect::<Result<_, Problem>>()?;
    let next_cursor = page.next.map(|cursor| cursor.as_str().to_owned());
    Ok(plain(&ListOf { items, next_cursor }).showing(patients))
}

/// What is out of place is for the named clinician to change, also where they have set it.
fn whose(named: Option<&Staff>, plan: &PlanView) -> Option<Who> {
    let named = if plan.waits() && plan.problems.is_empty() {
        plan_review::whose(named, plan.set_by.id)
    } else {
        named.filter(|named| named.reviews())
    };
    named.map(Who::from)
}

/// A second person says that it may be so.
pub async fn confirm(
    acting: Acting,
    Path((id, version)): Path<(Uuid, i64)>,
    Body(said): Body<Confirmation>,
) -> Answer {
    let mut act = acting.begin().await?;
    let row = plan_review::confirm(&mut act, PatientId(id), version, said.note.as_deref()).await?;
    let now = act.now;
    let view = one(&mut act.tx, row, now).await?;
    acting.done(act, StatusCode::OK, None, &view).await
}
