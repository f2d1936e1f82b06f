//! Adherence: seven countable local days, judged at midnight, and quiet for a week.

use homeward::domain::finding::Severity;
use homeward::domain::plan::Plan;
use homeward::domain::rule::{Adherence, Missed, RuleKind};

use super::build::at;
use super::compliance::{Ward, compliance_rule, due_at, ward};

/// Misses are only context, so that findings are about adherence; `told` drops them.
fn keeping(at_least: u32, times: &[&str]) -> Plan {
    let silent = Missed {
        after: 9000,
        severity: Severity::Context,
    };
    let adherence = Adherence {
        at_least,
        severity: Severity::Amber,
    };
    Plan {
        rules: vec![
            compliance_rule("silence", RuleKind::Missed(silent)).into(),
            compliance_rule("keeping", RuleKind::Adherence(adherence)).into(),
        ],
        ..due_at(times, 60, 60)
    }
}

/// Admitted from the beginning of 1 November 2026, a Sunday; sessions at nine on these days.
fn november(plan: Plan, days: &[u32]) -> Ward {
    let ward = ward("2026-11-01T00:00:00Z", vec![plan]);
    days.iter().fold(ward, |ward, day| {
        ward.weighs(&format!("2026-11-{day:02}T09:00:00Z"))
    })
}

#[test]
fn fewer_kept_days_than_the_plan_expects() {
    let ward = november(keeping(5, &["09:00"]), &[1, 2, 4, 6]);
    assert_eq!(
        ward.told("2026-11-07T23:59:59Z"),
        [""; 0],
        "seven days are not over"
    );
    assert_eq!(
        ward.told("2026-11-08T00:00:00Z"),
        ["keeping amber 4 2026-11-08T00:00:00Z"]
    );
    assert_eq!(
        ward.seen_at("2026-11-08T00:00:00Z").findings[0].sentence,
        "All sessions due arrived on 4 of the last 7 days that count, 1 Nov 2026 to 7 Nov 2026; \
         the plan expects at least 5."
    );
    let enough = november(keeping(5, &["09:00"]), &[1, 2, 4, 6, 7]);
    assert_eq!(enough.told("2026-11-08T12:00:00Z"), [""; 0]);
    assert_eq!(
        enough.told("2026-11-10T12:00:00Z"),
        ["keeping amber 4 2026-11-09T00:00:00Z",],
        "2, 4, 6 and 7 of the days 2 to 8"
    );
}

#[test]
fn no_second_finding_within_seven_days() {
    let ward = november(keeping(1, &["09:00"]), &[]);
    assert_eq!(
        ward.told("2026-11-30T12:00:00Z"),
        [
            "keeping amber 0 2026-11-08T00:00:00Z",
            "keeping amber 0 2026-11-15T00:00:00Z",
            "keeping amber 0 2026-11-22T00:00:00Z",
            "keeping amber 0 2026-11-29T00:00:00Z"
        ]
    );
    // Seven local days are an hour short in spring.
    let spring = super::compliance::ward("2026-03-20T00:00:00Z", vec![keeping(1, &["09:00"])]);
    assert_eq!(
        spring.told("2026-04-05T00:00:00Z"),
        [
            "keeping amber 0 2026-03-27T00:00:00Z",
            "keeping amber 0 2026-04-02T23:00:00Z"
        ]
    );
}

#[test]
fn days_that_touch_a_pause_or_an_unadmitted_time_do_not_count() {
    let plan = || keeping(7, &["09:00"]);
    let late = ward("2026-11-01T00:00:01Z", vec![plan()]);
    assert_eq!(
        late.told("2026-11-09T12:00:00Z"),
        ["keeping amber 0 2026-11-09T00:00:00Z"]
    );
    let paused = november(plan(), &[1, 2, 3]).paused("2026-11-03T23:59:00Z", "2026-11-05T00:00:00Z");
    assert_eq!(
        paused.told("2026-11-10T12:00:00Z"),
        ["keeping amber 2 2026-11-10T00:00:00Z"],
        "without the 3rd and 4th"
    );
    let long = november(plan(), &[]).paused("2026-11-08T00:00:00Z", "2026-11-30T00:00:00Z");
    assert_eq!(
        long.told("2026-11-29T12:00:00Z"),
        [""; 0],
        "nobody is told in a pause"
    );
    assert_eq!(
        long.told("2026-11-30T00:00:00Z"),
        ["keeping amber 0 2026-11-30T00:00:00Z"]
    );
    let gone = november(plan(), &[]).discharged("2026-11-08T00:00:00Z");
    assert_eq!(gone.told("2026-11-30T00:00:00Z"), [""; 0]);
    let nearly = november(plan(), &[]).discharged("2026-11-08T00:00:01Z");
    assert_eq!(nearly.told("2026-11-30T00:00:00Z").len(), 1);
}

#[test]
fn unknown_days_do_not_count_and_open_ones_are_waited_for() {
    let mut ward = november(keeping(7, &["09:00"]), &[]);
    ward.outages = vec![super::compliance::stretch("2026-11-07T08:30:00Z", "")];
    assert_eq!(ward.told("2026-11-08T12:00:00Z"), [""; 0]);
    ward.outages[0].to = Some(at("2026-11-07T10:30:00Z"));
    assert_eq!(ward.told("2026-11-08T12:00:00Z").len(), 1);
    // The window of 23:30 reaches half an hour into the next day.
    let evening = ["01", "02", "03", "04", "05", "06"].iter().fold(
        super::compliance::ward("2026-11-01T00:00:00Z", vec![keeping(7, &["23:30"])]),
        |ward, day| ward.weighs(&format!("2026-11-{day}T23:30:00Z")),
    );
    assert_eq!(
        evening.told("2026-11-08T00:29:59Z"),
        [""; 0],
        "it may still be served"
    );
    assert_eq!(
        evening.told("2026-11-08T00:30:00Z"),
        ["keeping amber 6 2026-11-08T00:00:00Z"]
    );
}

#[test]
fn a_day_is_kept_when_all_of_it_was_served_and_counts_only_where_something_was_due() {
    let mornings: Vec<u32> = (1..=7).collect();
    let ward = november(keeping(1, &["09:00", "21:00"]), &mornings);
    assert_eq!(
        ward.told("2026-11-08T12:00:00Z"),
        ["keeping amber 0 2026-11-08T00:00:00Z"]
    );
    let mut plan = keeping(7, &["09:00"]);
    let schedule = plan.schedule.as_mut().expect("a schedule");
    schedule.days = vec![chrono::Weekday::Mon, chrono::Weekday::Wed, chrono::Weekday::Fri];
    let perfect = november(plan.clone(), &[2, 4, 6, 9, 11, 13, 16, 18, 20]);
    assert_eq!(perfect.told("2026-11-22T12:00:00Z"), [""; 0]);
    let one_missed = november(plan, &[2, 4, 6, 9, 11, 13]);
    assert_eq!(
        one_missed.told("2026-11-18T00:00:00Z"),
        ["keeping amber 6 2026-11-17T00:00:00Z"]
    );
    let mut nothing = keeping(7, &["09:00"]);
    nothing.schedule = None;
    assert_eq!(november(nothing, &[]).told("2026-11-30T00:00:00Z"), [""; 0]);
}

#[test]
fn the_rule_is_that_of_the_version_in_force_at_midnight() {
    let second = Plan {
        version: 2,
        effective_from: at("2026-11-10T00:00:00Z"),
        ..keeping(3, &["09:00"])
    };
    let first = Plan {
        rules: Vec::new(),
        ..second.clone()
    };
    let first = Plan {
        version: 1,
        effective_from: at("2026-01-01T00:00:00Z"),
        ..first
    };
    let mut ward = november(first, &[1, 3]);
    ward.plans.push(second);
    let told = ward.told("2026-11-12T12:00:00Z");
    let keeping: Vec<_> = told.iter().filter(|told| told.starts_with("keeping")).collect();
    assert_eq!(keeping, ["keeping amber 1 2026-11-10T00:00:00Z"]);
}
