//! One open alert per patient and class: what is found joins it, severity rises by itself and falls only by a person's hand.

use crate::domain::alert::{About, Alert, AlertState};
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::AlertId;
use crate::domain::time::Instant;

/// What new findings do to the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folded {
    /// Nothing was open: a new alert.
    Opened(Alert),
    /// An alert was open: it takes the findings and, where they are worse, their severity.
    Merged { alert: Alert, from_version: i64 },
}

impl Folded {
    pub const fn alert(&self) -> &Alert {
        match self {
            Self::Opened(alert) | Self::Merged { alert, .. } => alert,
        }
    }
}

/// Folds findings of one class about one patient (or unit) into the open alert, or opens one under `id`.
/// `worst` is the highest severity among them; `None`, and so nothing to do, where all are context.
pub fn fold(
    open: Option<Alert>,
    (about, class): (About, Class),
    worst: Option<Severity>,
    (id, now): (AlertId, Instant),
) -> Option<Folded> {
    let worst = worst.filter(|severity| *severity > Severity::Context)?;
    Some(match open {
        None => Folded::Opened(Alert {
            id,
            about,
            class,
            severity: worst,
            state: AlertState::New,
            opened_at: now,
            updated_at: now,
            version: 1,
        }),
        Some(alert) => {
            let from_version = alert.version;
            let severity = alert.severity.max(worst);
            Folded::Merged {
                alert: Alert {
                    severity,
                    updated_at: now,
                    version: from_version + 1,
                    ..alert
                },
                from_version,
            }
        }
    })
}
