//! Decimal numbers stay text until they are thousandths: `1e-7`, four hundred digits and an exponent of a million are
//! all rounded exactly once, without a float and without a big integer.

use std::cmp::Ordering;
use std::io::Write as _;

use crate::domain::number::Milli;

/// A JSON number by its value: `84.2`, `84.20` and `842e-1` are the same. Zero has no sign.
#[derive(Debug, Clone, Copy)]
pub struct Decimal<'a> {
    negative: bool,
    /// The text's digits, which lie on both sides of its point.
    whole: &'a str,
    fraction: &'a str,
    /// How many of those digits lead with zero, and how many then count: neither the first nor the last is zero.
    skip: usize,
    count: usize,
    /// The value is the counting digits × 10^exponent.
    exponent: i64,
}

/// An exact factor to a measure's own unit: own = (sent − `minus`) × `times` ÷ `per`, the quotient being at least 1/1000
/// and below 1000, so that the digits kept are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    pub minus: u8,
    pub times: u32,
    pub per: u32,
}

impl Factor {
    /// The number is in the measure's own unit already.
    pub const NONE: Self = Self::ratio(1, 1);

    pub const fn ratio(times: u32, per: u32) -> Self {
        Self { minus: 0, times, per }
    }
}

/// Exponents are cut to this size. Far beyond it all values are too large, or nothing but zero, alike.
const EXPONENT_LIMIT: i64 = 1 << 60;

/// Digits after the point that are worked with as an integer; what follows them only decides ties.
const KEPT: u32 = 6;

/// From 10^17 on any sent number is beyond `Milli::LIMIT`, even in thousandths of the own unit (g, mL).
const MAGNITUDE_LIMIT: i64 = 17;

impl<'a> Decimal<'a> {
    /// Reads the text of a JSON number; `None` where it is not one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], read_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || (whole.len() > 1 && whole.starts_with('0'))
            || !digits(whole)
            || !digits(fraction)
        {
            return None;
        }
        let written = || whole.bytes().chain(fraction.bytes());
        let skip = written().take_while(|digit| *digit == b'0').count();
        let trailing = written().rev().take_while(|digit| *digit == b'0').count();
        let count = (whole.len() + fraction.len()).saturating_sub(skip + trailing);
        if count == 0 {
            return Some(Self {
                negative: false,
                whole,
                fraction,
                skip,
                count,
                exponent: 0,
            });
        }
        let shift = i64::try_from(trailing).ok()? - i64::try_from(fraction.len()).ok()?;
        Some(Self {
            negative,
            whole,
            fraction,
            skip,
            count,
            exponent: exponent + shift,
        })
    }

    /// The counting digits, most significant first, as numbers from 0 to 9.
    fn digits(&self) -> impl Iterator<Item = u8> {
        let written = self.whole.bytes().chain(self.fraction.bytes());
        written.skip(self.skip).take(self.count).map(|digit| digit - b'0')
    }

    /// The one text of this value, whatever way it was written, at the end of `bytes`: `-842e-1`; zero is `0e0`.
    pub fn canonical(&self, bytes: &mut Vec<u8>) {
        if self.negative {
            bytes.push(b'-');
        }
        if self.count == 0 {
            bytes.push(b'0');
        } else {
            bytes.extend(self.digits().map(|digit| digit + b'0'));
        }
        bytes.push(b'e');
        // Nearly always it is one digit.
        if (-9..0).contains(&self.exponent) {
            bytes.push(b'-');
        }
        match u8::try_from(self.exponent.unsigned_abs()) {
            Ok(digit @ 0..=9) => bytes.push(b'0' + digit),
            // Writing to a Vec cannot fail.
            _ => drop(write!(bytes, "{}", self.exponent)),
        }
    }

    /// The value as a whole number, where it is one that fits: `412`, `412.0`, `4.12e2`.
    pub fn integer(&self) -> Option<i64> {
        if self.exponent < 0 || self.magnitude() > 19 {
            return None;
        }
        let digits = self
            .digits()
            .fold(0_i128, |sum, digit| sum * 10 + i128::from(digit));
        let size = digits * 10_i128.pow(u32::try_from(self.exponent).ok()?);
        i64::try_from(if self.negative { -size } else { size }).ok()
    }

    /// Whether the value has at most so many digits after its point.
    pub fn has_decimals(&self, at_most: u8) -> bool {
        self.exponent >= -i64::from(at_most)
    }

    /// The value in thousandths of the measure's own unit, rounded once, half away from zero; `None` beyond `Milli::LIMIT`.
    pub fn milli(&self, factor: Factor) -> Option<Milli> {
        let magnitude = self.magnitude();
        if magnitude > MAGNITUDE_LIMIT {
            return None;
        }
        let head = self.head(magnitude);
        let (times, per) = (i128::from(factor.times) * 1000, i128::from(factor.per));
        let unit = 10_i128.pow(KEPT) * per;
        let minus = i128::from(factor.minus) * 10_i128.pow(KEPT);
        // The size of the result is (base ± times × tail) ÷ unit, the tail being 0 ≤ tail < 1.
        let (negative, base, tail_adds) = if self.negative {
            (true, head + minus, true)
        } else if head >= minus {
            (false, head - minus, true)
        } else {
            (true, minus - head, false)
        };
        let doubled = 2 * base * times + unit;
        let (mut size, left) = (doubled / (2 * unit), doubled % (2 * unit));
        if tail_adds && self.tail_against(2 * unit - left, 2 * times, magnitude) != Ordering::Less {
            size += 1;
        }
        if !tail_adds && self.tail_against(left, 2 * times, magnitude) == Ordering::Greater {
            size -= 1;
        }
        let size = i64::try_from(size).ok().filter(|size| *size <= Milli::LIMIT)?;
        Some(Milli::new(if negative { -size } else { size }))
    }

    /// How many digits the value has before its point; negative where zeros follow the point. The value is below 10^this.
    fn magnitude(&self) -> i64 {
        i64::try_from(self.count)
            .unwrap_or(i64::MAX)
            .saturating_add(self.exponent)
    }

    /// The value × 10^KEPT, cut to a whole number.
    fn head(&self, magnitude: i64) -> i128 {
        let length = magnitude.saturating_add(i64::from(KEPT));
        let mut digits = self.digits();
        (0..length).fold(0, |sum, _| sum * 10 + i128::from(digits.next().unwrap_or(0)))
    }

    /// Compares what follows the head, as a fraction of 1, with `over ÷ under`.
    fn tail_against(&self, over: i128, under: i128, magnitude: i64) -> Ordering {
        if over >= under {
            return Ordering::Less;
        }
        let before = magnitude.saturating_add(i64::from(KEPT));
        // A fraction with a denominator below 10^20 shows a digit within its first 20: more zeros need no comparing.
        let zeros = usize::try_from(before.saturating_neg().clamp(0, 40)).unwrap_or(0);
        let used = usize::try_from(before.max(0)).unwrap_or(usize::MAX);
        let mut left = over;
        for digit in std::iter::repeat_n(0, zeros).chain(self.digits().skip(used)) {
            left *= 10;
            match i128::from(digit).cmp(&(left / under)) {
                Ordering::Equal => left %= under,
                unequal => return unequal,
            }
        }
        if left == 0 {
            Ordering::Equal
        } else {
            Ordering::Less
        }
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = digits.bytes().fold(0_i64, |sum, digit| {
        (sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'))).min(EXPONENT_LIMIT)
    });
    Some(sign * size)
}
