//! Key questions to choose from, each with what it is for and whether its translations may be shown to patients.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ListOf;
use crate::desk::bank::{Banked, bank};
use crate::domain::patient::Condition;
use crate::domain::question::{Choice, QuestionKind, QuestionRole, TranslationStatus};
use crate::web::answer::{Answer, plain};
use crate::web::extract::Query;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BankedQuestion)]
pub struct QuestionView {
    /// Stable.
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
    /// By language tag.
    pub text: BTreeMap<String, String>,
    pub options: Vec<Choice>,
    /// By language tag, of every language but English: whether its texts may be put to patients.
    pub translations: BTreeMap<String, TranslationStatus>,
}

impl QuestionView {
    fn of(banked: Banked, translations: &BTreeMap<String, TranslationStatus>) -> Self {
        Self {
            id: banked.id,
            kind: banked.kind,
            role: banked.role,
            conditions: banked.conditions,
            any_of: banked.any_of,
            emergency: banked.emergency,
            source: banked.source,
            text: banked.text,
            options: banked.options,
            translations: translations.clone(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct QuestionsQuery {
    /// Only those for this condition, and those for everyone.
    #[param(inline)]
    condition: Option<Condition>,
}

pub async fn list(Query(query): Query<QuestionsQuery>) -> Answer {
    let bank = bank()?;
    let status = bank.translations.into_iter();
    let status: BTreeMap<_, _> = status.map(|(language, one)| (language, one.status)).collect();
    let wanted = |banked: &Banked| query.condition.is_none_or(|condition| banked.is_for(condition));
    let items = bank.questions.into_iter().filter(wanted);
    let items = items.map(|banked| QuestionView::of(banked, &status)).collect();
    Ok(plain(&ListOf::whole(items)))
}
