//! A value of the body and its place. Each asks for what it should be, and says so where it is not; nothing is guessed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::domain::number::Milli;
use crate::domain::rule::TenThousandths;
use crate::wire::document::{Document, Pointers, Raw, Spot, present};
use crate::wire::json;
use crate::wire::number::{Decimal, Factor};
use crate::wire::problem::Problem;

/// The longest list that is compared element by element; every list with a meaning of its own is shorter.
pub(super) const MAX_ELEMENTS: usize = 1000;

/// All faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Spot, Problem)>);

/// What a fault is told of. Its pointer is worked out when it is told, so that a sound body is charged for none.
#[derive(Debug)]
pub(super) struct Place {
    spot: Spot,
    /// What to add to the pointer of the spot: a key that may be missing there, or nothing.
    under: String,
}

impl Faults {
    pub(super) fn push(&mut self, at: Place, code: &str, detail: &str) {
        self.0.push((at.spot, Problem::new(at.under, code, detail)));
    }

    /// What was read of the document, if nothing at all was wrong.
    pub(super) fn or<T>(self, read: Option<T>, document: &Document<'_>) -> Result<T, Vec<Problem>> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            _ => {
                let pointers = Pointers::of(document);
                let told = self.0.into_iter().map(|(spot, problem)| Problem {
                    at: pointers.to(spot) + &problem.at,
                    ..problem
                });
                Err(told.collect())
            }
        }
    }
}

/// One value, in its document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a>(Raw<'a>);

impl<'a> Node<'a> {
    /// The whole body; `None` where it is no JSON.
    pub(super) fn root(document: &'a Document<'a>) -> Option<Self> {
        document.whole().filter(|_| document.is_sound()).map(Self)
    }

    /// The place of a key in it.
    pub(super) fn place(&self, key: &str) -> Place {
        Place {
            spot: self.0.spot(),
            under: json::under("", key),
        }
    }

    fn itself(&self) -> Place {
        Place {
            spot: self.0.spot(),
            under: String::new(),
        }
    }

    /// Notes a fault here; `None`, to end with.
    pub(super) fn fault<T>(&self, code: &str, detail: &str, faults: &mut Faults) -> Option<T> {
        faults.push(self.itself(), code, detail);
        None
    }

    pub(super) fn text(&self, faults: &mut Faults) -> Option<Cow<'a, str>> {
        let Some(text) = self.0.text() else {
            return self.fault("wrong_type", "must be a string", faults);
        };
        // A raw NUL is no JSON at all, so there is one only where it is escaped.
        if matches!(&text, Cow::Owned(text) if text.contains('\0')) {
            return self.fault("nul_character", "holds a NUL character", faults);
        }
        Some(text)
    }

    pub(super) fn is_text(&self) -> bool {
        self.0.get().starts_with('"')
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
        match self.0.get() {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.fault("wrong_type", "must be true or false", faults),
        }
    }

    fn decimal(&self, faults: &mut Faults) -> Option<Decimal<'a>> {
        Decimal::parse(self.0.get()).or_else(|| self.fault("wrong_type", "must be a number", faults))
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
        match self.0.elements() {
            Some(elements) => Some(elements.map(Self).collect()),
            None => self.fault("wrong_type", "must be an array", faults),
        }
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
                    faults.push(node.itself(), "duplicate", "stands in the list already");
                }
                Some(element) => all.push(element),
                None => {}
            }
        }
        (all.len() == count).then_some(all)
    }

    /// An object with these keys and no others.
    pub(super) fn object(&self, keys: &[&str], faults: &mut Faults) -> Option<Members<'a>> {
        self.object_of([keys, &[]], faults)
    }

    /// The same, with keys that it shares with others and keys of its own.
    pub(super) fn object_of(&self, [shared, own]: [&[&str]; 2], faults: &mut Faults) -> Option<Members<'a>> {
        let members = self.any_object(faults)?;
        for (key, _) in &members.members {
            if !shared.contains(&key.as_ref()) && !own.contains(&key.as_ref()) {
                faults.push(self.place(key), "unknown_key", "is no key of this object");
            }
        }
        Some(members)
    }

    /// An object with keys of the writer's choice.
    pub(super) fn any_object(&self, faults: &mut Faults) -> Option<Members<'a>> {
        let Some(mut members) = self.members() else {
            return self.fault("wrong_type", "must be an object", faults);
        };
        let repeated = repeated(&members);
        if !repeated.is_empty() {
            let mut index = 0..;
            members.retain(|(key, _)| {
                let is_first = index.next().is_none_or(|at| repeated.binary_search(&at).is_err());
                if !is_first {
                    faults.push(self.place(key), "duplicate_key", "stands twice in its object");
                }
                is_first
            });
        }
        Some(Members {
            object: *self,
            members,
        })
    }

    /// All that stands in the object; `None` where it is none, or has a key that is no text.
    fn members(&self) -> Option<Vec<(Cow<'a, str>, Raw<'a>)>> {
        let mut members = Vec::with_capacity(FEW);
        for (key, raw) in self.0.members()? {
            members.push((key.text()?, raw));
        }
        Some(members)
    }

    /// A text of the object without a word about its faults: for a first look, before the proper one.
    pub(super) fn glance(&self, key: &str) -> Option<Cow<'a, str>> {
        let mut found = None;
        for (name, raw) in self.0.members()? {
            if name.text()? == key && found.is_none() {
                found = Some(raw);
            }
        }
        found?.text()
    }
}

/// As many members as nearly all objects of a plan have at most.
const FEW: usize = 16;

/// Which of the members have the key of an earlier one. Few are compared with each other; but an object may have
/// thousands, where somebody means ill.
fn repeated(members: &[(Cow<'_, str>, Raw<'_>)]) -> Vec<usize> {
    let keys = members.iter().map(|(key, _)| key).enumerate();
    if members.len() <= FEW {
        let stands_before =
            |(at, key): &(usize, &Cow<'_, str>)| members[..*at].iter().any(|(other, _)| other == *key);
        return keys.filter(stands_before).map(|(at, _)| at).collect();
    }
    let mut seen = BTreeSet::new();
    keys.filter(|(_, key)| !seen.insert(*key))
        .map(|(at, _)| at)
        .collect()
}

/// An object's keys, of which null ones count as absent.
#[derive(Debug)]
pub(super) struct Members<'a> {
    object: Node<'a>,
    members: Vec<(Cow<'a, str>, Raw<'a>)>,
}

impl<'a> Members<'a> {
    /// The object itself.
    pub(super) fn at(&self) -> Place {
        self.object.itself()
    }

    pub(super) fn place(&self, key: &str) -> Place {
        self.object.place(key)
    }

    pub(super) fn optional(&self, key: &str) -> Option<Node<'a>> {
        let found = self.members.iter().find(|(name, _)| name == key);
        present(found.map(|(_, raw)| *raw)).map(Node)
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
        self.members.iter().map(|(key, raw)| (key.as_ref(), Node(*raw)))
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
