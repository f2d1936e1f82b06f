//! Whatever the unit's clock said first: put right by a replay or by shifts, sessions stand as if they had come right.

use homeward::domain::ids::{PatientId, QuarantineId, SessionKey};
use homeward::domain::plan::Plan;
use homeward::domain::session::Session;
use homeward::domain::time::Instant;
use homeward::store;
use homeward::store::quarantine::Filter;
use homeward::wire;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::engine::random::{Record, record};
use crate::judging::law::{expected, standing};
use crate::judging::on_the_wire;
use crate::support::at_the_desk::{by, outcome};
use crate::support::databases::{self, TestDatabase};
use crate::support::lives;
use crate::support::ward::{Ward, unit};

/// Each is some thirty transactions.
const CASES: u32 = 30;

const DAY: i64 = 86_400;

/// How a session's times were wrong, and how they are put right.
#[derive(Debug, Clone, Copy)]
enum Clock {
    Right,
    /// So far behind that the session is not believed: replayed with its times moved.
    Refused,
    /// Stored by so many seconds from where it belongs: shifted back, the first part of it on its own.
    Off(i64, i64),
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Send(usize),
    SetRight(usize),
    Decide(usize),
}

type Case = (Record, Vec<Clock>, Vec<Index>);

fn clock() -> impl Strategy<Value = Clock> {
    let off = select(vec![
        60,
        -60,
        3600,
        -3600,
        DAY,
        -DAY,
        5 * DAY,
        -5 * DAY,
        -40 * DAY,
    ]);
    let first = select(vec![0, 0, 1800, -7200, 3 * DAY]);
    prop_oneof![
        2 => Just(Clock::Right),
        2 => Just(Clock::Refused),
        3 => (off, first).prop_map(|(off, first)| Clock::Off(off, first)),
    ]
}

#[test]
fn sqlite() {
    hold(async { Some(databases::sqlite().await) });
}

#[test]
fn postgres() {
    hold(databases::postgres());
}

fn hold(database: impl Future<Output = Option<TestDatabase>>) {
    let case = (record(), vec(clock(), 30), vec(any::<Index>(), 40));
    lives::hold(database, CASES, &case, &live);
}

/// Two patients who had the same units one after the other, until everything that was wrong is put right.
async fn live(ward: &Ward, (record, clocks, order): Case, number: u32) -> Result<(), TestCaseError> {
    let now: Instant = "2026-12-15T12:00:00Z".parse().unwrap();
    let ever: Instant = "2024-01-01T00:00:00Z".parse().unwrap();
    let handed_on: Instant = "2026-10-24T09:00:00Z".parse().unwrap();
    let named = |name: &str| format!("{name}-{number}");
    let bodies: Vec<Value> = record.plans.iter().map(on_the_wire::plan).collect();
    let (first, second) = (ward.patient(None).await, ward.patient(None).await);
    for body in &bodies {
        ward.put_plan(first, body.clone(), now).await;
        ward.put_plan(second, body.clone(), now).await;
    }
    for name in ["HU-1", "HU-2", "a"] {
        ward.unit(&named(name)).await;
        ward.assign_for(&named(name), first, (ever, Some(handed_on)), now)
            .await;
        ward.assign_for(&named(name), second, (handed_on, None), now)
            .await;
    }
    let unit_of = |session: usize| named(record.sessions[session].key.unit_id.as_str());
    let key_of = |session: usize| SessionKey {
        unit_id: unit(&unit_of(session)),
        ..record.sessions[session].key.clone()
    };
    let wrong_by = |session: usize| match clocks[session] {
        Clock::Right => 0,
        Clock::Refused => -450 * DAY,
        Clock::Off(off, _) => off,
    };
    for event in events(&record, &clocks, &order) {
        match event {
            Event::Send(session) => {
                let wrong = record.sessions[session].clone().moved(wrong_by(session)).unwrap();
                let owed = ward
                    .send(&unit_of(session), on_the_wire::session(&wrong), now)
                    .await;
                let refused = matches!(clocks[session], Clock::Refused);
                prop_assert_eq!(
                    owed[0].outcome.word(),
                    if refused { "rejected" } else { "stored" }
                );
            }
            Event::SetRight(session) => match clocks[session] {
                Clock::Right => {}
                Clock::Refused => {
                    let key = key_of(session);
                    let id = waiting(ward, &key).await;
                    let tried = ward.replay(id, by(450 * DAY), now).await.unwrap();
                    prop_assert_eq!(outcome(&tried), "stored");
                }
                Clock::Off(off, part) => {
                    for seconds in [part, -off - part] {
                        if seconds != 0 {
                            ward.shift(&key_of(session), seconds, now).await.unwrap();
                        }
                    }
                }
            },
            Event::Decide(decision) => {
                let (session, index, decision) = record.decisions[decision];
                ward.decide(&key_of(session), index, decision, now).await;
            }
        }
    }
    let plans: Vec<Plan> = (1..)
        .zip(&bodies)
        .map(|(version, body)| wire::plan::parse(&body.to_string(), version).expect("a plan"))
        .collect();
    for (patient, mine) in [
        (first, &(|at| at < handed_on) as &dyn Fn(Instant) -> bool),
        (second, &|at| handed_on <= at),
    ] {
        as_if_right(ward, patient, (&record, &plans), &key_of, mine).await?;
    }
    Ok(())
}

/// The message of this session.
async fn waiting(ward: &Ward, key: &SessionKey) -> QuarantineId {
    let filter = Filter {
        unit_id: Some(key.unit_id.clone()),
        ..Filter::default()
    };
    let mut tx = ward.db.read().await.unwrap();
    let page = store::quarantine::list(&mut tx, &filter, None, 100)
        .await
        .unwrap();
    let of_session = |case: &&store::quarantine::Quarantined| case.session_id == Some(key.session_id);
    page.items.iter().find(of_session).expect("it waits").id
}

async fn as_if_right(
    ward: &Ward,
    patient: PatientId,
    (record, plans): (&Record, &[Plan]),
    key_of: &dyn Fn(usize) -> SessionKey,
    mine: &dyn Fn(Instant) -> bool,
) -> Result<(), TestCaseError> {
    let numbers: Vec<usize> = (0..record.sessions.len())
        .filter(|number| mine(record.sessions[*number].completed_at))
        .collect();
    let sessions: Vec<Session> = numbers
        .iter()
        .map(|number| {
            let payload = on_the_wire::session(&record.sessions[*number]).to_string();
            let received_at = record.sessions[*number].received_at;
            let unit = key_of(*number).unit_id;
            let decoded = wire::session::decode(&unit, payload.as_bytes(), received_at);
            decoded.expect("a session").session
        })
        .collect();
    let decisions = record.decisions.iter().filter_map(|(session, index, decision)| {
        let place = numbers.iter().position(|number| number == session)?;
        Some((place, *index, *decision))
    });
    let of_patient = Record {
        decisions: decisions.collect(),
        ..record.clone()
    };
    let at_once = expected(plans, &sessions, &of_patient);
    let stands = standing(ward, patient).await;
    prop_assert_eq!(stands, at_once);
    Ok(())
}

/// Sending, then putting right, with decisions about what is stored between; each at a place drawn for it.
fn events(record: &Record, clocks: &[Clock], order: &[Index]) -> Vec<Event> {
    let mut places = order.iter().cycle();
    let mut draw =
        move |from: usize, to: usize| from + places.next().map_or(0, |place| place.index(to - from + 1));
    let mut drawn: Vec<Event> = Vec::new();
    for session in 0..record.sessions.len() {
        let sent = draw(0, drawn.len());
        drawn.insert(sent, Event::Send(session));
        let right = draw(sent + 1, drawn.len());
        drawn.insert(right, Event::SetRight(session));
    }
    for (decision, (session, ..)) in record.decisions.iter().enumerate() {
        // What was refused is stored only once it was put right.
        let stored = drawn.iter().position(|event| match event {
            Event::Send(one) => one == session && !matches!(clocks[*session], Clock::Refused),
            Event::SetRight(one) => one == session,
            Event::Decide(_) => false,
        });
        let stored = stored.unwrap_or_default();
        let place = draw(stored + 1, drawn.len());
        drawn.insert(place, Event::Decide(decision));
    }
    drawn
}
