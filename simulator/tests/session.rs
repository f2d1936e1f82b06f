//! From plan, patient and time to a session.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use simulator::cohort::Member;
use simulator::patient::{Condition, Course, Story};
use simulator::payload::{Session, Trigger};
use simulator::plan::PlanDoc;

use crate::{at, plan};

/// A measure with its amber limits.
type Limits = (&'static str, f64, f64);

type Beyond = fn(f64) -> bool;

fn value(session: &Session, measure: &str) -> f64 {
    session
        .readings
        .iter()
        .find(|r| r.measure == measure)
        .and_then(|r| r.value.as_f64())
        .unwrap()
}

fn member(condition: Condition, course: Course, seed: u64) -> Member {
    Member {
        condition,
        course,
        ..Member::new("HU-7", "secret", seed)
    }
}

fn ill(condition: Condition, onset: DateTime<Utc>, seed: u64) -> Member {
    member(
        condition,
        Course {
            over: TimeDelta::zero(),
            ..Course::deteriorating(onset)
        },
        seed,
    )
}

#[test]
fn the_same_plan_patient_and_time_give_the_same_bytes() {
    let mut maker = Member::new("HU-7", "secret", 11).maker();
    let session = maker.session(at("2026-11-21T09:04:03Z"), &plan());
    let bytes = session.bytes(at("2026-11-21T09:04:04Z")).unwrap();
    let session: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let golden: serde_json::Value = serde_json::from_str(include_str!("golden/session.json")).unwrap();
    assert_eq!(
        session,
        golden,
        "{}",
        serde_json::to_string_pretty(&session).unwrap()
    );
}

#[test]
fn a_session_asks_what_the_plan_lists_in_its_order() {
    let session = Member::new("HU-7", "secret", 7)
        .maker()
        .session(at("2026-11-21T09:04:03Z"), &plan());
    let measures: Vec<_> = session.readings.iter().map(|r| r.measure.as_str()).collect();
    assert_eq!(
        measures,
        ["weight", "systolic_bp", "diastolic_bp", "heart_rate", "spo2"]
    );
    let questions: Vec<_> = session.answers.iter().map(|a| a.question.as_str()).collect();
    assert_eq!(
        questions,
        ["ankles_swollen", "compared_with_yesterday", "tablets_taken"]
    );
    let taken: Vec<_> = session.readings.iter().map(|r| r.taken_at).collect();
    assert_eq!(taken[1], taken[2], "the two halves of one blood pressure");
    assert!(taken.is_sorted());
    assert!(session.started_at.unwrap() < taken[0]);
    assert!(taken[4] < session.answers[0].answered_at.unwrap());
    assert!(session.answers[2].answered_at.unwrap() <= session.completed_at);
}

#[test]
fn the_heart_rate_comes_once_from_the_cuff_or_the_finger() {
    let mut maker = Member::new("HU-7", "secret", 7).maker();
    for measures in [
        &["heart_rate", "spo2"][..],
        &["spo2", "heart_rate", "systolic_bp", "diastolic_bp"],
        &["blood_pressure", "heart_rate"],
    ] {
        let session = maker.session(at("2026-11-21T09:04:03Z"), &PlanDoc::of(1, measures));
        let rates = session
            .readings
            .iter()
            .filter(|r| r.measure == "heart_rate")
            .count();
        assert_eq!(rates, 1, "{measures:?}");
    }
}

#[test]
fn numbers_go_up_and_ids_are_told_apart_by_unit_number_and_time() {
    let mut ids = HashSet::new();
    for unit in ["HU-1", "HU-2"] {
        for start in ["2026-11-21T09:00:00Z", "2026-11-22T09:00:00Z"] {
            let mut maker = Member::new(unit, "secret", 7).maker();
            for n in 1..=3 {
                let session = maker.session(at(start), &plan());
                assert_eq!(session.seq, Some(n));
                assert!(ids.insert(session.session_id));
            }
        }
    }
}

#[test]
fn history_and_live_days_are_one_patient() {
    let whole = Member::new("HU-7", "secret", 7);
    let later = Member {
        next_seq: 2,
        ..whole.clone()
    };
    let mut maker = whole.maker();
    maker.session(at("2026-11-20T09:00:00Z"), &plan());
    let second = maker.session(at("2026-11-21T09:00:00Z"), &plan());
    assert_eq!(second, later.maker().session(at("2026-11-21T09:00:00Z"), &plan()));
}

#[test]
fn a_history_has_a_session_for_every_due_time_inside_its_window() {
    let sessions = Member::new("HU-7", "secret", 7).maker().history(
        at("2026-10-20T12:00:00Z"),
        at("2026-10-30T12:00:00Z"),
        &plan(),
    );
    assert_eq!(sessions.len(), 10);
    for (day, session) in (21..).zip(&sessions) {
        // Summer time ends on the 25th.
        let due = at(&format!(
            "2026-10-{day}T{}:00:00Z",
            if day < 25 { "08" } else { "09" }
        ));
        let late = session.completed_at - due;
        assert!(
            late >= TimeDelta::zero() && late < TimeDelta::minutes(60),
            "{late}"
        );
    }
}

#[test]
fn where_there_is_no_grace_the_patient_comes_before_the_time() {
    let mut plan = plan();
    let schedule = plan.schedule.as_mut().unwrap();
    (schedule.window_before_min, schedule.grace_min) = (30, 0);
    let from = at("2026-11-20T12:00:00Z");
    let sessions = Member::new("HU-7", "secret", 7)
        .maker()
        .history(from, from + TimeDelta::days(1), &plan);
    assert_eq!(sessions[0].completed_at, at("2026-11-21T08:45:00Z"));
}

#[test]
fn a_retest_measures_what_was_asked_and_says_for_whom() {
    let mut maker = Member::new("HU-7", "secret", 7).maker();
    let session = maker.retest(
        at("2026-11-21T09:10:00Z"),
        "r-1",
        &["spo2".to_owned()],
        Some(&plan()),
    );
    assert_eq!(session.trigger, Some(Trigger::Retest));
    assert_eq!(session.request_id.as_deref(), Some("r-1"));
    assert_eq!(session.readings.len(), 1);
    assert!(session.answers.is_empty());
    let everything = maker.retest(at("2026-11-21T09:20:00Z"), "r-2", &[], Some(&plan()));
    assert_eq!(everything.readings.len(), 5);
}

/// A stable patient's values lie inside the amber limits of the condition's template on every day but those
/// with an error of technique, which are rare.
#[test]
fn stable_patients_stay_inside_their_limits() {
    let bounds: [(Condition, &[&str], &[Limits]); 4] = [
        (
            Condition::HeartFailure,
            &["weight", "blood_pressure", "spo2"],
            &[
                ("systolic_bp", 90.0, 160.0),
                ("diastolic_bp", 60.0, 95.0),
                ("heart_rate", 50.0, 100.0),
                ("spo2", 92.0, 100.0),
            ],
        ),
        (
            Condition::Copd,
            &["spo2", "temperature", "heart_rate"],
            &[
                ("spo2", 92.0, 100.0),
                ("temperature", 35.0, 38.0),
                ("heart_rate", 40.0, 100.0),
            ],
        ),
        (
            Condition::Diabetes,
            &["glucose", "blood_pressure"],
            &[("glucose", 4.0, 15.0), ("systolic_bp", 80.0, 150.0)],
        ),
        (
            Condition::Hypertension,
            &["blood_pressure"],
            &[
                ("systolic_bp", 80.0, 179.9),
                ("diastolic_bp", 40.0, 119.9),
                ("heart_rate", 50.0, 110.0),
            ],
        ),
    ];
    for (condition, measures, limits) in bounds {
        let (mut beyond, mut sessions) = (0, 0);
        for seed in 0..40 {
            let mut maker = member(condition, Course::stable(), seed).maker();
            for day in 0..30 {
                let session = maker.session(
                    at("2026-11-01T09:00:00Z") + TimeDelta::days(day),
                    &PlanDoc::of(1, measures),
                );
                sessions += 1;
                let inside =
                    |(measure, low, high): &Limits| (*low..=*high).contains(&value(&session, measure));
                beyond += i32::from(!limits.iter().all(inside));
            }
        }
        assert!(beyond * 100 <= sessions, "{condition}: {beyond} of {sessions}");
    }
}

#[test]
fn a_deteriorating_patient_crosses_the_red_limit_of_each_condition() {
    let onset = at("2026-11-21T00:00:00Z");
    let red: [(Condition, &str, Beyond); 4] = [
        (Condition::HeartFailure, "spo2", |v| v < 90.0),
        (Condition::Copd, "spo2", |v| v < 90.0),
        (Condition::Diabetes, "glucose", |v| v > 20.0),
        (Condition::Hypertension, "systolic_bp", |v| v >= 180.0),
    ];
    for (condition, measure, beyond) in red {
        for seed in 0..200 {
            let session = ill(condition, onset, seed)
                .maker()
                .session(onset, &PlanDoc::of(1, &[measure]));
            assert!(
                beyond(value(&session, measure)),
                "{condition} {seed}: {}",
                value(&session, measure)
            );
        }
    }
}

#[test]
fn heart_failure_shows_as_weight_and_answers() {
    let onset = at("2026-11-21T00:00:00Z");
    let mut hidden = 0;
    for seed in 0..200 {
        let mut maker = ill(Condition::HeartFailure, onset, seed).maker();
        let well = maker.session(onset - TimeDelta::hours(15), &plan());
        let ill = maker.session(onset + TimeDelta::hours(9), &plan());
        let answers = |session: &Session| {
            session
                .answers
                .iter()
                .map(|a| a.answer.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(answers(&well), ["no", "same", "yes"]);
        assert_eq!(answers(&ill), ["yes", "much_worse", "yes"]);
        hidden += i32::from(value(&ill, "weight") - value(&well, "weight") < 2.0);
    }
    // Only somebody else on the scale can hide it.
    assert!(hidden <= 2, "{hidden} of 200");
}

#[test]
fn poor_technique_shows_often_and_never_in_a_retest() {
    let course = Course {
        story: Story::PoorTechnique,
        ..Course::stable()
    };
    let mut maker = member(Condition::HeartFailure, course, 3).maker();
    let cuff = PlanDoc::of(1, &["spo2"]);
    let (mut wrong, mut wrong_again) = (0, 0);
    for day in 0..300 {
        let day = at("2026-01-01T09:00:00Z") + TimeDelta::days(day);
        wrong += i32::from(value(&maker.session(day, &cuff), "spo2") < 92.0);
        wrong_again += i32::from(value(&maker.retest(day, "r", &[], Some(&cuff)), "spo2") < 92.0);
    }
    assert!((8..40).contains(&wrong), "{wrong}");
    assert_eq!(wrong_again, 0);
}
