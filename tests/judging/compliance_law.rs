//! Law 1 for what is judged by time: whenever the worker steps, and in whatever order sessions, plans, pauses, outages, admission
//! and discharge became known, the findings that stand are those of judging everything at once.

use std::cell::Cell;

use chrono::TimeDelta;
use homeward::domain::finding::{Class, FindingState};
use homeward::domain::ids::PatientId;
use homeward::domain::plan::Plan;
use homeward::domain::time::Instant;
use homeward::engine::compliance::{Attendance, Record, Stretch, judge};
use homeward::wire;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::law::canonical;
use super::on_the_wire;
use crate::engine::compliance_laws::{Stay, stay};
use crate::engine::compliance_oracle::STEP;
use crate::support::databases::{self, TestDatabase};
use crate::support::lives;
use crate::support::ward::{Ward, unit};

/// Each is some forty transactions.
const CASES: u32 = 40;

#[derive(Debug, Clone)]
enum Event {
    Session(Attendance),
    Plan(Value),
    Pause(Stretch),
    Admitted,
    Discharged(Instant),
    Down(Stretch),
    Up(Stretch),
    /// The worker steps.
    Look,
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
    let met = Cell::new(0);
    let case = (stay(), vec(0..900_i64, 60));
    let lived = lives::hold(database, CASES, &case, &async |ward, (stay, delays), number| {
        let findings = live(ward, &stay, &delays, number).await?;
        met.set(met.get() + findings);
        Ok(())
    });
    if lived {
        assert!(met.get() > 300, "the law holds of next to nothing: {}", met.get());
    }
}

/// What is known at a time, as the engine takes it.
#[derive(Debug, Default)]
struct Known {
    plans: Vec<Plan>,
    stay: Option<Stretch>,
    pauses: Vec<Stretch>,
    outages: Vec<Stretch>,
    sessions: Vec<Attendance>,
}

/// One patient's life; at each step of the worker what stands against what must. Gives how many findings were compared.
async fn live(ward: &Ward, stay: &Stay, delays: &[i64], number: u32) -> Result<usize, TestCaseError> {
    let begin: Instant = "2026-10-13T00:00:00Z".parse().unwrap();
    let unit_id = format!("HU-{number}");
    ward.change(vec![
        "delete from heartbeat".to_owned(),
        "delete from ingest_outage".to_owned(),
    ])
    .await;
    let patient = ward.patient(None).await;
    ward.unit(&unit_id).await;
    ward.assign_for(&unit_id, patient, (begin - TimeDelta::days(400), None), begin)
        .await;
    let mut known = Known::default();
    let (mut episode, mut down, mut compared) = (None, None, 0);
    for (now, event) in events(stay, delays) {
        match event {
            Event::Session(session) => {
                ward.send(&unit_id, on_the_wire(&session), now).await;
                known.sessions.push(Attendance {
                    key: homeward::domain::ids::SessionKey {
                        unit_id: unit(&unit_id),
                        ..session.key.clone()
                    },
                    ..session
                });
            }
            Event::Plan(body) => {
                let version = ward.put_plan(patient, body.clone(), now).await;
                known
                    .plans
                    .push(wire::plan::parse(&body.to_string(), version).expect("a sound plan"));
            }
            Event::Pause(pause) => {
                ward.pause(patient, (pause.from, pause.to), now).await;
                known.pauses.push(pause);
            }
            Event::Admitted => {
                let from = stay.admitted.from;
                episode = Some(ward.admit(patient, from, now).await);
                known.stay = Some(Stretch { from, to: None });
            }
            Event::Discharged(at) => {
                ward.discharge(patient, episode.expect("an episode"), at, now)
                    .await;
                known.stay = known.stay.map(|stay| Stretch { to: Some(at), ..stay });
            }
            Event::Down(outage) => down = Some(outage.from),
            Event::Up(outage) => {
                down = None;
                let to = outage.to.expect("an end");
                note(ward, outage.from, to).await;
                known.outages.push(outage);
            }
            Event::Look => {
                // A session that came in time is looked at a little later.
                let now = now + TimeDelta::seconds(30);
                beat(ward, down).await;
                ward.looks(now).await;
                let mut outages = known.outages.clone();
                outages.extend(down.map(|from| Stretch { from, to: None }));
                // So short a gap is none yet: nothing is said of the time after it.
                let short = down.filter(|from| now - *from <= TimeDelta::minutes(2));
                let record = Record {
                    plans: &known.plans,
                    stay: known.stay,
                    pauses: &known.pauses,
                    outages: &outages,
                    sessions: &known.sessions,
                };
                let expected = sorted(
                    judge(&record, short.unwrap_or(now))
                        .findings
                        .iter()
                        .map(canonical),
                );
                compared += expected.len();
                prop_assert_eq!(stands(ward, patient).await, expected, "at {}", now);
            }
        }
    }
    Ok(compared)
}

/// What becomes known when: never before it is so, and for the rest as drawn. A session may come weeks late, and a plan, a pause
/// and an admission may be entered long after they begin.
fn events(stay: &Stay, delays: &[i64]) -> Vec<(Instant, Event)> {
    let mut delay = delays.iter().cycle().copied();
    // Most things are known soon.
    let mut known = |at: Instant| {
        let drawn = delay.next().unwrap_or_default();
        let late = if drawn < 600 { drawn / 100 } else { drawn };
        at + STEP * i32::try_from(late).expect("few")
    };
    let mut events: Vec<(Instant, Event)> = Vec::new();
    for session in &stay.sessions {
        events.push((known(session.completed_at), Event::Session(session.clone())));
    }
    for plan in &stay.plans {
        let mut body = on_the_wire::plan(plan);
        body["schedule"] = json!(plan.schedule.as_ref().map(|schedule| json!({
            "times": schedule.times.iter().map(|time| time.format("%H:%M").to_string()).collect::<Vec<_>>(),
            "days": schedule.days.iter().map(|day| day.to_string().to_lowercase()).collect::<Vec<_>>(),
            "window_before_min": schedule.window_before_min, "grace_min": schedule.grace_min,
        })));
        let body: Value = body
            .as_object()
            .expect("an object")
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        if wire::plan::parse(&body.to_string(), 1).is_ok() {
            events.push((known(plan.effective_from - TimeDelta::days(2)), Event::Plan(body)));
        }
    }
    let mut pauses: Vec<Stretch> = Vec::new();
    for pause in &stay.pauses {
        let is_empty = pause.to.is_some_and(|to| to <= pause.from);
        let meets = |other: &Stretch| {
            other.to.is_none_or(|to| pause.from < to) && pause.to.is_none_or(|to| other.from < to)
        };
        if !is_empty && !pauses.iter().any(meets) {
            pauses.push(*pause);
            events.push((known(pause.from - TimeDelta::days(1)), Event::Pause(*pause)));
        }
    }
    let admitted = known(stay.admitted.from - TimeDelta::days(1));
    events.push((admitted, Event::Admitted));
    if let Some(to) = stay.admitted.to {
        events.push((known(to).max(admitted + STEP), Event::Discharged(to)));
    }
    let outage = stay
        .outages
        .iter()
        .find(|outage| outage.to.is_some_and(|to| outage.from < to));
    if let Some(outage) = outage {
        events.push((outage.from, Event::Down(*outage)));
        events.push((outage.to.unwrap_or(outage.from), Event::Up(*outage)));
    }
    let begin: Instant = "2026-10-13T00:00:00Z".parse().unwrap();
    for place in 0..18_i32 {
        let odd = STEP * i32::try_from(delays[usize::try_from(place).expect("few")]).expect("few");
        events.push((begin + odd + TimeDelta::days(i64::from(place) * 2), Event::Look));
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

fn on_the_wire(session: &Attendance) -> Value {
    let readings = session.accepted.iter().map(|measure| {
        let facts = measure.facts();
        let value = match facts.code {
            "weight" => 80,
            "spo2" => 97,
            "systolic_bp" => 120,
            _ => 70,
        };
        json!({ "measure": facts.code, "value": value, "unit": facts.unit, "taken_at": session.completed_at })
    });
    let answer = if session.answered { "yes" } else { "not_answered" };
    json!({
        "session_id": session.key.session_id, "trigger": session.trigger.word(), "completed_at": session.completed_at,
        "readings": readings.collect::<Vec<_>>(), "answers": [{ "question": "ankles", "answer": answer }],
    })
}

/// The last heartbeat is that before the outage; with none the service is taken to be up.
async fn beat(ward: &Ward, down: Option<Instant>) {
    ward.change(vec!["delete from heartbeat".to_owned()]).await;
    if let Some(from) = down {
        crate::support::compliance::beats(&ward.db, from).await;
    }
}

async fn note(ward: &Ward, from: Instant, to: Instant) {
    let text = |at: Instant| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false);
    ward.change(vec![format!(
        "insert into ingest_outage (from_at, to_at) values ('{}', '{}')",
        text(from),
        text(to)
    )])
    .await;
}

async fn stands(ward: &Ward, patient: PatientId) -> Vec<String> {
    let all = ward.all_findings(patient).await;
    let current = all
        .iter()
        .filter(|row| row.state == FindingState::Current && row.finding.class == Class::Compliance);
    sorted(current.map(|row| canonical(&row.finding)))
}

fn sorted(findings: impl Iterator<Item = Value>) -> Vec<String> {
    let mut findings: Vec<String> = findings.map(|finding| finding.to_string()).collect();
    findings.sort();
    findings
}
