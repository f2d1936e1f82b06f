//! Numbers are checked against the plainest arithmetic that is certainly right: schoolbook integers of any length.

use std::cmp::Ordering;

use homeward::domain::number::Milli;
use homeward::wire::number::{Decimal, Factor};
use proptest::prelude::*;

fn milli(text: &str) -> Option<i64> {
    Decimal::parse(text)
        .unwrap()
        .milli(Factor::NONE)
        .map(Milli::thousandths)
}

#[test]
fn a_number_is_kept_as_thousandths_rounded_half_away_from_zero() {
    for (text, thousandths) in [
        ("84.2", 84_200),
        ("84.20", 84_200),
        ("842e-1", 84_200),
        ("0.0842E+3", 84_200),
        ("1e2", 100_000),
        ("0", 0),
        ("-0", 0),
        ("-0.0e5", 0),
        ("1E-7", 0),
        ("0.0005", 1),
        ("-0.0005", -1),
        ("0.00049999999999999999999999999999", 0),
        ("2.0004999", 2_000),
        ("2.0005", 2_001),
        ("-2.0005", -2_001),
        ("9007199254740.992", 1 << 53),
        ("9007199254740.99249", 1 << 53),
        ("1e-1000000", 0),
        ("-1e-99999999999999999999999999999", 0),
    ] {
        assert_eq!(milli(text), Some(thousandths), "{text}");
    }
}

#[test]
fn what_cannot_be_kept_exactly_is_refused_not_cut() {
    let long = "9".repeat(400);
    for text in [
        "9007199254740.993",
        "-9007199254740.993",
        "1e13",
        "1e1000000",
        "-1e99999999999999999999999999",
        &long,
    ] {
        assert_eq!(milli(text), None, "{text}");
    }
}

#[test]
fn four_hundred_digits_after_the_point_decide_a_tie() {
    let under = format!("1.0004{}", "9".repeat(400));
    let over = format!("1.0005{}1", "0".repeat(400));
    assert_eq!(
        (milli(&under), milli("1.0005"), milli(&over)),
        (Some(1_000), Some(1_001), Some(1_001))
    );
    // In kPa a tie lies at no finite decimal; only exact comparison tells the sides apart.
    let factor = Factor::ratio(750_062, 100_000);
    let below = quotient(1_500_050, 750_062, 40);
    let above = with_last_digit_raised(&below);
    let value = |text: &str| {
        Decimal::parse(text)
            .unwrap()
            .milli(factor)
            .map(Milli::thousandths)
    };
    assert_eq!((value(&below), value(&above)), (Some(15_000), Some(15_001)));
}

#[test]
fn a_tie_beyond_the_sixth_decimal_is_still_a_tie() {
    // 64 × 0.0000078125 is exactly 0.0005.
    let value = |text: &str| {
        Decimal::parse(text)
            .unwrap()
            .milli(Factor::ratio(64, 1))
            .map(Milli::thousandths)
    };
    assert_eq!(value("0.0000078125"), Some(1));
    assert_eq!(value("-78125e-10"), Some(-1));
    assert_eq!(value("0.00000781249999"), Some(0));
    assert_eq!(value("0.00000781250001"), Some(1));
    // The other way round, where what follows takes away: −0.5 thousandths rounds away from zero, a little less does not.
    let minus = Factor {
        minus: 1,
        times: 64,
        per: 1,
    };
    let value = |text: &str| Decimal::parse(text).unwrap().milli(minus).map(Milli::thousandths);
    assert_eq!(value("0.9999921875"), Some(-1));
    assert_eq!(value("0.99999218751"), Some(0));
    assert_eq!(value("0.99999218749"), Some(-1));
}

/// `over ÷ under` with so many decimals, cut.
fn quotient(over: u64, under: u64, decimals: usize) -> String {
    let (mut text, mut left) = (format!("{}.", over / under), over % under);
    for _ in 0..decimals {
        left *= 10;
        text.push(char::from(b'0' + u8::try_from(left / under).unwrap()));
        left %= under;
    }
    assert_ne!(left, 0, "the division does not end");
    text
}

fn with_last_digit_raised(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    format!("{rest}{}", last.parse::<u8>().unwrap() + 1)
}

#[test]
fn what_is_no_json_number_is_none() {
    for text in [
        "", "-", "01", "1.", ".5", "+1", "1e", "1e+", "NaN", "0x10", "1 ", "--1", "1.e3", "1e1.5", "½",
    ] {
        assert!(Decimal::parse(text).is_none(), "{text}");
    }
}

#[test]
fn whole_numbers_are_told_by_value() {
    let integer = |text: &str| Decimal::parse(text).unwrap().integer();
    assert_eq!(integer("412"), Some(412));
    assert_eq!(integer("412.0"), Some(412));
    assert_eq!(integer("-4.12e2"), Some(-412));
    assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
    assert_eq!(integer("9223372036854775808"), None);
    assert_eq!(integer("0.5"), None);
    assert_eq!(integer("1e1000000"), None);
}

/// Digits of a number that never ends up negative, least significant first: slow, and certainly right.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Big(Vec<u32>);

impl Big {
    fn of(text: &str) -> Self {
        Self(text.bytes().rev().map(|b| u32::from(b - b'0')).collect())
    }

    fn times(&self, factor: u64) -> Self {
        let (mut out, mut carry) = (Vec::new(), 0_u64);
        for digit in &self.0 {
            let sum = u64::from(*digit) * factor + carry;
            out.push(u32::try_from(sum % 10).unwrap());
            carry = sum / 10;
        }
        while carry > 0 {
            out.push(u32::try_from(carry % 10).unwrap());
            carry /= 10;
        }
        Self(out)
    }

    fn shifted(&self, places: usize) -> Self {
        Self(
            std::iter::repeat_n(0, places)
                .chain(self.0.iter().copied())
                .collect(),
        )
    }

    fn digit(&self, at: usize) -> u32 {
        self.0.get(at).copied().unwrap_or(0)
    }

    fn against(&self, other: &Self) -> Ordering {
        let length = self.0.len().max(other.0.len());
        let differs = (0..length).rev().map(|at| self.digit(at).cmp(&other.digit(at)));
        differs
            .into_iter()
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn plus(&self, other: &Self) -> Self {
        let (mut out, mut carry) = (Vec::new(), 0);
        for at in 0..=self.0.len().max(other.0.len()) {
            let sum = self.digit(at) + other.digit(at) + carry;
            out.push(sum % 10);
            carry = sum / 10;
        }
        Self(out)
    }

    fn minus(&self, other: &Self) -> Self {
        let (mut out, mut borrow) = (Vec::new(), 0);
        for at in 0..self.0.len().max(other.0.len()) {
            let (mine, theirs) = (self.digit(at), other.digit(at) + borrow);
            borrow = u32::from(mine < theirs);
            out.push(mine + 10 * borrow - theirs);
        }
        Self(out)
    }
}

/// `sign digits × 10^-decimals`, converted: its sign, its size in doubled thousandths, and the unit of that size.
fn converted(sign: bool, digits: &str, decimals: usize, factor: Factor) -> (bool, Big, Big) {
    let sent = Big::of(digits);
    let minus = Big::of(&factor.minus.to_string()).shifted(decimals);
    let (negative, size) = match (sign, sent.against(&minus)) {
        (true, _) => (true, sent.plus(&minus)),
        (false, Ordering::Less) => (true, minus.minus(&sent)),
        (false, _) => (false, sent.minus(&minus)),
    };
    let doubled = size.times(u64::from(factor.times)).times(2_000);
    (
        negative,
        doubled,
        Big::of("1").shifted(decimals).times(u64::from(factor.per)),
    )
}

/// Whether so many thousandths are what the number rounds to: the doubled size lies in [2r − 1, 2r + 1) units.
fn is_rounded((negative, doubled, unit): &(bool, Big, Big), thousandths: i64) -> bool {
    let result = thousandths.unsigned_abs();
    let below = result == 0 || doubled.against(&unit.times(2 * result - 1)).is_ge();
    let above = doubled.against(&unit.times(2 * result + 1)).is_lt();
    below && above && (thousandths == 0 || *negative == (thousandths < 0))
}

/// Whether the number rounds to more than the most that is kept.
fn is_beyond((_, doubled, unit): &(bool, Big, Big)) -> bool {
    doubled
        .against(&unit.times(2 * Milli::LIMIT.unsigned_abs() + 1))
        .is_ge()
}

fn factors() -> impl Strategy<Value = Factor> {
    prop::sample::select(vec![
        Factor::NONE,
        Factor::ratio(750_062, 100_000),
        Factor::ratio(1, 1000),
        Factor::ratio(45_359_237, 100_000_000),
        Factor::ratio(635_029_318, 100_000_000),
        Factor {
            minus: 32,
            times: 5,
            per: 9,
        },
        Factor::ratio(10_000, 180_156),
        Factor::ratio(60, 1),
    ])
}

/// Digits that are random, or long runs, or lie close to a tie.
fn digit_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,12}",
        2 => "[0-9]{1,40}",
        1 => ("[0-9]{1,6}", 0..60_usize, "[0-9]{0,3}").prop_map(|(a, n, b)| format!("{a}{}{b}", "0".repeat(n))),
        1 => ("[0-9]{1,6}", 0..60_usize, "[0-9]{0,3}").prop_map(|(a, n, b)| format!("{a}{}{b}", "9".repeat(n))),
    ]
}

fn canonical_of(text: &str) -> String {
    let mut bytes = Vec::new();
    Decimal::parse(text).unwrap().canonical(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #[test]
    fn rounding_agrees_with_schoolbook_arithmetic(
        negative: bool,
        digits in digit_text(),
        decimals in 0..50_usize,
        factor in factors(),
    ) {
        let significant = digits.trim_start_matches('0');
        let zero = significant.is_empty();
        let (sign, written) = (if negative { "-" } else { "" }, if zero { "0" } else { significant });
        let text = format!("{sign}{written}e-{decimals}");
        let exact = converted(negative && !zero, &digits, decimals, factor);
        match Decimal::parse(&text).unwrap().milli(factor) {
            Some(value) => prop_assert!(is_rounded(&exact, value.thousandths()), "{text} {factor:?} gave {value:?}"),
            None => prop_assert!(is_beyond(&exact), "{text} {factor:?}"),
        }
    }

    #[test]
    fn ways_of_writing_a_value_have_one_canonical_text(
        negative: bool, whole in 0..100_000_u32, fraction in "[0-9]{0,6}", zeros in 0..5_usize, shift in -20..20_i64,
    ) {
        let sign = if negative { "-" } else { "" };
        let plain = if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
        let canonical = canonical_of(&plain);
        let padded = format!("{sign}{whole}.{fraction}{}", "0".repeat(zeros + 1));
        prop_assert_eq!(&canonical_of(&padded), &canonical);
        // The digits as one whole number, with the point in its exponent.
        let joined = format!("{whole}{fraction}");
        let joined = joined.trim_start_matches('0');
        let joined = if joined.is_empty() { "0" } else { joined };
        let places = i64::try_from(fraction.len()).unwrap();
        let moved = format!("{sign}{joined}{}e{}", "0".repeat(zeros), -places - i64::try_from(zeros).unwrap());
        prop_assert_eq!(&canonical_of(&moved), &canonical);
        // Another power of ten is another value, unless it is zero.
        let other = format!("{plain}e{shift}");
        let same = canonical_of(&other) == canonical;
        prop_assert_eq!(same, shift == 0 || canonical == "0e0");
    }
}
