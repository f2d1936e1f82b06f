//! A fault names the key, the place where it was said, and what would be right.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `mqtt.url`, or the variable's name where no key could be made of it.
    pub key: String,
    /// `default`, `homeward.toml line 3`, `HOMEWARD_MQTT__URL`.
    pub place: String,
    pub problem: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.place, self.problem)?;
        match &self.hint {
            Some(hint) => write!(f, " - {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn all(&self) -> &[Fault] {
        &self.0
    }

    pub(super) fn add(
        &mut self,
        key: impl Into<String>,
        place: impl Into<String>,
        problem: impl Into<String>,
        hint: Option<String>,
    ) {
        self.0.push(Fault {
            key: key.into(),
            place: place.into(),
            problem: problem.into(),
            hint,
        });
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    /// One line a fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// The known name that a mistyped one is closest to, if it is close at all.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len().max(6) / 3)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein: letters to add, drop or change.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
