//! Persistence goes by reading order and local days, count by time and hours; both only when this reading is beyond.

use homeward::domain::finding::Numbers;
use homeward::domain::ids::ReadingId;
use homeward::domain::measure::Measure::{Glucose, Spo2, SystolicBp, Weight};
use homeward::domain::reading::Decision;
use homeward::domain::rule::Rule;
use homeward::domain::session::Session;

use super::build::*;

/// One saturation a day from 16 November at 09:00.
fn mornings(values: &[&str]) -> Vec<Session> {
    let day = |(number, value): (u128, &&str)| {
        let completed_at = format!("2026-11-{}T09:00:00Z", 16 + number);
        session("HU-1", number, &completed_at).takes(Spo2, value)
    };
    (0..).zip(values).map(day).collect()
}

/// Whether each session makes the rule fire.
fn fires(rule: &Rule, sessions: &[Session]) -> Vec<bool> {
    let judged = all(&[plan(vec![rule.clone()])], sessions);
    judged.iter().map(|judged| !judged.findings.is_empty()).collect()
}

fn low() -> Rule {
    persistence("low", Spo2, ["92", ""], (2, 3), 7)
}

#[test]
fn persistence_wants_so_many_of_the_last_readings() {
    let cases: [(&[&str], &[bool]); 7] = [
        (&["91", "93", "91"], &[false, false, true]),
        (&["91", "91", "91"], &[false, true, true]),
        (&["91", "93", "93", "91"], &[false, false, false, false]),
        (&["91", "91", "93"], &[false, true, false]),
        (&["92", "91"], &[false, false]),
        (&["91.999", "91.999"], &[false, true]),
        (&["91"], &[false]),
    ];
    for (values, expected) in cases {
        assert_eq!(fires(&low(), &mornings(values)), expected, "{values:?}");
    }
    let judged = all(&[plan(vec![low()])], &mornings(&["91", "93", "88"]));
    let finding = &judged[2].findings[0];
    let numbers = Numbers {
        value: Some(milli("88")),
        bound: Some(milli("92")),
        count: Some(2),
        ..Numbers::default()
    };
    assert_eq!(finding.numbers, numbers);
    let ids = [2, 0].map(|number| ReadingId::of(&key("HU-1", number), 0));
    assert_eq!(finding.readings, ids);
    assert_eq!((finding.kind.as_str(), finding.side), ("persistence", None));
    assert_eq!(
        finding.sentence,
        "Oxygen saturation 88 % is below 92 %; readings below it: 2 of the last 3 within 7 days."
    );
}

#[test]
fn only_the_same_side_counts() {
    let both = persistence("odd", SystolicBp, ["90", "160"], (2, 3), 7);
    let of = |values: [&str; 2]| {
        [
            session("HU-1", 1, "2026-11-16T09:00:00Z").takes(SystolicBp, values[0]),
            session("HU-1", 2, "2026-11-17T09:00:00Z").takes(SystolicBp, values[1]),
        ]
    };
    assert_eq!(fires(&both, &of(["85", "165"])), [false, false]);
    assert_eq!(fires(&both, &of(["161", "165"])), [false, true]);
    assert_eq!(fires(&both, &of(["85", "89"])), [false, true]);
    let often = count("odd", SystolicBp, ["90", "160"], 2, 24);
    assert_eq!(fires(&often, &of(["85", "165"])), [false, false]);
    assert_eq!(fires(&often, &of(["161", "165"])), [false, true]);
}

#[test]
fn readings_that_do_not_count_are_passed_over() {
    let sessions = [
        session("HU-1", 1, "2026-11-16T09:00:00Z").takes(Spo2, "91"),
        // Not possible, and so not one of the last two.
        session("HU-1", 2, "2026-11-17T09:00:00Z").takes(Spo2, "101"),
        session("HU-1", 3, "2026-11-18T09:00:00Z").takes(Spo2, "91"),
    ];
    let plans = [plan(vec![persistence("low", Spo2, ["92", ""], (2, 2), 7)])];
    assert_eq!(
        told(&all(&plans, &sessions)),
        ["suspect red out_of_range", "low amber"]
    );
    let excluded = decided(&plans, &sessions, &[(0, 0, Decision::Exclude)]);
    assert_eq!(told(&excluded), ["suspect red out_of_range"]);
}

/// Whether a saturation at `first` counts for one at `then`.
fn reaches(rule: &Rule, first: &str, then: &str) -> bool {
    let of = |number, taken_at: &str| session("HU-1", number, taken_at).takes_at(Spo2, "90", taken_at);
    fires(rule, &[of(1, first), of(2, then)])[1]
}

#[test]
fn persistence_looks_back_to_a_local_midnight() {
    let cases = [
        ("2026-11-18T00:00:00Z", "2026-11-19T23:59:59Z", true),
        ("2026-11-17T23:59:59.999999Z", "2026-11-19T00:00:00Z", false),
        // The day of 23 hours, and the night before it.
        ("2026-03-28T00:00:00Z", "2026-03-29T22:59:59Z", true),
        ("2026-03-28T00:00:00Z", "2026-03-29T23:00:00Z", false),
        ("2026-03-29T00:00:00Z", "2026-03-30T22:59:59Z", true),
        // The day of 25 hours.
        ("2026-10-24T23:00:00Z", "2026-10-26T23:59:59Z", true),
        ("2026-10-24T22:59:59.999999Z", "2026-10-26T00:00:00Z", false),
    ];
    let rule = persistence("low", Spo2, ["92", ""], (2, 2), 1);
    for (first, then, expected) in cases {
        assert_eq!(reaches(&rule, first, then), expected, "{first} to {then}");
    }
}

#[test]
fn count_looks_back_so_many_hours_whatever_the_clocks_do() {
    let cases = [
        ("2026-11-18T09:00:00Z", "2026-11-19T09:00:00Z", true),
        ("2026-11-18T08:59:59.999999Z", "2026-11-19T09:00:00Z", false),
        // 09:00 to 09:00 is 23 hours when the clocks go forward, and 25 when they go back.
        ("2026-03-28T09:00:00Z", "2026-03-29T08:00:00Z", true),
        ("2026-03-28T08:00:00Z", "2026-03-29T08:00:00Z", true),
        ("2026-10-24T08:00:00Z", "2026-10-25T09:00:00Z", false),
        ("2026-10-24T09:00:00Z", "2026-10-25T09:00:00Z", true),
    ];
    let rule = count("often", Spo2, ["92", ""], 2, 24);
    for (first, then, expected) in cases {
        assert_eq!(reaches(&rule, first, then), expected, "{first} to {then}");
    }
}

#[test]
fn count_says_how_many() {
    let rule = count("lows", Glucose, ["4", ""], 2, 24);
    let sessions = [
        session("HU-1", 1, "2026-11-16T08:00:00Z").takes(Glucose, "3.9"),
        session("HU-1", 2, "2026-11-16T12:00:00Z").takes(Glucose, "6"),
        session("HU-1", 3, "2026-11-16T18:00:00Z").takes(Glucose, "3.5"),
    ];
    let judged = all(&[plan(vec![rule])], &sessions);
    assert_eq!(told(&judged), ["lows amber"]);
    let finding = &judged[2].findings[0];
    let numbers = Numbers {
        value: Some(milli("3.5")),
        bound: Some(milli("4")),
        count: Some(2),
        ..Numbers::default()
    };
    assert_eq!(finding.numbers, numbers);
    assert_eq!(
        finding.sentence,
        "Blood glucose 3.5 mmol/L is below 4 mmol/L; readings below it within 24 hours: 2."
    );
}

#[test]
fn of_readings_taken_together_persistence_goes_by_order_and_count_by_time() {
    let together = session("HU-1", 1, "2026-11-16T09:01:00Z")
        .takes(Weight, "85")
        .takes(Weight, "84");
    let last_two = persistence("heavy", Weight, ["", "83"], (2, 2), 1);
    let judged = all(&[plan(vec![last_two])], std::slice::from_ref(&together));
    assert_eq!(
        judged[0].findings[0].numbers.value,
        Some(milli("84")),
        "only the second has one before it"
    );
    let two = count("heavy", Weight, ["", "83"], 2, 1);
    let judged = all(&[plan(vec![two])], std::slice::from_ref(&together));
    assert_eq!(
        judged[0].findings[0].numbers.value,
        Some(milli("85")),
        "both see both, and this is farther"
    );
}

#[test]
fn the_farthest_reading_is_reported_and_of_equals_the_later() {
    let rule = || persistence("low", Spo2, ["92", ""], (1, 1), 1);
    let three = session("HU-1", 1, "2026-11-16T09:05:00Z")
        .takes_at(Spo2, "89", "2026-11-16T09:03:00Z")
        .takes_at(Spo2, "90", "2026-11-16T09:04:00Z")
        .takes_at(Spo2, "89", "2026-11-16T09:02:00Z");
    let judged = all(&[plan(vec![rule()])], std::slice::from_ref(&three));
    let [finding] = judged[0].findings.as_slice() else {
        panic!("one finding of the rule a session: {judged:?}")
    };
    assert_eq!(finding.at, at("2026-11-16T09:03:00Z"));
    assert_eq!(finding.readings, [ReadingId::of(&key("HU-1", 1), 0)]);
    assert_eq!(judged[0].fired.len(), 1);
    assert_eq!(judged[0].fired[0].reading, Some(0));
    assert_eq!(
        finding.sentence,
        "Oxygen saturation 89 % is below 92 %; readings below it: 1 of the last 1 within 1 day."
    );
}

#[test]
fn a_late_session_makes_the_later_one_fire() {
    // The second session counts although it is completed after the one that it makes fire.
    let sessions = [
        session("HU-1", 1, "2026-11-16T09:00:00Z").takes(Spo2, "90"),
        session("HU-2", 2, "2026-11-16T12:00:00Z")
            .started_at(None)
            .takes_at(Spo2, "90", "2026-11-16T07:00:00Z"),
    ];
    assert_eq!(
        fires(&count("often", Spo2, ["92", ""], 2, 24), &sessions),
        [true, false]
    );
    assert_eq!(
        fires(&persistence("low", Spo2, ["92", ""], (2, 2), 1), &sessions),
        [true, false]
    );
}

#[test]
fn combinations_say_what_they_name() {
    let rules = vec![
        persistence("low", Spo2, ["92", ""], (1, 2), 7),
        count("odd", Spo2, ["92", "99"], 1, 24),
        combination("both", 2, &[&["low"], &["odd"]], None),
    ];
    let judged = all(&[plan(rules)], &mornings(&["90"]));
    assert_eq!(told(&judged), ["both red", "low amber", "odd amber"]);
    assert_eq!(
        judged[0].findings[0].sentence,
        "Oxygen saturation below 92 % in at least 1 of the last 2 readings within 7 days, together with oxygen saturation \
         below 92 % or above 99 % in at least 1 reading within 24 hours."
    );
    assert_eq!(
        judged[0].findings[0].readings,
        [ReadingId::of(&key("HU-1", 0), 0)]
    );
}
