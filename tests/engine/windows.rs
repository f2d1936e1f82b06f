//! Windows of days begin at local midnight, whatever the clocks do; versions are in force by `completed_at`.

use chrono_tz::Tz;
use homeward::domain::finding::Severity;
use homeward::domain::measure::Measure::{Spo2, Weight};
use homeward::domain::plan::Plan;
use homeward::domain::session::Session;

use super::build::*;

/// Whether a weight at `first` is a reference for one at `then`, under a rule of so many days.
fn reaches(zone: Tz, days: u16, first: &str, then: &str) -> bool {
    let plans = [Plan {
        timezone: zone,
        ..plan(vec![gain("2", days)])
    }];
    let weigh = |number, taken_at: &str, value| -> Session {
        let session = session("HU-1", number, taken_at);
        session.takes_at(Weight, value, taken_at)
    };
    let judged = all(&plans, &[weigh(1, first, "80"), weigh(2, then, "83")]);
    !judged[1].findings.is_empty()
}

#[test]
fn a_window_of_days_begins_at_local_midnight() {
    use chrono_tz::{
        Africa::Cairo,
        America::{Havana, New_York},
        Europe::London,
        UTC,
    };
    let cases = [
        // Winter: local midnight is UTC midnight. Thursday's window of 3 days begins on Monday.
        (London, 3, "2026-11-16T00:00:00Z", "2026-11-19T09:30:00Z", true),
        (
            London,
            3,
            "2026-11-15T23:59:59.999999Z",
            "2026-11-19T09:30:00Z",
            false,
        ),
        (
            London,
            3,
            "2026-11-16T00:00:00Z",
            "2026-11-19T23:59:59.999999Z",
            true,
        ),
        (London, 3, "2026-11-16T00:00:00Z", "2026-11-20T00:00:00Z", false),
        // Summer: local midnight is 23:00 UTC of the day before.
        (London, 1, "2026-06-09T23:00:00Z", "2026-06-11T22:59:59Z", true),
        (
            London,
            1,
            "2026-06-09T22:59:59.999999Z",
            "2026-06-11T12:00:00Z",
            false,
        ),
        (London, 1, "2026-06-09T23:00:00Z", "2026-06-11T23:00:00Z", false),
        // Clocks go forward on 29 March 2026 at 01:00 UTC: a 23-hour day.
        (London, 1, "2026-03-28T00:00:00Z", "2026-03-29T22:59:59Z", true),
        (London, 1, "2026-03-28T00:00:00Z", "2026-03-29T23:00:00Z", false),
        (London, 1, "2026-03-29T00:00:00Z", "2026-03-30T22:59:59Z", true),
        (
            London,
            1,
            "2026-03-28T23:59:59.999999Z",
            "2026-03-30T12:00:00Z",
            false,
        ),
        (London, 2, "2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z", true),
        // Clocks go back on 25 October 2026 at 01:00 UTC: a 25-hour day.
        (London, 1, "2026-10-23T23:00:00Z", "2026-10-25T23:59:59Z", true),
        (
            London,
            1,
            "2026-10-23T22:59:59.999999Z",
            "2026-10-25T12:00:00Z",
            false,
        ),
        (London, 1, "2026-10-24T23:00:00Z", "2026-10-26T23:59:59Z", true),
        (
            London,
            1,
            "2026-10-24T22:59:59.999999Z",
            "2026-10-26T12:00:00Z",
            false,
        ),
        (London, 1, "2026-10-23T23:00:00Z", "2026-10-26T00:00:00Z", false),
        // The repeated hour is in its day, both times.
        (London, 1, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", true),
        // The plan's zone decides, not ours.
        (UTC, 1, "2026-06-09T23:00:00Z", "2026-06-11T12:00:00Z", false),
        (New_York, 1, "2026-06-10T04:00:00Z", "2026-06-12T03:59:59Z", true),
        (New_York, 1, "2026-06-10T03:59:59Z", "2026-06-11T12:00:00Z", false),
        // In Havana 1 November 2026 begins twice, at 04:00 and at 05:00 UTC: from the first on.
        (Havana, 1, "2026-11-01T04:00:00Z", "2026-11-02T12:00:00Z", true),
        (
            Havana,
            1,
            "2026-11-01T03:59:59.999999Z",
            "2026-11-02T12:00:00Z",
            false,
        ),
        // In Cairo 24 April 2026 begins at 01:00: midnight is skipped.
        (Cairo, 1, "2026-04-23T22:00:00Z", "2026-04-25T12:00:00Z", true),
        (
            Cairo,
            1,
            "2026-04-23T21:59:59.999999Z",
            "2026-04-25T12:00:00Z",
            false,
        ),
    ];
    for (zone, days, first, then, expected) in cases {
        assert_eq!(
            reaches(zone, days, first, then),
            expected,
            "{zone}: {days} days, {first} to {then}"
        );
    }
}

fn version(version: i64, from: &str, until: Option<&str>, amber_low: &str) -> Plan {
    Plan {
        version,
        effective_from: at(from),
        until: until.map(at),
        ..plan(vec![limits(Spo2, ["", amber_low, "", ""])])
    }
}

/// The version in force at each time, as the engine reports it.
fn in_force(plans: &[Plan], times: &[&str]) -> Vec<Option<i64>> {
    let sessions: Vec<_> = (0..)
        .zip(times)
        .map(|(number, time)| session("HU-1", number, time))
        .collect();
    all(plans, &sessions)
        .iter()
        .map(|judged| judged.plan_version)
        .collect()
}

#[test]
fn the_highest_version_begun_and_not_ended_is_in_force() {
    let plans = [
        version(1, "2026-11-10T00:00:00Z", None, "92"),
        version(2, "2026-11-20T00:00:00Z", None, "92"),
        version(3, "2026-11-12T00:00:00Z", Some("2026-11-14T00:00:00Z"), "92"),
    ];
    let times = [
        "2026-11-01T00:00:00Z",
        "2026-11-10T00:00:00Z",
        "2026-11-11T23:59:59.999999Z",
        "2026-11-12T00:00:00Z",
        "2026-11-13T23:59:59.999999Z",
        "2026-11-14T00:00:00Z",
        "2026-11-20T00:00:00Z",
    ];
    assert_eq!(in_force(&plans, &times), [1, 1, 1, 3, 3, 1, 2].map(Some));
    assert_eq!(in_force(&[], &times[..1]), [None]);
}

#[test]
fn before_every_version_the_one_that_begins_first_is_in_force() {
    let plans = [
        version(1, "2026-11-20T00:00:00Z", None, "92"),
        version(2, "2026-11-10T00:00:00Z", Some("2026-11-12T00:00:00Z"), "92"),
    ];
    assert_eq!(
        in_force(&plans, &["2026-11-01T00:00:00Z", "2026-11-15T00:00:00Z"]),
        [Some(2), Some(2)]
    );
}

#[test]
fn a_back_dated_version_judges_the_sessions_it_covers_as_a_whole() {
    let sessions = [
        session("HU-1", 1, "2026-11-12T09:00:00Z").takes(Spo2, "91"),
        // Taken before the change of plan, completed after it: the version at completion judges it.
        session("HU-1", 2, "2026-11-20T00:00:30Z").takes(Spo2, "91"),
    ];
    let first = version(1, "2026-11-10T00:00:00Z", None, "92");
    let second = version(2, "2026-11-20T00:00:00Z", None, "90");
    assert_eq!(told(&all(std::slice::from_ref(&first), &sessions)).len(), 2);
    let judged = all(&[first.clone(), second], &sessions);
    assert_eq!(
        judged
            .iter()
            .map(|judged| judged.findings.len())
            .collect::<Vec<_>>(),
        [1, 0]
    );
    let back_dated = version(2, "2026-11-11T00:00:00Z", None, "90");
    assert!(told(&all(&[first, back_dated], &sessions)).is_empty());
}

#[test]
fn combinations_match_rules_by_id_whatever_version_they_fired_under() {
    let rules = |amber_low| {
        vec![
            limits(Spo2, ["", amber_low, "", ""]),
            answer("ankles", "ankles", &["yes"], Severity::Context),
            combination(
                "together",
                2,
                &[&["limits.spo2.amber_low"], &["ankles"]],
                Some(48),
            ),
        ]
    };
    let first = plan(rules("92"));
    let second = Plan {
        version: 2,
        effective_from: at("2026-11-12T12:00:00Z"),
        ..plan(rules("85"))
    };
    let sessions = [
        session("HU-1", 1, "2026-11-12T09:00:00Z").takes(Spo2, "91"),
        session("HU-1", 2, "2026-11-13T09:00:00Z").answers("ankles", "yes"),
    ];
    let judged = all(&[first, second], &sessions);
    assert_eq!(told(&judged[1..]), ["ankles context", "together red"]);
    assert_eq!(judged[1].plan_version, Some(2));
}
