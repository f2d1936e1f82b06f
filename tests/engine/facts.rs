//! "Facts to test against" of engine.md that limits, change, answer and combination cover, and what their rows of the table say.

use homeward::domain::finding::Severity::{Amber, Context};
use homeward::domain::finding::{Numbers, Side};
use homeward::domain::ids::ReadingId;
use homeward::domain::measure::Measure::{DiastolicBp, Glucose, HeartRate, Spo2, SystolicBp, Weight};
use homeward::domain::reading::Comparator;
use homeward::domain::rule::{Direction, Reference};
use homeward::domain::session::Session;

use super::build::*;

fn glucose(values: &[&str]) -> Session {
    let session = session("HU-1", 1, "2026-11-21T09:04:00Z");
    values
        .iter()
        .fold(session, |session, value| session.takes(Glucose, value))
}

#[test]
fn glucose_reports_the_worst_of_several_readings() {
    let plans = [plan(vec![limits(Glucose, ["1", "3", "15", "20"])])];
    let cases: [(&[&str], &[&str]); 8] = [
        (&["5", "6"], &[]),
        (&["5", "2"], &["limits.glucose.amber_low amber"]),
        (&["2", "5"], &["limits.glucose.amber_low amber"]),
        (&["21", "5"], &["limits.glucose.red_high red"]),
        (&["8", "0.6"], &["limits.glucose.red_low red"]),
        (&["17", "5"], &["limits.glucose.amber_high amber"]),
        (&["3", "15"], &[]),
        (&["1", "15.001"], &["limits.glucose.amber_low amber"]),
    ];
    for (values, expected) in cases {
        assert_eq!(told(&all(&plans, &[glucose(values)])), expected, "{values:?}");
    }
    let both = all(&plans, &[glucose(&["0.6", "21"])]);
    let [finding] = both[0].findings.as_slice() else {
        panic!("one finding of the rule a session: {both:?}")
    };
    assert_eq!(finding.side, Some(Side::RedHigh));
    assert_eq!(
        finding.numbers,
        Numbers {
            value: Some(milli("21")),
            bound: Some(milli("20")),
            ..Numbers::default()
        }
    );
    assert_eq!(finding.readings, [ReadingId::of(&key("HU-1", 1), 1)]);
    assert_eq!(
        finding.sentence,
        "Blood glucose 21 mmol/L is above the red limit of 20 mmol/L."
    );
    let sides: Vec<_> = both[0].fired.iter().filter_map(|fired| fired.side).collect();
    assert_eq!(
        sides,
        [Side::AmberHigh, Side::AmberLow, Side::RedHigh, Side::RedLow]
    );
}

#[test]
fn equal_distance_goes_to_the_later_in_reading_order() {
    let plans = [plan(vec![limits(Glucose, ["", "3", "15", ""])])];
    let session = session("HU-1", 1, "2026-11-21T09:04:00Z")
        .takes_at(Glucose, "16", "2026-11-21T09:03:00Z")
        .takes_at(Glucose, "2", "2026-11-21T09:02:00Z");
    assert_eq!(
        told(&all(&plans, &[session])),
        ["limits.glucose.amber_high amber"]
    );
}

#[test]
fn blood_pressure_and_pulse() {
    let plans = [plan(vec![
        limits(SystolicBp, ["50", "65", "120", "140"]),
        limits(DiastolicBp, ["60", "70", "95", "100"]),
        limits(HeartRate, ["30", "50", "90", "100"]),
    ])];
    let cases = [
        (["110", "80", "80"], None),
        (["130", "80", "80"], Some(Amber)),
        (["110", "97", "80"], Some(Amber)),
        (["110", "80", "95"], Some(Amber)),
        (
            ["130", "80", "120"],
            Some(homeward::domain::finding::Severity::Red),
        ),
        (
            ["150", "91", "95"],
            Some(homeward::domain::finding::Severity::Red),
        ),
    ];
    for ([systolic, diastolic, pulse], expected) in cases {
        let session = session("HU-1", 1, "2026-11-21T09:04:00Z")
            .takes(SystolicBp, systolic)
            .takes(DiastolicBp, diastolic)
            .takes(HeartRate, pulse);
        let judged = all(&plans, &[session]);
        let worst = judged[0].findings.iter().map(|finding| finding.severity).max();
        assert_eq!(worst, expected, "{systolic}/{diastolic} p{pulse}");
    }
}

#[test]
fn weight_rises_from_mondays_lowest_although_it_is_more_than_72_hours_old() {
    let sessions = [
        session("HU-1", 1, "2026-11-16T09:01:00Z").takes_at(Weight, "81.9", "2026-11-16T09:00:00Z"),
        session("HU-1", 2, "2026-11-17T09:01:00Z").takes_at(Weight, "82.4", "2026-11-17T09:00:00Z"),
        session("HU-1", 3, "2026-11-18T09:01:00Z").takes_at(Weight, "83.0", "2026-11-18T09:00:00Z"),
        session("HU-1", 4, "2026-11-19T09:31:00Z").takes_at(Weight, "84.2", "2026-11-19T09:30:00Z"),
    ];
    let judged = all(&[plan(vec![gain("2", 3)])], &sessions);
    assert_eq!(told(&judged), ["gain amber"]);
    let finding = &judged[3].findings[0];
    assert_eq!(
        finding.numbers,
        Numbers {
            value: Some(milli("84.2")),
            bound: Some(milli("2")),
            reference: Some(milli("81.9")),
            difference: Some(milli("2.3")),
            ..Numbers::default()
        }
    );
    assert_eq!(
        finding.readings,
        [
            ReadingId::of(&key("HU-1", 4), 0),
            ReadingId::of(&key("HU-1", 1), 0)
        ]
    );
    assert_eq!(
        finding.sentence,
        "Weight rose by 2.3 kg within 3 days, from 81.9 kg to 84.2 kg (the plan allows less than 2 kg)."
    );
}

#[test]
fn by_is_inclusive_and_exact() {
    let weights = |first, then| {
        [
            session("HU-1", 1, "2026-11-16T09:01:00Z").takes(Weight, first),
            session("HU-1", 2, "2026-11-17T09:01:00Z").takes(Weight, then),
        ]
    };
    let fall = change("loss", Weight, Direction::Fall, "2", 1, Reference::Highest);
    let plans = [plan(vec![gain("2", 1), fall])];
    assert_eq!(told(&all(&plans, &weights("82.2", "84.2"))), ["gain amber"]);
    assert_eq!(
        told(&all(&plans, &weights("82.2", "84.199"))),
        Vec::<String>::new()
    );
    let fallen = all(&plans, &weights("84.2", "82.2"));
    assert_eq!(told(&fallen), ["loss amber"]);
    assert_eq!(fallen[1].findings[0].numbers.difference, Some(milli("2")));
    assert!(
        fallen[1].findings[0]
            .sentence
            .starts_with("Weight fell by 2 kg within 1 day, from 84.2 kg to 82.2 kg")
    );
}

#[test]
fn each_reference_is_its_own_reading() {
    let day = |number, completed_at, weight| session("HU-1", number, completed_at).takes(Weight, weight);
    let sessions = [
        day(1, "2026-11-16T09:00:00Z", "81"),
        day(2, "2026-11-17T09:00:00Z", "80"),
        day(3, "2026-11-18T09:00:00Z", "83"),
        day(4, "2026-11-19T09:00:00Z", "82"),
        day(5, "2026-11-20T09:00:00Z", "84"),
    ];
    let expected = [
        (Reference::Lowest, "80"),
        (Reference::Highest, "83"),
        (Reference::Earliest, "81"),
        (Reference::Previous, "82"),
    ];
    for (reference, from) in expected {
        let rule = change("gain", Weight, Direction::Rise, "0.5", 4, reference);
        let judged = all(&[plan(vec![rule])], &sessions);
        assert_eq!(
            judged[4].findings[0].numbers.reference,
            Some(milli(from)),
            "{reference:?}"
        );
    }
}

#[test]
fn earlier_readings_of_the_session_are_members_but_not_those_taken_together() {
    let plans = [plan(vec![gain("2", 1)])];
    let together = session("HU-1", 1, "2026-11-16T09:01:00Z")
        .takes(Weight, "80")
        .takes(Weight, "83");
    assert_eq!(told(&all(&plans, &[together])), Vec::<String>::new());
    let apart = session("HU-1", 1, "2026-11-16T09:01:00Z")
        .takes_at(Weight, "83", "2026-11-16T09:00:00.000001Z")
        .takes_at(Weight, "80", "2026-11-16T09:00:00Z");
    assert_eq!(told(&all(&plans, &[apart])), ["gain amber"]);
}

#[test]
fn a_point_counts_by_its_time_even_when_its_session_was_completed_later() {
    let sessions = [
        session("HU-2", 2, "2026-11-16T12:00:00Z")
            .started_at(None)
            .takes_at(Weight, "80", "2026-11-16T08:00:00Z"),
        session("HU-1", 1, "2026-11-16T09:01:00Z").takes_at(Weight, "83", "2026-11-16T09:00:00Z"),
    ];
    let judged = all(&[plan(vec![gain("2", 1)])], &sessions);
    assert_eq!(judged[0].key, key("HU-1", 1), "session order");
    assert_eq!(told(&judged), ["gain amber"]);
}

#[test]
fn low_and_high_meters_are_judged_a_thousandth_beyond() {
    let plans = [plan(vec![limits(Glucose, ["1.1", "4", "15", "33.3"])])];
    let low = all(&plans, &[glucose(&["1.1"]).compared(Comparator::Less)]);
    let finding = &low[0].findings[0];
    assert_eq!(finding.side, Some(Side::RedLow));
    assert_eq!(finding.numbers.value, Some(milli("1.099")));
    assert_eq!(
        finding.sentence,
        "Blood glucose below 1.1 mmol/L is below the red limit of 1.1 mmol/L."
    );
    let high = all(&plans, &[glucose(&["33.3"]).compared(Comparator::Greater)]);
    assert_eq!(high[0].findings[0].numbers.value, Some(milli("33.301")));
    assert_eq!(told(&high), ["limits.glucose.red_high red"]);
}

#[test]
fn answers_count_once_and_no_reply_is_not_no() {
    let plans = [plan(vec![
        answer("ankles", "ankles", &["yes"], Amber),
        answer("silent", "ankles", &["not_answered"], Amber),
        answer("worse", "trend", &["worse"], Context),
    ])];
    let base = || session("HU-1", 1, "2026-11-16T09:01:00Z");
    let sentence = |session: Session| {
        all(&plans, &[session])[0]
            .findings
            .first()
            .map(|finding| finding.sentence.clone())
    };
    assert_eq!(
        sentence(base().answers("ankles", "yes")).as_deref(),
        Some("Answer to “Are your ankles more swollen than usual?” was yes.")
    );
    assert_eq!(
        sentence(base().answers("ankles", "not_answered")).as_deref(),
        Some("The question “Are your ankles more swollen than usual?” was asked and not answered.")
    );
    assert_eq!(
        sentence(base().answers("trend", "worse")).as_deref(),
        Some("Answer to “How are you?” was a lot worse.")
    );
    assert_eq!(sentence(base().answers("ankles", "no")), None);
    assert_eq!(sentence(base()), None, "not asked is not `not_answered`");
    let twice = base().answers("ankles", "yes").answers("ankles", "no");
    assert_eq!(sentence(twice), None, "the last by index");
    let mut by_time = base().answers("ankles", "yes").answers("ankles", "no");
    by_time.answers[0].answered_at = Some(at("2026-11-16T09:00:30Z"));
    by_time.answers[1].answered_at = Some(at("2026-11-16T09:00:10Z"));
    assert!(
        sentence(by_time).is_some(),
        "the last by time, whatever its index"
    );
    let context = all(&plans, &[base().answers("trend", "worse")]);
    assert_eq!(told(&context), ["worse context"]);
    assert_eq!(context[0].fired.len(), 1, "context feeds combinations");
}

#[test]
fn red_low_satisfies_a_combination_on_amber_low() {
    let spo2 = || session("HU-1", 1, "2026-11-16T09:01:00Z").takes(Spo2, "88");
    let rules = |name| {
        vec![
            limits(Spo2, ["90", "92", "", ""]),
            combination("both", 1, &[&[name]], None),
        ]
    };
    for name in ["limits.spo2.amber_low", "limits.spo2.red_low", "limits.spo2"] {
        let judged = all(&[plan(rules(name))], &[spo2()]);
        assert_eq!(told(&judged), ["both red", "limits.spo2.red_low red"], "{name}");
        assert_eq!(
            judged[0].findings[0].readings,
            [ReadingId::of(&key("HU-1", 1), 0)]
        );
    }
    let without_amber = vec![
        limits(Spo2, ["90", "", "", ""]),
        combination("both", 1, &[&["limits.spo2.amber_low"]], None),
    ];
    assert_eq!(
        told(&all(&[plan(without_amber)], &[spo2()])),
        ["limits.spo2.red_low red"]
    );
}

#[test]
fn every_accepted_reading_satisfies_sides_whichever_is_reported() {
    let rules = vec![
        limits(Glucose, ["", "4", "15", ""]),
        combination("low", 1, &[&["limits.glucose.amber_low"]], None),
    ];
    let judged = all(&[plan(rules)], &[glucose(&["3", "40"])]);
    assert_eq!(told(&judged), ["limits.glucose.amber_high amber", "low red"]);
}

fn symptom_and_gain(need: usize, within_hours: Option<u32>) -> Vec<homeward::domain::plan::Plan> {
    vec![plan(vec![
        gain("2", 3),
        answer("ankles", "ankles", &["yes"], Context),
        answer("worse", "trend", &["worse"], Context),
        combination("together", need, &[&["gain"], &["ankles", "worse"]], within_hours),
    ])]
}

fn gained_then_swollen(swollen_at: &str) -> [Session; 3] {
    [
        session("HU-1", 1, "2026-11-16T09:00:00Z").takes(Weight, "80"),
        session("HU-1", 2, "2026-11-17T09:00:00Z").takes(Weight, "83"),
        session("HU-1", 3, swollen_at).answers("ankles", "yes"),
    ]
}

#[test]
fn a_combination_reaches_back_by_its_hours_inclusively() {
    let cases = [
        (Some(24), "2026-11-18T09:00:00Z", true),
        (Some(24), "2026-11-18T09:00:00.000001Z", false),
        (Some(24), "2026-11-17T09:00:00Z", true),
        (None, "2026-11-18T09:00:00Z", false),
    ];
    for (within_hours, swollen_at, expected) in cases {
        let judged = all(
            &symptom_and_gain(2, within_hours),
            &gained_then_swollen(swollen_at),
        );
        let last = judged.last().expect("three sessions");
        assert_eq!(
            last.findings.iter().any(|finding| finding.rule == "together"),
            expected,
            "{within_hours:?} {swollen_at}"
        );
    }
    let judged = all(
        &symptom_and_gain(2, Some(48)),
        &gained_then_swollen("2026-11-18T09:00:00Z"),
    );
    let finding = judged[2]
        .findings
        .iter()
        .find(|finding| finding.rule == "together")
        .expect("it fired");
    assert_eq!(
        finding.sentence,
        "“Are your ankles more swollen than usual?” answered yes, together with weight risen by 2 kg or more within 3 days \
         (in the session of 17 Nov 2026, 09:00)."
    );
    assert_eq!(finding.readings, [ReadingId::of(&key("HU-1", 2), 0)]);
    assert_eq!(finding.at, at("2026-11-18T09:00:00Z"));
}

#[test]
fn a_combination_never_rests_on_earlier_sessions_alone() {
    let plans = symptom_and_gain(2, Some(48));
    let mut sessions = gained_then_swollen("2026-11-17T10:00:00Z").to_vec();
    sessions.push(session("HU-1", 4, "2026-11-17T11:00:00Z"));
    let judged = all(&plans, &sessions);
    let told: Vec<_> = judged
        .iter()
        .map(|judged| judged.findings.iter().any(|finding| finding.rule == "together"))
        .collect();
    assert_eq!(told, [false, false, true, false]);
    let one_term = all(&symptom_and_gain(1, Some(48)), &sessions);
    let told: Vec<_> = one_term
        .iter()
        .map(|judged| judged.findings.iter().any(|finding| finding.rule == "together"))
        .collect();
    assert_eq!(told, [false, true, true, false]);
}

#[test]
fn sessions_completed_at_the_same_instant_look_back_in_session_order_only() {
    let plans = [plan(vec![
        answer("ankles", "ankles", &["yes"], Context),
        answer("worse", "trend", &["worse"], Context),
        combination("together", 2, &[&["ankles"], &["worse"]], Some(1)),
    ])];
    let sessions = [
        session("HU-2", 1, "2026-11-17T09:00:00Z").answers("trend", "worse"),
        session("HU-1", 9, "2026-11-17T09:00:00Z").answers("ankles", "yes"),
    ];
    let judged = all(&plans, &sessions);
    assert_eq!(judged[0].key, key("HU-1", 9));
    assert_eq!(told(&judged), ["ankles context", "together red", "worse context"]);
    assert_eq!(judged[1].findings.len(), 2, "the later in session order has it");
}

#[test]
fn two_of_three() {
    let plans = [plan(vec![
        limits(Spo2, ["", "92", "", ""]),
        limits(HeartRate, ["", "", "100", ""]),
        answer("ankles", "ankles", &["yes"], Context),
        combination(
            "two",
            2,
            &[&["limits.spo2"], &["limits.heart_rate"], &["ankles"]],
            None,
        ),
    ])];
    let base = || session("HU-1", 1, "2026-11-16T09:01:00Z").takes(Spo2, "91");
    assert!(!told(&all(&plans, &[base()])).contains(&"two red".to_owned()));
    let two = all(&plans, &[base().takes(HeartRate, "101")]);
    let finding = two[0]
        .findings
        .iter()
        .find(|finding| finding.rule == "two")
        .expect("it fired");
    assert_eq!(
        finding.sentence,
        "Oxygen saturation below the amber limit, together with heart rate above the amber limit."
    );
    assert_eq!(finding.readings.len(), 2);
    assert!(told(&all(&plans, &[base().answers("ankles", "yes")])).contains(&"two red".to_owned()));
}

#[test]
fn without_a_plan_nothing_clinical_is_judged() {
    let judged = all(&[], &[glucose(&["0.6", "60"])]);
    assert_eq!(judged[0].plan_version, None);
    assert_eq!(told(&judged), ["suspect red out_of_range"]);
}
