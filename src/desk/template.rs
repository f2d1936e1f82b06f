//! Templates are parameters to start from, compiled in; a nurse makes them a plan by giving it a patient, a reason and a beginning.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Refusal;
use crate::domain::patient::Condition;
use crate::domain::plan::Plan;
use crate::domain::question::Translation;
use crate::domain::time::Instant;
use crate::wire;

/// A template: the plan body's JSON without `reason` and `effective_from`, and where its numbers come from.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub id: String,
    /// Rises with every change of its numbers: what a plan was copied from stays known.
    pub version: u32,
    pub name: String,
    /// Whose numbers these are, and that a clinician has still to confirm them.
    pub provenance: String,
    /// By rule id.
    pub sources: BTreeMap<String, String>,
    /// By language tag. English is what the others were translated from, and is not here.
    pub translations: BTreeMap<String, Translation>,
    pub plan: Box<RawValue>,
}

const TEXTS: [&str; 4] = [
    include_str!("../../config/templates/heart_failure.json"),
    include_str!("../../config/templates/copd.json"),
    include_str!("../../config/templates/diabetes.json"),
    include_str!("../../config/templates/hypertension.json"),
];

/// Every template there is.
pub fn all() -> Result<Vec<Template>, Refusal> {
    TEXTS
        .iter()
        .map(|text| serde_json::from_str(text).map_err(broken))
        .collect()
}

impl Template {
    /// Its plan as a body that can be put.
    pub fn body(&self, reason: &str, effective_from: Instant) -> Result<String, Refusal> {
        let mut body: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(self.plan.get()).map_err(broken)?;
        for (key, value) in [
            ("reason", reason),
            ("effective_from", &effective_from.to_rfc3339()),
        ] {
            let value = serde_json::value::to_raw_value(value).map_err(broken)?;
            body.insert(key.to_owned(), value);
        }
        serde_json::to_string(&body).map_err(broken)
    }
}

/// The parameters of a condition's template.
pub fn plan_of(condition: Condition) -> Result<Plan, Refusal> {
    let templates = all()?;
    let template = templates
        .iter()
        .find(|template| template.id == condition.word())
        .ok_or_else(|| Refusal::Broken(format!("there is no template for {}", condition.word())))?;
    let body = template.body("template", Instant::UNIX_EPOCH)?;
    wire::plan::parse(&body, 1)
        .map_err(|_| Refusal::Broken(format!("the template {} is no plan", template.id)))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: serde_json::Error) -> Refusal {
    Refusal::Broken(format!("a template cannot be read: {error}"))
}
