//! What the worker of the running service rests on: judging the last days says what judging everything says, nothing changes
//! before the time to look again, and what is settled stays so.

use chrono::TimeDelta;
use homeward::domain::finding::Finding;
use homeward::domain::time::Instant;
use homeward::engine::compliance::calendar::{calendar, needs};
use homeward::engine::compliance::{Attendance, Reach, Record, judge, judge_from, longest};
use proptest::prelude::*;

use super::compliance_laws::{Stay, instant, some_session, some_stretch, stay};
use super::compliance_oracle::{self as oracle, STEP};
use super::random::config;

fn from(findings: Vec<Finding>, first: Instant) -> Vec<Finding> {
    findings
        .into_iter()
        .filter(|finding| first <= finding.at)
        .collect()
}

fn before(findings: Vec<Finding>, first: Instant) -> Vec<Finding> {
    findings
        .into_iter()
        .filter(|finding| finding.at < first)
        .collect()
}

fn last_adherence(findings: &[Finding], first: Instant) -> Option<Instant> {
    let adherence = findings
        .iter()
        .filter(|finding| finding.kind == "adherence" && finding.at < first);
    adherence.map(|finding| finding.at).max()
}

/// The stay as one knows it who has read sessions since then only.
fn part(stay: &Stay, since: Instant, first: Instant) -> (Option<Vec<Finding>>, Vec<Finding>) {
    let whole = judge(&stay.record(), stay.now).findings;
    let sessions: Vec<Attendance> = (stay.sessions.iter())
        .filter(|session| since <= session.completed_at)
        .cloned()
        .collect();
    let record = Record {
        sessions: &sessions,
        ..stay.record()
    };
    let reach = Reach {
        since: Some(since),
        first,
        last_adherence: last_adherence(&whole, first),
    };
    let seen = judge_from(&record, &reach, stay.now);
    (
        seen.reaches.then_some(seen.compliance.findings),
        from(whole, first),
    )
}

proptest! {
    #![proptest_config(config(384))]

    #[test]
    fn the_last_days_say_what_everything_says(stay in stay(), first in instant(), back in 0..1500_i32) {
        let (part, whole) = part(&stay, first - STEP * back, first);
        if let Some(part) = part {
            prop_assert_eq!(part, whole);
        }
    }

    #[test]
    fn everything_reaches(stay in stay(), first in instant()) {
        let whole = judge(&stay.record(), stay.now).findings;
        let reach = Reach { since: None, first, last_adherence: last_adherence(&whole, first) };
        let seen = judge_from(&stay.record(), &reach, stay.now);
        prop_assert!(seen.reaches);
        prop_assert_eq!(seen.compliance.findings, from(whole, first));
    }

    #[test]
    fn nothing_changes_before_the_time_to_look_again(stay in stay(), part in 0..=8_i32) {
        let seen = judge_from(&stay.record(), &Reach::WHOLE, stay.now);
        let instant = TimeDelta::microseconds(1);
        let last = seen.outlook.look_at.map_or(stay.now + TimeDelta::days(400), |at| at - instant);
        prop_assert!(stay.now <= last);
        let later = stay.now + (last - stay.now) * part / 8;
        let then = judge(&stay.record(), later);
        prop_assert_eq!(&then.findings, &seen.compliance.findings);
        // A due time that was served ahead of time is told once it is over.
        let told = then.due.iter().filter(|due| due.at < stay.now).cloned().collect::<Vec<_>>();
        prop_assert_eq!(told, seen.compliance.due);
    }

    #[test]
    fn what_is_settled_stays_so(stay in stay(), later in 0..1000_i32) {
        let seen = judge_from(&stay.record(), &Reach::WHOLE, stay.now);
        let settled = seen.outlook.settled;
        let then = judge(&stay.record(), stay.now + STEP * later);
        prop_assert_eq!(before(then.findings, settled), before(seen.compliance.findings, settled));
    }

    #[test]
    fn a_session_alters_nothing_older_than_the_longest_grace_before_it(stay in stay(), more in some_session()) {
        let first = more.completed_at - longest(&stay.plans).1;
        let alone = judge(&stay.record(), stay.now).findings;
        let mut with = stay;
        with.sessions.retain(|session| session.key != more.key);
        let without = judge(&with.record(), with.now).findings;
        with.sessions.push(more);
        let with = judge(&with.record(), with.now).findings;
        if without == alone {
            prop_assert_eq!(before(with, first), before(alone, first));
        }
    }

    #[test]
    fn a_pause_a_discharge_or_another_plan_alters_nothing_older_than_two_windows(stay in stay(), pause in some_stretch(), chance in 0..3) {
        let mut other = stay.clone();
        match chance {
            0 => other.pauses.push(pause),
            1 => other.admitted.to = Some(other.admitted.to.unwrap_or(pause.from).min(pause.from).max(other.admitted.from)),
            _ => {
                let mut plan = other.plans.first().cloned().unwrap_or_else(|| super::build::plan(Vec::new()));
                plan.version = 9;
                (plan.effective_from, plan.until) = (pause.from, pause.to);
                other.plans.push(plan);
            }
        }
        let is_first = chance == 2 && stay.plans.iter().all(|plan| pause.from <= plan.effective_from);
        if !is_first {
            let (window, grace) = longest(&other.plans).max(longest(&stay.plans));
            let first = pause.from - window - grace;
            let one = judge(&stay.record(), stay.now).findings;
            let other = judge(&other.record(), other.now).findings;
            prop_assert_eq!(before(one, first), before(other, first));
        }
    }

    #[test]
    fn the_calendar_says_what_judging_says(stay in stay(), a in instant(), b in instant()) {
        let span = (a.min(b), a.max(b));
        let (begin, end) = needs(&stay.record(), span);
        let sessions: Vec<Attendance> = (stay.sessions.iter())
            .filter(|session| begin <= session.completed_at && session.completed_at <= end)
            .cloned()
            .collect();
        let record = Record { sessions: &sessions, ..stay.record() };
        let told: Vec<_> = calendar(&record, span, stay.now)
            .into_iter()
            .filter(|due| due.at < stay.now)
            .map(|due| (due.at, due.state.as_ref().map_or("open", |state| state.word())))
            .collect();
        let mut expected = oracle::due(&stay.record(), stay.now);
        expected.retain(|(at, _)| span.0 <= *at && *at < span.1);
        prop_assert_eq!(told, expected);
    }
}

/// Otherwise the law above would hold of nothing.
#[test]
fn ten_days_are_enough_for_most() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let (mut enough, mut findings) = (0, 0);
    for _ in 0..300 {
        let stay = stay().new_tree(&mut runner).expect("a stay").current();
        let first = stay.now - TimeDelta::days(3);
        if let (Some(found), _) = part(&stay, first - TimeDelta::days(10), first) {
            enough += 1;
            findings += found.len();
        }
    }
    assert!(enough > 200 && findings > 200, "{enough} {findings}");
}
