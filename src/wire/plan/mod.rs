//! A nurse who put five things wrong is told five things at once, each at its place; what is accepted here the engine never doubts.

mod adherence;
mod answer;
mod aside;
mod band;
mod baseline;
mod change;
mod combination;
mod count;
mod header;
mod incomplete;
mod limits;
mod mean;
mod missed;
mod news2;
mod node;
mod persistence;
mod question;
mod rule;
mod schedule;
mod score;
mod target;
mod trend;

use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::value::RawValue;

pub use self::aside::{Aside, FromTemplate};
pub(super) use self::schedule::DAYS;

use self::header::Headers;
use self::node::{Faults, Members, Node};
use super::document::Document;
use super::problem::Problem;
use super::time;
use crate::domain::measure::{BLOOD_PRESSURE, Measure};
use crate::domain::plan::Plan;

/// The longest that any window of a plan may reach (engine.md, "A plan is refused").
const MAX_WINDOW_DAYS: u32 = 400;
const MAX_WINDOW_HOURS: u32 = MAX_WINDOW_DAYS * 24;
const MAX_WINDOW_MINUTES: u32 = MAX_WINDOW_HOURS * 60;

/// The longest row of sessions that a rule may wait for: as many as the longest window holds.
const MAX_ROW: u32 = MAX_WINDOW_DAYS * 24;

const KEYS: [&str; 14] = [
    "reason",
    "effective_from",
    "until",
    "review_on",
    "timezone",
    "schedule",
    "measures",
    "max_silence_hours",
    "amber_auto_close",
    "rules",
    "questions",
    "widening_reason",
    "confirms_scale_2",
    "from_templates",
];

/// Reads a plan body as it is put over HTTP, to become the given version; or tells every fault.
pub fn parse(body: &str, version: i64) -> Result<Plan, Vec<Problem>> {
    Ok(parse_with_aside(body, version)?.0)
}

/// The same, with what stands in the body and is not judged by.
pub fn parse_with_aside(body: &str, version: i64) -> Result<(Plan, Aside), Vec<Problem>> {
    whole(body, &[], |members, faults| {
        let aside = aside::read(members, faults);
        let plan = read(members, version, faults);
        plan.zip(aside)
    })
}

/// Reads a plan body that says its version itself, as a case for `homeward judge` does.
pub fn parse_versioned(body: &str) -> Result<Plan, Vec<Problem>> {
    whole(body, &["version"], |members, faults| {
        let version = members.required("version", faults);
        let version = version.and_then(|node| node.whole(1, (u32::MAX, "too_large"), faults));
        aside::read(members, faults);
        let plan = read(members, i64::from(version.unwrap_or(1)), faults);
        version.and(plan)
    })
}

/// Goes through the body once, and reads what it is of.
fn whole<T>(
    body: &str,
    more_keys: &[&str],
    read: impl FnOnce(&Members<'_>, &mut Faults) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let document = Document::read(body);
    let Some(root) = Node::root(&document) else {
        // Whoever knows best what is wrong with it is asked only now.
        let fault = serde_json::from_str::<&RawValue>(body).err();
        let detail = fault.map_or_else(|| "is not JSON".to_owned(), |fault| fault.to_string());
        return Err(vec![Problem::new("", "not_json", detail)]);
    };
    let mut faults = Faults::default();
    let read = root
        .object_of([&KEYS, more_keys], &mut faults)
        .and_then(|members| read(&members, &mut faults));
    faults.or(read, &document)
}

fn read(members: &Members<'_>, version: i64, faults: &mut Faults) -> Option<Plan> {
    let reason = reason(members, faults);
    let effective_from = members
        .required("effective_from", faults)
        .and_then(|node| instant(&node, faults));
    let until = members.default("until", None, |node| Some(Some(instant(node, faults)?)));
    if let (Some(from), Some(Some(until))) = (effective_from, until)
        && until <= from
    {
        faults.push(
            members.place("until"),
            "until_not_after",
            "must be later than effective_from",
        );
    }
    let review_on = members.default("review_on", None, |node| Some(Some(date(node, faults)?)));
    let timezone = members.default("timezone", chrono_tz::Europe::London, |node| {
        timezone(node, faults)
    });
    let schedule = members.default("schedule", None, |node| Some(Some(schedule::read(node, faults)?)));
    let measures = members
        .required("measures", faults)
        .and_then(|node| measures(&node, faults));
    let max_silence_hours = members.default("max_silence_hours", 26, |node| {
        node.whole(1, (MAX_WINDOW_HOURS, "too_long"), faults)
    });
    let amber_auto_close = members.default("amber_auto_close", false, |node| node.flag(faults));
    let questions = question::read(members.optional("questions").as_ref(), faults);
    let rules = members.required("rules", faults).and_then(|node| {
        let list = node.list(faults)?;
        if list.len() > rule::MAX_RULES {
            return node.fault("too_many_rules", "holds more than 100 rules", faults);
        }
        let headers = Headers::of(&list, faults);
        rule::read(&list, &headers, &questions, faults)
    });
    Some(Plan {
        version,
        reason: reason?,
        effective_from: effective_from?,
        until: until?,
        review_on: review_on?,
        timezone: timezone?,
        schedule: schedule?,
        measures: measures?.into(),
        max_silence_hours: max_silence_hours?,
        amber_auto_close: amber_auto_close?,
        rules: rules?.into_iter().map(Arc::new).collect(),
        questions: questions.into_sound(),
    })
}

fn reason(members: &Members<'_>, faults: &mut Faults) -> Option<String> {
    let node = members.required("reason", faults)?;
    let text = node.text(faults)?;
    if text.trim().is_empty() {
        return node.fault("empty", "a change of parameters needs its reason", faults);
    }
    Some(text.into_owned())
}

fn instant(node: &Node<'_>, faults: &mut Faults) -> Option<crate::domain::time::Instant> {
    let text = node.text(faults)?;
    time::instant(&text)
        .or_else(|| node.fault("bad_time", "must be a time as RFC 3339 with an offset", faults))
}

fn date(node: &Node<'_>, faults: &mut Faults) -> Option<NaiveDate> {
    let text = node.text(faults)?;
    let sound = text.len() == 10 && text.starts_with(|first: char| first.is_ascii_digit());
    let date = sound.then(|| text.parse().ok()).flatten();
    date.or_else(|| node.fault("bad_date", "must be a date as 2026-11-21", faults))
}

fn timezone(node: &Node<'_>, faults: &mut Faults) -> Option<chrono_tz::Tz> {
    let text = node.text(faults)?;
    let zone = text.parse().ok();
    zone.or_else(|| {
        node.fault(
            "unknown_timezone",
            "is no time zone, such as Europe/London",
            faults,
        )
    })
}

fn measures(node: &Node<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let known = |name: &str| name == BLOOD_PRESSURE || name.parse::<Measure>().is_ok();
    node.each_once(faults, |node, faults| {
        let name = node.text(faults)?;
        if known(&name) {
            Some(name.into_owned())
        } else {
            node.fault("unknown_measure", "is no measure that we know", faults)
        }
    })
}
