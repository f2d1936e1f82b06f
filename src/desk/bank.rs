//! The key-question bank, compiled in: each text stands once, and templates name questions by id.

use std::collections::BTreeMap;

use super::Refusal;
use crate::domain::patient::Condition;
use crate::domain::question::{Choice, Question, QuestionKind, QuestionRole, Translation};

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bank {
    /// Rises with every change of a text.
    pub version: u32,
    /// By language tag. English is what the others were translated from, and is not here.
    pub translations: BTreeMap<String, Translation>,
    pub questions: Vec<Banked>,
}

/// A question with what whoever chooses it must know.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Banked {
    /// Stable: what was asked under it means the same for ever.
    pub id: String,
    #[serde(rename = "type")]
    pub kind: QuestionKind,
    pub role: QuestionRole,
    /// For whom; none: for everyone.
    pub conditions: Vec<Condition>,
    /// The answers that say that something is not well.
    pub any_of: Vec<String>,
    /// Of these, the ones that may need an ambulance: red.
    pub emergency: Vec<String>,
    pub source: String,
    pub text: BTreeMap<String, String>,
    #[serde(default)]
    pub options: Vec<Choice>,
}

impl Banked {
    /// As a plan holds it.
    pub fn question(&self) -> Question {
        Question {
            id: self.id.clone(),
            kind: self.kind,
            text: self.text.clone(),
            options: self.options.clone(),
        }
    }

    pub fn is_for(&self, condition: Condition) -> bool {
        self.conditions.is_empty() || self.conditions.contains(&condition)
    }
}

const TEXT: &str = include_str!("../../config/questions.json");

pub fn bank() -> Result<Bank, Refusal> {
    serde_json::from_str(TEXT)
        .map_err(|error| Refusal::Broken(format!("the question bank cannot be read: {error}")))
}
