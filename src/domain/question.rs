//! Answers are codes, whatever language the patient was asked in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key question as the plan holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Question {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: QuestionKind,
    /// By language tag (`en`, `ur`, `pa`).
    pub text: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    YesNo,
    Choice,
    Number,
}

/// What a question of the bank is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuestionRole {
    /// An answer alone alerts.
    Key,
    /// It counts in combinations only.
    Context,
}

/// One option of a `choice` question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    pub code: String,
    pub text: BTreeMap<String, String>,
}

/// What stands behind the texts of one language. It is kept beside the questions, never in a text that a patient reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// Its English name.
    pub language: String,
    pub script: String,
    pub status: TranslationStatus,
    /// The same in words, for whoever chooses the questions.
    pub note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TranslationStatus {
    /// Nobody who speaks the language has checked it.
    TranslationToBeReviewed,
    Reviewed,
}
