//! The compact column that judging reads instead of documents: about ten bytes a reading.
//!
//! A version byte, then per reading: measure, state, shape (has a value, comparator), value in thousandths where it has
//! one, and `taken_at` in microseconds as the difference from the reading before. Numbers are zigzag LEB128. The codes are
//! written in databases: they are never renumbered.

use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::reading::{Comparator, ReadingState, Suspicion};
use crate::domain::time::Instant;

/// What judging needs to know of a reading; its place in the list is its index in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesReading {
    /// `None` where the name is unknown.
    pub measure: Option<Measure>,
    pub value: Option<Milli>,
    pub comparator: Option<Comparator>,
    /// By the unit's clock.
    pub taken_at: Instant,
    pub state: ReadingState,
}

const VERSION: u8 = 1;

const UNKNOWN_MEASURE: u8 = 255;

const MEASURES: [(Measure, u8); 10] = [
    (Measure::SystolicBp, 1),
    (Measure::DiastolicBp, 2),
    (Measure::HeartRate, 3),
    (Measure::Spo2, 4),
    (Measure::Weight, 5),
    (Measure::Temperature, 6),
    (Measure::Glucose, 7),
    (Measure::PeakFlow, 8),
    (Measure::Fev1, 9),
    (Measure::RespiratoryRate, 10),
];

const STATES: [(ReadingState, u8); 11] = [
    (ReadingState::Accepted, 1),
    (ReadingState::AcceptedByDecision, 2),
    (ReadingState::ExcludedByDecision, 3),
    (ReadingState::ControlSolution, 4),
    (ReadingState::Suspect(Suspicion::UnknownMeasure), 16),
    (ReadingState::Suspect(Suspicion::UnknownUnit), 17),
    (ReadingState::Suspect(Suspicion::NotFinite), 18),
    (ReadingState::Suspect(Suspicion::Time), 19),
    (ReadingState::Suspect(Suspicion::OutOfRange), 20),
    (ReadingState::Suspect(Suspicion::SystolicNotAboveDiastolic), 21),
    (ReadingState::Suspect(Suspicion::WeightJump), 22),
];

const HAS_VALUE: u8 = 1;
const LESS: u8 = 2;
const GREATER: u8 = 4;

pub fn encode(readings: &[SeriesReading]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + readings.len() * 16);
    bytes.push(VERSION);
    let mut before = 0_i64;
    for reading in readings {
        let comparator = match reading.comparator {
            None => 0,
            Some(Comparator::Less) => LESS,
            Some(Comparator::Greater) => GREATER,
        };
        bytes.push(
            reading
                .measure
                .map_or(UNKNOWN_MEASURE, |measure| code_of(&MEASURES, measure)),
        );
        bytes.push(code_of(&STATES, reading.state));
        bytes.push(comparator | if reading.value.is_some() { HAS_VALUE } else { 0 });
        if let Some(value) = reading.value {
            push_number(&mut bytes, value.thousandths());
        }
        let taken_at = reading.taken_at.timestamp_micros();
        push_number(&mut bytes, taken_at.wrapping_sub(before));
        before = taken_at;
    }
    bytes
}

/// `None` where a byte is none that [`encode`] writes, or one is missing.
pub fn decode(bytes: &[u8]) -> Option<Vec<SeriesReading>> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let mut readings = Vec::with_capacity(rest.len() / 8);
    let mut before = 0_i64;
    while !rest.is_empty() {
        let measure = match take_byte(&mut rest)? {
            UNKNOWN_MEASURE => None,
            code => Some(of_code(&MEASURES, code)?),
        };
        let state = of_code(&STATES, take_byte(&mut rest)?)?;
        let shape = take_byte(&mut rest)?;
        let comparator = match shape & !HAS_VALUE {
            0 => None,
            LESS => Some(Comparator::Less),
            GREATER => Some(Comparator::Greater),
            _ => return None,
        };
        let value = if shape & HAS_VALUE == 0 {
            None
        } else {
            Some(Milli::new(take_number(&mut rest)?))
        };
        before = before.wrapping_add(take_number(&mut rest)?);
        let taken_at = Instant::from_timestamp_micros(before)?;
        readings.push(SeriesReading {
            measure,
            value,
            comparator,
            taken_at,
            state,
        });
    }
    Some(readings)
}

fn code_of<T: Copy + PartialEq>(table: &[(T, u8)], wanted: T) -> u8 {
    // Each table names every variant; a test goes through them.
    table
        .iter()
        .find(|(known, _)| *known == wanted)
        .map_or(0, |(_, code)| *code)
}

fn of_code<T: Copy>(table: &[(T, u8)], wanted: u8) -> Option<T> {
    table
        .iter()
        .find(|(_, code)| *code == wanted)
        .map(|(known, _)| *known)
}

fn push_number(bytes: &mut Vec<u8>, number: i64) {
    let mut left = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
    while left >= 0x80 {
        bytes.push(left.to_le_bytes()[0] | 0x80);
        left >>= 7;
    }
    bytes.push(left.to_le_bytes()[0]);
}

fn take_number(rest: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(rest)?;
        let low = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if shift == 63 && low > 1 {
            return None;
        }
        number |= low << shift;
        if byte & 0x80 == 0 {
            return Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    None
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(*first)
}
