//! Judging part of a history: the past is taken as it stands, and `reach` says how much of it can matter.

use chrono::TimeDelta;
use homeward::domain::measure::Measure::{self, Weight};
use homeward::domain::reading::{Decision, ReadingState, Suspicion};
use homeward::domain::rule::{Direction, Edge};
use homeward::domain::session::Session;
use homeward::engine::{Fired, Judged, PastReading, PastSession, ToJudge, judge, reach, span};

use super::build::*;

fn past(number: u128, taken_at: &str, measure: Measure, value: &str, state: ReadingState) -> PastSession {
    let reading = PastReading {
        measure: Some(measure),
        judged: Some(milli(value)),
        taken_at: at(taken_at),
        state,
    };
    PastSession {
        key: key("HU-1", number),
        completed_at: at(taken_at),
        readings: [reading].into_iter().collect(),
        fired: Vec::new(),
    }
}

fn now(past: &[PastSession], session: &Session) -> Judged {
    let plans = [plan(vec![
        gain("2", 3),
        answer(
            "ankles",
            "ankles",
            &["yes"],
            homeward::domain::finding::Severity::Context,
        ),
        combination(
            "together",
            2,
            &[&["limits.spo2.amber_low"], &["ankles"]],
            Some(24),
        ),
    ])];
    let judged = judge(
        &plans,
        past,
        &[ToJudge {
            session,
            decisions: &[],
        }],
    );
    let [judged] = judged.try_into().expect("only what was to be judged");
    judged
}

#[test]
fn states_of_the_past_are_final() {
    let today = session("HU-1", 9, "2026-11-12T09:00:00Z").takes(Weight, "83");
    let yesterday = |state| past(1, "2026-11-11T09:00:00Z", Weight, "80", state);
    assert_eq!(
        told(&[now(&[yesterday(ReadingState::Accepted)], &today)]),
        ["gain amber"]
    );
    assert_eq!(
        told(&[now(&[yesterday(ReadingState::AcceptedByDecision)], &today)]),
        ["gain amber"]
    );
    assert!(told(&[now(&[yesterday(ReadingState::ExcludedByDecision)], &today)]).is_empty());
    let doubted = yesterday(ReadingState::Suspect(Suspicion::WeightJump));
    assert!(told(&[now(std::slice::from_ref(&doubted), &today)]).is_empty());
    let first = past(2, "2026-11-10T12:00:00Z", Weight, "60", ReadingState::Accepted);
    let repeated = session("HU-1", 9, "2026-11-12T09:00:00Z").takes(Weight, "80");
    assert_eq!(
        now(&[first, doubted], &repeated).states,
        [ReadingState::Accepted],
        "a jump in the past can be repeated"
    );
}

#[test]
fn combinations_read_what_fired_in_the_past() {
    let today = session("HU-1", 9, "2026-11-12T09:00:00Z").answers("ankles", "yes");
    let fired = |side| Fired {
        rule: "limits.spo2".to_owned(),
        side,
        reading: Some(0),
    };
    let mut low = past(
        1,
        "2026-11-11T09:00:00Z",
        Measure::Spo2,
        "91",
        ReadingState::Accepted,
    );
    assert_eq!(
        told(&[now(std::slice::from_ref(&low), &today)]),
        ["ankles context"]
    );
    low.fired
        .push(fired(homeward::domain::finding::Side::from_word("amber_low")));
    let judged = now(std::slice::from_ref(&low), &today);
    assert_eq!(
        told(std::slice::from_ref(&judged)),
        ["ankles context", "together red"]
    );
    assert_eq!(
        judged.findings[1].readings,
        [homeward::domain::ids::ReadingId::of(&key("HU-1", 1), 0)]
    );
    low.fired = vec![fired(homeward::domain::finding::Side::from_word("amber_high"))];
    assert_eq!(told(&[now(&[low], &today)]), ["ankles context"]);
}

#[test]
fn what_fired_is_kept_as_short_json() {
    let side = homeward::domain::finding::Side::from_word("red_low");
    let fired = [
        Fired {
            rule: "limits.spo2".to_owned(),
            side,
            reading: Some(3),
        },
        Fired {
            rule: "ankles".to_owned(),
            side: None,
            reading: None,
        },
    ];
    let text = serde_json::to_string(&fired).expect("JSON");
    assert_eq!(
        text,
        r#"[{"rule":"limits.spo2","side":"red_low","reading":3},{"rule":"ankles"}]"#
    );
    assert_eq!(serde_json::from_str::<Vec<Fired>>(&text).expect("ours"), fired);
}

#[test]
fn reach_is_the_widest_look_of_any_version() {
    assert_eq!(reach(&[]), TimeDelta::days(14));
    assert_eq!(reach(&[plan(vec![gain("2", 3)])]), TimeDelta::days(14));
    let wide = plan(vec![gain("2", 28)]);
    assert_eq!(reach(&[plan(Vec::new()), wide]), TimeDelta::days(30));
    let long = plan(vec![combination("c", 1, &[&["gain"]], Some(24 * 20))]);
    assert_eq!(reach(&[long]), TimeDelta::days(20));
    let of = |rule| reach(&[plan(vec![rule])]);
    assert_eq!(
        of(persistence("x", Weight, ["", "80"], (1, 2), 28)),
        TimeDelta::days(30)
    );
    assert_eq!(
        of(count("x", Weight, ["", "80"], 2, 24 * 20)),
        TimeDelta::days(20)
    );
    assert_eq!(of(mean("x", Weight, ["", "80"], 28, (1, 1))), TimeDelta::days(30));
    assert_eq!(
        of(baseline("x", Weight, Edge::Low, 16_450, (28, 7), "0.3")),
        TimeDelta::days(30)
    );
    assert_eq!(
        of(trend("x", Weight, Direction::Rise, (7, 28), "1")),
        TimeDelta::days(4 * 28 + 2)
    );
    assert_eq!(of(target("x", Weight, "80", ["2", ""])), TimeDelta::days(14));
    assert_eq!(
        of(score("x", &[("ankles", &[("yes", "1")])], "1")),
        TimeDelta::days(14)
    );
    assert_eq!(of(news2("x", scale_2(), (5, 7), true)), TimeDelta::days(14));
}

#[test]
fn a_span_holds_only_what_can_count() {
    let session = session("HU-1", 1, "2026-11-12T09:00:00Z")
        .started_at(Some("2026-11-12T08:55:00Z"))
        .takes_at(Weight, "80", "2026-11-12T08:50:00Z")
        .takes_at(Weight, "81", "2026-11-12T09:00:30Z")
        .takes_at(Measure::Spo2, "97", "1970-01-01T00:00:00Z");
    let of = |decisions: &[(u16, Decision)]| {
        span(ToJudge {
            session: &session,
            decisions,
        })
    };
    assert_eq!(
        (of(&[]).first, of(&[]).last),
        (at("2026-11-12T08:50:00Z"), at("2026-11-12T09:00:30Z"))
    );
    assert_eq!(
        of(&[(2, Decision::Accept)]).first,
        at("1970-01-01T00:00:00Z"),
        "believed by a person"
    );
    let excluded = of(&[(0, Decision::Exclude), (1, Decision::Exclude)]);
    assert_eq!(
        (excluded.first, excluded.last),
        (session.completed_at, session.completed_at)
    );
}
