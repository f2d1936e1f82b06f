//! Over random stays: a second judgement written from the page agrees, orders do not matter, and a session never makes a miss.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Weekday};
use homeward::domain::finding::{Finding, Severity};
use homeward::domain::measure::Measure;
use homeward::domain::plan::Plan;
use homeward::domain::rule::{Adherence, Incomplete, Missed, Rule, RuleKind};
use homeward::domain::schedule::Schedule;
use homeward::domain::session::Trigger;
use homeward::domain::time::Instant;
use homeward::engine::compliance::{Attendance, Compliance, DueState, Record, Stretch, judge};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::build::{at, key, plan};
use super::compliance::compliance_rule;
use super::compliance_oracle::{self as oracle, STEP};
use super::random::config;

#[derive(Debug, Clone)]
pub(crate) struct Stay {
    pub(crate) plans: Vec<Plan>,
    pub(crate) admitted: Stretch,
    pub(crate) pauses: Vec<Stretch>,
    pub(crate) outages: Vec<Stretch>,
    pub(crate) sessions: Vec<Attendance>,
    pub(crate) now: Instant,
}

impl Stay {
    pub(crate) fn record(&self) -> Record<'_> {
        Record {
            plans: &self.plans,
            stay: Some(self.admitted),
            pauses: &self.pauses,
            outages: &self.outages,
            sessions: &self.sessions,
        }
    }

    fn judged(&self) -> Compliance {
        judge(&self.record(), self.now)
    }
}

const DAYS: i64 = 22;

/// In a span of days that holds a change of clocks in London, Havana or Lord Howe.
pub(crate) fn instant() -> impl Strategy<Value = Instant> {
    let step = prop_oneof![2 => 0..(DAYS * 96), 1 => (0..DAYS, select(vec![0, 36, 39, 94])).prop_map(|(day, step)| day * 96 + step)];
    step.prop_map(|steps| at("2026-10-14T00:00:00Z") + STEP * i32::try_from(steps).expect("few"))
}

pub(crate) fn some_stretch() -> impl Strategy<Value = Stretch> {
    let length = select(vec![0, 1, 2, 4, 8, 40, 96, 200, 800]);
    (instant(), weighted(0.9, length)).prop_map(|(from, length)| Stretch {
        from,
        to: length.map(|length| from + STEP * length),
    })
}

pub(crate) fn some_session() -> impl Strategy<Value = Attendance> {
    use Measure::{DiastolicBp, Spo2, SystolicBp, Weight};
    let trigger = prop_oneof![4 => Just(Trigger::Scheduled), 1 => Just(Trigger::Patient)];
    let accepted = subsequence(vec![Weight, Spo2, SystolicBp, DiastolicBp], 0..=4);
    (0..4000_u128, instant(), trigger, accepted, any::<bool>()).prop_map(
        |(number, completed_at, trigger, accepted, answered)| Attendance {
            key: key("HU-1", number),
            completed_at,
            trigger,
            accepted,
            answered,
        },
    )
}

pub(crate) fn schedule() -> impl Strategy<Value = Schedule> {
    let times = [
        "00:00", "00:30", "01:00", "01:15", "01:45", "02:00", "02:30", "09:00", "09:45", "21:00", "23:30",
    ];
    let week = (0..7)
        .map(|day| Weekday::try_from(day).expect("a day"))
        .collect::<Vec<_>>();
    let days = prop_oneof![3 => Just(week.clone()), 1 => subsequence(week, 1..=7)];
    let (before, grace) = (
        select(vec![15, 60, 120, 1500]),
        select(vec![0, 30, 180, 600, 1500]),
    );
    (subsequence(times.to_vec(), 1..=3), days, before, grace).prop_map(|(times, days, before, grace)| {
        Schedule {
            times: times.iter().map(|time| time.parse().expect("a time")).collect(),
            days,
            window_before_min: before,
            grace_min: grace,
        }
    })
}

pub(crate) fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let severity = || select(vec![Severity::Amber, Severity::Red]);
    let missed = (1..4_u32, severity()).prop_map(|(after, severity)| {
        compliance_rule("silence", RuleKind::Missed(Missed { after, severity }))
    });
    let incomplete = (1..4_u32).prop_map(|sessions_in_row| {
        let rule = Incomplete {
            measures: vec![Measure::Weight],
            sessions_in_row,
            severity: Severity::Amber,
        };
        compliance_rule("incomplete", RuleKind::Incomplete(rule))
    });
    let adherence = (1..8_u32).prop_map(|at_least| {
        let severity = Severity::Amber;
        compliance_rule("keeping", RuleKind::Adherence(Adherence { at_least, severity }))
    });
    (
        weighted(0.5, missed),
        weighted(0.4, incomplete),
        weighted(0.8, adherence),
    )
        .prop_map(|(a, b, c)| [a, b, c].into_iter().flatten().collect())
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    use chrono_tz::{America::Havana, Australia::Lord_Howe, Europe::London};
    let zone = select(vec![London, London, Havana, Lord_Howe]);
    let measures = subsequence(vec!["weight", "spo2", "blood_pressure"], 0..=3);
    let version = (
        weighted(0.9, schedule()),
        rules(),
        measures,
        instant(),
        weighted(0.3, 1..800_i32),
        zone,
    );
    vec(version, 0..4).prop_map(|versions| {
        (1..)
            .zip(versions)
            .map(
                |(version, (schedule, rules, measures, effective_from, until, timezone))| Plan {
                    version,
                    effective_from,
                    until: until.map(|steps| effective_from + STEP * steps),
                    timezone,
                    schedule,
                    measures: measures.into_iter().map(str::to_owned).collect(),
                    ..plan(rules)
                },
            )
            .collect()
    })
}

/// One session for each due time with this chance, near it, so that days are kept.
pub(crate) fn stay() -> impl Strategy<Value = Stay> {
    let whole = Stretch {
        from: at("2026-10-14T00:00:00Z"),
        to: None,
    };
    let from = prop_oneof![2 => Just(whole), 1 => some_stretch()];
    let now = prop_oneof![1 => instant(), 2 => Just(at("2026-11-05T00:00:00Z"))];
    let lists = (
        vec(some_stretch(), 0..3),
        vec(some_stretch(), 0..3),
        vec(some_session(), 0..12),
    );
    let keeping = (0..=10_u32, any::<u64>());
    (plans(), from, lists, now, keeping).prop_map(
        |(plans, admitted, (pauses, outages, sessions), now, (chance, seed))| {
            let mut stay = Stay {
                plans,
                admitted,
                pauses,
                outages,
                sessions,
                now,
            };
            let mut chaos = seed | 1;
            for (place, (due, _)) in oracle::due(&stay.record(), now).into_iter().enumerate() {
                chaos = chaos
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                if (chaos >> 33) % 10 < u64::from(chance) {
                    stay.sessions.push(Attendance {
                        key: key("HU-2", place as u128),
                        completed_at: due - STEP * i32::try_from((chaos >> 50) % 3).expect("few"),
                        trigger: Trigger::Scheduled,
                        accepted: vec![Measure::Weight],
                        answered: false,
                    });
                }
            }
            let mut seen = BTreeSet::new();
            stay.sessions.retain(|session| seen.insert(session.key.clone()));
            stay
        },
    )
}

fn tell(finding: &Finding) -> String {
    let count = finding.numbers.count.expect("a count");
    format!(
        "{} {} {count} {}",
        finding.rule,
        finding.severity.word(),
        finding.at
    )
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn a_second_judgement_agrees(stay in stay()) {
        let judged = stay.judged();
        let due: Vec<_> = judged.due.iter().map(|due| (due.at, due.state.word())).collect();
        let mut expected = oracle::due(&stay.record(), stay.now);
        expected.retain(|(_, word)| *word != "open");
        prop_assert_eq!(due, expected);
        let mut told: Vec<_> = judged.findings.iter().map(tell).collect();
        told.sort();
        prop_assert_eq!(told, oracle::findings(&stay.record(), stay.now));
    }

    #[test]
    fn orders_do_not_matter_and_judging_again_says_the_same(stay in stay(), seed in any::<u64>()) {
        let first = stay.judged();
        prop_assert_eq!(&first, &stay.judged());
        let mut other = stay;
        let by = usize::try_from(seed % 7).expect("few");
        for list in [&mut other.pauses, &mut other.outages] {
            list.reverse();
        }
        other.plans.reverse();
        other.sessions.reverse();
        let places = other.sessions.len().max(1);
        other.sessions.rotate_left(by % places);
        prop_assert_eq!(first, other.judged());
    }

    #[test]
    fn a_session_more_never_makes_a_miss(stay in stay(), more in some_session()) {
        let missed = |stay: &Stay| -> BTreeSet<Instant> {
            let due = stay.judged().due;
            due.iter().filter(|due| due.state == DueState::Missed).map(|due| due.at).collect()
        };
        let before = missed(&stay);
        let mut after = stay;
        let key = key("HU-3", 1);
        after.sessions.push(Attendance { key, ..more });
        prop_assert!(missed(&after).is_subset(&before));
        let findings = after.judged().findings;
        prop_assert!(findings.iter().filter(|finding| finding.kind == "missed").all(|finding| before.contains(&finding.at)));
    }

    #[test]
    fn a_perfect_patient_is_left_alone(mut stay in stay()) {
        stay.sessions.clear();
        for (place, (due, _)) in oracle::due(&stay.record(), stay.now).into_iter().enumerate() {
            stay.sessions.push(Attendance {
                key: key("HU-2", place as u128),
                completed_at: due - TimeDelta::microseconds(1),
                trigger: Trigger::Scheduled,
                accepted: Measure::ALL.to_vec(),
                answered: true,
            });
        }
        let judged = stay.judged();
        prop_assert!(judged.findings.is_empty(), "{:?}", judged.findings);
        prop_assert!(judged.due.iter().all(|due| matches!(due.state, DueState::Served(_))));
    }

    #[test]
    fn every_finding_explains_itself(stay in stay()) {
        for finding in stay.judged().findings {
            let numbers = &finding.numbers;
            let (count, bound) = (numbers.count.expect("a count"), numbers.bound.expect("a bound").thousandths() / 1000);
            if finding.kind == "adherence" { prop_assert!(count < bound) } else { prop_assert!(count >= bound) }
            prop_assert!(finding.plan_version.is_some() && finding.readings.is_empty());
            prop_assert_eq!(finding.session.is_some(), finding.kind == "incomplete");
            let sentence = &finding.sentence;
            prop_assert!(sentence.ends_with('.') && !sentence.contains("  "), "{sentence}");
            prop_assert!(count == 1 || sentence.contains(&count.to_string()), "{sentence}");
        }
    }
}

#[test]
fn the_generator_meets_what_it_is_for() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..300 {
        let stay = stay().new_tree(&mut runner).expect("a stay").current();
        let judged = stay.judged();
        let words = judged.due.iter().map(|due| due.state.word().to_owned());
        let kinds = judged.findings.iter().map(|finding| finding.kind.clone());
        let open = oracle::due(&stay.record(), stay.now)
            .into_iter()
            .map(|(_, word)| word.to_owned());
        for word in words.chain(kinds).chain(open.filter(|word| word == "open")) {
            *seen.entry(word).or_default() += 1;
        }
    }
    for wanted in ["served", "missed", "unknown", "open", "incomplete", "adherence"] {
        assert!(
            seen.get(wanted).is_some_and(|count| *count >= 20),
            "{wanted} is too rare: {seen:?}"
        );
    }
}
