//! Where a version of parameters lets more pass in silence than before: somebody else has to look at that, and says so.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::number::Milli;
use super::patient::Condition;

/// One place of a plan body that is marked for a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mark {
    /// A JSON pointer into the plan body.
    pub at: String,
    pub what: Widening,
    /// What was in force, or the template's number, where it is one.
    #[schema(value_type = Option<f64>)]
    pub from: Option<Milli>,
    /// What stands there now.
    #[schema(value_type = Option<f64>)]
    pub to: Option<Milli>,
    /// Beyond whose template.
    pub template: Option<Condition>,
    /// The same in words.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Widening {
    /// A number of a red rule lies more than a fifth farther out.
    Widened,
    /// A red bound, rule or answer is gone.
    Removed,
    /// A rule that was red is there and red no more.
    NoLongerRed,
    /// A red limit lies beyond that of the template of one of the patient's conditions.
    BeyondTemplate,
    /// Oxygen saturation is scored on NEWS2 scale 2.
    #[serde(rename = "scale_2")]
    Scale2,
}

impl Widening {
    /// The code of a refusal that asks for it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Widened => "widened",
            Self::Removed => "removed",
            Self::NoLongerRed => "no_longer_red",
            Self::BeyondTemplate => "beyond_template",
            Self::Scale2 => "scale_2_not_confirmed",
        }
    }
}
