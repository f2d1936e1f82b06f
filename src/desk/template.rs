//! Templates are parameters to start from, compiled in; a nurse makes them a plan by giving it a patient, a reason and a beginning.

use serde_json::value::RawValue;

use super::Refusal;

/// A template: the plan body's JSON without `reason` and `effective_from`, and where its numbers come from.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub id: String,
    pub name: String,
    /// Whose numbers these are, and that a clinician has still to confirm them.
    pub provenance: String,
    /// By rule id.
    pub sources: std::collections::BTreeMap<String, String>,
    pub plan: Box<RawValue>,
}

const TEXTS: [&str; 1] = [include_str!("../../config/templates/heart_failure.json")];

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
