//! Templates are parameters to start from, compiled in; a nurse makes them a plan by giving it a patient, a reason and a beginning.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

use super::Refusal;
use super::bank::{Bank, Banked, bank};
use crate::domain::patient::Condition;
use crate::domain::plan::Plan;
use crate::domain::question::{Question, Translation};
use crate::domain::time::Instant;
use crate::wire;

/// A template: the plan body's JSON without `reason` and `effective_from`, and where its numbers come from.
#[derive(Debug, Clone)]
pub struct Template {
    pub id: String,
    /// Rises with every change of its numbers: what a plan was copied from stays known.
    pub version: u32,
    pub name: String,
    /// Whose numbers these are, and that a clinician has still to confirm them.
    pub provenance: String,
    /// By rule id.
    pub sources: BTreeMap<String, String>,
    /// Of its questions, by language tag. English is what the others were translated from, and is not here.
    pub translations: BTreeMap<String, Translation>,
    pub plan: Box<RawValue>,
}

/// As it stands in its file: its questions are ids of the bank.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    version: u32,
    name: String,
    provenance: String,
    sources: BTreeMap<String, String>,
    plan: BTreeMap<String, Box<RawValue>>,
}

const TEXTS: [&str; 4] = [
    include_str!("../../config/templates/heart_failure.json"),
    include_str!("../../config/templates/copd.json"),
    include_str!("../../config/templates/diabetes.json"),
    include_str!("../../config/templates/hypertension.json"),
];

const QUESTIONS: &str = "questions";

/// Every template there is.
pub fn all() -> Result<Vec<Template>, Refusal> {
    let bank = bank()?;
    TEXTS.iter().map(|text| read(text, &bank)).collect()
}

fn read(text: &str, bank: &Bank) -> Result<Template, Refusal> {
    let mut written: Written = serde_json::from_str(text).map_err(broken)?;
    let asked = written.plan.get(QUESTIONS).map_or("[]", |asked| asked.get());
    let asked: Vec<String> = serde_json::from_str(asked).map_err(broken)?;
    let questions: Vec<Question> = asked
        .iter()
        .map(|id| {
            let banked = bank.questions.iter().find(|banked| banked.id == *id);
            let missing = || Refusal::Broken(format!("{} asks {id}, which the bank has not", written.id));
            banked.map(Banked::question).ok_or_else(missing)
        })
        .collect::<Result<_, Refusal>>()?;
    let questions = to_raw_value(&questions).map_err(broken)?;
    written.plan.insert(QUESTIONS.to_owned(), questions);
    Ok(Template {
        id: written.id,
        version: written.version,
        name: written.name,
        provenance: written.provenance,
        sources: written.sources,
        translations: bank.translations.clone(),
        plan: to_raw_value(&written.plan).map_err(broken)?,
    })
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
            body.insert(key.to_owned(), to_raw_value(value).map_err(broken)?);
        }
        serde_json::to_string(&body).map_err(broken)
    }

    /// Its parameters.
    pub fn parsed(&self) -> Result<Plan, Refusal> {
        let body = self.body("template", Instant::UNIX_EPOCH)?;
        wire::plan::parse(&body, 1)
            .map_err(|_| Refusal::Broken(format!("the template {} is no plan", self.id)))
    }
}

/// The template of a condition.
pub fn of(condition: Condition) -> Result<Template, Refusal> {
    let template = all()?
        .into_iter()
        .find(|template| template.id == condition.word());
    template.ok_or_else(|| Refusal::Broken(format!("there is no template for {}", condition.word())))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: serde_json::Error) -> Refusal {
    Refusal::Broken(format!("a template cannot be read: {error}"))
}
