//! Due times are local, and the clocks change twice a year.

use simulator::plan::{PlanDoc, Schedule};

use crate::{at, plan};

fn at_times(times: &[&str], days: &[&str]) -> PlanDoc {
    let mut plan = plan();
    plan.schedule = Some(Schedule {
        times: times.iter().map(|&t| t.to_owned()).collect(),
        days: days.iter().map(|&d| d.to_owned()).collect(),
        window_before_min: 120,
        grace_min: 180,
    });
    plan
}

const ALL: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[test]
fn nine_in_the_morning_is_nine_in_winter_and_in_summer() {
    let plan = plan();
    assert_eq!(
        plan.next_due(at("2026-01-10T12:00:00Z")),
        Some(at("2026-01-11T09:00:00Z"))
    );
    assert_eq!(
        plan.next_due(at("2026-07-10T12:00:00Z")),
        Some(at("2026-07-11T08:00:00Z"))
    );
}

#[test]
fn a_due_time_is_not_its_own_next() {
    let plan = plan();
    assert_eq!(
        plan.next_due(at("2026-01-10T09:00:00Z")),
        Some(at("2026-01-11T09:00:00Z"))
    );
    assert_eq!(
        plan.next_due(at("2026-01-10T08:59:59Z")),
        Some(at("2026-01-10T09:00:00Z"))
    );
}

#[test]
fn only_the_days_of_the_plan_count_and_the_earliest_time_comes_first() {
    let plan = at_times(&["18:00", "07:30"], &["tue"]);
    // 2026-11-21 is a Saturday.
    assert_eq!(
        plan.next_due(at("2026-11-21T00:00:00Z")),
        Some(at("2026-11-24T07:30:00Z"))
    );
    assert_eq!(
        plan.next_due(at("2026-11-24T07:30:00Z")),
        Some(at("2026-11-24T18:00:00Z"))
    );
    assert_eq!(
        plan.next_due(at("2026-11-24T18:00:00Z")),
        Some(at("2026-12-01T07:30:00Z"))
    );
}

#[test]
fn a_time_that_is_skipped_is_due_when_the_clock_exists_again() {
    // On 29 March 2026 in London 00:59 is followed by 02:00.
    let plan = at_times(&["01:30"], &ALL);
    assert_eq!(
        plan.next_due(at("2026-03-28T12:00:00Z")),
        Some(at("2026-03-29T01:00:00Z"))
    );
}

#[test]
fn a_time_that_is_repeated_is_due_the_first_time() {
    // On 25 October 2026 in London 01:59 is followed by 01:00.
    let plan = at_times(&["01:30"], &ALL);
    assert_eq!(
        plan.next_due(at("2026-10-24T12:00:00Z")),
        Some(at("2026-10-25T00:30:00Z"))
    );
    assert_eq!(
        plan.next_due(at("2026-10-25T00:30:00Z")),
        Some(at("2026-10-26T01:30:00Z"))
    );
}

#[test]
fn without_a_schedule_nothing_is_due() {
    let mut plan = plan();
    plan.schedule = None;
    assert_eq!(plan.next_due(at("2026-01-10T12:00:00Z")), None);
}
