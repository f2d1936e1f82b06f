//! A second engine, written from engine.md alone: every reading looks at every other, nothing is indexed, nothing is shared
//! with the first but the nouns. It says everything but the sentence.

use chrono::{NaiveDate, TimeDelta};
use homeward::domain::finding::{Class, Finding, Numbers, Severity, Side};
use homeward::domain::ids::ReadingId;
use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::plan::Plan;
use homeward::domain::reading::{Comparator, Context, Decision, ReadingState, Suspicion};
use homeward::domain::rule::{Change, Combination, Direction, Limits, Named, Reference, RuleKind};
use homeward::domain::session::Session;
use homeward::domain::time::Instant;
use homeward::engine::Judged;
use proptest::prelude::*;

mod fraction;
mod kinds;

use super::build::decided;
use super::random::{Record, config, record};

/// A reading with everything that orders it.
#[derive(Clone)]
struct Row {
    order: (Instant, Instant, String, String, u16),
    session: usize,
    measure: Option<Measure>,
    thousandths: Option<i64>,
    state: ReadingState,
}

struct Oracle<'a> {
    record: &'a Record,
    rows: Vec<Row>,
    /// For each session: rule, side, reading.
    fired: Vec<Vec<(String, Option<Side>)>>,
}

fn judged_value(session: &Session, index: u16) -> Option<i64> {
    let reading = &session.readings[usize::from(index)];
    let value = reading.value?.thousandths();
    Some(match reading.comparator {
        Some(Comparator::Less) => value - 1,
        Some(Comparator::Greater) => value + 1,
        None => value,
    })
}

fn out_of_range(session: &Session, index: u16) -> bool {
    let reading = &session.readings[usize::from(index)];
    if reading.fault == Some(Suspicion::OutOfRange) {
        return true;
    }
    match (reading.measure, reading.value, reading.comparator) {
        (Some(measure), Some(value), None) => {
            let (low, high) = measure.facts().possible;
            !(low..=high).contains(&value)
        }
        _ => false,
    }
}

impl<'a> Oracle<'a> {
    fn new(record: &'a Record) -> Self {
        let mut rows = Vec::new();
        for (number, session) in record.sessions.iter().enumerate() {
            for reading in &session.readings {
                rows.push(Row {
                    order: (
                        reading.taken_at,
                        session.completed_at,
                        session.key.unit_id.to_string(),
                        session.key.session_id.hyphenated().to_string(),
                        reading.index,
                    ),
                    session: number,
                    measure: reading.measure,
                    thousandths: judged_value(session, reading.index),
                    state: ReadingState::Accepted,
                });
            }
        }
        rows.sort_by(|a, b| a.order.cmp(&b.order));
        let mut oracle = Self {
            record,
            rows,
            fired: vec![Vec::new(); record.sessions.len()],
        };
        for at in 0..oracle.rows.len() {
            oracle.rows[at].state = oracle.state(at);
        }
        oracle
    }

    fn decision(&self, session: usize, index: u16) -> Option<Decision> {
        let mut of_it = self
            .record
            .decisions
            .iter()
            .filter(|wish| (wish.0, wish.1) == (session, index));
        of_it.next_back().map(|wish| wish.2)
    }

    fn state(&self, at: usize) -> ReadingState {
        let row = &self.rows[at];
        let session = &self.record.sessions[row.session];
        let index = row.order.4;
        let reading = &session.readings[usize::from(index)];
        if (reading.measure, reading.context) == (Some(Measure::Glucose), Some(Context::ControlSolution)) {
            return ReadingState::ControlSolution;
        }
        match self.decision(row.session, index) {
            Some(Decision::Exclude) => return ReadingState::ExcludedByDecision,
            Some(Decision::Accept) if row.measure.is_some() && row.thousandths.is_some() => {
                return ReadingState::AcceptedByDecision;
            }
            _ => {}
        }
        let decoding = [
            Suspicion::UnknownMeasure,
            Suspicion::UnknownUnit,
            Suspicion::NotFinite,
        ];
        if let Some(fault) = reading.fault.filter(|fault| decoding.contains(fault)) {
            return ReadingState::Suspect(fault);
        }
        let early = session
            .started_at
            .is_some_and(|start| reading.taken_at + TimeDelta::minutes(10) < start);
        if early || reading.taken_at > session.completed_at + TimeDelta::minutes(1) {
            return ReadingState::Suspect(Suspicion::Time);
        }
        if out_of_range(session, index) {
            return ReadingState::Suspect(Suspicion::OutOfRange);
        }
        let pressure = [Some(Measure::SystolicBp), Some(Measure::DiastolicBp)];
        if pressure.contains(&row.measure) && self.cuff_contradicts(row) {
            return ReadingState::Suspect(Suspicion::SystolicNotAboveDiastolic);
        }
        if row.measure == Some(Measure::Weight) && self.jumps(at) {
            return ReadingState::Suspect(Suspicion::WeightJump);
        }
        ReadingState::Accepted
    }

    fn halves(&self, row: &Row, measure: Measure) -> Vec<&Row> {
        let same = self.rows.iter().filter(|other| {
            other.session == row.session
                && other.order.0 == row.order.0
                && other.measure == Some(measure)
                && other.thousandths.is_some()
                && self.decision(other.session, other.order.4) != Some(Decision::Exclude)
        });
        same.collect()
    }

    fn cuff_contradicts(&self, row: &Row) -> bool {
        let (systolic, diastolic) = (
            self.halves(row, Measure::SystolicBp),
            self.halves(row, Measure::DiastolicBp),
        );
        systolic
            .iter()
            .any(|s| diastolic.iter().any(|d| s.thousandths <= d.thousandths))
    }

    /// p of the page: its row number.
    fn last_accepted_weight(&self, at: usize) -> Option<usize> {
        (0..at).rev().find(|other| {
            let other = &self.rows[*other];
            other.measure == Some(Measure::Weight)
                && other.state.counts()
                && self.rows[at].order.0 - other.order.0 <= TimeDelta::hours(48)
        })
    }

    fn jumps(&self, at: usize) -> bool {
        let now = self.rows[at].order.0;
        let w = self.rows[at].thousandths.expect("usable");
        let Some(p) = self.last_accepted_weight(at) else {
            return false;
        };
        let p_value = self.rows[p].thousandths.expect("accepted");
        if (w - p_value).abs() * 10 <= p_value {
            return false;
        }
        let weights: Vec<_> = self.rows[..at]
            .iter()
            .filter(|row| row.measure == Some(Measure::Weight))
            .collect();
        let accepted = weights
            .iter()
            .filter(|row| row.state.counts() && now - row.order.0 <= TimeDelta::days(14));
        if accepted.count() > 1 {
            return true;
        }
        let jumped = weights
            .iter()
            .rev()
            .find(|row| row.state == ReadingState::Suspect(Suspicion::WeightJump));
        !jumped.is_some_and(|s| {
            let value = s.thousandths.expect("a weight");
            now - s.order.0 <= TimeDelta::hours(48) && (w - value).abs() * 50 <= value
        })
    }

    fn plan(&self, at: Instant) -> Option<&'a Plan> {
        let mut versions: Vec<_> = self.record.plans.iter().collect();
        versions.sort_by_key(|plan| plan.version);
        let running = |plan: &&Plan| plan.effective_from <= at && plan.until.is_none_or(|until| at < until);
        let current = versions.iter().rev().copied().find(running);
        current.or_else(|| {
            versions.sort_by_key(|plan| plan.effective_from);
            versions.first().copied()
        })
    }

    fn session_order(&self) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.record.sessions.len()).collect();
        order.sort_by_key(|number| {
            let session = &self.record.sessions[*number];
            (
                session.completed_at,
                session.key.unit_id.to_string(),
                session.key.session_id.to_string(),
            )
        });
        order
    }

    fn id(&self, session: usize, index: u16) -> ReadingId {
        ReadingId::of(&self.record.sessions[session].key, index)
    }

    fn judge(mut self) -> Vec<Judged> {
        let order = self.session_order();
        let mut judged = Vec::new();
        for (place, number) in order.iter().enumerate() {
            let session = &self.record.sessions[*number];
            let plan = self.plan(session.completed_at);
            let mut findings = self.suspects(*number, plan);
            if let Some(plan) = plan {
                for rule in &plan.rules {
                    let found = match &rule.kind {
                        RuleKind::Limits(limits) => self.limits(*number, limits),
                        RuleKind::Change(change) => self.change(*number, &rule.id, change, plan),
                        RuleKind::Persistence(of) => self.persistence(*number, &rule.id, of, plan),
                        RuleKind::Count(of) => self.count(*number, &rule.id, of),
                        RuleKind::Mean(of) => self.mean(*number, &rule.id, of, plan),
                        RuleKind::Baseline(of) => self.baseline(*number, &rule.id, of, plan),
                        RuleKind::Target(of) => self.target(*number, &rule.id, of),
                        RuleKind::Trend(of) => self.trend(*number, &rule.id, of, plan),
                        RuleKind::Score(of) => self.score(*number, &rule.id, of),
                        RuleKind::News2(of) => self.news2(*number, &rule.id, of),
                        RuleKind::Answer(asked) => {
                            let last = last_answer(session, &asked.question);
                            last.filter(|last| asked.any_of.contains(last)).map(|_| {
                                self.fired[*number].push((rule.id.clone(), None));
                                (
                                    asked.severity,
                                    None,
                                    session.completed_at,
                                    Numbers::default(),
                                    Vec::new(),
                                )
                            })
                        }
                        RuleKind::Combination(_)
                        | RuleKind::Missed(_)
                        | RuleKind::Incomplete(_)
                        | RuleKind::Adherence(_) => None,
                    };
                    findings.extend(found.map(|found| clinical(rule, plan, session, found)));
                }
                for rule in &plan.rules {
                    if let RuleKind::Combination(combination) = &rule.kind
                        && self.combination(&order[..=place], combination)
                    {
                        let found = (
                            combination.severity,
                            None,
                            session.completed_at,
                            Numbers::default(),
                            Vec::new(),
                        );
                        findings.push(clinical(rule, plan, session, found));
                    }
                }
            }
            findings.sort_by_key(|finding| {
                let class = finding.class.word();
                (
                    class,
                    finding.rule.clone(),
                    finding.side.map(|side| side.word().to_owned()),
                )
            });
            let mut states: Vec<_> = self.rows.iter().filter(|row| row.session == *number).collect();
            states.sort_by_key(|row| row.order.4);
            judged.push(Judged {
                key: session.key.clone(),
                plan_version: plan.map(|plan| plan.version),
                states: states.iter().map(|row| row.state).collect(),
                findings,
                fired: Vec::new(),
            });
        }
        judged
    }

    fn accepted(&self, session: usize, measure: Measure) -> Vec<Row> {
        let of_it = self
            .rows
            .iter()
            .filter(|row| row.session == session && row.measure == Some(measure));
        of_it.filter(|row| row.state.counts()).cloned().collect()
    }

    fn limits(&mut self, session: usize, limits: &Limits) -> Option<Found> {
        let mut best: Option<(Severity, i64, Row, Side, Milli)> = None;
        for row in self.accepted(session, limits.measure) {
            let value = row.thousandths.expect("accepted");
            let low = |bound: Option<Milli>| bound.filter(|bound| value < bound.thousandths());
            let high = |bound: Option<Milli>| bound.filter(|bound| value > bound.thousandths());
            let beyond = [
                (Severity::Red, Side::RedLow, low(limits.red_low)),
                (Severity::Red, Side::RedHigh, high(limits.red_high)),
                (Severity::Amber, Side::AmberLow, low(limits.amber_low)),
                (Severity::Amber, Side::AmberHigh, high(limits.amber_high)),
            ];
            for (severity, side, bound) in beyond {
                let Some(bound) = bound else { continue };
                self.fired[session].push((format!("limits.{}", limits.measure), Some(side)));
                let distance = (value - bound.thousandths()).abs();
                // Rows come in reading order: an equal later one wins.
                if best
                    .as_ref()
                    .is_none_or(|best| (severity, distance) >= (best.0, best.1))
                {
                    best = Some((severity, distance, row.clone(), side, bound));
                }
            }
        }
        best.map(|(severity, _, row, side, bound)| {
            let value = row.thousandths.map(Milli::new);
            let numbers = Numbers {
                value,
                bound: Some(bound),
                ..Numbers::default()
            };
            (
                severity,
                Some(side),
                row.order.0,
                numbers,
                vec![self.id(session, row.order.4)],
            )
        })
    }

    fn change(&mut self, session: usize, id: &str, change: &Change, plan: &Plan) -> Option<Found> {
        let local_day = |at: Instant| -> NaiveDate { at.with_timezone(&plan.timezone).date_naive() };
        let mut best: Option<(i64, Row, Row)> = None;
        for row in self.accepted(session, change.measure) {
            let first_day = local_day(row.order.0) - TimeDelta::days(change.within_days.into());
            let window: Vec<_> = self
                .rows
                .iter()
                .filter(|other| other.measure == Some(change.measure) && other.state.counts())
                .filter(|other| other.order.0 < row.order.0 && local_day(other.order.0) >= first_day)
                .collect();
            let reference = match change.reference {
                Reference::Earliest => window.first(),
                Reference::Previous => window.last(),
                Reference::Lowest => window.iter().rev().min_by_key(|other| other.thousandths),
                Reference::Highest => window.iter().max_by_key(|other| other.thousandths),
            };
            let Some(reference) = reference else { continue };
            let difference = row.thousandths.expect("accepted") - reference.thousandths.expect("accepted");
            let difference = if change.direction == Direction::Rise {
                difference
            } else {
                -difference
            };
            if difference >= change.by.thousandths() && best.as_ref().is_none_or(|best| difference >= best.0)
            {
                best = Some((difference, row.clone(), (*reference).clone()));
            }
        }
        let (difference, row, reference) = best?;
        self.fired[session].push((id.to_owned(), None));
        let numbers = Numbers {
            value: row.thousandths.map(Milli::new),
            bound: Some(change.by),
            reference: reference.thousandths.map(Milli::new),
            difference: Some(Milli::new(difference)),
            ..Numbers::default()
        };
        let readings = vec![
            self.id(session, row.order.4),
            self.id(reference.session, reference.order.4),
        ];
        Some((change.severity, None, row.order.0, numbers, readings))
    }

    /// `order` ends with the session judged.
    fn combination(&self, order: &[usize], combination: &Combination) -> bool {
        let fires = |session: usize, named: &Named| {
            let mut fired = self.fired[session].iter();
            fired.any(|(rule, side)| *rule == named.rule && (named.side.is_none() || named.side == *side))
        };
        let (this, earlier) = order.split_last().expect("it ends with this");
        let t = self.record.sessions[*this].completed_at;
        let near = |session: &&usize| {
            combination.within_hours.is_some_and(|hours| {
                self.record.sessions[**session].completed_at >= t - TimeDelta::hours(hours.into())
            })
        };
        let now = combination
            .terms
            .iter()
            .filter(|term| term.0.iter().any(|named| fires(*this, named)))
            .count();
        let ever = combination.terms.iter().filter(|term| {
            let before = |named| earlier.iter().filter(near).any(|session| fires(*session, named));
            term.0.iter().any(|named| fires(*this, named) || before(named))
        });
        now >= 1 && ever.count() >= combination.need
    }

    fn suspects(&self, number: usize, plan: Option<&Plan>) -> Vec<Finding> {
        let session = &self.record.sessions[number];
        let mut findings = Vec::new();
        for (index, reading) in (0_u16..).zip(&session.readings) {
            let at = self
                .rows
                .iter()
                .position(|row| row.session == number && row.order.4 == index)
                .expect("a row");
            let ReadingState::Suspect(why) = self.rows[at].state else {
                continue;
            };
            let urgent = [
                Measure::Spo2,
                Measure::Glucose,
                Measure::HeartRate,
                Measure::SystolicBp,
                Measure::RespiratoryRate,
            ];
            let urgent = reading.measure.filter(|measure| urgent.contains(measure));
            let bound = urgent.and_then(|measure| {
                let value = self.rows[at].thousandths?;
                let limits = plan?.rules.iter().find_map(|rule| match &rule.kind {
                    RuleKind::Limits(limits) if limits.measure == measure => Some(limits),
                    _ => None,
                })?;
                let low = limits.red_low.filter(|bound| value < bound.thousandths());
                low.or(limits.red_high.filter(|bound| value > bound.thousandths()))
            });
            let red = bound.is_some() || (urgent.is_some() && out_of_range(session, index));
            let against = match why {
                Suspicion::WeightJump => self.last_accepted_weight(at).map(|p| &self.rows[p]),
                Suspicion::SystolicNotAboveDiastolic if reading.measure == Some(Measure::SystolicBp) => {
                    let halves = self.halves(&self.rows[at], Measure::DiastolicBp);
                    halves.into_iter().rev().max_by_key(|row| row.thousandths)
                }
                Suspicion::SystolicNotAboveDiastolic => {
                    let halves = self.halves(&self.rows[at], Measure::SystolicBp);
                    halves.into_iter().min_by_key(|row| row.thousandths)
                }
                _ => None,
            };
            let mut readings = vec![self.id(number, index)];
            readings.extend(against.map(|row| self.id(row.session, row.order.4)));
            findings.push(Finding {
                rule: "suspect".to_owned(),
                side: None,
                kind: "suspect".to_owned(),
                class: Class::Technical,
                severity: if red { Severity::Red } else { Severity::Amber },
                plan_version: plan.map(|plan| plan.version),
                session: Some(session.key.clone()),
                unit_id: Some(session.key.unit_id.clone()),
                at: reading.taken_at,
                numbers: Numbers {
                    value: self.rows[at].thousandths.map(Milli::new),
                    bound,
                    reference: against.and_then(|row| row.thousandths).map(Milli::new),
                    ..Numbers::default()
                },
                readings,
                sentence: String::new(),
                reason: Some(why.code().to_owned()),
            });
        }
        findings
    }
}

fn last_answer<'a>(session: &'a Session, question: &str) -> Option<&'a String> {
    let given = session
        .answers
        .iter()
        .enumerate()
        .filter(|(_, a)| a.question == question);
    given
        .max_by_key(|(index, a)| (a.answered_at, *index))
        .map(|(_, a)| &a.answer)
}

type Found = (Severity, Option<Side>, Instant, Numbers, Vec<ReadingId>);

fn clinical(rule: &homeward::domain::rule::Rule, plan: &Plan, session: &Session, found: Found) -> Finding {
    let (severity, side, at, numbers, readings) = found;
    Finding {
        rule: rule.id.clone(),
        side,
        kind: rule.kind.word().to_owned(),
        class: Class::Clinical,
        severity,
        plan_version: Some(plan.version),
        session: Some(session.key.clone()),
        unit_id: Some(session.key.unit_id.clone()),
        at,
        numbers,
        readings,
        sentence: String::new(),
        reason: None,
    }
}

/// All sessions judged by the second engine, in session order; without sentences, and without the readings of combinations.
pub(crate) fn judged(record: &Record) -> Vec<Judged> {
    Oracle::new(record).judge()
}

/// What the oracle does not say: sentences, and the readings that a combination shows as evidence.
fn bare(judged: Vec<Judged>) -> Vec<Judged> {
    let mut judged = judged;
    for judged in &mut judged {
        judged.fired.clear();
        for finding in &mut judged.findings {
            finding.sentence.clear();
            if finding.kind == "combination" {
                finding.readings.clear();
            }
        }
    }
    judged
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn the_engine_says_what_the_page_says(record in record()) {
        let engine = decided(&record.plans, &record.sessions, &record.decisions);
        prop_assert_eq!(bare(engine), judged(&record));
    }
}
