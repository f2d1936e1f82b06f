//! Sums are whole numbers and every result is rounded once, half away from zero, so that no machine and no order of adding
//! decides a tie. Floats would: 95.0005 − 1.645 × 1 lies a hair on either side of 93.3555.

use crate::domain::number::Milli;
use crate::domain::rule::{Edge, TenThousandths};

/// The quotient, rounded half away from zero. `under` is above zero.
pub(super) fn rounded(over: i128, under: i128) -> i128 {
    let size = (2 * over.abs() + under) / (2 * under);
    if over < 0 { -size } else { size }
}

/// The mean of values; `None` of none.
pub(super) fn mean(values: impl Iterator<Item = Milli>) -> Option<Milli> {
    let (count, sum) = values.fold((0_i128, 0_i128), |(count, sum), value| {
        (count + 1, sum + i128::from(value.thousandths()))
    });
    (count > 0).then(|| milli(rounded(sum, count)))
}

pub(super) fn milli(thousandths: i128) -> Milli {
    let limit = i128::from(Milli::LIMIT);
    Milli::new(i64::try_from(thousandths.clamp(-limit, limit)).unwrap_or(Milli::LIMIT))
}

/// Mean and sample standard deviation of two values or more, kept exact: the deviation is √(`square` ÷ (n × (n − 1))).
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    count: i128,
    sum: i128,
    square: i128,
}

impl Spread {
    /// `None` of fewer than two values. A smaller deviation than `least` is taken for `least`.
    pub(super) fn of(values: impl Iterator<Item = Milli> + Clone, least: Milli) -> Option<Self> {
        let first = values.clone().next()?;
        // Differences from any value have the same deviation, and are small. Saturation is for values of no living being.
        let differences = values.map(|value| i128::from((value - first).thousandths()));
        let (count, sum, squares) = differences.fold((0_i128, 0_i128, 0_i128), |(count, sum, squares), d| {
            (count + 1, sum + d, squares.saturating_add(d * d))
        });
        if count < 2 {
            return None;
        }
        let square = count
            .saturating_mul(squares)
            .saturating_sub(sum.saturating_mul(sum));
        let least = i128::from(least.thousandths());
        let pairs = count * (count - 1);
        Some(Self {
            count,
            sum: sum + count * i128::from(first.thousandths()),
            square: square.max((least * least).saturating_mul(pairs)),
        })
    }

    pub(super) fn mean(&self) -> Milli {
        milli(rounded(self.sum, self.count))
    }

    pub(super) fn deviation(&self) -> Milli {
        // ⌊√y + ½⌋ = ⌊(⌊√4y⌋ + 1) ÷ 2⌋
        let doubled = (self.square.saturating_mul(4) / self.pairs()).isqrt();
        milli(rounded(doubled, 2))
    }

    /// mean − k × deviation at the low edge, mean + k × deviation at the high one, rounded.
    pub(super) fn threshold(&self, k: TenThousandths, edge: Edge) -> Milli {
        let (under, factor) = (10_000 * self.pairs(), i128::from(k.0));
        let doubled_mean = 2 * 10_000 * self.sum * (self.count - 1);
        let Root { floor, ceiling } = self.doubled_root(factor);
        // Doubled and over `under`, the threshold is the mean with the root of a whole number taken from it or added.
        let rounded = match edge {
            Edge::Low if doubled_mean >= ceiling => (doubled_mean - ceiling + under).div_euclid(2 * under),
            Edge::Low => -(floor - doubled_mean + under).div_euclid(2 * under),
            Edge::High if doubled_mean + floor >= 0 => (doubled_mean + floor + under).div_euclid(2 * under),
            Edge::High => -(under - doubled_mean - ceiling).div_euclid(2 * under),
        };
        milli(rounded)
    }

    const fn pairs(&self) -> i128 {
        self.count * (self.count - 1)
    }

    /// 2 × √(k² × n(n − 1) × `square`), between two whole numbers or at one.
    fn doubled_root(&self, k: i128) -> Root {
        let within = self.pairs().checked_mul(self.square);
        let Some(whole) = within.and_then(|within| (4 * k * k).checked_mul(within)) else {
            // Seventeen digits are right even then.
            let root = (2 * k)
                .saturating_mul(within.unwrap_or(i128::MAX).isqrt())
                .min(i128::MAX / 8);
            return Root {
                floor: root,
                ceiling: root,
            };
        };
        let floor = whole.isqrt();
        let exact = floor * floor == whole;
        Root {
            floor,
            ceiling: if exact { floor } else { floor + 1 },
        }
    }
}

struct Root {
    floor: i128,
    ceiling: i128,
}
