//! A change leaves out what it does not touch, and says null for what it takes away: two things that an `Option` confuses.

use serde::{Deserialize, Deserializer};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Edit<T> {
    /// Not mentioned.
    #[default]
    Keep,
    /// Null.
    Clear,
    Set(T),
}

impl<T> Edit<T> {
    /// What stands after the change.
    pub fn over(self, standing: Option<T>) -> Option<T> {
        match self {
            Self::Keep => standing,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Edit<U> {
        match self {
            Self::Keep => Edit::Keep,
            Self::Clear => Edit::Clear,
            Self::Set(value) => Edit::Set(change(value)),
        }
    }
}

/// For fields marked `#[serde(default)]`: absent is [`Edit::Keep`].
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Edit<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::deserialize(deserializer)? {
            None => Self::Clear,
            Some(value) => Self::Set(value),
        })
    }
}
