//! A fault is told by its place and a stable code; the detail is for people and never repeats what was sent.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One fault in a payload or body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// JSON pointer to the place: `/readings/0/unit`; empty for the whole document.
    pub at: String,
    /// Stable.
    pub code: String,
    /// For people.
    pub detail: String,
}

impl Problem {
    pub fn new(at: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            code: code.to_owned(),
            detail: detail.into(),
        }
    }
}
