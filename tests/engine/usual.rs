//! Mean, baseline, target and trend: what is rounded, when, and which days belong to a window.

use homeward::domain::finding::{Finding, Numbers};
use homeward::domain::ids::ReadingId;
use homeward::domain::measure::Measure::{Glucose, Spo2, SystolicBp, Weight};
use homeward::domain::rule::{Direction, Edge, Rule};
use homeward::domain::session::Session;

use super::build::*;

/// A reading each of these times.
fn taken(measure: homeward::domain::measure::Measure, readings: &[(&str, &str)]) -> Vec<Session> {
    let one = |(number, (taken_at, value)): (u128, &(&str, &str))| {
        session("HU-1", number, taken_at).takes_at(measure, value, taken_at)
    };
    (0..).zip(readings).map(one).collect()
}

/// The finding of the last session.
fn last(rule: &Rule, sessions: &[Session]) -> Option<Finding> {
    let mut judged = all(&[plan(vec![rule.clone()])], sessions);
    judged.pop()?.findings.pop()
}

#[test]
fn a_mean_is_rounded_once_before_it_is_compared() {
    let rule = mean("mean", SystolicBp, ["", "135"], 7, (2, 1));
    let of = |values: &[&str]| {
        let times = [
            "2026-11-16T09:00:00Z",
            "2026-11-17T09:00:00Z",
            "2026-11-18T09:00:00Z",
        ];
        let readings: Vec<_> = times
            .iter()
            .zip(values)
            .map(|(at, value)| (*at, *value))
            .collect();
        last(&rule, &taken(SystolicBp, &readings)).map(|finding| finding.numbers)
    };
    let fires = |mean: &str| {
        Some(Numbers {
            mean: Some(milli(mean)),
            bound: Some(milli("135")),
            ..Numbers::default()
        })
    };
    assert_eq!(of(&["130", "140"]), None, "equal is not beyond");
    assert_eq!(of(&["130", "140", "150"]), fires("140"));
    assert_eq!(of(&["135", "135", "135.001"]), None, "135.000333 is 135");
    assert_eq!(of(&["135", "135", "135.002"]), fires("135.001"));
    assert_eq!(of(&["135", "135.001"]), fires("135.001"), "a half goes up");
    assert_eq!(of(&["150"]), None, "too few");
}

#[test]
fn a_mean_counts_local_days_with_today() {
    // Of 7 days, 19 November and the six before: from the 13th on.
    let rule = mean("mean", SystolicBp, ["", "135"], 7, (2, 2));
    let reaches =
        |first: &str, then: &str| last(&rule, &taken(SystolicBp, &[(first, "150"), (then, "150")])).is_some();
    assert!(reaches("2026-11-13T00:00:00Z", "2026-11-19T23:59:59Z"));
    assert!(!reaches("2026-11-12T23:59:59.999999Z", "2026-11-19T00:00:00Z"));
    // Two readings of one day are two readings on one day.
    assert!(!reaches("2026-11-19T00:00:00Z", "2026-11-19T23:59:59Z"));
    // In the week in which the clocks go back local midnight moves from 23:00 to 00:00 UTC.
    assert!(reaches("2026-10-19T23:00:00Z", "2026-10-26T23:59:59Z"));
    assert!(!reaches("2026-10-19T22:59:59.999999Z", "2026-10-26T00:00:00Z"));
    assert!(
        !reaches("2026-10-24T23:00:00Z", "2026-10-25T23:59:59Z"),
        "one day of 25 hours"
    );
    assert!(reaches("2026-03-23T00:00:00Z", "2026-03-29T22:59:59Z"));
    assert!(
        !reaches("2026-03-23T00:00:00Z", "2026-03-29T23:00:00Z"),
        "that is the 30th"
    );
}

#[test]
fn a_mean_takes_what_was_measured_up_to_its_time_and_says_so() {
    let rule = mean("mean", SystolicBp, ["", "135"], 7, (4, 2));
    let sessions = [
        session("HU-1", 1, "2026-11-16T09:00:00Z")
            .takes(SystolicBp, "140")
            .takes(SystolicBp, "141"),
        session("HU-1", 2, "2026-11-17T09:00:00Z")
            .takes_at(SystolicBp, "142", "2026-11-17T08:58:00Z")
            .takes_at(SystolicBp, "131", "2026-11-17T08:59:00Z"),
    ];
    let finding = last(&rule, &sessions).expect("it fired");
    assert_eq!(finding.numbers.mean, Some(milli("138.5")));
    let id = |session, index| ReadingId::of(&key("HU-1", session), index);
    assert_eq!(finding.readings, [id(2, 1), id(2, 0), id(1, 1), id(1, 0)]);
    assert_eq!(
        finding.at,
        at("2026-11-17T08:59:00Z"),
        "the first of the day has too few before it"
    );
    assert_eq!(
        finding.sentence,
        "Mean systolic blood pressure over 7 days is 138.5 mmHg, above 135 mmHg (4 readings on 2 days)."
    );
}

/// Saturations at 09:00 on the days before 20 November, then one on that day.
fn after(values: &[&str], then: &str) -> Vec<Session> {
    let times: Vec<String> = (0..values.len())
        .map(|day| format!("2026-11-{:02}T09:00:00Z", 20 - values.len() + day))
        .collect();
    let mut readings: Vec<(&str, &str)> = times
        .iter()
        .zip(values)
        .map(|(at, value)| (at.as_str(), *value))
        .collect();
    readings.push(("2026-11-20T09:00:00Z", then));
    taken(Spo2, &readings)
}

const SEVEN: [&str; 7] = ["95"; 7];

fn usual(edge: Edge) -> Rule {
    baseline("usual", Spo2, edge, 16_450, (14, 7), "1")
}

#[test]
fn a_baseline_that_never_moves_has_the_least_deviation() {
    let low = |then: &str| last(&usual(Edge::Low), &after(&SEVEN, then));
    assert_eq!(low("93.355"), None, "equal is not beyond");
    let finding = low("93.354").expect("it fired");
    let numbers = Numbers {
        value: Some(milli("93.354")),
        bound: Some(milli("93.355")),
        mean: Some(milli("95")),
        sd: Some(milli("1")),
        ..Numbers::default()
    };
    assert_eq!(finding.numbers, numbers);
    assert_eq!(finding.readings.len(), 8);
    assert_eq!(finding.readings[0], ReadingId::of(&key("HU-1", 7), 0));
    assert_eq!(
        finding.sentence,
        "Oxygen saturation 93.354 % is below what is usual for this patient: 93.355 % is 1.645 standard deviations of 1 % \
         below the mean of 95 % over 14 days (7 readings)."
    );
    let high =
        |then: &str| last(&usual(Edge::High), &after(&SEVEN, then)).map(|finding| finding.numbers.bound);
    assert_eq!(high("96.645"), None);
    assert_eq!(high("96.646"), Some(Some(milli("96.645"))));
    assert_eq!(low("99"), None, "a low one is not about high readings");
    assert!(
        last(&usual(Edge::Low), &after(&SEVEN[1..], "80")).is_none(),
        "six are too few"
    );
}

#[test]
fn a_threshold_of_half_a_thousandth_goes_away_from_zero() {
    let uneven = ["95", "95.001", "95", "95.001", "95", "95.001", "95", "95.001"];
    let bound = |edge, then| last(&usual(edge), &after(&uneven, then)).map(|finding| finding.numbers);
    let low = bound(Edge::Low, "93.355").expect("it fired");
    assert_eq!(
        (low.bound, low.mean),
        (Some(milli("93.356")), Some(milli("95.001")))
    );
    assert_eq!(bound(Edge::Low, "93.356"), None);
    let high = bound(Edge::High, "96.647").expect("it fired");
    assert_eq!(high.bound, Some(milli("96.646")));
    assert_eq!(bound(Edge::High, "96.646"), None);
}

#[test]
fn the_deviation_is_that_of_a_sample() {
    // Mean 5, sum of squares 32, so √(32 ÷ 7) = 2.138 09.
    let values = ["2", "4", "4", "4", "5", "5", "7", "9"];
    let times: Vec<String> = (0..8)
        .map(|day| format!("2026-11-{:02}T09:00:00Z", 10 + day))
        .collect();
    let mut readings: Vec<_> = times
        .iter()
        .zip(values)
        .map(|(at, value)| (at.as_str(), value))
        .collect();
    readings.push(("2026-11-18T09:00:00Z", "2.861"));
    let rule = |edge| baseline("usual", Glucose, edge, 10_000, (14, 7), "0.5");
    let finding = last(&rule(Edge::Low), &taken(Glucose, &readings)).expect("it fired");
    let numbers = Numbers {
        value: Some(milli("2.861")),
        bound: Some(milli("2.862")),
        mean: Some(milli("5")),
        sd: Some(milli("2.138")),
        ..Numbers::default()
    };
    assert_eq!(finding.numbers, numbers);
    readings[8].1 = "2.862";
    assert!(last(&rule(Edge::Low), &taken(Glucose, &readings)).is_none());
    readings[8].1 = "7.139";
    let finding = last(&rule(Edge::High), &taken(Glucose, &readings)).expect("it fired");
    assert_eq!(finding.numbers.bound, Some(milli("7.138")));
}

#[test]
fn a_baseline_is_made_of_what_came_before() {
    let rule = baseline("usual", Spo2, Edge::Low, 16_450, (1, 2), "1");
    let of = |first: &str, second: &str, then: &str| {
        last(
            &rule,
            &taken(Spo2, &[(first, "95"), (second, "95"), (then, "90")]),
        )
        .is_some()
    };
    assert!(of(
        "2026-11-18T00:00:00Z",
        "2026-11-19T09:00:00Z",
        "2026-11-19T23:59:00Z"
    ));
    assert!(!of(
        "2026-11-17T23:59:59.999999Z",
        "2026-11-19T09:00:00Z",
        "2026-11-19T23:59:00Z"
    ));
    assert!(
        !of(
            "2026-11-18T00:00:00Z",
            "2026-11-19T09:00:00Z",
            "2026-11-19T09:00:00Z"
        ),
        "taken together"
    );
    let one_session = session("HU-1", 1, "2026-11-19T09:04:00Z")
        .takes_at(Spo2, "95", "2026-11-19T09:01:00Z")
        .takes_at(Spo2, "95", "2026-11-19T09:02:00Z")
        .takes_at(Spo2, "90", "2026-11-19T09:03:00Z");
    assert!(
        last(&rule, &[one_session]).is_some(),
        "earlier ones of the session are members"
    );
}

#[test]
fn values_beyond_all_sense_are_reckoned_without_a_panic() {
    // A person may accept what cannot be; the engine must live with it.
    let huge = [
        "9007199254740",
        "-9007199254740",
        "9007199254740",
        "-9007199254740",
    ];
    let times: Vec<String> = (0..4)
        .map(|day| format!("2026-11-{:02}T09:00:00Z", 10 + day))
        .collect();
    let readings: Vec<_> = times
        .iter()
        .zip(huge)
        .map(|(at, value)| (at.as_str(), value))
        .collect();
    let sessions = taken(Spo2, &readings);
    let decisions: Vec<_> = (0..4)
        .map(|session| (session, 0, homeward::domain::reading::Decision::Accept))
        .collect();
    for edge in [Edge::Low, Edge::High] {
        let rules = vec![
            baseline("usual", Spo2, edge, i64::MAX >> 10, (14, 2), "9007199254740"),
            baseline("slight", Spo2, edge, 1, (14, 2), "0.001"),
            mean("mean", Spo2, ["90", ""], 7, (1, 1)),
            trend("trend", Spo2, Direction::Fall, (1, 2), "0.5"),
            target("target", Spo2, "95", ["1", "1"]),
        ];
        let judged = decided(&[plan(rules)], &sessions, &decisions);
        assert!(told(&judged).contains(&"target amber".to_owned()));
    }
}

#[test]
fn a_target_is_missed_by_more_than_it_allows() {
    let dry = target("dry", Weight, "80", ["2", "2"]);
    let of = |rule: &Rule, value| {
        last(
            rule,
            &[session("HU-1", 1, "2026-11-16T09:00:00Z").takes(Weight, value)],
        )
    };
    assert_eq!(of(&dry, "82"), None, "equal is not beyond");
    assert_eq!(of(&dry, "78"), None);
    let finding = of(&dry, "82.001").expect("it fired");
    let numbers = Numbers {
        value: Some(milli("82.001")),
        bound: Some(milli("82")),
        reference: Some(milli("80")),
        difference: Some(milli("2.001")),
        ..Numbers::default()
    };
    assert_eq!(finding.numbers, numbers);
    let light = of(&dry, "77.5").expect("it fired");
    assert_eq!(light.numbers.bound, Some(milli("78")));
    assert_eq!(
        light.sentence,
        "Weight 77.5 kg is 2.5 kg below the target of 80 kg; the plan allows down to 78 kg."
    );
    let heavy_only = target("dry", Weight, "80", ["", "2"]);
    assert_eq!(of(&heavy_only, "70"), None);
    assert!(of(&heavy_only, "83").is_some());
    let two = session("HU-1", 1, "2026-11-16T09:00:00Z")
        .takes(Weight, "77")
        .takes(Weight, "83.5");
    let finding = last(&dry, &[two]).expect("it fired");
    assert_eq!(finding.numbers.value, Some(milli("83.5")), "the farther one");
}

fn rising(by: &str) -> Rule {
    trend("rising", Weight, Direction::Rise, (1, 2), by)
}

#[test]
fn a_trend_is_the_short_average_less_the_long_one() {
    // α is 1 and 2/3: the short one is 81.5, the long one 80 + 2/3 × 1.5 = 81.
    let two = [("2026-11-16T09:00:00Z", "80"), ("2026-11-17T09:00:00Z", "81.5")];
    let finding = last(&rising("0.5"), &taken(Weight, &two)).expect("it fired");
    let numbers = Numbers {
        bound: Some(milli("0.5")),
        difference: Some(milli("0.5")),
        ..Numbers::default()
    };
    assert_eq!(finding.numbers, numbers);
    assert_eq!(
        finding.sentence,
        "Weight is rising: its moving average over 1 day is 0.5 kg above that over 2 days (the plan allows less than 0.5 kg)."
    );
    assert!(last(&rising("0.501"), &taken(Weight, &two)).is_none());
    let falling = trend("falling", Weight, Direction::Fall, (1, 2), "0.5");
    assert!(last(&falling, &taken(Weight, &two)).is_none());
    let down = [("2026-11-16T09:00:00Z", "81.5"), ("2026-11-17T09:00:00Z", "80")];
    let finding = last(&falling, &taken(Weight, &down)).expect("it fired");
    assert_eq!(finding.numbers.difference, Some(milli("-0.5")));
    assert!(
        finding
            .sentence
            .contains("is falling: its moving average over 1 day is 0.5 kg below that")
    );
    // Days 80, 81, 83 at 1/2 and 2/4: long (2, 3) 80 → 80.667 → 82.222 and 80 → 80.5 → 81.75.
    let three = [
        ("2026-11-16T09:00:00Z", "80"),
        ("2026-11-17T09:00:00Z", "81"),
        ("2026-11-18T09:00:00Z", "83"),
    ];
    let slower = trend("rising", Weight, Direction::Rise, (2, 3), "0.1");
    let finding = last(&slower, &taken(Weight, &three)).expect("it fired");
    assert_eq!(finding.numbers.difference, Some(milli("0.472")));
}

#[test]
fn a_trend_takes_daily_means_and_passes_over_empty_days() {
    // 80.5 on the first day; the days between have no reading.
    let gap = [
        ("2026-11-11T09:00:00Z", "80"),
        ("2026-11-11T21:00:00Z", "81"),
        ("2026-11-17T09:00:00Z", "82"),
    ];
    let finding = last(&rising("0.5"), &taken(Weight, &gap)).expect("it fired");
    assert_eq!(finding.numbers.difference, Some(milli("0.5")));
    assert_eq!(finding.readings.len(), 3);
    let one_day = [("2026-11-17T08:00:00Z", "80"), ("2026-11-17T09:00:00Z", "84")];
    assert!(
        last(&rising("0.001"), &taken(Weight, &one_day)).is_none(),
        "one day is no trend"
    );
    // The mean of the second day is 80.0015, a third of 1.5 thousandths is half of one, and that is one.
    let half = [
        ("2026-11-16T09:00:00Z", "80"),
        ("2026-11-17T08:00:00Z", "80.001"),
        ("2026-11-17T09:00:00Z", "80.002"),
    ];
    let finding = last(&rising("0.001"), &taken(Weight, &half)).expect("it fired");
    assert_eq!(finding.numbers.difference, Some(milli("0.001")));
}

#[test]
fn a_trend_looks_over_four_times_the_long_days() {
    // Eight local days with today: of the 19th, from the 12th on.
    let reaches = |first: &str, then: &str| {
        last(&rising("0.5"), &taken(Weight, &[(first, "80"), (then, "82")])).is_some()
    };
    assert!(reaches("2026-11-12T00:00:00Z", "2026-11-19T23:59:59Z"));
    assert!(!reaches("2026-11-11T23:59:59.999999Z", "2026-11-19T00:00:00Z"));
    assert!(reaches("2026-10-18T23:00:00Z", "2026-10-26T23:59:59Z"));
    assert!(!reaches("2026-10-18T22:59:59.999999Z", "2026-10-26T00:00:00Z"));
}

#[test]
fn combinations_say_what_they_name() {
    let rules = vec![
        mean("mean", Weight, ["", "81"], 7, (1, 1)),
        baseline("usual", Weight, Edge::High, 16_450, (14, 2), "0.3"),
        target("target", Weight, "80", ["2", "2"]),
        trend("trend", Weight, Direction::Rise, (1, 2), "0.5"),
        combination("all", 4, &[&["mean"], &["usual"], &["target"], &["trend"]], None),
    ];
    let days = [
        ("2026-11-16T09:00:00Z", "80"),
        ("2026-11-17T09:00:00Z", "80"),
        ("2026-11-18T09:00:00Z", "84"),
    ];
    let judged = all(&[plan(rules)], &taken(Weight, &days));
    assert_eq!(
        judged[2].findings[0].sentence,
        "Mean weight over 7 days above 81 kg, weight above what is usual for this patient, weight below 78 kg or above 82 kg, \
         its target being 80 kg, together with weight rising by 0.5 kg or more between its moving averages over 2 and 1 days."
    );
}
