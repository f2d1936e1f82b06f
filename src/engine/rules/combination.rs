//! A combination rests on what fired now and, within its hours, before: but never only on before.

use chrono::TimeDelta;

use super::{
    Fired, Firing, Scene, answer, baseline, change, count, limits, mean, news2, persistence, score, target,
    trend,
};
use crate::domain::finding::{Numbers, Side};
use crate::domain::ids::ReadingId;
use crate::domain::rule::{Combination, Named, RuleKind, Term};
use crate::domain::time::Instant;
use crate::engine::history::{self, Earlier, Place};
use crate::engine::wording;

/// A firing that satisfies a term.
struct Evidence<'a> {
    rule: &'a str,
    side: Option<Side>,
    place: Option<Place>,
    /// When its session was completed, if not this one.
    earlier: Option<Instant>,
}

pub(super) fn judge(
    combination: &Combination,
    scene: &Scene<'_>,
    fired: &[Fired],
    earlier: &Earlier,
) -> Option<Firing> {
    if fired.is_empty() {
        return None;
    }
    let mut evidence: Vec<Evidence<'_>> = Vec::new();
    let (mut satisfied, mut now) = (0, false);
    for term in &combination.terms {
        let mut of_term = in_this_session(term, scene.rank, fired);
        now |= !of_term.is_empty();
        if of_term.is_empty() {
            of_term = in_the_latest_before(term, combination, scene, earlier);
        }
        satisfied += usize::from(!of_term.is_empty());
        for item in of_term {
            if evidence
                .iter()
                .all(|known| (known.rule, known.side) != (item.rule, item.side))
            {
                evidence.push(item);
            }
        }
    }
    if !now || satisfied < combination.need {
        return None;
    }
    evidence.sort_by_key(|item| item.earlier.is_some());
    let items: Vec<_> = evidence.iter().map(|item| item.words(scene)).collect();
    let mut readings: Vec<ReadingId> = Vec::new();
    for id in evidence
        .iter()
        .filter_map(|item| item.place.map(|place| scene.reading_id(place)))
    {
        if !readings.contains(&id) {
            readings.push(id);
        }
    }
    Some(Firing {
        severity: combination.severity,
        side: None,
        at: scene.session.completed_at,
        numbers: Numbers::default(),
        readings,
        sentence: format!(
            "{}.",
            wording::capital(&wording::list(&items, ", together with "))
        ),
    })
}

/// What satisfies the term in this session; of a rule named without a side its worst side.
fn in_this_session<'a>(term: &'a Term, rank: usize, fired: &[Fired]) -> Vec<Evidence<'a>> {
    let find = |named: &'a Named| {
        let worst = fired
            .iter()
            .filter(|fired| matches(named, &fired.rule, fired.side))
            .max_by_key(|fired| fired.side.map(limits::severity))?;
        let place = worst.reading.map(|index| Place { rank, index });
        Some(Evidence {
            rule: &named.rule,
            side: worst.side,
            place,
            earlier: None,
        })
    };
    term.0.iter().filter_map(find).collect()
}

/// What satisfies the term in the latest earlier session within the hours in which anything did.
fn in_the_latest_before<'a>(
    term: &'a Term,
    combination: &Combination,
    scene: &Scene<'_>,
    earlier: &Earlier,
) -> Vec<Evidence<'a>> {
    let Some(hours) = combination.within_hours else {
        return Vec::new();
    };
    let begin = scene.session.completed_at - TimeDelta::hours(hours.into());
    let latest = |named: &'a Named| -> Option<(&'a Named, history::Firing)> {
        let of_rule = earlier.of(&named.rule).iter().copied();
        let firings =
            of_rule.filter(|firing| matches(named, &named.rule, firing.side) && firing.completed_at >= begin);
        let worst = firings.max_by_key(|firing| (firing.rank, firing.side.map(limits::severity)))?;
        Some((named, worst))
    };
    let found: Vec<_> = term.0.iter().filter_map(latest).collect();
    let last = found.iter().map(|(_, firing)| firing.rank).max();
    let of_last = found.into_iter().filter(|(_, firing)| Some(firing.rank) == last);
    of_last
        .map(|(named, firing)| Evidence {
            rule: &named.rule,
            side: firing.side,
            place: firing.reading.map(|index| Place {
                rank: firing.rank,
                index,
            }),
            earlier: Some(firing.completed_at),
        })
        .collect()
}

fn matches(named: &Named, rule: &str, side: Option<Side>) -> bool {
    named.rule == rule && (named.side.is_none() || named.side == side)
}

impl Evidence<'_> {
    fn words(&self, scene: &Scene<'_>) -> String {
        let rule = scene.plan.rules.iter().find(|rule| rule.id == self.rule);
        let meaning = match (rule.map(|rule| &rule.kind), self.side) {
            (Some(RuleKind::Limits(limits)), Some(side)) => {
                format!("{} {}", limits.measure.facts().spoken, limits::crossing(side))
            }
            (Some(RuleKind::Change(change)), _) => change::meaning(change),
            (Some(RuleKind::Persistence(persistence)), _) => persistence::meaning(persistence),
            (Some(RuleKind::Count(count)), _) => count::meaning(count),
            (Some(RuleKind::Mean(mean)), _) => mean::meaning(mean),
            (Some(RuleKind::Baseline(baseline)), _) => baseline::meaning(baseline),
            (Some(RuleKind::Target(target)), _) => target::meaning(target),
            (Some(RuleKind::Trend(trend)), _) => trend::meaning(trend),
            (Some(RuleKind::Answer(asked)), _) => answer::meaning(asked, scene.plan),
            (Some(RuleKind::Score(score)), _) => score::meaning(score),
            (Some(RuleKind::News2(news2)), _) => news2::meaning(news2),
            // The rule of this name is another one now than when it fired.
            _ => self.rule.replace('_', " "),
        };
        match self.earlier {
            None => meaning,
            Some(at) => format!(
                "{meaning} (in the session of {})",
                wording::moment(at, scene.plan.timezone)
            ),
        }
    }
}

pub(super) fn reach(combination: &Combination) -> TimeDelta {
    TimeDelta::hours(combination.within_hours.unwrap_or(0).into())
}
