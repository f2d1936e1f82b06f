//! A session's JSON, written by hand into one buffer: at 20,000 a second from one core there is no time for a
//! structure in between. A test reads it back into the unit's own payload types, so that the two cannot differ.

use std::io::Write;

use chrono::{DateTime, Datelike, Timelike};

use super::fault::Fault;
use super::recipe::{DAY, Recipe};
use super::spec::{Breach, Kind, Spec};

/// Which sending of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    First,
    /// The same content; only `sent_at`, which does not count, is added.
    Again,
    /// The same id, but the heart rate is another.
    Changed,
}

/// Room for any session but the one with 65 answers.
const ROOM: usize = 896;

const QUESTIONS: [[&str; 2]; 3] = [
    ["ankles_swollen", "no"],
    ["compared_with_yesterday", "same"],
    ["tablets_taken", "yes"],
];

impl Recipe {
    /// The payload.
    pub fn bytes(&self, spec: &Spec, copy: Copy) -> Vec<u8> {
        let fault = match spec.kind {
            Kind::Malformed(fault) => Some(fault),
            Kind::Good | Kind::Duplicate { .. } | Kind::Conflict => None,
        };
        if fault == Some(Fault::NotJson) {
            // The index, as two that are alike might be kept as one.
            return [&b"no session \xff "[..], spec.index.to_string().as_bytes()].concat();
        }
        let mut out = Vec::with_capacity(ROOM);
        self.session(spec, copy, fault, &mut out);
        if fault == Some(Fault::Cut) {
            out.truncate(out.len() * 2 / 3);
        }
        out
    }

    fn session(&self, spec: &Spec, copy: Copy, fault: Option<Fault>, out: &mut Vec<u8>) {
        let at = match fault {
            Some(Fault::Clock) => spec.completed_at - 500 * DAY,
            _ => spec.completed_at,
        };
        out.extend_from_slice(if fault == Some(Fault::NoId) {
            b"{\"sesion_id\":\""
        } else {
            b"{\"session_id\":\""
        });
        let mut id = [0; 36];
        out.extend_from_slice(
            self.session_id(spec)
                .hyphenated()
                .encode_lower(&mut id)
                .as_bytes(),
        );
        out.extend_from_slice(b"\",\"seq\":");
        number(out, spec.nth + 1);
        out.extend_from_slice(b",\"trigger\":\"scheduled\",\"started_at\":");
        time(out, at - 171_000);
        if fault != Some(Fault::NoCompletion) {
            out.extend_from_slice(b",\"completed_at\":");
            time(out, at);
        }
        if copy == Copy::Again {
            out.extend_from_slice(b",\"sent_at\":");
            time(out, at + 60_000);
        }
        out.extend_from_slice(b",\"readings\":[");
        self.readings(spec, at, copy, fault, out);
        out.extend_from_slice(b"],\"answers\":[");
        answers(fault, out);
        out.extend_from_slice(b"]}");
    }

    fn readings(&self, spec: &Spec, at: i64, copy: Copy, fault: Option<Fault>, out: &mut Vec<u8>) {
        let dice = self.dice(7, spec.index);
        let values = Values::of(dice, self.dice(8, spec.unit as u64), spec.breach);
        let mut reading = |measure: &str, unit: &str, taken_at: i64, value: &dyn Fn(&mut Vec<u8>)| {
            if out.last() == Some(&b'}') {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"measure\":\"");
            out.extend_from_slice(measure.as_bytes());
            out.extend_from_slice(b"\",\"value\":");
            value(out);
            out.extend_from_slice(b",\"unit\":\"");
            out.extend_from_slice(unit.as_bytes());
            out.extend_from_slice(b"\",\"taken_at\":");
            time(out, taken_at);
            out.extend_from_slice(b",\"source\":\"device\"}");
        };
        reading("weight", "kg", at - 143_000, &|out| {
            if fault == Some(Fault::WrongType) {
                out.extend_from_slice(b"\"heavy\"");
            } else {
                number(out, values.hectograms / 10);
                out.push(b'.');
                number(out, values.hectograms % 10);
            }
        });
        let cuff = at - 93_000;
        reading("systolic_bp", "mm[Hg]", cuff, &|out| number(out, values.systolic));
        reading("diastolic_bp", "mm[Hg]", cuff, &|out| {
            number(out, values.diastolic);
        });
        let heart_rate = values.heart_rate + u64::from(copy == Copy::Changed);
        reading("heart_rate", "/min", cuff, &|out| number(out, heart_rate));
        reading("spo2", "%", at - 61_000, &|out| number(out, values.spo2));
    }
}

/// Inside usual limits, but for the breach.
struct Values {
    /// Tenths of a kilogram.
    hectograms: u64,
    systolic: u64,
    diastolic: u64,
    heart_rate: u64,
    spo2: u64,
}

impl Values {
    fn of(dice: u64, person: u64, breach: Option<Breach>) -> Self {
        let mut values = Self {
            // Within 0.8 kg from day to day, which no weight rule takes for a gain.
            hectograms: 600 + person % 300 + (dice >> 32) % 9,
            systolic: 110 + dice % 30,
            diastolic: 62 + (dice >> 8) % 22,
            heart_rate: 60 + (dice >> 16) % 32,
            spo2: 95 + (dice >> 24) % 5,
        };
        match breach {
            Some(Breach::Systolic) => values.systolic = 185,
            Some(Breach::Diastolic) => values.diastolic = 115,
            Some(Breach::HeartRate) => values.heart_rate = 135,
            Some(Breach::Spo2) => values.spo2 = 85,
            None => {}
        }
        values
    }
}

fn answers(fault: Option<Fault>, out: &mut Vec<u8>) {
    let count = if fault == Some(Fault::TooMany) { 65 } else { 3 };
    for (place, [question, answer]) in QUESTIONS.into_iter().cycle().take(count).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"question\":\"");
        out.extend_from_slice(question.as_bytes());
        out.extend_from_slice(b"\",\"answer\":\"");
        out.extend_from_slice(answer.as_bytes());
        if fault == Some(Fault::Nul) && place == 0 {
            out.extend_from_slice(b"\\u0000");
        }
        out.extend_from_slice(b"\"}");
    }
}

fn number(out: &mut Vec<u8>, number: u64) {
    #[expect(clippy::expect_used, reason = "a buffer in memory takes everything")]
    write!(out, "{number}").expect("a buffer in memory");
}

/// RFC 3339 in quotes, to the second, with the offset written out as a unit does. chrono's own formatting takes
/// longer than all the rest of a session.
fn time(out: &mut Vec<u8>, millis: i64) {
    let at = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    let mut text = *b"\"0000-00-00T00:00:00+00:00\"";
    let mut digits = |from: usize, count: usize, mut value: u32| {
        for place in (from..from + count).rev() {
            text[place] = b"0123456789"[(value % 10) as usize];
            value /= 10;
        }
    };
    digits(1, 4, at.year().unsigned_abs());
    digits(6, 2, at.month());
    digits(9, 2, at.day());
    digits(12, 2, at.hour());
    digits(15, 2, at.minute());
    digits(18, 2, at.second());
    out.extend_from_slice(&text);
}
