//! What judging goes through, in order: sessions that are new, and stored ones that they reach.

use crate::domain::ids::SessionKey;
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::engine::ToJudge;

use super::past::Again;
use super::rejudge::Incoming;
use super::standing::Standing;

/// A session to judge.
#[derive(Debug)]
pub(super) enum Subject {
    New(Incoming),
    /// Rare, and large.
    Again(Box<Again>),
}

impl Subject {
    pub(super) fn session(&self) -> &Session {
        match self {
            Self::New(incoming) => &incoming.session,
            Self::Again(again) => &again.session,
        }
    }

    /// Its place among the patient's sessions.
    pub(super) fn order(&self) -> (Instant, &SessionKey) {
        let session = self.session();
        (session.completed_at, &session.key)
    }

    /// Whether judging it again left it as it stood.
    pub(super) fn is_unchanged(&self, stands: &Standing) -> bool {
        matches!(self, Self::Again(again) if again.before == *stands)
    }

    pub(super) fn to_judge(&self) -> ToJudge<'_> {
        let decisions = match self {
            Self::New(_) => &[][..],
            Self::Again(again) => &again.decisions,
        };
        ToJudge {
            session: self.session(),
            decisions,
        }
    }
}
