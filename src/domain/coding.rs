//! The names that other systems know a measure by. They are shown and handed on, never read: units send our own names.

use super::measure::Measure;

/// One measure in the code systems of the NHS. A code that nobody has looked up in its release is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    /// `http://loinc.org`
    pub loinc: Option<&'static str>,
    /// `http://snomed.info/sct`, UK edition.
    pub snomed: Option<&'static str>,
}

impl Measure {
    pub const fn coding(self) -> Coding {
        let (loinc, snomed) = match self {
            Self::SystolicBp => (Some("8480-6"), Some("72313002")),
            Self::DiastolicBp => (Some("8462-4"), Some("1091811000000102")),
            Self::HeartRate => (Some("8867-4"), Some("364075005")),
            Self::Spo2 => (Some("2708-6"), Some("431314004")),
            Self::Weight => (Some("29463-7"), Some("27113001")),
            Self::Temperature => (Some("8310-5"), Some("386725007")),
            Self::Glucose => (None, Some("997671000000106")),
            Self::PeakFlow => (Some("33452-4"), None),
            Self::Fev1 => (Some("20150-9"), None),
            Self::RespiratoryRate => (Some("9279-1"), Some("86290005")),
        };
        Coding { loinc, snomed }
    }
}
