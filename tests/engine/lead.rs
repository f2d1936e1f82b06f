//! What came before an admission, by either side's findings, and the sums over many patients.

use homeward::domain::finding::Severity;
use homeward::domain::measure::Measure;
use homeward::domain::plan::Plan;
use homeward::domain::rehearsal::{AlertDays, Forecast, MeanAlertDays, MeanForecast, Minutes};
use homeward::domain::session::Session;
use homeward::engine::forecast::{Effort, Stretch, Summing};
use homeward::engine::lead::{Foresight, preceded};
use homeward::engine::preview::{Preview, begin, preview};
use homeward::engine::{PastSession, ToJudge};

use super::build::{Build as _, answer, at, combination, limits, plan, session};

fn previewed(stored: &Plan, proposed: &Plan, sessions: &[Session]) -> Preview {
    let to_judge: Vec<_> = sessions
        .iter()
        .map(|session| ToJudge {
            session,
            decisions: &[],
        })
        .collect();
    let none: [PastSession; 0] = [];
    preview(std::slice::from_ref(stored), proposed, &none, &to_judge)
}

fn spo2(number: u128, value: &str, completed_at: &str) -> Session {
    session("HU-1", number, completed_at).takes(Measure::Spo2, value)
}

/// Red below 85; amber below 92 in force, and below 90 proposed.
fn both() -> (Plan, Plan) {
    (
        plan(vec![limits(Measure::Spo2, ["85", "92", "", ""])]),
        plan(vec![limits(Measure::Spo2, ["85", "90", "", ""])]),
    )
}

fn hours(warning: Option<&homeward::engine::lead::Warning>) -> Option<i64> {
    warning.map(|warning| warning.lead.num_hours())
}

#[test]
fn the_lead_runs_from_the_first_session_that_alerted_within_seven_days() {
    let (stored, proposed) = both();
    let sessions = [
        spo2(1, "84", "2026-11-01T09:00:00Z"),
        spo2(2, "91", "2026-11-15T09:00:00Z"),
        spo2(3, "88", "2026-11-18T09:00:00Z"),
        spo2(4, "84", "2026-11-19T09:00:00Z"),
        spo2(5, "80", "2026-11-20T09:00:00Z"),
    ];
    let seen = previewed(&stored, &proposed, &sessions);
    let foresight = Foresight::of(
        at("2026-11-20T09:00:00Z"),
        at("2026-10-01T00:00:00Z"),
        &seen.findings,
    );
    assert_eq!(foresight.looked_back_from, at("2026-11-13T09:00:00Z"));
    let (was, would) = (foresight.in_force.as_ref(), foresight.proposed.as_ref());
    assert_eq!((hours(was), hours(would)), (Some(5 * 24), Some(2 * 24)));
    let would = foresight.proposed.as_ref().unwrap();
    assert_eq!(
        would.severity,
        Severity::Red,
        "and not the one of the same moment"
    );
    assert_eq!(would.rules, ["limits.spo2"]);
    assert_eq!(would.first_at, at("2026-11-18T09:00:00Z"));
}

#[test]
fn a_session_as_the_patient_goes_in_is_no_warning_and_one_exactly_seven_days_before_is() {
    let (stored, proposed) = both();
    let before = |completed_at: &str| {
        let seen = previewed(&stored, &proposed, &[spo2(1, "84", completed_at)]);
        Foresight::of(
            at("2026-11-20T09:00:00Z"),
            at("2026-10-01T00:00:00Z"),
            &seen.findings,
        )
    };
    assert_eq!(before("2026-11-20T09:00:00Z").proposed, None);
    assert!(before("2026-11-20T08:59:59Z").proposed.is_some());
    assert!(before("2026-11-13T09:00:00Z").proposed.is_some());
    assert_eq!(before("2026-11-13T08:59:59Z").proposed, None);
}

#[test]
fn context_warns_of_nothing_and_the_stretch_cuts_the_look_back() {
    let with_context = plan(vec![
        answer("ankles", "ankles_swollen", &["yes"], Severity::Context),
        combination("both", 1, &[&["ankles"]], None),
    ]);
    let only_context = plan(vec![answer(
        "ankles",
        "ankles_swollen",
        &["yes"],
        Severity::Context,
    )]);
    let sessions = [session("HU-1", 1, "2026-11-18T09:00:00Z").answers("ankles_swollen", "yes")];
    let seen = previewed(&only_context, &with_context, &sessions);
    let of = |begin: &str| Foresight::of(at("2026-11-20T09:00:00Z"), at(begin), &seen.findings);
    let foresight = of("2026-11-18T09:00:00Z");
    assert_eq!(foresight.in_force, None);
    assert_eq!(foresight.proposed.as_ref().unwrap().rules, ["both"]);
    assert_eq!(foresight.looked_back_from, at("2026-11-18T09:00:00Z"));
    let later = of("2026-11-18T09:00:01Z");
    assert_eq!(later.proposed, None);
    let tally = preceded([&foresight, &later]);
    assert_eq!((tally.new, tally.gone, tally.stays), (1, 0, 0));
}

fn summed(previews: Vec<Preview>, effort: Option<Effort>) -> Forecast {
    let zone = chrono_tz::Europe::London;
    let to = at("2026-11-21T12:00:00Z");
    let mut sums = Summing::over(Stretch {
        zone,
        days: 4,
        from: begin(zone, to, 4),
        to,
    });
    let admitted = at("2026-11-20T20:00:00Z");
    for preview in previews {
        let foresight = Foresight::of(admitted, begin(zone, to, 4), &preview.findings);
        sums.add(preview, &[foresight]);
    }
    sums.leave_out(2);
    sums.forecast(effort)
}

#[test]
fn patients_are_summed_by_day_by_rule_and_by_minutes() {
    let (stored, proposed) = both();
    let one = [
        spo2(1, "91", "2026-11-19T09:00:00Z"),
        spo2(2, "84", "2026-11-20T09:00:00Z"),
    ];
    let other = [
        spo2(3, "91", "2026-11-19T10:00:00Z"),
        spo2(4, "89", "2026-11-19T20:00:00Z"),
        spo2(5, "91", "2026-11-20T10:00:00Z"),
    ];
    let forecast = summed(
        vec![
            previewed(&stored, &proposed, &one),
            previewed(&stored, &proposed, &other),
            previewed(&stored, &proposed, &[]),
        ],
        Some(Effort {
            minutes_per_alert: 7.5,
            staffed_minutes: Some(10.0),
        }),
    );
    let days = |red, amber| AlertDays { red, amber };
    assert_eq!(
        (
            forecast.patients,
            forecast.patients_with_sessions,
            forecast.patients_left_out,
            forecast.sessions
        ),
        (5, 2, 2, 5)
    );
    assert_eq!(
        (forecast.whole.in_force, forecast.whole.proposed),
        (days(1, 3), days(1, 1))
    );
    assert_eq!(
        (forecast.whole.new, forecast.whole.gone, forecast.whole.stays),
        (0, 2, 2)
    );
    let by_day: Vec<_> = forecast
        .by_day
        .iter()
        .map(|day| (day.day.to_string(), day.in_force, day.proposed))
        .collect();
    assert_eq!(
        by_day,
        [
            ("2026-11-18".to_owned(), days(0, 0), days(0, 0)),
            ("2026-11-19".to_owned(), days(0, 2), days(0, 1)),
            ("2026-11-20".to_owned(), days(1, 1), days(1, 0)),
            ("2026-11-21".to_owned(), days(0, 0), days(0, 0)),
        ]
    );
    let [rule] = forecast.rules.as_slice() else {
        panic!("{:?}", forecast.rules)
    };
    assert_eq!((rule.in_force, rule.proposed), (days(1, 3), days(1, 1)));
    assert_eq!((rule.findings_in_force, rule.findings_proposed), (5, 2));
    let mean = |red, amber| MeanAlertDays { red, amber };
    assert_eq!(
        forecast.per_day,
        MeanForecast {
            in_force: mean(0.25, 0.75),
            proposed: mean(0.25, 0.25),
        }
    );
    let minutes = |mean, busiest_day, days_over| Minutes {
        mean,
        busiest_day,
        days_over: Some(days_over),
    };
    let staffing = forecast.staffing.unwrap();
    assert_eq!(staffing.in_force, minutes(7.5, 15.0, 2));
    assert_eq!(staffing.proposed, minutes(3.75, 7.5, 0));
    let admissions = forecast.admissions;
    assert_eq!(
        (
            admissions.known,
            admissions.preceded_in_force,
            admissions.preceded_proposed
        ),
        (3, 2, 2)
    );
    assert_eq!(forecast.from, at("2026-11-18T00:00:00Z"));
}
