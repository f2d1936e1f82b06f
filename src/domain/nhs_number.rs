//! All ten repeated-digit numbers pass the check digit; they are refused all the same.

use std::fmt;
use std::str::FromStr;

/// A valid NHS number: ten digits, checked by weights 10 to 2 modulo 11 (NHS Data Dictionary).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NhsNumber(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnNhsNumber {
    #[error("an NHS number has ten digits")]
    Form,
    #[error("the check digit of this NHS number does not fit: please read it again")]
    CheckDigit,
    #[error("ten equal digits are not an NHS number")]
    Repeated,
}

impl NhsNumber {
    /// Ten digits without spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// 9000000000 to 9999999999 is never issued: for tests and demonstrations only.
    pub fn is_synthetic(&self) -> bool {
        self.0.starts_with('9')
    }

    /// As people read it: `943 476 5919`.
    pub fn spaced(&self) -> String {
        format!("{} {} {}", &self.0[..3], &self.0[3..6], &self.0[6..])
    }
}

impl FromStr for NhsNumber {
    type Err = NotAnNhsNumber;

    fn from_str(text: &str) -> Result<Self, NotAnNhsNumber> {
        let kept: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        if kept.len() != 10 || !kept.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotAnNhsNumber::Form);
        }
        let digits: Vec<u32> = kept.bytes().map(|b| u32::from(b - b'0')).collect();
        if digits.iter().all(|digit| *digit == digits[0]) {
            return Err(NotAnNhsNumber::Repeated);
        }
        let sum: u32 = digits[..9]
            .iter()
            .zip((2..=10).rev())
            .map(|(digit, weight)| digit * weight)
            .sum();
        let check = match 11 - sum % 11 {
            11 => 0,
            check => check,
        };
        if check == digits[9] {
            Ok(Self(kept))
        } else {
            Err(NotAnNhsNumber::CheckDigit)
        }
    }
}

impl fmt::Debug for NhsNumber {
    /// Never the number: debug output reaches logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(…)")
    }
}
