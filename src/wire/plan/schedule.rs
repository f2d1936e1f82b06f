//! A due time whose window is empty could be served by nobody: it is refused, though each of its numbers may be zero.

use chrono::{NaiveTime, Weekday};

use super::MAX_WINDOW_MINUTES;
use super::node::{Faults, Node};
use crate::domain::schedule::Schedule;

const MAX_TIMES: usize = 24;

/// The words for days, in the order of the week.
pub(in crate::wire) const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Schedule> {
    let members = node.object(&["times", "days", "window_before_min", "grace_min"], faults)?;
    let times = members.required("times", faults).and_then(|node| {
        let times = node.each_once(faults, time)?;
        if times.len() > MAX_TIMES {
            return node.fault("too_many_times", "holds more than 24 due times a day", faults);
        }
        not_empty(times, &node, faults)
    });
    let every_day = DAYS.map(|(_, day)| day).to_vec();
    let days = members.default("days", every_day, |node| {
        let days = node.each_once(faults, |node, faults| node.word(&DAYS, faults))?;
        not_empty(days, node, faults)
    });
    let most = (MAX_WINDOW_MINUTES, "too_long");
    let window_before_min = members.default("window_before_min", 120, |node| node.whole(0, most, faults));
    let grace_min = members.default("grace_min", 180, |node| node.whole(0, most, faults));
    if (window_before_min, grace_min) == (Some(0), Some(0)) {
        return node.fault(
            "empty_window",
            "window_before_min and grace_min leave no time to be on time in",
            faults,
        );
    }
    Some(Schedule {
        times: times?,
        days: days?,
        window_before_min: window_before_min?,
        grace_min: grace_min?,
    })
}

fn time(node: &Node<'_>, faults: &mut Faults) -> Option<NaiveTime> {
    let text = node.text(faults)?;
    time_of(text.as_bytes()).or_else(|| node.fault("bad_time", "must be a time of day as 09:00", faults))
}

fn time_of(text: &[u8]) -> Option<NaiveTime> {
    let &[h, hh, b':', m, mm] = text else {
        return None;
    };
    let two = |tens: u8, ones: u8| {
        let are_digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        are_digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    };
    NaiveTime::from_hms_opt(two(h, hh)?, two(m, mm)?, 0)
}

fn not_empty<T>(list: Vec<T>, node: &Node<'_>, faults: &mut Faults) -> Option<Vec<T>> {
    if list.is_empty() {
        node.fault("empty", "must not be empty", faults)
    } else {
        Some(list)
    }
}
