//! Parameters to start from, each number with its source.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::ListOf;
use crate::desk::template;
use crate::domain::question::Translation;
use crate::web::answer::{Answer, plain};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub struct TemplateView {
    pub id: String,
    /// What a plan that was copied from it names it by, with its id.
    pub version: u32,
    pub name: String,
    /// Whose numbers these are, and what has still to be confirmed.
    pub provenance: String,
    /// By rule id.
    pub sources: BTreeMap<String, String>,
    /// By language tag, for every language but English: whether the questions in it may be put to patients.
    pub translations: BTreeMap<String, Translation>,
    /// A plan body but for `reason` and `effective_from`.
    #[schema(value_type = Object)]
    pub plan: Box<RawValue>,
}

pub async fn list() -> Answer {
    let items = template::all()?
        .into_iter()
        .map(|template| TemplateView {
            id: template.id,
            version: template.version,
            name: template.name,
            provenance: template.provenance,
            sources: template.sources,
            translations: template.translations,
            plan: template.plan,
        })
        .collect();
    Ok(plain(&ListOf::whole(items)))
}
