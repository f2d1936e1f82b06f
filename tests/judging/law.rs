//! Laws 1 and 2 of engine.md through the store: whatever order, batches, second tries, decisions, plan versions and
//! assignments entered late, what stands in the end is what judging everything at once says.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use homeward::domain::finding::{Class, Finding, FindingState, Severity};
use homeward::domain::ids::{AlertId, PatientId, SessionKey};
use homeward::domain::plan::{Plan, in_force};
use homeward::domain::reading::Decision;
use homeward::domain::session::Session;
use homeward::domain::time::Instant;
use homeward::engine::technical::unknown_answers;
use homeward::judging::again;
use homeward::store;
use homeward::store::finding::FindingRow;
use homeward::wire;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::on_the_wire;
use crate::engine::build::decided;
use crate::engine::random::{Record, record};
use crate::support::databases::{self, TestDatabase};
use crate::support::lives;
use crate::support::ward::{Ward, frame, unit};

/// Enough to meet a fault of one word in `past` or `again` (tried); each is some twenty transactions. By hand
/// `HOMEWARD_TEST_CASES` asks for more.
const CASES: u32 = 60;

/// Nobody is assigned to this one at first.
const LATE_UNIT: &str = "a";

#[derive(Debug, Clone, Copy)]
enum Event {
    Session(usize),
    /// One that the record's own overrules.
    Opposite(usize),
    Decision(usize),
    Plan,
    Assignment,
}

/// A record, the order of its events, and how many sessions go in a batch.
type Case = (Record, Vec<Index>, Vec<usize>);

fn case() -> impl Strategy<Value = Case> {
    (record(), vec(any::<Index>(), 30), vec(1..4_usize, 30))
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
    lives::hold(database, CASES, &case(), &live);
}

/// One patient's life, in the order drawn; then what stands against what must.
async fn live(ward: &Ward, (record, order, batches): Case, number: u32) -> Result<(), TestCaseError> {
    let now: Instant = "2026-12-15T12:00:00Z".parse().unwrap();
    let ever: Instant = "2025-01-01T00:00:00Z".parse().unwrap();
    let named = |name: &str| format!("{name}-{number}");
    let patient = ward.patient(None).await;
    for name in ["HU-1", "HU-2", LATE_UNIT] {
        ward.unit(&named(name)).await;
    }
    for name in ["HU-1", "HU-2"] {
        ward.assign_for(&named(name), patient, (ever, None), now).await;
    }
    let payloads: Vec<Value> = record.sessions.iter().map(on_the_wire::session).collect();
    let bodies: Vec<Value> = record.plans.iter().map(on_the_wire::plan).collect();
    let unit_of = |session: usize| named(record.sessions[session].key.unit_id.as_str());
    let key_of = |session: usize| SessionKey {
        unit_id: unit(&unit_of(session)),
        ..record.sessions[session].key.clone()
    };

    let mut sizes = batches.iter().cycle();
    let mut room = *sizes.next().unwrap_or(&1);
    let (mut batch, mut put, mut here, mut waiting) =
        (Vec::new(), 0, vec![false; payloads.len()], Vec::new());
    for event in events(&record, &order) {
        if !matches!(event, Event::Session(_)) || batch.len() >= room {
            ward.take_in(&batch, now).await;
            batch.clear();
            room = *sizes.next().unwrap_or(&1);
        }
        match event {
            Event::Session(session) => {
                let mut payload = payloads[session].clone();
                // A second try is the same session sent later.
                payload["sent_at"] = json!(here[session].then_some(now));
                batch.push(frame(&unit_of(session), payload, now));
                here[session] = true;
            }
            Event::Opposite(decision) => waiting.push((decision, true)),
            Event::Decision(decision) => waiting.push((decision, false)),
            Event::Plan => {
                ward.put_plan(patient, bodies[put].clone(), now).await;
                put += 1;
            }
            Event::Assignment => {
                ward.assign_for(&named(LATE_UNIT), patient, (ever, None), now)
                    .await;
            }
        }
        // A decision is about a session that is there.
        if batch.is_empty() {
            for word in waiting.extract_if(.., |(decision, _)| here[record.decisions[*decision].0]) {
                let (session, index, decision, decided_at) = said(&record, word, now);
                ward.decide(&key_of(session), index, decision, decided_at).await;
            }
        }
    }
    ward.take_in(&batch, now).await;
    for word in waiting {
        let (session, index, decision, decided_at) = said(&record, word, now);
        ward.decide(&key_of(session), index, decision, decided_at).await;
    }

    let sessions: Vec<Session> = (payloads.iter().zip(0..))
        .map(|(payload, session)| {
            let unit = unit(&unit_of(session));
            let bytes = payload.to_string();
            wire::session::decode(&unit, bytes.as_bytes(), now)
                .expect("a session")
                .session
        })
        .collect();
    let plans: Vec<Plan> = (1..)
        .zip(&bodies)
        .map(|(version, body)| wire::plan::parse(&body.to_string(), version).expect("a plan"))
        .collect();
    let at_once = expected(&plans, &sessions, &record);
    let stands = standing(ward, patient).await;
    prop_assert_eq!(&stands, &at_once);
    alerts_hold(ward, patient, plans.is_empty()).await?;
    super::preview::holds(ward, patient, &plans, &sessions, &record).await?;
    replay_is_exact(ward, patient, now).await?;
    super::preview::putting_makes_what_was_predicted(ward, patient, &plans, &sessions, now).await
}

/// A decision of the record, or the opposite one that it overrules: it is a second older, whichever comes first.
fn said(
    record: &Record,
    (decision, opposite): (usize, bool),
    now: Instant,
) -> (usize, u16, Decision, Instant) {
    let (session, index, decision) = record.decisions[decision];
    match (opposite, decision) {
        (false, decision) => (session, index, decision, now),
        (true, Decision::Exclude) => (session, index, Decision::Accept, now - TimeDelta::seconds(1)),
        (true, Decision::Accept) => (session, index, Decision::Exclude, now - TimeDelta::seconds(1)),
    }
}

/// The record's events, each at a place drawn for it, some sessions twice.
fn events(record: &Record, order: &[Index]) -> Vec<Event> {
    let sessions = (0..record.sessions.len()).map(Event::Session);
    let again = (0..record.sessions.len().min(2)).map(Event::Session);
    let decisions = (0..record.decisions.len()).map(Event::Decision);
    let opposites = (0..record.decisions.len()).map(Event::Opposite);
    let plans = record.plans.iter().map(|_| Event::Plan);
    let all = sessions
        .chain(plans)
        .chain(decisions)
        .chain(opposites)
        .chain(again)
        .chain([Event::Assignment]);
    let mut drawn = Vec::new();
    for (event, place) in all.zip(order.iter().cycle()) {
        drawn.insert(place.index(drawn.len() + 1), event);
    }
    drawn
}

/// What stands of a session: states, what fired, and the findings, all as canonical JSON.
pub(crate) type Stands = BTreeMap<String, Value>;

pub(crate) fn expected(plans: &[Plan], sessions: &[Session], record: &Record) -> Stands {
    let judged = decided(plans, sessions, &record.decisions);
    let of_session = judged.into_iter().map(|judged| {
        let session = sessions
            .iter()
            .find(|session| session.key == judged.key)
            .expect("a session");
        let plan = in_force(plans, session.completed_at);
        let technical = plan.and_then(|plan| unknown_answers(session, plan));
        let findings = judged.findings.iter().chain(&technical).map(canonical);
        let stands = json!({
            "states": judged.states.iter().map(|state| format!("{state:?}")).collect::<Vec<_>>(),
            "fired": serde_json::to_string(&judged.fired).unwrap(),
            "plan_version": judged.plan_version,
            "findings": sorted(findings),
        });
        (judged.key.to_string(), stands)
    });
    of_session.collect()
}

pub(crate) async fn standing(ward: &Ward, patient: PatientId) -> Stands {
    let mut tx = ward.db.read().await.unwrap();
    let mut stands = Stands::new();
    for row in store::session::history(&mut tx, &[(patient, Instant::UNIX_EPOCH)])
        .await
        .unwrap()
    {
        let findings = store::finding::of_sessions(&mut tx, std::slice::from_ref(&row.key))
            .await
            .unwrap();
        let current = findings.iter().filter(|row| row.state == FindingState::Current);
        let session = json!({
            "states": row.series.iter().map(|reading| format!("{:?}", reading.state)).collect::<Vec<_>>(),
            "fired": row.fired,
            "plan_version": row.plan_version,
            "findings": sorted(current.map(|row| canonical(&row.finding))),
        });
        stands.insert(row.key.to_string(), session);
    }
    stands
}

fn sorted(findings: impl Iterator<Item = Value>) -> Vec<String> {
    let mut findings: Vec<String> = findings.map(|finding| finding.to_string()).collect();
    findings.sort();
    findings
}

/// Without id, times made and `late`.
pub(crate) fn canonical(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule, "side": finding.side, "kind": finding.kind, "class": finding.class,
        "severity": finding.severity, "plan_version": finding.plan_version, "session": finding.session,
        "unit_id": finding.unit_id, "at": finding.at, "numbers": finding.numbers, "readings": finding.readings,
        "sentence": finding.sentence, "reason": finding.reason,
    })
}

/// Whatever is current and more than context stands on an alert that is at least as severe; of each class one is open.
async fn alerts_hold(ward: &Ward, patient: PatientId, unplanned: bool) -> Result<(), TestCaseError> {
    let findings = ward.all_findings(patient).await;
    let no_plan = |row: &&FindingRow| row.finding.rule == "no_plan" && row.state == FindingState::Current;
    prop_assert_eq!(findings.iter().filter(no_plan).count(), usize::from(unplanned));
    let mine = ward.alerts_of(patient).await;
    for class in [Class::Clinical, Class::Technical] {
        let of_class: Vec<_> = mine.iter().filter(|alert| alert.class == class).collect();
        // Only technical ones end by themselves here, and then the next opens another.
        let open = of_class.iter().filter(|alert| alert.is_open()).count();
        prop_assert!(open <= 1, "{:?}", of_class);
        let ended = of_class
            .iter()
            .all(|alert| alert.is_open() || (class == Class::Technical && alert.severity == Severity::Amber));
        prop_assert!(ended, "nobody closed any: {:?}", of_class);
        let ids: Vec<AlertId> = of_class.iter().map(|alert| alert.id).collect();
        let mut tx = ward.db.read().await.unwrap();
        let linked = store::worklist::findings(&mut tx, &ids).await.unwrap();
        let raised = findings
            .iter()
            .filter(|row| row.finding.class == class && row.finding.severity > Severity::Context);
        for row in raised {
            prop_assert!(
                linked.iter().any(|(_, linked)| linked.id == row.id),
                "on no alert: {:?}",
                row
            );
        }
        let worst = linked.iter().map(|(_, row)| row.finding.severity).max();
        prop_assert_eq!(of_class.iter().map(|alert| alert.severity).max(), worst);
    }
    Ok(())
}

/// Judging the stored history again changes nothing and raises nothing.
async fn replay_is_exact(ward: &Ward, patient: PatientId, now: Instant) -> Result<(), TestCaseError> {
    let all = async || {
        (
            ward.all_findings(patient).await,
            ward.alerts_of(patient).await,
            ward.history(patient).await,
        )
    };
    let before = all().await;
    let mut tx = ward.db.begin().await.unwrap();
    store::patient::lock(&mut tx, &[patient]).await.unwrap();
    let since = [(patient, Instant::UNIX_EPOCH)];
    again::rejudge(&mut tx, &since, &ward.keeper.ids, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    prop_assert_eq!(all().await, before);
    Ok(())
}
