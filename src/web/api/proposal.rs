//! What templates of several conditions would make together; nothing is put by asking.

use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{NoQuery, bad_query};
use crate::desk::proposal::{Conflict, Proposal, for_patient, merged};
use crate::domain::ids::PatientId;
use crate::domain::patient::Condition;
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Path, Query};
use crate::web::looking::Showing as _;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanProposal)]
pub struct ProposalView {
    /// A plan body but for `reason` and `effective_from`.
    #[schema(value_type = Object)]
    plan: Value,
    /// Where the templates differ, for a nurse to decide.
    conflicts: Vec<ConflictView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanConflict)]
pub struct ConflictView {
    /// A JSON pointer into `plan`.
    at: String,
    choices: Vec<ChoiceView>,
    /// What stands at the place: the tighter.
    #[schema(value_type = Object)]
    proposed: Value,
    why: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanConflictChoice)]
pub struct ChoiceView {
    template: String,
    /// The rule, or the part of the plan, as that template has it.
    #[schema(value_type = Object)]
    rule: Value,
}

impl From<Proposal> for ProposalView {
    fn from(proposal: Proposal) -> Self {
        Self {
            plan: proposal.plan,
            conflicts: proposal.conflicts.into_iter().map(ConflictView::from).collect(),
        }
    }
}

impl From<Conflict> for ConflictView {
    fn from(conflict: Conflict) -> Self {
        let choice = |(template, rule)| ChoiceView { template, rule };
        Self {
            at: conflict.at,
            choices: conflict.choices.into_iter().map(choice).collect(),
            proposed: conflict.proposed,
            why: conflict.why,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct MergedQuery {
    /// Conditions, with commas between them: `heart_failure,copd`.
    #[param(value_type = String)]
    conditions: String,
}

pub async fn of_conditions(Query(query): Query<MergedQuery>) -> Answer {
    let conditions = query
        .conditions
        .split(',')
        .map(|word| Condition::from_word(word.trim()))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| {
            let detail = "names conditions with commas between them, such as heart_failure,copd";
            bad_query("conditions", "unknown_condition", detail)
        })?;
    Ok(plain(&ProposalView::from(merged(&conditions)?)))
}

pub async fn of_patient(Extract(state): Extract<State>, Path(id): Path<Uuid>, _: NoQuery) -> Answer {
    let mut tx = state.desk.db.read().await?;
    let proposal = for_patient(&mut tx, PatientId(id)).await?;
    Ok(plain(&ProposalView::from(proposal)).showing([PatientId(id)]))
}
