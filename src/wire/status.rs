//! A status tells how the unit is, never how the patient is: what cannot be read in it is left out and listed, and
//! only a message that is no object at all is set aside.

use serde_json::value::RawValue;

use super::document::{Document, Raw};
use super::faults::{BAD_FIELD, Faults, Place, a_text, a_time, a_whole_number};
use super::keys::{Object as _, known_keys};
use super::number::{Decimal, Factor};
use super::problem::Problem;
use super::session::{MAX_BYTES, RejectCode};
use crate::domain::time::Instant;

/// What a unit says about itself; whatever it left out, or wrote unreadably, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitStatus {
    pub online: Option<bool>,
    /// When it was so, by the unit's clock. In a last will this is the time of connecting.
    pub at: Option<Instant>,
    /// By the unit's clock; none in a last will, which the broker sends.
    pub sent_at: Option<Instant>,
    /// Whole per cent, cut: 19.9 is below 20.
    pub battery_pct: Option<i64>,
    pub firmware: Option<String>,
    /// Sessions that wait in the unit for their receipt.
    pub queued: Option<i64>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// The longest name of a firmware that is kept, in bytes.
pub(super) const MAX_FIRMWARE: usize = 200;

known_keys!(StatusKeys {
    online,
    at,
    sent_at,
    battery_pct,
    firmware,
    queued
});

/// Reads one payload of a unit's `status` topic. An empty one, by which a retained status is cleared, is the caller's.
pub fn decode(payload: &[u8]) -> Result<UnitStatus, Vec<Problem>> {
    let refuse = |code: &str, detail: &str| vec![Problem::new("", code, detail)];
    if payload.len() > MAX_BYTES {
        return Err(refuse(RejectCode::TooLarge.word(), "is larger than any status"));
    }
    let not_json = RejectCode::NotJson.word();
    let document = std::str::from_utf8(payload).map_err(|_| refuse(not_json, "is not UTF-8"))?;
    let mut keys = StatusKeys::default();
    let values = Document::read(document);
    if !values.is_sound() || keys.fill(values.whole()).is_err() {
        return Err(match serde_json::from_str::<&RawValue>(document) {
            Err(fault) => refuse(not_json, &fault.to_string()),
            Ok(_) => refuse(BAD_FIELD, "must be an object"),
        });
    }
    let mut faults = Faults::default();
    let top = Place::Top;
    for key in keys.twice {
        faults.mark(top.of(key), BAD_FIELD, "stands twice; the last is taken");
    }
    Ok(UnitStatus {
        online: faults.optional((top, "online"), keys.online, (flag, "must be true or false")),
        at: faults.optional((top, "at"), keys.at, a_time()),
        sent_at: faults.optional((top, "sent_at"), keys.sent_at, a_time()),
        battery_pct: faults.optional(
            (top, "battery_pct"),
            keys.battery_pct,
            (per_cent, "must be from 0 to 100"),
        ),
        firmware: faults.optional(
            (top, "firmware"),
            keys.firmware,
            (firmware, "must be a name of ordinary length"),
        ),
        queued: faults.optional(
            (top, "queued"),
            keys.queued,
            (count, "must be a whole number from 0"),
        ),
        problems: faults.minor,
    })
}

fn flag(raw: Raw<'_>) -> Option<bool> {
    raw.get().parse().ok()
}

fn per_cent(raw: Raw<'_>) -> Option<i64> {
    let exact = Decimal::parse(raw.get())?.milli(Factor::NONE)?.thousandths();
    (0..=100_000).contains(&exact).then_some(exact / 1000)
}

fn firmware(raw: Raw<'_>) -> Option<String> {
    let (read, _) = a_text();
    let sound = |name: &std::borrow::Cow<'_, str>| name.len() <= MAX_FIRMWARE && !name.contains('\0');
    read(raw).filter(sound).map(Into::into)
}

fn count(raw: Raw<'_>) -> Option<i64> {
    let (read, _) = a_whole_number();
    read(raw).filter(|count| *count >= 0)
}
