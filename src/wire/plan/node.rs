//! A value of the body and its place. Each asks for what it should be, and says so where it is not; nothing is guessed.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::domain::number::Milli;
use crate::domain::rule::TenThousandths;
use crate::wire::json;
use crate::wire::number::{Decimal, Factor};
use crate::wire::problem::Problem;

/// The longest list that is compared element by element; every list with a meaning of its own is shorter.
pub(super) const MAX_ELEMENTS: usize = 1000;

/// All faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Problem>);

impl Faults {
    pub(super) fn push(&mut self, at: impl Into<String>, code: &str, detail: &str) {
        self.0.push(Problem::new(at, code, detail));
    }

    /// What was read, if nothing at all was wrong.
    pub(super) fn or<T>(self, read: Option<T>) -> Result<T, Vec<Problem>> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            _ => Err(self.0),
        }
    }
}

/// One value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    at: String,
    raw: &'a RawValue,
}

impl<'a> Node<'a> {
    /// The whole body.
    pub(super) fn root(body: &'a str, faults: &mut Faults) -> Option<Self> {
        match serde_json::from_str(body) {
            Ok(raw) => Some(Self {
                at: String::new(),
                raw,
            }),
            Err(fault) => {
                faults.push("", "not_json", &fault.to_string());
                None
            }
        }
    }

    pub(super) fn at(&self) -> &str {
        &self.at
    }

    /// Notes a fault here; `None`, to end with.
    pub(super) fn fault<T>(&self, code: &str, detail: &str, faults: &mut Faults) -> Option<T> {
        faults.push(&self.at, code, detail);
        None
    }

    pub(super) fn text(&self, faults: &mut Faults) -> Option<String> {
        let Some(text) = json::text(self.raw) else {
            return self.fault("wrong_type", "must be a string", faults);
        };
        if text.contains('\0') {
            return self.fault("nul_character", "holds a NUL character", faults);
        }
        Some(text.into_owned())
    }

    pub(super) fn is_text(&self) -> bool {
        self.raw.get().starts_with('"')
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let text = self.text(faults)?;
        let found = words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, meaning)| *meaning);
        found.or_else(|| {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(
                "unknown_word",
                &format!("must be one of: {}", all.join(", ")),
                faults,
            )
        })
    }

    pub(super) fn flag(&self, faults: &mut Faults) -> Option<bool> {
        match self.raw.get() {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.fault("wrong_type", "must be true or false", faults),
        }
    }

    fn decimal(&self, faults: &mut Faults) -> Option<Decimal<'a>> {
        Decimal::parse(self.raw.get()).or_else(|| self.fault("wrong_type", "must be a number", faults))
    }

    /// A number with at most three decimals, kept exactly.
    pub(super) fn number(&self, faults: &mut Faults) -> Option<Milli> {
        let decimal = self.decimal(faults)?;
        if !decimal.has_decimals(3) {
            return self.fault("too_many_decimals", "may have three decimals at most", faults);
        }
        decimal
            .milli(Factor::NONE)
            .or_else(|| self.fault("too_large", "is larger than any number we keep", faults))
    }

    /// A number as `number`, above zero.
    pub(super) fn positive(&self, faults: &mut Faults) -> Option<Milli> {
        let number = self.number(faults)?;
        if number <= Milli::default() {
            self.fault("not_positive", "must be above zero", faults)
        } else {
            Some(number)
        }
    }

    /// A factor above zero with at most four decimals.
    pub(super) fn positive_factor(&self, faults: &mut Faults) -> Option<TenThousandths> {
        let decimal = self.decimal(faults)?;
        if !decimal.has_decimals(4) {
            return self.fault("too_many_decimals", "may have four decimals at most", faults);
        }
        let Some(tenfold) = decimal.milli(Factor::ratio(10, 1)) else {
            return self.fault("too_large", "is larger than any number we keep", faults);
        };
        if tenfold <= Milli::default() {
            return self.fault("not_positive", "must be above zero", faults);
        }
        Some(TenThousandths(tenfold.thousandths()))
    }

    pub(super) fn integer(&self, faults: &mut Faults) -> Option<i64> {
        let number = self.decimal(faults)?.integer();
        number.or_else(|| self.fault("wrong_type", "must be a whole number", faults))
    }

    /// A whole number from `least` (0 or 1) to a greatest, beyond which it has the code given with that.
    pub(super) fn whole(&self, least: u32, most: (u32, &str), faults: &mut Faults) -> Option<u32> {
        let number = self.integer(faults)?;
        let (most, beyond) = most;
        if number < i64::from(least) {
            let detail = if least == 0 {
                "must not be below zero"
            } else {
                "must be above zero"
            };
            return self.fault("not_positive", detail, faults);
        }
        let whole = u32::try_from(number).ok().filter(|whole| *whole <= most);
        whole.or_else(|| self.fault(beyond, &format!("must be {most} at most"), faults))
    }

    pub(super) fn list(&self, faults: &mut Faults) -> Option<Vec<Self>> {
        let Some(list) = json::list(self.raw) else {
            return self.fault("wrong_type", "must be an array", faults);
        };
        let place = |index: usize| format!("{}/{index}", self.at);
        Some(
            list.into_iter()
                .enumerate()
                .map(|(index, raw)| Self {
                    at: place(index),
                    raw,
                })
                .collect(),
        )
    }

    /// The elements of an array, each read, none of them twice.
    pub(super) fn each_once<T: PartialEq>(
        &self,
        faults: &mut Faults,
        read: impl Fn(&Self, &mut Faults) -> Option<T>,
    ) -> Option<Vec<T>> {
        let nodes = self.list(faults)?;
        if nodes.len() > MAX_ELEMENTS {
            return self.fault("too_many", "holds more elements than any plan needs", faults);
        }
        let (mut all, count) = (Vec::with_capacity(nodes.len()), nodes.len());
        for node in nodes {
            match read(&node, faults) {
                Some(element) if all.contains(&element) => {
                    faults.push(node.at, "duplicate", "stands in the list already");
                }
                Some(element) => all.push(element),
                None => {}
            }
        }
        (all.len() == count).then_some(all)
    }

    /// An object with these keys and no others.
    pub(super) fn object(&self, keys: &[&str], faults: &mut Faults) -> Option<Members<'a>> {
        let members = self.any_object(faults)?;
        for (key, _) in &members.members {
            if !keys.contains(&key.as_str()) {
                faults.push(members.place(key), "unknown_key", "is no key of this object");
            }
        }
        Some(members)
    }

    /// An object with keys of the writer's choice.
    pub(super) fn any_object(&self, faults: &mut Faults) -> Option<Members<'a>> {
        let Some(all) = json::members(self.raw.get()) else {
            return self.fault("wrong_type", "must be an object", faults);
        };
        let mut members = Members {
            at: self.at.clone(),
            members: Vec::with_capacity(all.len()),
        };
        let mut seen = BTreeSet::new();
        for (key, raw) in all {
            if seen.insert(key.clone()) {
                members.members.push((key, raw));
            } else {
                faults.push(members.place(&key), "duplicate_key", "stands twice in its object");
            }
        }
        Some(members)
    }

    /// The object's members without a word about their faults: for a first look, before the proper one.
    pub(super) fn glance(&self, key: &str) -> Option<String> {
        let members = json::members(self.raw.get())?;
        let (_, raw) = members.into_iter().find(|(name, _)| name == key)?;
        json::text(raw).map(Into::into)
    }
}

/// An object's keys, of which null ones count as absent.
#[derive(Debug)]
pub(super) struct Members<'a> {
    at: String,
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Members<'a> {
    fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.members
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, raw)| *raw)
    }

    pub(super) fn at(&self) -> &str {
        &self.at
    }

    pub(super) fn place(&self, key: &str) -> String {
        json::under(&self.at, key)
    }

    pub(super) fn optional(&self, key: &str) -> Option<Node<'a>> {
        json::present(self.get(key)).map(|raw| Node {
            at: self.place(key),
            raw,
        })
    }

    pub(super) fn required(&self, key: &str, faults: &mut Faults) -> Option<Node<'a>> {
        let node = self.optional(key);
        if node.is_none() {
            faults.push(self.place(key), "missing", "is required");
        }
        node
    }

    /// An absent key's default, or what is read; `None` only where that was at fault.
    pub(super) fn default<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&Node<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.optional(key) {
            None => Some(default),
            Some(node) => read(&node),
        }
    }

    /// Every member as a node.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Node<'a>)> {
        self.members.iter().map(|(key, raw)| {
            (
                key.as_str(),
                Node {
                    at: self.place(key),
                    raw,
                },
            )
        })
    }
}

/// Whether the text has the form of an id of a plan: `[a-z][a-z0-9_]{0,63}`.
pub(super) fn is_id(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// What `is_id` wants, in words.
pub(super) const ID_FORM: &str =
    "must be 1 to 64 small letters, digits or underscores, beginning with a letter";
