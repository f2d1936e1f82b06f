//! `admin` is a role of machine tokens only; no person may do everything.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who acted: a member of staff or a machine client, with the name as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    pub id: Uuid,
    pub name: String,
}

/// What a member of staff, or a machine token, may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    CallHandler,
    Senior,
    SpecialistNurse,
    RespondingClinician,
    Manager,
    Administrator,
    Auditor,
    Admin,
}

impl Role {
    pub const ALL: [Self; 8] = [
        Self::CallHandler,
        Self::Senior,
        Self::SpecialistNurse,
        Self::RespondingClinician,
        Self::Manager,
        Self::Administrator,
        Self::Auditor,
        Self::Admin,
    ];

    /// Who confirms, as a second person, that limits may be as wide as somebody set them; who may be a named clinician.
    pub const REVIEWERS: [Self; 2] = [Self::SpecialistNurse, Self::RespondingClinician];

    pub const fn word(self) -> &'static str {
        match self {
            Self::CallHandler => "call_handler",
            Self::Senior => "senior",
            Self::SpecialistNurse => "specialist_nurse",
            Self::RespondingClinician => "responding_clinician",
            Self::Manager => "manager",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}
