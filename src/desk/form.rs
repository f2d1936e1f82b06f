//! Gathers every fault of what was given before anything is refused, each with its place.

use crate::wire::problem::Problem;

use super::Refusal;

/// The most letters a name or a line of text has.
pub const LINE: usize = 200;
/// The most letters a note or a reason has.
pub const NOTE: usize = 4000;

#[derive(Debug, Default)]
pub struct Form(Vec<Problem>);

impl Form {
    pub fn fault(&mut self, at: &str, code: &str, detail: impl Into<String>) {
        self.0.push(Problem::new(at, code, detail));
    }

    /// Text of one line that must not be empty; trimmed.
    pub fn line(&mut self, at: &str, text: &str) -> String {
        self.bounded(at, text, LINE)
    }

    /// Text that must not be empty, such as a reason; trimmed.
    pub fn note(&mut self, at: &str, text: &str) -> String {
        self.bounded(at, text, NOTE)
    }

    fn bounded(&mut self, at: &str, text: &str, most: usize) -> String {
        let text = text.trim();
        if text.is_empty() {
            self.fault(at, "empty", "must not be empty");
        } else if text.chars().count() > most {
            self.fault(at, "too_long", format!("has more than {most} characters"));
        } else if text
            .chars()
            .any(|letter| letter.is_control() && letter != '\n' && letter != '\t')
        {
            self.fault(at, "control_character", "holds a control character");
        }
        text.to_owned()
    }

    /// The value, or a fault at its place.
    pub fn parsed<T, E: ToString>(&mut self, at: &str, code: &str, value: Result<T, E>) -> Option<T> {
        value
            .map_err(|fault| self.fault(at, code, fault.to_string()))
            .ok()
    }

    /// Refuses with everything that was found; what it is handed is there where nothing was.
    pub fn sound<T>(self, value: Option<T>) -> Result<T, Refusal> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Refusal::Invalid(self.0)),
        }
    }

    /// Refuses with everything that was found.
    pub fn check(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(self.0))
        }
    }
}
