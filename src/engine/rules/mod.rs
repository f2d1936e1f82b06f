//! One file per rule kind, chosen in one match. Combinations come last, because they read what the others fired.

mod answer;
mod band;
mod baseline;
mod change;
mod combination;
mod count;
mod limits;
mod mean;
mod news2;
mod persistence;
mod score;
mod target;
mod trend;

use chrono::TimeDelta;

pub(super) use answer::counting;
pub(super) use limits::beyond_red;

use super::Fired;
use super::belief::Held;
use super::history::{Earlier, History, Place, Point, Timeline};
use crate::domain::finding::{Class, Finding, Numbers, Severity, Side};
use crate::domain::ids::ReadingId;
use crate::domain::measure::Measure;
use crate::domain::plan::Plan;
use crate::domain::reading::Reading;
use crate::domain::rule::{Rule, RuleKind};
use crate::domain::session::Session;
use crate::domain::time::Instant;

/// Everything that a rule may look at when it judges a session.
pub(super) struct Scene<'a> {
    pub(super) plan: &'a Plan,
    pub(super) session: &'a Session,
    /// One for each reading of the session.
    pub(super) held: &'a [Held],
    pub(super) timeline: &'a Timeline<'a>,
    pub(super) history: &'a History<'a>,
    /// The session's place in session order.
    pub(super) rank: usize,
}

impl Scene<'_> {
    /// The session's accepted readings of a measure, in the order of the payload, which need not be reading order.
    fn accepted(&self, measure: Measure) -> impl Iterator<Item = (&Reading, Point)> {
        let readings = self.session.readings.iter().zip(self.held).zip(0_u16..);
        readings.filter_map(move |((reading, held), index)| {
            let value = reading
                .judged()
                .filter(|_| held.state.counts() && reading.measure == Some(measure))?;
            let place = Place {
                rank: self.rank,
                index,
            };
            Some((
                reading,
                Point {
                    taken_at: reading.taken_at,
                    place,
                    value,
                },
            ))
        })
    }

    fn reading_id(&self, place: Place) -> ReadingId {
        self.timeline.reading_id(place)
    }

    /// The reading that fired, then the others that it rests on, the latest first.
    fn reading_ids<'p>(&self, fired: Point, all: impl Iterator<Item = &'p Point>) -> Vec<ReadingId> {
        let mut others: Vec<&Point> = all.filter(|point| point.place != fired.place).collect();
        others.sort_unstable_by(|a, b| b.cmp(a));
        let places = others.into_iter().map(|point| point.place);
        [fired.place]
            .into_iter()
            .chain(places)
            .map(|place| self.reading_id(place))
            .collect()
    }
}

/// That a rule fired: its finding, short of what every finding of the session shares.
struct Firing {
    severity: Severity,
    side: Option<Side>,
    at: Instant,
    numbers: Numbers,
    readings: Vec<ReadingId>,
    sentence: String,
}

/// Judges every rule of the plan; returns what fired, for combinations, sorted.
pub(super) fn judge(scene: &Scene<'_>, earlier: &Earlier, findings: &mut Vec<Finding>) -> Vec<Fired> {
    let mut fired = Vec::new();
    for rule in &scene.plan.rules {
        let firing = match &rule.kind {
            RuleKind::Limits(limits) => limits::judge(rule, limits, scene, &mut fired),
            RuleKind::Change(change) => change::judge(rule, change, scene, &mut fired),
            RuleKind::Persistence(persistence) => persistence::judge(rule, persistence, scene, &mut fired),
            RuleKind::Count(count) => count::judge(rule, count, scene, &mut fired),
            RuleKind::Mean(mean) => mean::judge(rule, mean, scene, &mut fired),
            RuleKind::Baseline(baseline) => baseline::judge(rule, baseline, scene, &mut fired),
            RuleKind::Target(target) => target::judge(rule, target, scene, &mut fired),
            RuleKind::Trend(trend) => trend::judge(rule, trend, scene, &mut fired),
            RuleKind::Answer(answer) => answer::judge(rule, answer, scene, &mut fired),
            RuleKind::Score(score) => score::judge(rule, score, scene, &mut fired),
            RuleKind::News2(news2) => news2::judge(rule, news2, scene, &mut fired),
            // Combinations are judged below; the others of these need the clock or the schedule: see `compliance`.
            RuleKind::Combination(_)
            | RuleKind::Missed(_)
            | RuleKind::Incomplete(_)
            | RuleKind::Adherence(_) => None,
        };
        findings.extend(firing.map(|firing| finding(rule, scene, firing)));
    }
    fired.sort_unstable();
    for rule in &scene.plan.rules {
        if let RuleKind::Combination(combination) = &rule.kind {
            let firing = combination::judge(combination, scene, &fired, earlier);
            findings.extend(firing.map(|firing| finding(rule, scene, firing)));
        }
    }
    fired
}

/// How far before a reading, or before `completed_at`, the rule can look.
pub(super) fn reach(kind: &RuleKind) -> TimeDelta {
    match kind {
        RuleKind::Change(change) => change::reach(change),
        RuleKind::Persistence(persistence) => persistence::reach(persistence),
        RuleKind::Count(count) => count::reach(count),
        RuleKind::Mean(mean) => mean::reach(mean),
        RuleKind::Baseline(baseline) => baseline::reach(baseline),
        RuleKind::Trend(trend) => trend::reach(trend),
        RuleKind::Combination(combination) => combination::reach(combination),
        RuleKind::Limits(_)
        | RuleKind::Target(_)
        | RuleKind::Answer(_)
        | RuleKind::Score(_)
        | RuleKind::News2(_)
        | RuleKind::Missed(_)
        | RuleKind::Incomplete(_)
        | RuleKind::Adherence(_) => TimeDelta::zero(),
    }
}

fn finding(rule: &Rule, scene: &Scene<'_>, firing: Firing) -> Finding {
    let key = &scene.session.key;
    Finding {
        rule: rule.id.clone(),
        side: firing.side,
        kind: rule.kind.word().to_owned(),
        class: Class::Clinical,
        severity: firing.severity,
        plan_version: Some(scene.plan.version),
        session: Some(key.clone()),
        unit_id: Some(key.unit_id.clone()),
        at: firing.at,
        numbers: firing.numbers,
        readings: firing.readings,
        sentence: firing.sentence,
        reason: None,
    }
}
