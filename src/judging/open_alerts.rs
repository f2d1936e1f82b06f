//! What is known of a patient's open alerts from her last batch, so that the next need not ask. Whoever opens one takes her turn first,
//! and then nothing of this counts; whoever changes or ends one moves its version, and what is done with it unasked is refused by that.

use crate::domain::alert::{About, Alert};
use crate::domain::by_id::ById;
use crate::domain::finding::{Class, Finding, SUSPECT, Severity};
use crate::domain::ids::PatientId;
use crate::domain::plan::Plan;
use crate::engine::PastSession;
use crate::engine::clearing::{Awaited, awaited};

use super::clearing::{self, Outlook};

/// Of the classes that sessions open alerts of.
#[derive(Debug, Default)]
pub struct OpenAlerts {
    /// One that her sessions may end is never known: it must be asked for with each of them anyhow.
    clinical: Open,
    technical: Open,
    /// Of the technical one, where it is known and amber.
    end: End,
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

/// How a technical alert may end.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Something stands on it that no session of hers ends.
    NotBySessions,
    /// By itself, once all of this was measured again.
    MeasuredAgain(Vec<Awaited>),
}

impl Default for End {
    fn default() -> Self {
        Self::MeasuredAgain(Vec::new())
    }
}

impl OpenAlerts {
    /// The classes that are remembered.
    pub(super) const CLASSES: [Class; 2] = [Class::Clinical, Class::Technical];

    /// Where these are all that are open about the patient, and nothing else is known of them.
    pub(super) fn read(patient: PatientId, plans: &[Plan], open: Vec<Alert>) -> Self {
        let mut known = Self {
            clinical: Open::Nothing,
            technical: Open::Nothing,
            end: End::default(),
        };
        for alert in open {
            let class = alert.class;
            known.changed(patient, plans, alert);
            if class == Class::Technical && known.is_amber() {
                known.technical = Open::Unknown;
            }
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

    /// Whether it must be asked if one has ended.
    pub(super) fn may_end(&self) -> bool {
        self.clinical == Open::Unknown || self.technical == Open::Unknown || self.is_over()
    }

    /// Her sessions were judged: these, in their order, are new, and this is what was found. Where others were judged again, what stands on
    /// the technical alert may be anything.
    pub(super) fn judged<'a>(
        &mut self,
        (new, again): (&[&PastSession], bool),
        found: impl Iterator<Item = &'a Finding>,
    ) {
        let mut technical = found
            .filter(|finding| finding.class == Class::Technical)
            .peekable();
        if again {
            if self.technical != Open::Nothing || technical.peek().is_some() {
                self.technical = Open::Unknown;
            }
            return;
        }
        if let End::MeasuredAgain(still) = &mut self.end {
            still.retain(|awaited| !new.iter().any(|session| awaited.comes_with(session)));
            match awaited(technical, new) {
                Ok(more) => more.into_iter().for_each(|more| more.join(still)),
                Err(_) => self.end = End::NotBySessions,
            }
        }
    }

    /// This stands on one of them too, whoever found it.
    pub(super) fn joined_by(&mut self, finding: &Finding) {
        if finding.class == Class::Technical && finding.rule != SUSPECT {
            self.end = End::NotBySessions;
        }
    }

    /// It was opened or changed, and stands so now.
    pub(super) fn changed(&mut self, patient: PatientId, plans: &[Plan], alert: Alert) {
        match alert.class {
            Class::Clinical => {
                let whose = (About::Patient(patient), alert.class);
                let may_end = alert.severity == Severity::Amber
                    && clearing::classes(patient, plans).any(|class| class == whose);
                self.clinical = if may_end {
                    Open::Unknown
                } else {
                    Open::Stands(Box::new(alert))
                };
            }
            // What stands on one that is amber is known only where it was known before, and not of one that a person closed meanwhile.
            Class::Technical if alert.severity == Severity::Amber && !self.is_followed_by(&alert) => {
                self.technical = Open::Unknown;
            }
            Class::Technical => self.technical = Open::Stands(Box::new(alert)),
            Class::Compliance => {}
        }
    }

    /// It was looked at whether this one, of those that may end, does so now.
    pub(super) fn looked_at(&mut self, alert: &Alert, outlook: &Outlook) {
        match (alert.class, outlook) {
            (Class::Technical, Outlook::Ends(_)) => {
                (self.technical, self.end) = (Open::Nothing, End::default());
            }
            (Class::Technical, Outlook::Awaits(awaited)) => {
                self.technical = Open::Stands(Box::new(alert.clone()));
                self.end = End::MeasuredAgain(awaited.clone());
            }
            (Class::Technical, Outlook::Stays) => {
                self.technical = Open::Stands(Box::new(alert.clone()));
                self.end = End::NotBySessions;
            }
            (Class::Clinical, Outlook::Ends(_)) => self.clinical = Open::Nothing,
            (Class::Clinical | Class::Compliance, _) => {}
        }
    }

    /// The technical alert, where it has ended with what came: it is open no more.
    pub(super) fn take_what_is_over(&mut self) -> Option<Alert> {
        if !self.is_over() {
            return None;
        }
        match std::mem::replace(&mut self.technical, Open::Nothing) {
            Open::Stands(alert) => Some(*alert),
            Open::Unknown | Open::Nothing => None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_amber() && self.end == End::default()
    }

    /// Whether this is the technical alert as it is known, or the first.
    fn is_followed_by(&self, alert: &Alert) -> bool {
        match &self.technical {
            Open::Unknown => false,
            Open::Nothing => true,
            Open::Stands(known) => known.id == alert.id,
        }
    }

    /// Whether a technical one stands that is amber: a red one is ended by a person only.
    fn is_amber(&self) -> bool {
        matches!(&self.technical, Open::Stands(alert) if alert.severity == Severity::Amber)
    }
}

/// Those that are about patients.
pub(super) fn by_patient(alerts: Vec<Alert>) -> ById<PatientId, Vec<Alert>> {
    let mut by_patient: ById<PatientId, Vec<Alert>> = ById::default();
    for alert in alerts {
        if let About::Patient(patient) = alert.about {
            by_patient.entry(patient).or_default().push(alert);
        }
    }
    by_patient
}
