//! A plan that asks for sessions or measures and says nothing about their absence still has somebody told.

use crate::domain::finding::Severity;
use crate::domain::measure::{BLOOD_PRESSURE, Measure};
use crate::domain::plan::Plan;
use crate::domain::rule::{Adherence, Incomplete, Missed, RuleKind};

/// The plan's rule of this kind and its id, or the one that its schedule implies.
pub(super) fn missed(plan: &Plan) -> Option<(&str, Missed)> {
    let own = plan.rules.iter().find_map(|rule| match rule.kind {
        RuleKind::Missed(missed) => Some((rule.id.as_str(), missed)),
        _ => None,
    });
    let implied = || Missed {
        after: 1,
        severity: Severity::Amber,
    };
    own.or_else(|| plan.schedule.as_ref().map(|_| ("missed", implied())))
}

/// The plan's rule of this kind and its id, or the one that its measures imply.
pub(super) fn incomplete(plan: &Plan) -> Option<(&str, Incomplete)> {
    let own = plan.rules.iter().find_map(|rule| match &rule.kind {
        RuleKind::Incomplete(incomplete) => Some((rule.id.as_str(), incomplete.clone())),
        _ => None,
    });
    own.or_else(|| {
        let measures = asked(plan);
        (!measures.is_empty()).then_some(())?;
        let implied = Incomplete {
            measures,
            sessions_in_row: 2,
            severity: Severity::Amber,
        };
        Some(("incomplete", implied))
    })
}

/// Only where the plan has it: nothing implies it.
pub(super) fn adherence(plan: &Plan) -> Option<(&str, Adherence)> {
    plan.rules.iter().find_map(|rule| match rule.kind {
        RuleKind::Adherence(adherence) => Some((rule.id.as_str(), adherence)),
        _ => None,
    })
}

/// The measures that the unit asks for. A blood pressure is its two pressures: not every cuff gives the heart rate.
fn asked(plan: &Plan) -> Vec<Measure> {
    let mut asked: Vec<Measure> = Vec::new();
    for name in plan.measures.iter() {
        let measures = if name == BLOOD_PRESSURE {
            vec![Measure::SystolicBp, Measure::DiastolicBp]
        } else {
            name.parse().into_iter().collect()
        };
        for measure in measures {
            if !asked.contains(&measure) {
                asked.push(measure);
            }
        }
    }
    asked
}
