//! Takes values out of the layers; what is wrong is noted and answered with nothing, so that reading goes on.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::SecretString;

use super::Effective;
use super::fault::Faults;
use super::layers::{Layers, PREFIX, SECRETS, Said};

pub(super) struct Keys<'a> {
    layers: Layers,
    faults: &'a mut Faults,
}

impl<'a> Keys<'a> {
    pub(super) fn new(layers: Layers, faults: &'a mut Faults) -> Self {
        Self { layers, faults }
    }

    /// Notes a fault at the place where the key was said.
    pub(super) fn refuse(&mut self, key: &str, problem: impl Into<String>, hint: &str) {
        let place = self
            .layers
            .get(key)
            .map_or_else(String::new, |said| said.place.clone());
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.faults.add(key, place, problem, hint);
    }

    fn said(&mut self, key: &str) -> Option<Said> {
        let said = self.layers.get(key).cloned();
        // A fault in the defaults is already noted; a key that only the code knows is one more.
        if said.is_none() && self.faults.is_empty() {
            self.faults
                .add(key, "default", "is missing from the defaults", None);
        }
        said
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let text = self.said(key)?.text;
        if text.is_empty() {
            self.refuse(key, "is empty", "");
            return None;
        }
        Some(text)
    }

    /// `None` where nothing was said.
    pub(super) fn optional(&mut self, key: &str) -> Option<String> {
        self.said(key)
            .map(|said| said.text)
            .filter(|text| !text.is_empty())
    }

    /// A file that must be readable where it is named at all.
    pub(super) fn optional_path(&mut self, key: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.optional(key)?);
        if let Err(error) = std::fs::File::open(&path) {
            self.refuse(key, format!("{} cannot be read: {error}", path.display()), "");
        }
        Some(path)
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        match self.said(key)?.text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                self.refuse(key, format!("'{other}' is neither true nor false"), "");
                None
            }
        }
    }

    pub(super) fn number<N>(&mut self, key: &str, range: RangeInclusive<N>) -> Option<N>
    where
        N: FromStr + PartialOrd + Display,
    {
        let text = self.said(key)?.text;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let problem = format!(
                "'{text}' is not a whole number from {} to {}",
                range.start(),
                range.end()
            );
            self.refuse(key, problem, "");
        }
        number
    }

    /// A value with a form of its own; `expected` says which.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &str, expected: &str) -> Option<T> {
        let text = self.text(key)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.refuse(key, format!("'{text}' is not {expected}"), "");
        }
        value
    }

    /// The value itself, or what the file holds that was named instead; without the line's end. Never quoted in a fault.
    pub(super) fn secret(&mut self, key: &str) -> Option<SecretString> {
        let said = self.said(key)?;
        let text = if said.in_file && !said.text.is_empty() {
            match std::fs::read_to_string(Path::new(&said.text)) {
                Ok(text) => text.trim_end_matches(['\r', '\n']).to_owned(),
                Err(error) => {
                    self.refuse(key, format!("{} cannot be read: {error}", said.text), "");
                    return None;
                }
            }
        } else {
            said.text
        };
        (!text.is_empty()).then(|| SecretString::from(text))
    }

    /// Files that a secret stands in: one of its own, or the configuration itself.
    pub(super) fn secret_files(&self) -> Vec<(String, PathBuf)> {
        let holds = |key: &str| {
            let said = self.layers.get(key).filter(|said| !said.text.is_empty())?;
            if said.in_file {
                return Some(PathBuf::from(&said.text));
            }
            let elsewhere = said.place == "default" || said.place.starts_with(PREFIX);
            let file = said
                .place
                .rsplit_once(" line ")
                .map_or(&*said.place, |(file, _)| file);
            (!elsewhere).then(|| PathBuf::from(file))
        };
        SECRETS
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), holds(key)?)))
            .collect()
    }

    pub(super) fn effective(&self) -> Vec<Effective> {
        let show = |key: &str, said: &Said| match (SECRETS.contains(&key), said.text.is_empty()) {
            (_, true) => "(not set)".to_owned(),
            (true, false) => "(secret)".to_owned(),
            (false, false) => said.text.clone(),
        };
        self.layers
            .all()
            .map(|(key, said)| Effective {
                key: key.to_owned(),
                shown: show(key, said),
                place: said.place.clone(),
            })
            .collect()
    }
}
