//! What a nurse widens by a slip of the pen looks like what she widens on purpose: both are asked about, and neither is hindered.

use std::sync::Arc;

use crate::domain::finding::Severity;
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::patient::Condition;
use crate::domain::plan::Plan;
use crate::domain::review::{Mark, Widening};
use crate::domain::rule::{Band, Edge, Limits, OxygenScale, Rule, RuleKind};

/// A red number may move outward by a fifth of itself before anybody is asked.
const A_FIFTH: i128 = 5;

/// Every place of `after` that lets more pass than a version that it follows, or than the templates. `before` are those
/// versions, the one in force when it begins first; each place is marked once.
pub fn marks(before: &[&Plan], templates: &[(Condition, Vec<Arc<Rule>>)], after: &Plan) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    let widened = before.iter().flat_map(|before| widened(before, after));
    let beyond = templates
        .iter()
        .flat_map(|(condition, rules)| beyond(*condition, rules, before.first().copied(), after));
    for mark in widened
        .chain(beyond)
        .chain(to_scale_2(before.first().copied(), after))
    {
        // Rules that are gone share a place.
        let same = |known: &Mark| known.at == mark.at && (known.what != Widening::Removed || *known == mark);
        if !marks.iter().any(same) {
            marks.push(mark);
        }
    }
    marks
}

/// Where red rules of `before` are wider, no longer red, or gone.
fn widened(before: &Plan, after: &Plan) -> Vec<Mark> {
    let mut marks = Vec::new();
    for rule in &before.rules {
        let Some(bounds) = red_bounds(&rule.kind) else {
            continue;
        };
        let Some((place, follows)) = find(after, rule) else {
            let detail = format!("the red rule {} is in force and not in this plan", rule.id);
            marks.push(mark("/rules".to_owned(), Widening::Removed, None, None, detail));
            continue;
        };
        let at = |key: &str| format!("/rules/{place}/{key}");
        let Some(now) = red_bounds(&follows.kind) else {
            // Limits have no severity of their own: each red bound that is gone is told.
            if !matches!(rule.kind, RuleKind::Limits(_)) {
                let detail = format!("the rule {} is red in the version in force", rule.id);
                marks.push(mark(at("severity"), Widening::NoLongerRed, None, None, detail));
            }
            marks.extend(
                bounds
                    .iter()
                    .filter(|_| matches!(rule.kind, RuleKind::Limits(_)))
                    .map(|bound| bound.gone(&at(bound.key))),
            );
            continue;
        };
        for bound in &bounds {
            match now.iter().find(|now| now.key == bound.key) {
                None => marks.push(bound.gone(&at(bound.key))),
                Some(now) if bound.moved_far(now.value) => {
                    let detail = format!(
                        "{} is in force, {} lies more than a fifth farther out",
                        bound.says(bound.value),
                        bound.says(now.value)
                    );
                    let numbers = (Some(bound.value), Some(now.value));
                    marks.push(mark(
                        at(bound.key),
                        Widening::Widened,
                        numbers.0,
                        numbers.1,
                        detail,
                    ));
                }
                Some(_) => {}
            }
        }
        if let (RuleKind::Answer(was), RuleKind::Answer(is)) = (&rule.kind, &follows.kind)
            && (was.question != is.question || !was.any_of.iter().all(|code| is.any_of.contains(code)))
        {
            let detail = format!("the rule {} is red for an answer that is not here", rule.id);
            marks.push(mark(at("any_of"), Widening::Removed, None, None, detail));
        }
    }
    marks
}

/// Where red limits lie beyond those of the template, and did not already in `before`.
fn beyond(condition: Condition, template: &[Arc<Rule>], before: Option<&Plan>, after: &Plan) -> Vec<Mark> {
    let mut marks = Vec::new();
    for rule in template
        .iter()
        .filter(|rule| matches!(rule.kind, RuleKind::Limits(_)))
    {
        let Some((place, follows)) = find(after, rule) else {
            continue;
        };
        let set = red_bounds(&follows.kind).unwrap_or_default();
        let stood = before.and_then(|before| find(before, rule));
        let stood = stood
            .and_then(|(_, rule)| red_bounds(&rule.kind))
            .unwrap_or_default();
        for line in red_bounds(&rule.kind).unwrap_or_default() {
            let Some(now) = set.iter().find(|now| now.key == line.key) else {
                continue;
            };
            let stood = stood.iter().find(|stood| stood.key == line.key);
            let stood_so = stood.is_some_and(|stood| stood.outward(now.value) <= 0);
            if line.outward(now.value) > 0 && !stood_so {
                let detail = format!(
                    "{} lies beyond {}, the line of the template {}",
                    line.says(now.value),
                    line.says(line.value),
                    condition.word()
                );
                let at = format!("/rules/{place}/{}", line.key);
                marks.push(Mark {
                    template: Some(condition),
                    ..mark(
                        at,
                        Widening::BeyondTemplate,
                        Some(line.value),
                        Some(now.value),
                        detail,
                    )
                });
            }
        }
    }
    marks
}

/// Where NEWS2 goes over to the scale that takes a low saturation for right.
fn to_scale_2(before: Option<&Plan>, after: &Plan) -> Option<Mark> {
    let on_scale_2 = |rule: &Arc<Rule>| match &rule.kind {
        RuleKind::News2(news2) => matches!(news2.scale, OxygenScale::Two { .. }),
        _ => false,
    };
    if before.is_some_and(|before| before.rules.iter().any(on_scale_2)) {
        return None;
    }
    let place = after.rules.iter().position(on_scale_2)?;
    let was = before.is_some_and(|before| {
        let mut rules = before.rules.iter();
        rules.any(|rule| matches!(rule.kind, RuleKind::News2(_)))
    });
    let detail = "scale 2 takes an oxygen saturation of 88 to 92 % for right".to_owned();
    let at = format!("/rules/{place}/scale");
    let from = was.then(|| Milli::whole(1));
    Some(mark(at, Widening::Scale2, from, Some(Milli::whole(2)), detail))
}

fn mark(at: String, what: Widening, from: Option<Milli>, to: Option<Milli>, detail: String) -> Mark {
    Mark {
        at,
        what,
        from,
        to,
        template: None,
        detail,
    }
}

/// The rule of the same id and kind, and its place.
fn find<'a>(plan: &'a Plan, rule: &Rule) -> Option<(usize, &'a Rule)> {
    let same = |other: &Arc<Rule>| other.id == rule.id && other.kind.word() == rule.kind.word();
    let place = plan.rules.iter().position(same)?;
    Some((place, plan.rules.get(place)?))
}

/// A number beyond which a red rule fires.
struct Bound {
    key: &'static str,
    edge: Edge,
    value: Milli,
    measure: Option<Measure>,
}

impl Bound {
    /// By how many thousandths `value` lies farther out.
    fn outward(&self, value: Milli) -> i64 {
        let out = match self.edge {
            Edge::Low => self.value - value,
            Edge::High => value - self.value,
        };
        out.thousandths()
    }

    fn moved_far(&self, value: Milli) -> bool {
        i128::from(self.outward(value)) * A_FIFTH > i128::from(self.value.abs().thousandths())
    }

    fn says(&self, value: Milli) -> String {
        match self.measure {
            Some(measure) => format!("{value} {}", measure.facts().shown_unit),
            None => value.to_string(),
        }
    }

    fn gone(&self, at: &str) -> Mark {
        let detail = format!(
            "{} is in force as a red limit and not in this plan",
            self.says(self.value)
        );
        mark(at.to_owned(), Widening::Removed, Some(self.value), None, detail)
    }
}

/// The numbers of a rule that is red, none for one that has no number; `None` where it is not red.
fn red_bounds(kind: &RuleKind) -> Option<Vec<Bound>> {
    use Edge::{High, Low};
    let is_red = |severity: Severity| severity == Severity::Red;
    let bound = |key, edge, value, measure: Option<Measure>| Bound {
        key,
        edge,
        value,
        measure,
    };
    let (severity, bounds) = match kind {
        RuleKind::Limits(limits) => return of_limits(limits),
        RuleKind::Change(rule) => (
            rule.severity,
            vec![bound("by", High, rule.by, Some(rule.measure))],
        ),
        RuleKind::Trend(rule) => (
            rule.severity,
            vec![bound("by", High, rule.by, Some(rule.measure))],
        ),
        RuleKind::Persistence(rule) => (rule.severity, of_band(rule.band, rule.measure)),
        RuleKind::Count(rule) => (rule.severity, of_band(rule.band, rule.measure)),
        RuleKind::Mean(rule) => (rule.severity, of_band(rule.band, rule.measure)),
        RuleKind::Baseline(rule) => (
            rule.severity,
            vec![bound("k", High, Milli::new(rule.k.0 / 10), None)],
        ),
        RuleKind::Target(rule) => {
            let low = rule
                .low_by
                .map(|by| bound("low_by", Low, rule.value - by, Some(rule.measure)));
            let high = rule
                .high_by
                .map(|by| bound("high_by", High, rule.value + by, Some(rule.measure)));
            (rule.severity, low.into_iter().chain(high).collect())
        }
        RuleKind::Score(rule) => (rule.severity, vec![bound("at_least", High, rule.at_least, None)]),
        RuleKind::News2(rule) => {
            let red_at = Milli::whole(i64::from(rule.red_at));
            (Severity::Red, vec![bound("red_at", High, red_at, None)])
        }
        RuleKind::Missed(rule) => {
            let after = Milli::whole(i64::from(rule.after));
            (rule.severity, vec![bound("after", High, after, None)])
        }
        RuleKind::Incomplete(rule) => {
            let in_row = Milli::whole(i64::from(rule.sessions_in_row));
            (rule.severity, vec![bound("sessions_in_row", High, in_row, None)])
        }
        RuleKind::Adherence(rule) => {
            let at_least = Milli::whole(i64::from(rule.at_least));
            (rule.severity, vec![bound("at_least", Low, at_least, None)])
        }
        RuleKind::Answer(rule) => (rule.severity, Vec::new()),
        RuleKind::Combination(rule) => (rule.severity, Vec::new()),
    };
    is_red(severity).then_some(bounds)
}

fn of_limits(limits: &Limits) -> Option<Vec<Bound>> {
    let sides = [
        ("red_low", Edge::Low, limits.red_low),
        ("red_high", Edge::High, limits.red_high),
    ];
    let bounds: Vec<Bound> = sides
        .into_iter()
        .filter_map(|(key, edge, value)| {
            Some(Bound {
                key,
                edge,
                value: value?,
                measure: Some(limits.measure),
            })
        })
        .collect();
    (!bounds.is_empty()).then_some(bounds)
}

fn of_band(band: Band, measure: Measure) -> Vec<Bound> {
    let sides = [("low", Edge::Low, band.low), ("high", Edge::High, band.high)];
    let bound = |(key, edge, value): (_, _, Option<Milli>)| {
        Some(Bound {
            key,
            edge,
            value: value?,
            measure: Some(measure),
        })
    };
    sides.into_iter().filter_map(bound).collect()
}
