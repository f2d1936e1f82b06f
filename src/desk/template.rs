//! Templates are parameters to start from, compiled in; a nurse makes them a plan by giving it a patient, a reason and a beginning.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Refusal;
use crate::domain::question::Translation;

/// A template: the plan body's JSON without `reason` and `effective_from`, and where its numbers come from.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub id: String,
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
        .map(|text| {
            serde_json::from_str(text)
                .map_err(|error| Refusal::Broken(format!("a template cannot be read: {error}")))
        })
        .collect()
}
