//! Compliance once more, as slowly as the page reads: every quarter of an hour is asked whether something is due.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;
use homeward::domain::measure::Measure;
use homeward::domain::plan::{Plan, in_force};
use homeward::domain::rule::RuleKind;
use homeward::domain::session::Trigger;
use homeward::domain::time::Instant;
use homeward::engine::compliance::{Attendance, Record, Stretch};

/// Every time of a random record is a multiple of this.
pub(crate) const STEP: TimeDelta = TimeDelta::minutes(15);

/// `served`, `missed`, `unknown` or `open`.
type Word = &'static str;

fn holds(stretch: &Stretch, at: Instant) -> bool {
    stretch.from <= at && stretch.to.is_none_or(|to| to > at)
}

fn local(zone: Tz, at: Instant) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

/// Whether the version asks for a session at this instant.
fn asks(plan: &Plan, at: Instant) -> bool {
    let Some(schedule) = &plan.schedule else {
        return false;
    };
    let listed = |time: NaiveDateTime| {
        use chrono::Datelike;
        schedule.days.contains(&time.weekday()) && schedule.times.contains(&time.time())
    };
    let (here, before) = (local(plan.timezone, at), local(plan.timezone, at - STEP));
    let again = (1..=8).any(|steps| local(plan.timezone, at - STEP * steps) == here);
    let mut skipped = false;
    let mut time = before + STEP;
    while time < here {
        skipped |= listed(time);
        time += STEP;
    }
    (listed(here) && !again) || skipped
}

fn window(plan: &Plan, due: Instant) -> (Instant, Instant) {
    let schedule = plan.schedule.as_ref().expect("it asked");
    (
        due - TimeDelta::minutes(schedule.window_before_min.into()),
        due + TimeDelta::minutes(schedule.grace_min.into()),
    )
}

/// All due times within a month of now, whether before it or not.
fn all_due(record: &Record<'_>, now: Instant) -> Vec<Instant> {
    let stay = record.stay.expect("a stay");
    let (mut due, mut at) = (Vec::new(), stay.from);
    while at < now + TimeDelta::days(4) {
        let in_force = in_force(record.plans, at);
        if holds(&stay, at)
            && !record.pauses.iter().any(|pause| holds(pause, at))
            && in_force.is_some_and(|plan| asks(plan, at))
        {
            due.push(at);
        }
        at += STEP;
    }
    due
}

fn serves(record: &Record<'_>, due: &[Instant], session: &Attendance) -> Option<Instant> {
    if session.accepted.is_empty() && !session.answered {
        return None;
    }
    let mut nearest: Option<Instant> = None;
    for at in due {
        let (opens, closes) = window(in_force(record.plans, *at).expect("a plan"), *at);
        let distance = |at: Instant| (session.completed_at - at).abs();
        if opens <= session.completed_at
            && session.completed_at < closes
            && nearest.is_none_or(|nearest| distance(*at) < distance(nearest))
        {
            nearest = Some(*at);
        }
    }
    nearest
}

pub(crate) fn due(record: &Record<'_>, now: Instant) -> Vec<(Instant, Word)> {
    let due = all_due(record, now);
    let served: Vec<Instant> = record
        .sessions
        .iter()
        .filter_map(|session| serves(record, &due, session))
        .collect();
    let before: Vec<Instant> = due.into_iter().filter(|at| *at < now).collect();
    before
        .into_iter()
        .map(|at| {
            let (opens, closes) = window(in_force(record.plans, at).expect("a plan"), at);
            let lost = record.outages.iter().any(|outage| {
                let mut at = opens;
                while at < closes && !holds(outage, at) {
                    at += STEP;
                }
                let down_in_it = at < closes;
                let ended_long_ago = outage.to.is_some_and(|to| now - to >= TimeDelta::minutes(60));
                down_in_it && !ended_long_ago
            });
            let word = if served.contains(&at) {
                "served"
            } else if closes > now {
                "open"
            } else if lost {
                "unknown"
            } else {
                "missed"
            };
            (at, word)
        })
        .collect()
}

/// `rule severity count instant`, sorted.
pub(crate) fn findings(record: &Record<'_>, now: Instant) -> Vec<String> {
    let due = due(record, now);
    let mut told = missed(record, &due);
    told.extend(incomplete(record));
    told.extend(adherence(record, &due, now));
    told.sort();
    told
}

fn missed(record: &Record<'_>, due: &[(Instant, Word)]) -> Vec<String> {
    let mut told = Vec::new();
    for (place, (at, word)) in due.iter().enumerate() {
        if *word != "missed" {
            continue;
        }
        let before = due[..=place]
            .iter()
            .rev()
            .take_while(|(_, word)| *word != "served");
        let row = before.filter(|(_, word)| *word == "missed").count();
        let plan = in_force(record.plans, *at).expect("a plan");
        let own = plan.rules.iter().find_map(|rule| match rule.kind {
            RuleKind::Missed(missed) => Some((rule.id.clone(), missed.after, missed.severity.word())),
            _ => None,
        });
        let (id, after, severity) = own.unwrap_or(("missed".to_owned(), 1, "amber"));
        if row >= after as usize {
            told.push(format!("{id} {severity} {row} {at}"));
        }
    }
    told
}

fn incomplete(record: &Record<'_>) -> Vec<String> {
    let mut sessions: Vec<&Attendance> = record
        .sessions
        .iter()
        .filter(|session| session.trigger == Trigger::Scheduled)
        .filter(|session| {
            !record
                .pauses
                .iter()
                .any(|pause| holds(pause, session.completed_at))
        })
        .collect();
    sessions.sort_by_key(|session| (session.completed_at, session.key.clone()));
    let mut told = Vec::new();
    for (place, session) in sessions.iter().enumerate() {
        let Some(plan) = in_force(record.plans, session.completed_at) else {
            continue;
        };
        let own = plan.rules.iter().find_map(|rule| match &rule.kind {
            RuleKind::Incomplete(own) => Some((own.measures.clone(), own.sessions_in_row)),
            _ => None,
        });
        let (measures, wanted) = own.unwrap_or_else(|| {
            let expand = |name: &String| match name.as_str() {
                "blood_pressure" => vec![Measure::SystolicBp, Measure::DiastolicBp],
                name => vec![name.parse().expect("a measure")],
            };
            (plan.measures.iter().flat_map(expand).collect(), 2)
        });
        let row = |measure: &Measure| {
            let back = sessions[..=place].iter().rev();
            back.take_while(|session| !session.accepted.contains(measure))
                .count()
        };
        let longest = measures.iter().map(row).max().unwrap_or(0);
        if longest >= wanted as usize {
            told.push(format!("incomplete amber {longest} {}", session.completed_at));
        }
    }
    told
}

/// The first quarter of an hour of each local day.
fn begin_of(zone: Tz, day: NaiveDate) -> Instant {
    let mut at = day.and_hms_opt(0, 0, 0).expect("midnight").and_utc() - TimeDelta::hours(26);
    while local(zone, at).date() < day {
        at += STEP;
    }
    at
}

fn adherence(record: &Record<'_>, due: &[(Instant, Word)], now: Instant) -> Vec<String> {
    let stay = record.stay.expect("a stay");
    let mut told = Vec::new();
    let mut last: Option<NaiveDate> = None;
    let mut at = stay.from;
    while at <= now {
        let plan = in_force(record.plans, at);
        let midnight = |plan: &&Plan| begin_of(plan.timezone, local(plan.timezone, at).date()) == at;
        if let Some(plan) = plan.filter(midnight)
            && holds(&stay, at)
            && !record.pauses.iter().any(|pause| holds(pause, at))
            && let Some((id, at_least)) = plan.rules.iter().find_map(|rule| match rule.kind {
                RuleKind::Adherence(adherence) => Some((&rule.id, adherence.at_least)),
                _ => None,
            })
        {
            let today = local(plan.timezone, at).date();
            let quiet = last.is_some_and(|last| today < last + TimeDelta::days(7));
            if let Some(kept) = week(record, due, plan.timezone, today)
                && kept < at_least
                && !quiet
            {
                told.push(format!("{id} amber {kept} {at}"));
                last = Some(today);
            }
        }
        at += STEP;
    }
    told
}

/// How many of the last seven countable days before this one were kept.
fn week(record: &Record<'_>, due: &[(Instant, Word)], zone: Tz, today: NaiveDate) -> Option<u32> {
    let stay = record.stay.expect("a stay");
    let (mut day, mut counted, mut kept, mut open) = (today, 0, 0, false);
    while counted < 7 {
        day = day.pred_opt().expect("a day before");
        let (begin, end) = (
            begin_of(zone, day),
            begin_of(zone, day.succ_opt().expect("a day")),
        );
        if begin < stay.from {
            return None;
        }
        let touched = |stretch: &Stretch| {
            let mut at = begin;
            while at < end {
                if holds(stretch, at) {
                    return true;
                }
                at += STEP;
            }
            false
        };
        let words: Vec<Word> = due
            .iter()
            .filter(|(at, _)| begin <= *at && *at < end)
            .map(|(_, word)| *word)
            .collect();
        if stay.to.is_some_and(|to| to < end)
            || record.pauses.iter().any(touched)
            || words.is_empty()
            || words.contains(&"unknown")
        {
            continue;
        }
        counted += 1;
        kept += u32::from(words.iter().all(|word| *word == "served"));
        open |= words.contains(&"open") && !words.contains(&"missed");
    }
    (!open).then_some(kept)
}
