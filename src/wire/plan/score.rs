//! A score that no answers could reach would never fire: it is refused, as are points for an answer that is not offered.

use std::collections::BTreeMap;

use super::node::{Faults, Members, Node};
use super::question::{Questions, codes};
use super::rule;
use crate::domain::number::Milli;
use crate::domain::question::Question;
use crate::domain::rule::{Rule, RuleKind, Score};
use crate::domain::session::NOT_ANSWERED;

type Weights = BTreeMap<String, BTreeMap<String, Milli>>;

pub(super) fn read(node: &Node<'_>, questions: &Questions, faults: &mut Faults) -> Option<Rule> {
    let members = rule::members(node, &["weights", "at_least", "severity"], faults)?;
    let weights = members
        .required("weights", faults)
        .and_then(|node| weights(&node, questions, faults));
    let at_least = members.required("at_least", faults).and_then(|node| {
        let at_least = node.positive(faults)?;
        if weights.as_ref().is_some_and(|weights| most(weights) < at_least) {
            return node.fault("never_fires", "is more than all answers together score", faults);
        }
        Some(at_least)
    });
    let severity = rule::severity(&members, faults);
    let score = || {
        Some(Score {
            weights: weights?,
            at_least: at_least?,
            severity: severity?,
        })
    };
    rule::finish(&members, score().map(RuleKind::Score), faults)
}

fn weights(node: &Node<'_>, questions: &Questions, faults: &mut Faults) -> Option<Weights> {
    let members = node.any_object(faults)?;
    let (mut weights, mut sound) = (Weights::new(), true);
    for (id, node) in members.all() {
        let of_question = rule::coded_question(id, &node, questions, faults)
            .and_then(|()| points(&node.any_object(faults)?, &node, questions.sound(id), faults));
        sound &= of_question.is_some();
        weights.extend(of_question.map(|points| (id.to_owned(), points)));
    }
    if sound && weights.is_empty() {
        return node.fault("empty", "needs one question at least", faults);
    }
    sound.then_some(weights)
}

fn points(
    members: &Members<'_>,
    node: &Node<'_>,
    question: Option<&Question>,
    faults: &mut Faults,
) -> Option<BTreeMap<String, Milli>> {
    // Known only where the question is sound; otherwise the codes cannot be held against anything.
    let offered = question.map(codes);
    let (mut points, mut sound) = (BTreeMap::new(), true);
    for (code, node) in members.all() {
        let weight = node.number(faults).and_then(|weight| {
            if offered.as_ref().is_some_and(|offered| !offered.contains(&code)) {
                return node.fault("unknown_answer", "is no answer to this question", faults);
            }
            if weight < Milli::default() {
                return node.fault("not_positive", "must not be below zero", faults);
            }
            if code == NOT_ANSWERED && weight > Milli::default() {
                return node.fault("not_an_answer", "no answer gives no points", faults);
            }
            Some(weight)
        });
        sound &= weight.is_some();
        points.extend(weight.map(|weight| (code.to_owned(), weight)));
    }
    if sound && points.is_empty() {
        return node.fault("empty", "needs one answer at least", faults);
    }
    sound.then_some(points)
}

/// What the answers that score most give together.
fn most(weights: &Weights) -> Milli {
    let of_question = weights.values().filter_map(|points| points.values().max());
    of_question.fold(Milli::default(), |sum, points| sum + *points)
}
