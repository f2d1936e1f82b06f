//! What is known of a patient's open alerts from her last batch, so that the next need not ask. Whoever opens one takes her turn first,
//! and then nothing of this counts; whoever changes or ends one moves its version, and what joins it unasked is refused by that.

use crate::domain::alert::{About, Alert};
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::PatientId;
use crate::domain::plan::Plan;

use super::clearing;

/// Of the classes that sessions open alerts of.
#[derive(Debug)]
pub struct OpenAlerts {
    clinical: Open,
    technical: Open,
    /// False only where it is known that her next session can end none.
    pub(super) may_end: bool,
}

/// The open alert about a patient of one class.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Open {
    #[default]
    Unknown,
    Nothing,
    /// As the patient's last turn left it.
    Stands(Box<Alert>),
}

impl Default for OpenAlerts {
    /// Of whom nothing is known.
    fn default() -> Self {
        Self {
            clinical: Open::Unknown,
            technical: Open::Unknown,
            may_end: true,
        }
    }
}

impl OpenAlerts {
    /// The classes that are remembered.
    pub(super) const CLASSES: [Class; 2] = [Class::Clinical, Class::Technical];

    /// Where these are all that are open about the patient.
    pub(super) fn read(patient: PatientId, plans: &[Plan], open: Vec<Alert>) -> Self {
        let mut known = Self {
            clinical: Open::Nothing,
            technical: Open::Nothing,
            may_end: false,
        };
        for alert in open {
            known.changed(patient, plans, alert);
        }
        known
    }

    pub fn of(&self, class: Class) -> &Open {
        match class {
            Class::Clinical => &self.clinical,
            Class::Technical => &self.technical,
            Class::Compliance => &Open::Unknown,
        }
    }

    /// It was opened or changed, and stands so now. One that her sessions may end must be asked for with each of them anyhow.
    pub(super) fn changed(&mut self, patient: PatientId, plans: &[Plan], alert: Alert) {
        let whose = (About::Patient(patient), alert.class);
        let may_end = alert.severity == Severity::Amber
            && clearing::classes(patient, plans).any(|class| class == whose);
        self.may_end |= may_end;
        let known = match alert.class {
            Class::Clinical => &mut self.clinical,
            Class::Technical => &mut self.technical,
            Class::Compliance => return,
        };
        *known = if may_end {
            Open::Unknown
        } else {
            Open::Stands(Box::new(alert))
        };
    }
}
