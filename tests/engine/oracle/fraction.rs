//! Exact fractions, always reduced: small enough for the records that are tried.

use std::cmp::Ordering;
use std::ops::{Add, Mul, Sub};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fraction {
    over: i128,
    under: i128,
}

pub(super) fn fraction(over: i128, under: i128) -> Fraction {
    let (mut a, mut b) = (over.abs(), under.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let sign = under.signum();
    Fraction {
        over: sign * over / a.max(1),
        under: sign * under / a.max(1),
    }
}

pub(super) fn whole(number: i64) -> Fraction {
    fraction(number.into(), 1)
}

pub(super) fn sum(of: impl Iterator<Item = Fraction>) -> Fraction {
    of.fold(whole(0), Add::add)
}

impl Fraction {
    pub(super) fn squared(self) -> Self {
        self * self
    }

    /// Half away from zero.
    pub(super) fn nearest(self) -> i64 {
        let (below, rest) = (self.over.div_euclid(self.under), self.over.rem_euclid(self.under));
        let up = match (2 * rest).cmp(&self.under) {
            Ordering::Greater => true,
            Ordering::Equal => below >= 0,
            Ordering::Less => false,
        };
        i64::try_from(below + i128::from(up)).expect("small")
    }
}

impl Add for Fraction {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        fraction(
            self.over * other.under + other.over * self.under,
            self.under * other.under,
        )
    }
}

impl Sub for Fraction {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        fraction(
            self.over * other.under - other.over * self.under,
            self.under * other.under,
        )
    }
}

impl Mul for Fraction {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        fraction(self.over * other.over, self.under * other.under)
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.over * other.under).cmp(&(other.over * self.under))
    }
}
