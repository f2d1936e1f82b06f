//! Layers are flattened to text by key before anything is parsed, so that one wrong value never hides the next.

use std::collections::BTreeMap;
use std::path::Path;

use figment::Provider;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};

use super::fault::{Faults, nearest};

pub(super) const PREFIX: &str = "HOMEWARD_";
pub(super) const FILE_VARIABLE: &str = "HOMEWARD_CONFIG";
/// Read by the tests, never by the service.
const TESTS_PREFIX: &str = "HOMEWARD_TEST_";
/// Keys whose value may stand in a file of its own, named by `<key>_file`.
pub(super) const SECRETS: [&str; 4] = ["database.url", "http.metrics_token", "mail.url", "mqtt.password"];

/// A value as text, and where it was said.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) place: String,
    /// The text names a file that holds the value.
    pub(super) in_file: bool,
}

#[derive(Debug)]
pub(super) struct Layers {
    said: BTreeMap<String, Said>,
    /// In the order of the defaults file.
    known: Vec<String>,
}

impl Layers {
    pub(super) fn defaults(text: &str, faults: &mut Faults) -> Self {
        let mut layers = Self {
            said: BTreeMap::new(),
            known: Vec::new(),
        };
        let values = flatten(text, "default", faults);
        layers.known = values.iter().map(|(key, _)| key.clone()).collect();
        layers.known.sort_by_key(|key| line_of(text, key));
        for (key, value) in values {
            layers.say(&key, value, "default".to_owned(), faults);
        }
        layers
    }

    pub(super) fn add_file(&mut self, path: &Path, faults: &mut Faults) {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                return faults.add("--config", name, format!("cannot be read: {error}"), None);
            }
        };
        let values = flatten(&text, &name, faults);
        refuse_doubles(values.iter().map(|(key, _)| key.as_str()), &name, faults);
        for (key, value) in values {
            let place = match line_of(&text, &key) {
                Some(line) => format!("{name} line {line}"),
                None => name.clone(),
            };
            self.say(&key, value, place, faults);
        }
    }

    /// `HOMEWARD_<SECTION>__<KEY>`.
    pub(super) fn add_environment(&mut self, variables: &[(String, String)], faults: &mut Faults) {
        let ours: Vec<(String, &str, &str)> = variables
            .iter()
            .filter(|(name, _)| name != FILE_VARIABLE && !name.starts_with(TESTS_PREFIX))
            .filter_map(|(name, value)| {
                let key = name
                    .strip_prefix(PREFIX)?
                    .to_ascii_lowercase()
                    .replacen("__", ".", 1);
                Some((key, name.as_str(), value.as_str()))
            })
            .collect();
        refuse_doubles(ours.iter().map(|(key, ..)| key.as_str()), "environment", faults);
        for (key, name, value) in ours {
            self.say(&key, Some(value.to_owned()), name.to_owned(), faults);
        }
    }

    /// A key in force, by its name in the defaults.
    pub(super) fn get(&self, key: &str) -> Option<&Said> {
        self.said.get(key)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Said)> {
        self.known
            .iter()
            .filter_map(|key| Some((key.as_str(), self.said.get(key)?)))
    }

    fn say(&mut self, key: &str, text: Option<String>, place: String, faults: &mut Faults) {
        let Some(text) = text else {
            return faults.add(key, place, "is one value, not a list or a section", None);
        };
        let secret = key.strip_suffix("_file").filter(|key| SECRETS.contains(key));
        let in_file = secret.is_some() && !self.known.iter().any(|known| known == key);
        let target = if in_file { secret.unwrap_or(key) } else { key };
        if !self.known.iter().any(|known| known == target) {
            let variable = place.starts_with(PREFIX);
            let hint = nearest(target, self.known.iter().map(String::as_str)).map(|near| {
                if variable {
                    format!(
                        "did you mean {PREFIX}{}?",
                        near.replace('.', "__").to_ascii_uppercase()
                    )
                } else {
                    format!("did you mean {near}?")
                }
            });
            return faults.add(key, place, "is not a key of Homeward", hint);
        }
        self.said.insert(target.to_owned(), Said { text, place, in_file });
    }
}

/// Within one layer nobody can tell which of the two was meant.
fn refuse_doubles<'a>(keys: impl Iterator<Item = &'a str>, place: &str, faults: &mut Faults) {
    let keys: Vec<&str> = keys.collect();
    for secret in SECRETS {
        let file = format!("{secret}_file");
        if keys.contains(&secret) && keys.iter().any(|key| *key == file) {
            faults.add(
                secret,
                place,
                format!("is given twice, once as {file}"),
                Some("keep one of them".to_owned()),
            );
        }
    }
}

/// Every leaf with its value as text; `None` where it is no single value.
fn flatten(text: &str, place: &str, faults: &mut Faults) -> Vec<(String, Option<String>)> {
    let sections: Dict = match Toml::string(text).data() {
        Ok(profiles) => profiles.into_values().flatten().collect(),
        Err(error) => {
            // The excerpt that the parser prints may be a line with a secret: only its words are kept.
            let problem = error.to_string();
            let words: Vec<&str> = problem
                .lines()
                .map(str::trim)
                .filter(|line| !line.contains('|') && !line.is_empty())
                .collect();
            faults.add("the file", place, words.join(": "), None);
            return Vec::new();
        }
    };
    let mut leaves = Vec::new();
    for (section, value) in sections {
        match value {
            Value::Dict(_, keys) => {
                for (key, value) in keys {
                    leaves.push((format!("{section}.{key}"), scalar(&value)));
                }
            }
            other => leaves.push((section, scalar(&other))),
        }
    }
    leaves
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, flag) => Some(flag.to_string()),
        Value::Char(_, letter) => Some(letter.to_string()),
        Value::Num(..) => value
            .to_i128()
            .map(|whole| whole.to_string())
            .or_else(|| value.to_f64().map(|number| number.to_string())),
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

/// The line, from 1, on which a key of a plainly written file stands.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (section, name) = key.split_once('.').unwrap_or(("", key));
    let mut current = String::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            header.trim().clone_into(&mut current);
        } else if let Some((left, _)) = line.split_once('=') {
            let left = left.trim().trim_matches('"');
            if (current == section && left == name) || (current.is_empty() && left == key) {
                return Some(number + 1);
            }
        }
    }
    None
}
