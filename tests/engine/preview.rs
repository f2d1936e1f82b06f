//! Two plans over the same sessions: what is new, gone and stays, of each rule and each local day.

use homeward::domain::finding::Severity;
use homeward::domain::measure::Measure;
use homeward::domain::plan::Plan;
use homeward::domain::session::Session;
use homeward::engine::preview::{Fate, Preview, Tally, begin, preview};
use homeward::engine::{PastSession, ToJudge};

use super::build::{Build as _, answer, at, combination, gain, limits, plan, session, tell};

fn previewed(stored: &[Plan], proposed: &Plan, past: &[PastSession], sessions: &[Session]) -> Preview {
    let to_judge: Vec<_> = sessions
        .iter()
        .map(|session| ToJudge {
            session,
            decisions: &[],
        })
        .collect();
    preview(stored, proposed, past, &to_judge)
}

/// `day fate rule.side severity`.
fn told(preview: &Preview) -> Vec<String> {
    let line = |found: &homeward::engine::preview::Previewed| {
        let fate = match found.fate {
            Fate::New => "new",
            Fate::Gone => "gone",
            Fate::Stays => "stays",
        };
        format!("{} {fate} {}", found.day, tell(&found.finding))
    };
    preview.findings.iter().map(line).collect()
}

const fn tally(new: usize, gone: usize, stays: usize) -> Tally {
    Tally { new, gone, stays }
}

fn spo2(number: u128, value: &str, completed_at: &str) -> Session {
    session("HU-1", number, completed_at).takes(Measure::Spo2, value)
}

#[test]
fn a_wider_limit_takes_ambers_away_and_a_stricter_one_turns_them_red() {
    let sessions = [
        spo2(3, "88", "2026-11-21T09:00:00Z"),
        spo2(1, "91", "2026-11-19T09:00:00Z"),
        spo2(2, "91", "2026-11-20T09:00:00Z"),
    ];
    let stored = [plan(vec![limits(Measure::Spo2, ["85", "92", "", ""])])];
    let wider = plan(vec![limits(Measure::Spo2, ["85", "90", "", ""])]);
    let seen = previewed(&stored, &wider, &[], &sessions);
    assert_eq!(
        told(&seen),
        [
            "2026-11-19 gone limits.spo2.amber_low amber",
            "2026-11-20 gone limits.spo2.amber_low amber",
            "2026-11-21 stays limits.spo2.amber_low amber",
        ]
    );
    assert_eq!(seen.sessions, 3);
    assert_eq!(seen.whole.findings, tally(0, 2, 1));
    assert_eq!(seen.whole.alert_days, tally(0, 2, 1));
    assert_eq!(seen.whole.red_days, tally(0, 0, 0));
    let stricter = plan(vec![limits(Measure::Spo2, ["90", "92", "", ""])]);
    let seen = previewed(&stored, &stricter, &[], &sessions);
    assert_eq!(
        told(&seen)[2..],
        [
            "2026-11-21 gone limits.spo2.amber_low amber",
            "2026-11-21 new limits.spo2.red_low red",
        ]
    );
    assert_eq!(
        seen.whole.alert_days,
        tally(0, 0, 3),
        "the day has an alert either way"
    );
    assert_eq!(seen.whole.red_days, tally(1, 0, 0));
    let last = seen.days[2];
    assert_eq!(
        (last.worst.in_force, last.worst.proposed),
        (Some(Severity::Amber), Some(Severity::Red))
    );
    assert_eq!(last.findings, tally(1, 1, 0));
}

#[test]
fn each_rule_is_counted_by_itself_and_context_raises_nothing() {
    let sessions = [
        spo2(1, "91", "2026-11-20T09:00:00Z").answers("ankles", "yes"),
        session("HU-1", 2, "2026-11-21T09:00:00Z").answers("ankles", "yes"),
    ];
    let amber = limits(Measure::Spo2, ["", "92", "", ""]);
    let stored = [plan(vec![amber.clone()])];
    let proposed = plan(vec![
        amber,
        answer("swollen", "ankles", &["yes"], Severity::Context),
    ]);
    let seen = previewed(&stored, &proposed, &[], &sessions);
    let counts = |rule: &str| seen.rules.iter().find(|(id, _)| id == rule).unwrap().1;
    assert_eq!(seen.rules.len(), 2);
    assert_eq!(counts("limits.spo2").findings, tally(0, 0, 1));
    assert_eq!(counts("limits.spo2").alert_days, tally(0, 0, 1));
    assert_eq!(counts("swollen").findings, tally(2, 0, 0));
    assert_eq!(counts("swollen").alert_days, tally(0, 0, 0));
    assert_eq!(seen.whole.alert_days, tally(0, 0, 1));
    assert_eq!(seen.days[1].worst.proposed, Some(Severity::Context));
    assert_eq!(seen.days[1].worst.in_force, None);
}

#[test]
fn what_lies_before_is_looked_back_to_and_not_judged_again() {
    let before = PastSession {
        key: super::build::key("HU-1", 1),
        completed_at: at("2026-11-20T09:00:00Z"),
        readings: std::iter::once(homeward::engine::PastReading {
            measure: Some(Measure::Weight),
            judged: Some(super::build::milli("80")),
            taken_at: at("2026-11-20T09:00:00Z"),
            state: homeward::domain::reading::ReadingState::Accepted,
        })
        .collect(),
        fired: vec![homeward::engine::Fired {
            rule: "swollen".to_owned(),
            side: None,
            reading: None,
        }],
    };
    let now = [session("HU-1", 2, "2026-11-21T09:00:00Z").takes(Measure::Weight, "82.5")];
    let proposed = plan(vec![
        gain("2", 3),
        answer("swollen", "ankles", &["yes"], Severity::Amber),
        combination("both", 2, &[&["gain"], &["swollen"]], Some(48)),
    ]);
    let seen = previewed(&[], &proposed, std::slice::from_ref(&before), &now);
    assert_eq!(
        told(&seen),
        ["2026-11-21 new both red", "2026-11-21 new gain amber"]
    );
    let alone = previewed(&[], &proposed, &[], &now);
    assert!(alone.findings.is_empty(), "{:?}", alone.findings);
}

#[test]
fn the_proposed_plan_judges_all_of_it_whenever_it_says_to_begin() {
    let mut later = plan(vec![limits(Measure::Spo2, ["", "92", "", ""])]);
    (later.version, later.effective_from) = (7, at("2026-12-24T00:00:00Z"));
    later.until = Some(at("2026-12-25T00:00:00Z"));
    let sessions = [spo2(1, "91", "2026-11-20T09:00:00Z")];
    let seen = previewed(&[plan(Vec::new())], &later, &[], &sessions);
    assert_eq!(told(&seen), ["2026-11-20 new limits.spo2.amber_low amber"]);
    assert_eq!(seen.findings[0].finding.plan_version, Some(7));
}

#[test]
fn days_are_local_and_begin_at_midnight_there() {
    // The clocks go back in the night to 25 October 2026: 23:30 UTC of the 24th is 00:30 of the 25th in London.
    let sessions = [
        spo2(1, "91", "2026-10-24T22:30:00Z"),
        spo2(2, "91", "2026-10-24T23:30:00Z"),
        spo2(3, "91", "2026-10-25T23:30:00Z"),
    ];
    let proposed = plan(vec![limits(Measure::Spo2, ["", "92", "", ""])]);
    let days: Vec<String> = previewed(&[], &proposed, &[], &sessions)
        .days
        .iter()
        .map(|day| format!("{} {}", day.day, day.findings.new))
        .collect();
    assert_eq!(days, ["2026-10-24 1", "2026-10-25 2"]);
    let london = chrono_tz::Europe::London;
    let now = at("2026-10-26T12:00:00Z");
    assert_eq!(begin(london, now, 1), at("2026-10-26T00:00:00Z"));
    assert_eq!(
        begin(london, now, 2),
        at("2026-10-24T23:00:00Z"),
        "a day of 25 hours"
    );
}
