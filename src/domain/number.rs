//! Values are whole thousandths: 84.2 − 82.2 is exactly 2.0, and no reading ever passes through a float on its way in.

use std::fmt;
use std::ops::{Add, Neg, Sub};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A decimal number kept as a whole number of thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Milli(i64);

impl Milli {
    /// The largest magnitude kept: beyond it a JSON number could not say the value exactly.
    pub const LIMIT: i64 = 1 << 53;

    /// From thousandths.
    pub const fn new(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// From a whole number.
    pub const fn whole(number: i64) -> Self {
        Self(number * 1000)
    }

    pub const fn thousandths(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// For JSON and for statistics whose result is rounded again; exact to print, since the magnitude is limited.
    #[expect(
        clippy::cast_precision_loss,
        reason = "magnitudes stay within 2^53: see LIMIT"
    )]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// A float's nearest thousandth, half away from zero; `None` if it is not finite or too large.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "checked against LIMIT first"
    )]
    pub fn rounded(number: f64) -> Option<Self> {
        let thousandths = (number * 1000.0).round();
        (thousandths.abs() <= Self::LIMIT as f64).then_some(Self(thousandths as i64))
    }
}

impl Add for Milli {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Milli {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Milli {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl fmt::Display for Milli {
    /// The shortest decimal: `84.2`, `90`, `-0.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let text = format!("{sign}{}.{:03}", size / 1000, size % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Milli {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            serializer.serialize_i64(self.0 / 1000)
        } else {
            serializer.serialize_f64(self.to_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Milli {
    /// For numbers that we wrote ourselves. What comes from outside is parsed from its text, by `wire`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Self::rounded(number).ok_or_else(|| D::Error::custom("a number within ±9 007 199 254 740"))
    }
}
