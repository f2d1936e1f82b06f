//! Lived time runs fast and catches up, and never overtakes.

use chrono::{DateTime, TimeDelta, Utc};
use simulator::clock::Clock;

use crate::at;

fn start() -> DateTime<Utc> {
    at("2026-11-21T09:00:00Z")
}

#[test]
fn without_a_past_both_times_are_one() {
    let now = Clock::starting_at(start()).at(start() + TimeDelta::hours(3));
    assert_eq!(now.lived, now.real);
}

#[test]
fn lived_time_catches_up_and_goes_on_as_real_time() {
    let clock = Clock::starting_at(start()).living_since(TimeDelta::days(10), 1_001.0);
    let days_back = |seconds: i64| {
        let now = clock.at(start() + TimeDelta::seconds(seconds));
        (now.real - now.lived).num_seconds()
    };
    assert_eq!(days_back(0), 864_000);
    assert_eq!(days_back(432), 432_000);
    assert_eq!(days_back(864), 0);
    assert_eq!(days_back(100_000), 0);
}

#[test]
fn the_wait_for_a_lived_time_ends_when_it_is_lived() {
    let clock = Clock::starting_at(start()).living_since(TimeDelta::days(10), 1_000.0);
    for (seconds, ahead) in [(0, 60), (0, 800_000), (400, 10), (860, 20_000), (5_000, 100)] {
        let now = clock.at(start() + TimeDelta::seconds(seconds));
        let target = now.lived + TimeDelta::seconds(ahead);
        let wait = clock.until_lived(now, target);
        let tick = TimeDelta::milliseconds(1);
        assert!(
            clock.at(now.real + wait + tick).lived >= target,
            "{seconds} {ahead}: too short"
        );
        assert!(
            clock.at(now.real + wait - tick).lived < target,
            "{seconds} {ahead}: too long"
        );
    }
    let now = clock.at(start());
    assert_eq!(
        clock.until_lived(now, now.lived - TimeDelta::days(1)),
        TimeDelta::zero()
    );
}
