//! An alert keeps the highest severity ever current on it until a person lowers it; its version moves only with state, severity, claim or a new finding.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::finding::{Class, Severity};
use super::ids::{AlertId, PatientId, UnitId};
use super::staff::Actor;
use super::time::Instant;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub id: AlertId,
    pub about: About,
    pub class: Class,
    pub severity: Severity,
    pub state: AlertState,
    pub opened_at: Instant,
    pub updated_at: Instant,
    pub version: i64,
}

/// Whose alert it is: one is open per patient and class, or per unit and class where nobody is assigned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    Patient(PatientId),
    Unit(UnitId),
    /// Messages that name no unit of ours.
    Service,
}

/// Where the alert stands, with the facts of that state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertState {
    New,
    Claimed(Claim),
    Closed(Closing),
}

/// Who took it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub by: Actor,
    pub at: Instant,
}

/// How it ended: a coded outcome always, free text beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// `None` where the system closed it (`cleared_by_itself`).
    pub by: Option<Actor>,
    pub at: Instant,
    pub outcome: Outcome,
    pub note: Option<String>,
}

/// Why an act on an alert is not lawful now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlawful {
    #[error("the alert is already claimed")]
    AlreadyClaimed,
    #[error("the alert is closed")]
    Closed,
    #[error("nobody has claimed the alert: claim it first")]
    NotClaimed,
    #[error("the alert is claimed by somebody else")]
    ClaimedByAnother,
    #[error("this outcome is recorded by the system only")]
    SystemOutcome,
    #[error("a red alert is closed by a person only")]
    NeverByItself,
}

impl AlertState {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Claimed(_) => "claimed",
            Self::Closed(_) => "closed",
        }
    }
}

impl Alert {
    pub const fn is_open(&self) -> bool {
        !matches!(self.state, AlertState::Closed(_))
    }

    /// Takes the alert. Claiming again what is already one's own changes nothing and is refused, so that a double click shows.
    pub fn claim(self, by: Actor, now: Instant) -> Result<Self, Unlawful> {
        match self.state {
            AlertState::New => Ok(self.moved(AlertState::Claimed(Claim { by, at: now }), now)),
            AlertState::Claimed(_) => Err(Unlawful::AlreadyClaimed),
            AlertState::Closed(_) => Err(Unlawful::Closed),
        }
    }

    /// Gives a claimed alert back to the list.
    pub fn release(self, by: &Actor, now: Instant) -> Result<Self, Unlawful> {
        match &self.state {
            AlertState::Claimed(claim) if claim.by.id == by.id => Ok(self.moved(AlertState::New, now)),
            AlertState::Claimed(_) => Err(Unlawful::ClaimedByAnother),
            AlertState::New => Err(Unlawful::NotClaimed),
            AlertState::Closed(_) => Err(Unlawful::Closed),
        }
    }

    /// Ends the alert with a coded outcome, by whoever holds it.
    pub fn close(
        self,
        by: Actor,
        outcome: Outcome,
        note: Option<String>,
        now: Instant,
    ) -> Result<Self, Unlawful> {
        if outcome == Outcome::ClearedByItself {
            return Err(Unlawful::SystemOutcome);
        }
        match &self.state {
            AlertState::Claimed(claim) if claim.by.id == by.id => Ok(self.moved(
                AlertState::Closed(Closing {
                    by: Some(by),
                    at: now,
                    outcome,
                    note,
                }),
                now,
            )),
            AlertState::Claimed(_) => Err(Unlawful::ClaimedByAnother),
            AlertState::New => Err(Unlawful::NotClaimed),
            AlertState::Closed(_) => Err(Unlawful::Closed),
        }
    }

    /// Ends the alert without a person, for the reason given: never a red one, and no clinical one that somebody holds.
    pub fn clear(self, why: String, now: Instant) -> Result<Self, Unlawful> {
        if self.severity == Severity::Red {
            return Err(Unlawful::NeverByItself);
        }
        match (&self.state, self.class) {
            (AlertState::Closed(_), _) => Err(Unlawful::Closed),
            (AlertState::Claimed(_), Class::Clinical) => Err(Unlawful::AlreadyClaimed),
            (AlertState::New | AlertState::Claimed(_), _) => {
                let closing = Closing {
                    by: None,
                    at: now,
                    outcome: Outcome::ClearedByItself,
                    note: Some(why),
                };
                Ok(self.moved(AlertState::Closed(closing), now))
            }
        }
    }

    fn moved(self, state: AlertState, now: Instant) -> Self {
        Self {
            state,
            updated_at: now,
            version: self.version + 1,
            ..self
        }
    }
}

/// The coded end of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    InRangeOnRetest,
    MeasuringTechnique,
    Equipment,
    KnownAndExpected,
    AdviceGiven,
    MedicationChanged,
    GpOrClinic,
    FaceToFaceDone,
    EmergencyServices,
    Admitted,
    UnableToContact,
    Declined,
    Died,
    ClearedByItself,
}

impl Outcome {
    pub const ALL: [Self; 14] = [
        Self::InRangeOnRetest,
        Self::MeasuringTechnique,
        Self::Equipment,
        Self::KnownAndExpected,
        Self::AdviceGiven,
        Self::MedicationChanged,
        Self::GpOrClinic,
        Self::FaceToFaceDone,
        Self::EmergencyServices,
        Self::Admitted,
        Self::UnableToContact,
        Self::Declined,
        Self::Died,
        Self::ClearedByItself,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::InRangeOnRetest => "in_range_on_retest",
            Self::MeasuringTechnique => "measuring_technique",
            Self::Equipment => "equipment",
            Self::KnownAndExpected => "known_and_expected",
            Self::AdviceGiven => "advice_given",
            Self::MedicationChanged => "medication_changed",
            Self::GpOrClinic => "gp_or_clinic",
            Self::FaceToFaceDone => "face_to_face_done",
            Self::EmergencyServices => "emergency_services",
            Self::Admitted => "admitted",
            Self::UnableToContact => "unable_to_contact",
            Self::Declined => "declined",
            Self::Died => "died",
            Self::ClearedByItself => "cleared_by_itself",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}
