//! The three laws of engine.md, over random records: order and batching do not matter, replay is exact, findings explain themselves.

use std::collections::BTreeMap;

use homeward::domain::finding::Finding;
use homeward::domain::ids::{ReadingId, SessionKey};
use homeward::domain::number::Milli;
use homeward::domain::plan::{Plan, in_force};
use homeward::domain::reading::Decision;
use homeward::domain::session::Session;
use homeward::domain::time::Instant;
use homeward::engine::{Judged, PastReading, PastSession, Span, ToJudge, judge, reach, span};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::build::{decided, milli};
use super::random::{Record, config, record};

/// Something that reaches the service.
#[derive(Debug, Clone)]
enum Event {
    Session(Session),
    Decision(SessionKey, u16, Decision),
    Plan(Plan),
}

/// A store in memory that judges as src/judging does: only what an arrival touches, from a past cut at `reach`.
#[derive(Default)]
struct Store {
    plans: Vec<Plan>,
    sessions: BTreeMap<SessionKey, Session>,
    decisions: BTreeMap<SessionKey, Vec<(u16, Decision)>>,
    judged: BTreeMap<SessionKey, Judged>,
    left_out: usize,
}

impl Store {
    fn decisions(&self, key: &SessionKey) -> &[(u16, Decision)] {
        self.decisions.get(key).map_or(&[], Vec::as_slice)
    }

    fn past(&self, key: &SessionKey) -> PastSession {
        let (session, judged) = (&self.sessions[key], &self.judged[key]);
        let readings = session.readings.iter().zip(&judged.states);
        PastSession {
            key: key.clone(),
            completed_at: session.completed_at,
            readings: readings
                .map(|(reading, state)| PastReading {
                    measure: reading.measure,
                    judged: reading.judged(),
                    taken_at: reading.taken_at,
                    state: *state,
                })
                .collect(),
            fired: judged.fired.clone(),
        }
    }

    /// What is known of a session's reach in time before it is judged again.
    fn span(&self, key: &SessionKey) -> Span {
        if self.judged.contains_key(key) {
            return self.past(key).span();
        }
        span(ToJudge {
            session: &self.sessions[key],
            decisions: self.decisions(key),
        })
    }

    /// Takes in a batch; returns the earliest instant that it touches.
    fn take_in(&mut self, batch: &[Event]) -> Option<Instant> {
        let mut touched: Vec<Instant> = Vec::new();
        for event in batch {
            match event {
                Event::Session(session) => {
                    if self
                        .sessions
                        .insert(session.key.clone(), session.clone())
                        .is_none()
                    {
                        touched.push(self.span(&session.key).first);
                    }
                }
                Event::Decision(key, index, decision) => {
                    self.decisions
                        .entry(key.clone())
                        .or_default()
                        .push((*index, *decision));
                    if let Some(session) = self.sessions.get(key) {
                        touched.push(
                            session
                                .completed_at
                                .min(session.readings[usize::from(*index)].taken_at),
                        );
                    }
                }
                Event::Plan(plan) => {
                    let version = |plans: &[Plan], at| in_force(plans, at).map(|plan| plan.version);
                    let before = self.plans.clone();
                    self.plans.push(plan.clone());
                    let times = self.sessions.values().map(|session| session.completed_at);
                    touched.extend(times.filter(|at| version(&before, *at) != version(&self.plans, *at)));
                }
            }
        }
        touched.into_iter().min()
    }

    fn arrive(&mut self, batch: &[Event]) {
        let Some(touched) = self.take_in(batch) else {
            return;
        };
        let reached = self.sessions.keys().filter(|key| self.span(key).last >= touched);
        let from = reached
            .map(|key| self.sessions[key].completed_at)
            .min()
            .expect("what was touched");
        let (again, rest): (Vec<_>, Vec<_>) = self
            .sessions
            .keys()
            .partition(|key| self.sessions[*key].completed_at >= from);
        let known = |key: &&&SessionKey| {
            // A decision may have just made a reading count: look at the session as it is now.
            span(ToJudge {
                session: &self.sessions[**key],
                decisions: self.decisions(key),
            })
        };
        let begin = again
            .iter()
            .map(|key| known(&key).first)
            .min()
            .expect("what was touched")
            - reach(&self.plans);
        let past: Vec<_> = rest
            .iter()
            .map(|key| self.past(key))
            .filter(|past| past.span().last >= begin)
            .collect();
        self.left_out += rest.len() - past.len();
        let to_judge: Vec<_> = again
            .iter()
            .map(|key| ToJudge {
                session: &self.sessions[*key],
                decisions: self.decisions(key),
            })
            .collect();
        for judged in judge(&self.plans, &past, &to_judge) {
            self.judged.insert(judged.key.clone(), judged);
        }
    }
}

/// The record's events, each at a place drawn for it, some twice.
fn events(record: &Record, order: &[Index]) -> Vec<Event> {
    let mut events: Vec<_> = record.sessions.iter().cloned().map(Event::Session).collect();
    events.extend(record.plans.iter().cloned().map(Event::Plan));
    let key = |session: usize| record.sessions[session].key.clone();
    events.extend(
        record
            .decisions
            .iter()
            .map(|(session, index, decision)| Event::Decision(key(*session), *index, *decision)),
    );
    let again: Vec<_> = events
        .iter()
        .filter(|event| matches!(event, Event::Session(_)))
        .take(2)
        .cloned()
        .collect();
    events.extend(again);
    let mut drawn = Vec::with_capacity(events.len());
    for (event, place) in events.into_iter().zip(order.iter().cycle()) {
        drawn.insert(place.index(drawn.len() + 1), event);
    }
    drawn
}

fn by_key(judged: Vec<Judged>) -> BTreeMap<SessionKey, Judged> {
    judged
        .into_iter()
        .map(|judged| (judged.key.clone(), judged))
        .collect()
}

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn order_and_batching_do_not_matter(
        record in record(),
        order in vec(any::<Index>(), 30),
        batches in vec(1..4_usize, 1..30),
    ) {
        let mut store = Store::default();
        let mut waiting = events(&record, &order);
        for size in batches.iter().cycle() {
            if waiting.is_empty() {
                break;
            }
            let rest = waiting.split_off((*size).min(waiting.len()));
            store.arrive(&waiting);
            waiting = rest;
        }
        let at_once = by_key(decided(&record.plans, &record.sessions, &record.decisions));
        prop_assert_eq!(store.judged, at_once);
    }

    #[test]
    fn replay_is_exact(record in record(), order in vec(any::<Index>(), 12)) {
        let first = decided(&record.plans, &record.sessions, &record.decisions);
        let mut places: Vec<usize> = Vec::new();
        for (session, place) in (0..record.sessions.len()).zip(order.iter().cycle()) {
            places.insert(place.index(places.len() + 1), session);
        }
        let sessions: Vec<_> = places.iter().map(|place| record.sessions[*place].clone()).collect();
        let moved = |session: usize| places.iter().position(|place| *place == session).expect("a place");
        let decisions: Vec<_> = record.decisions.iter().map(|(s, index, d)| (moved(*s), *index, *d)).collect();
        let mut plans = record.plans.clone();
        plans.reverse();
        let again = decided(&plans, &sessions, &decisions);
        prop_assert_eq!(format!("{first:?}"), format!("{again:?}"));
        let sorted = |findings: &[Finding]| findings.is_sorted_by_key(|f| (f.class, f.rule.clone(), f.side));
        prop_assert!(again.iter().all(|judged| sorted(&judged.findings) && judged.fired.is_sorted()));
        prop_assert!(again.iter().all(|judged| {
            let clinical: Vec<_> = judged.findings.iter().filter(|f| f.rule != "suspect").map(|f| &f.rule).collect();
            (1..clinical.len()).all(|place| clinical[place - 1] != clinical[place])
        }), "a rule fires at most once in a session");
    }

    #[test]
    fn every_finding_explains_itself(record in record()) {
        let judged = decided(&record.plans, &record.sessions, &record.decisions);
        for finding in judged.iter().flat_map(|judged| &judged.findings) {
            explains(&record, finding)?;
        }
    }
}

/// The session and index that a reading id stands for.
fn find(record: &Record, id: ReadingId) -> Option<(&Session, usize)> {
    let mut all = record
        .sessions
        .iter()
        .flat_map(|session| (0..session.readings.len()).map(move |index| (session, index)));
    all.find(|(session, index)| ReadingId::of(&session.key, u16::try_from(*index).expect("few")) == id)
}

fn explains(record: &Record, finding: &Finding) -> Result<(), TestCaseError> {
    let sentence = &finding.sentence;
    let capital = sentence
        .chars()
        .next()
        .is_some_and(|first| first.is_uppercase() || first == '“');
    prop_assert!(
        capital && sentence.ends_with('.') && !sentence.contains("  "),
        "{sentence}"
    );
    let numbers = &finding.numbers;
    let readings: Vec<_> = finding.readings.iter().map(|id| find(record, *id)).collect();
    prop_assert!(
        readings.iter().all(Option::is_some),
        "every id is a reading of the record"
    );
    if let (Some(value), Some(Some((session, index)))) = (numbers.value, readings.first()) {
        let reading = &session.readings[*index];
        prop_assert_eq!(reading.judged(), Some(value));
        prop_assert_eq!(finding.at, reading.taken_at);
        let shown = reading.value.expect("a value").to_string();
        prop_assert!(sentence.contains(&shown), "{sentence} names {shown}");
    }
    if let (Some(reference), Some(Some((session, index)))) = (numbers.reference, readings.get(1)) {
        prop_assert_eq!(session.readings[*index].judged(), Some(reference));
    }
    let all = [
        numbers.bound,
        numbers.reference,
        // A fall is told as a fall, without a sign.
        numbers.difference.map(Milli::abs),
        numbers.mean,
        numbers.sd,
        numbers.points,
        numbers.count.map(Milli::whole),
    ];
    for number in all.into_iter().flatten() {
        prop_assert!(
            sentence.contains(&number.to_string()),
            "{sentence} names {number}"
        );
    }
    let values: Vec<Milli> = readings
        .iter()
        .flatten()
        .filter_map(|(session, index)| session.readings[*index].judged())
        .collect();
    numbers_agree(finding, &values)
}

/// What each kind says of its numbers and readings.
fn numbers_agree(finding: &Finding, values: &[Milli]) -> Result<(), TestCaseError> {
    let (numbers, sentence) = (&finding.numbers, &finding.sentence);
    match finding.kind.as_str() {
        "limits" => {
            let (value, bound) = (numbers.value.expect("a value"), numbers.bound.expect("a bound"));
            let low = finding.side.expect("a side").word().ends_with("low");
            let beyond = if low { value < bound } else { value > bound };
            prop_assert!(beyond);
            let word = if low { "below" } else { "above" };
            prop_assert!(sentence.contains(word));
        }
        "change" => {
            let (difference, by) = (
                numbers.difference.expect("a difference"),
                numbers.bound.expect("by"),
            );
            let moved = numbers.value.expect("a value") - numbers.reference.expect("a reference");
            prop_assert_eq!(moved.abs(), difference.abs());
            prop_assert!(difference >= by && by > milli("0"));
        }
        "persistence" | "count" => {
            let (value, bound) = (numbers.value.expect("a value"), numbers.bound.expect("a bound"));
            prop_assert_eq!(numbers.count, i64::try_from(values.len()).ok());
            prop_assert!(value != bound);
            prop_assert!(
                values
                    .iter()
                    .all(|other| (*other < bound) == (value < bound) && *other != bound)
            );
        }
        "mean" => {
            let mean = numbers.mean.expect("a mean");
            prop_assert!(numbers.bound.is_some_and(|bound| bound != mean));
            prop_assert_eq!(average(values), mean.thousandths());
        }
        "baseline" => {
            let (value, bound) = (numbers.value.expect("a value"), numbers.bound.expect("a bound"));
            let mean = numbers.mean.expect("a mean");
            prop_assert_eq!(average(&values[1..]), mean.thousandths());
            let low = value < bound && bound <= mean;
            prop_assert!(low || (value > bound && bound >= mean));
        }
        "target" => {
            let (value, target) = (
                numbers.value.expect("a value"),
                numbers.reference.expect("a target"),
            );
            prop_assert_eq!(numbers.difference, Some((value - target).abs()));
            prop_assert_eq!(values, vec![value]);
        }
        "trend" => prop_assert!(
            numbers.difference.expect("a difference").abs() >= numbers.bound.expect("by")
                && values.len() >= 2
        ),
        "score" => prop_assert!(finding.readings.is_empty() && numbers.points >= numbers.bound),
        "news2" => prop_assert!(values.len() == 5 && numbers.points > Some(milli("0"))),
        "suspect" => prop_assert!(finding.reason.is_some() && finding.readings.len() <= 2),
        "answer" => prop_assert!(finding.readings.is_empty()),
        "combination" => prop_assert_eq!(numbers, &homeward::domain::finding::Numbers::default()),
        other => prop_assert!(false, "unexpected kind {other}"),
    }
    Ok(())
}

/// In thousandths, half up: what is averaged here is above zero.
fn average(values: &[Milli]) -> i64 {
    let (sum, count) = (
        values.iter().map(|value| value.thousandths()).sum::<i64>(),
        i64::try_from(values.len()).expect("few"),
    );
    (2 * sum + count).div_euclid(2 * count)
}

#[test]
fn the_cut_leaves_something_out() {
    // Otherwise the first law would only ever be tried with the whole past.
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let mut left_out = 0;
    for _ in 0..100 {
        let record = record().new_tree(&mut runner).expect("a record").current();
        let mut store = Store::default();
        record
            .plans
            .iter()
            .for_each(|plan| store.arrive(&[Event::Plan(plan.clone())]));
        record
            .sessions
            .iter()
            .for_each(|session| store.arrive(&[Event::Session(session.clone())]));
        left_out += store.left_out;
    }
    assert!(left_out > 50, "{left_out}");
}
