//! What a unit does when: plans, requests, windows and counting, with the time passed in.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use simulator::clock::Now;
use simulator::cohort::Member;
use simulator::habits::{Habits, Pace};
use simulator::patient::{Course, Story};
use simulator::unit::{Action, Event, Unit};

use crate::at;

const PLAN: &[u8] = include_bytes!("golden/plan.json");

fn start() -> Now {
    Now::at(at("2026-11-21T08:00:00Z"))
}

fn unit(habits: Habits) -> Unit {
    Unit::new(Member::new("HU-7", "secret", 7).maker(), habits, 1, start())
}

fn after(seconds: i64) -> Now {
    Now::at(start().real + TimeDelta::seconds(seconds))
}

/// The payloads published on a topic, decoded.
fn published(actions: &[Action], on: &str) -> Vec<Value> {
    let payload = |action: &Action| match action {
        Action::Publish { leaf, payload, .. } if *leaf == on => {
            Some(serde_json::from_slice(payload).unwrap())
        }
        _ => None,
    };
    actions.iter().filter_map(payload).collect()
}

fn receipt(session: &Value, outcome: &str) -> Event {
    let receipt = json!({"session_id": session["session_id"], "outcome": outcome,
        "received_at": "2026-11-21T09:00:00+00:00", "problems": []});
    Event::Receipt(receipt.to_string().into_bytes())
}

fn retest(id: &str, expires_at: Option<DateTime<Utc>>) -> Event {
    let request = json!({"request_id": id, "kind": "retest", "measures": ["spo2"], "expires_at": expires_at});
    Event::Request(request.to_string().into_bytes())
}

fn every(seconds: u64) -> Habits {
    Habits {
        pace: Pace {
            first: None,
            every: Some(Duration::from_secs(seconds)),
        },
        ..Habits::default()
    }
}

#[test]
fn without_a_plan_there_are_no_sessions_and_with_it_they_follow_its_due_times() {
    let mut unit = unit(Habits::default());
    let online = unit.step(after(0), Event::Connected);
    assert_eq!(published(&online, "status")[0]["online"], true);
    assert_eq!(unit.next_lived(), None);
    assert!(published(&unit.step(after(86_400), Event::Tick), "session").is_empty());

    unit.step(after(86_401), Event::Plan(PLAN.to_vec()));
    let due = at("2026-11-22T09:00:00Z");
    let next = unit.next_lived().unwrap();
    assert!(next > due && next < due + TimeDelta::minutes(70), "{next}");
    assert!(
        published(
            &unit.step(Now::at(next - TimeDelta::seconds(1)), Event::Tick),
            "session"
        )
        .is_empty()
    );
    let sent = published(&unit.step(Now::at(next), Event::Tick), "session");
    assert_eq!(
        (sent.len(), &sent[0]["trigger"], &sent[0]["plan_version"]),
        (1, &json!("scheduled"), &json!(3))
    );
    let then = unit.next_lived().unwrap();
    assert!(then > due + TimeDelta::days(1) && then < due + TimeDelta::days(1) + TimeDelta::minutes(70));
}

#[test]
fn the_last_plan_counts_and_an_empty_one_clears_it() {
    let mut unit = unit(every(60));
    unit.step(after(0), Event::Plan(PLAN.to_vec()));
    // The unit is handed on: another patient's plan, whose versions begin anew.
    unit.step(
        after(1),
        Event::Plan(
            json!({"version": 1, "measures": ["glucose"]})
                .to_string()
                .into_bytes(),
        ),
    );
    unit.step(after(2), Event::Plan(b"not a plan".to_vec()));
    assert_eq!((unit.tally().plan_version, unit.tally().unreadable), (Some(1), 1));
    let sent = published(&unit.step(after(60), Event::Connected), "session");
    assert_eq!(sent.last().unwrap()["readings"][0]["measure"], "glucose");
    unit.step(after(61), Event::Plan(Vec::new()));
    assert_eq!((unit.tally().plan_version, unit.next_lived()), (None, None));
}

#[test]
fn an_unprompted_patient_needs_no_plan() {
    let mut unit = unit(Habits {
        unprompted: true,
        ..every(60)
    });
    let sent = published(&unit.step(after(0), Event::Connected), "session");
    assert_eq!(
        (&sent[0]["trigger"], sent[0].get("plan_version")),
        (&json!("patient"), None)
    );
}

#[test]
fn a_retest_is_taken_once_and_not_after_its_time() {
    let mut unit = unit(Habits {
        retest_after: Duration::from_secs(90),
        ..Habits::default()
    });
    unit.step(after(0), Event::Connected);
    unit.step(after(1), retest("r-1", Some(after(600).real)));
    unit.step(after(2), retest("r-1", Some(after(600).real)));
    unit.step(after(3), retest("r-2", Some(after(60).real)));
    unit.step(after(3), retest("r-3", None));
    assert!(published(&unit.step(after(90), Event::Tick), "session").is_empty());
    let sent = published(&unit.step(after(200), Event::Tick), "session");
    let ids: Vec<_> = sent.iter().map(|session| session["request_id"].clone()).collect();
    assert_eq!(ids, ["r-1", "r-3"]);
    assert!(sent.iter().all(|session| session["trigger"] == "retest"));
    assert_eq!((unit.tally().retests, unit.tally().expired), (2, 1));
    let message = json!({"request_id": "m", "kind": "message", "text": "Ring us, please."}).to_string();
    assert!(
        unit.step(after(201), Event::Request(message.into_bytes()))
            .is_empty()
    );
    assert_eq!(unit.tally().messages, 1);
}

#[test]
fn a_session_goes_only_by_its_own_receipt_whatever_the_outcome() {
    for (outcome, counted) in [
        ("stored", (1, 0, 0)),
        ("duplicate", (0, 1, 0)),
        ("rejected", (0, 0, 1)),
    ] {
        let mut unit = unit(Habits {
            sessions: Some(1),
            ..every(60)
        });
        unit.step(after(0), Event::Plan(PLAN.to_vec()));
        let sent = published(&unit.step(after(0), Event::Connected), "session");
        let other = json!({"session_id": "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11"});
        assert!(unit.step(after(1), receipt(&other, outcome)).is_empty());
        assert!(
            unit.step(after(1), receipt(&sent[0], "lost")).is_empty(),
            "an outcome that is none"
        );
        assert_eq!((unit.tally().waiting, unit.is_done()), (1, false));
        let actions = unit.step(after(2), receipt(&sent[0], outcome));
        assert!(matches!(actions[..], [Action::Forget(_)]));
        let tally = unit.tally();
        assert_eq!((tally.stored, tally.duplicate, tally.rejected), counted);
        assert_eq!((tally.waiting, unit.is_done()), (0, true));
        unit.step(after(3), receipt(&sent[0], "duplicate"));
        assert_eq!((unit.tally().receipted(), unit.tally().repeated_receipts), (1, 2));
    }
}

#[test]
fn the_wait_doubles_from_half_a_minute_to_ten_minutes() {
    let mut unit = unit(Habits {
        sessions: Some(1),
        ..every(60)
    });
    unit.step(after(0), Event::Plan(PLAN.to_vec()));
    unit.step(after(0), Event::Connected);
    let mut last = start().real;
    for expected in [30, 60, 120, 240, 480, 600, 600, 600] {
        // The hourly status has a wake of its own.
        let mut now = unit.next_real(Now::at(last)).unwrap();
        while published(&unit.step(Now::at(now), Event::Tick), "session").is_empty() {
            now = unit.next_real(Now::at(now)).unwrap();
        }
        let waited = (now - last).num_seconds();
        assert!(
            (expected..=(expected * 5 / 4).min(600)).contains(&waited),
            "{waited} for {expected}"
        );
        last = now;
    }
    assert_eq!(unit.tally().waiting, 1, "no number of tries makes a receipt");
}

#[test]
fn a_weeks_store_goes_out_in_portions() {
    let mut unit = unit(Habits {
        sessions: Some(100),
        ..every(60)
    });
    unit.step(after(0), Event::Plan(PLAN.to_vec()));
    unit.step(after(100 * 60), Event::Tick);
    assert_eq!(
        (unit.tally().taken, unit.tally().sent),
        (100, 0),
        "away from the network"
    );
    let mut waiting = published(&unit.step(after(6001), Event::Connected), "session");
    assert_eq!(waiting.len(), 16);
    assert!(
        waiting
            .iter()
            .zip(&waiting[1..])
            .all(|(a, b)| a["seq"].as_u64() < b["seq"].as_u64()),
        "oldest first"
    );
    while let Some(session) = waiting.pop() {
        let next = published(&unit.step(after(6002), receipt(&session, "stored")), "session");
        assert!(next.len() <= 1);
        waiting.extend(next);
    }
    assert!(unit.is_done());
    assert_eq!(unit.tally().sent, 100);
}

#[test]
fn a_forgetful_patient_leaves_out_some_due_times() {
    let course = Course {
        story: Story::Forgetful,
        ..Course::stable()
    };
    let maker = Member {
        course,
        ..Member::new("HU-7", "secret", 7)
    }
    .maker();
    let mut unit = Unit::new(maker, Habits::default(), 1, start());
    unit.step(after(0), Event::Plan(PLAN.to_vec()));
    unit.step(after(60 * 86_400), Event::Tick);
    let tally = unit.tally();
    assert_eq!(tally.taken + tally.forgotten, 60);
    assert!((10..=30).contains(&tally.forgotten), "{}", tally.forgotten);
}

#[test]
fn finishing_takes_no_more_sessions_and_waits_for_receipts() {
    let mut unit = unit(every(60));
    unit.step(after(0), Event::Plan(PLAN.to_vec()));
    let sent = published(&unit.step(after(0), Event::Connected), "session");
    unit.step(after(1), Event::Finish);
    unit.step(after(600), Event::Tick);
    assert_eq!((unit.tally().taken, unit.is_done()), (1, false));
    unit.step(after(601), receipt(&sent[0], "stored"));
    assert!(unit.is_done());
}
