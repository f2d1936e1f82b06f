//! One small function reads each kind; a kind that nobody judges is refused, because a rule that never fires is a false promise.

use super::header::Headers;
use super::node::{Faults, Members, Node};
use super::question::Questions;
use super::{
    MAX_WINDOW_DAYS, adherence, answer, baseline, change, combination, count, incomplete, limits, mean,
    missed, news2, persistence, score, target, trend,
};
use crate::domain::finding::Severity;
use crate::domain::measure::{BLOOD_PRESSURE, Measure};
use crate::domain::question::{Question, QuestionKind};
use crate::domain::rule::{Rule, RuleKind};

pub(super) const MAX_RULES: usize = 100;

/// Reads all rules in their order. Combinations come last, since they ask what the others hold.
pub(super) fn read(
    list: &[Node<'_>],
    headers: &Headers<'_>,
    questions: &Questions,
    faults: &mut Faults,
) -> Option<Vec<Rule>> {
    let mut rules = Vec::with_capacity(list.len());
    for (node, kind) in list.iter().zip(headers.kinds()) {
        rules.push(match kind {
            Some(COMBINATION) => None,
            kind => rule(node, kind, questions, faults),
        });
    }
    for (at, kind) in headers.kinds().enumerate() {
        if kind == Some(COMBINATION) {
            // None of them names another: that each stands among the others as soon as it is read is seen by nobody.
            rules[at] = combination::read(&list[at], headers, &rules, faults);
        }
    }
    rules.into_iter().collect()
}

const COMBINATION: &str = "combination";

fn rule(node: &Node<'_>, kind: Option<&str>, questions: &Questions, faults: &mut Faults) -> Option<Rule> {
    match kind {
        Some("limits") => limits::read(node, faults),
        Some("change") => change::read(node, faults),
        Some("persistence") => persistence::read(node, faults),
        Some("count") => count::read(node, faults),
        Some("mean") => mean::read(node, faults),
        Some("baseline") => baseline::read(node, faults),
        Some("target") => target::read(node, faults),
        Some("trend") => trend::read(node, faults),
        Some("score") => score::read(node, questions, faults),
        Some("news2") => news2::read(node, faults),
        Some("answer") => answer::read(node, questions, faults),
        Some("missed") => missed::read(node, faults),
        Some("incomplete") => incomplete::read(node, faults),
        Some("adherence") => adherence::read(node, faults),
        _ => {
            let members = node.any_object(faults)?;
            members.required("id", faults);
            let node = members.required("kind", faults)?;
            node.text(faults)?;
            node.fault("unknown_kind", "is no kind of rule", faults)
        }
    }
}

/// A rule's object with the keys that all rules have and those of its kind.
pub(super) fn members<'a>(node: &Node<'a>, keys: &[&str], faults: &mut Faults) -> Option<Members<'a>> {
    node.object_of([&["id", "kind", "repeat_after_days"], keys], faults)
}

/// A compliance rule's object: as [`members`], but nothing of it is repeated or not.
pub(super) fn compliance_members<'a>(
    node: &Node<'a>,
    keys: &[&str],
    faults: &mut Faults,
) -> Option<Members<'a>> {
    node.object_of([&["id", "kind", "severity"], keys], faults)
}

/// The rule, once its kind is read.
pub(super) fn finish(members: &Members<'_>, kind: Option<RuleKind>, faults: &mut Faults) -> Option<Rule> {
    let id = members.required("id", faults).and_then(|node| node.text(faults));
    let repeat_after_days =
        members.default("repeat_after_days", None, |node| Some(Some(days(node, faults)?)));
    Some(Rule {
        id: id?.into_owned(),
        repeat_after_days: repeat_after_days?,
        kind: kind?,
    })
}

/// A number of days that a window may have.
pub(super) fn days(node: &Node<'_>, faults: &mut Faults) -> Option<u16> {
    let days = node.whole(1, (MAX_WINDOW_DAYS, "too_long"), faults)?;
    u16::try_from(days).ok()
}

/// How many readings, days or the like: at least one.
pub(super) fn quantity(node: &Node<'_>, faults: &mut Faults) -> Option<u32> {
    node.whole(1, (u32::MAX, "too_large"), faults)
}

pub(super) fn measure(members: &Members<'_>, faults: &mut Faults) -> Option<Measure> {
    let node = members.required("measure", faults)?;
    measure_named(&node, faults)
}

pub(super) fn measure_named(node: &Node<'_>, faults: &mut Faults) -> Option<Measure> {
    let name = node.text(faults)?;
    name.parse().ok().or_else(|| {
        let detail = if name == BLOOD_PRESSURE {
            "a rule names one measure: systolic_bp or diastolic_bp"
        } else {
            "is no measure that we know"
        };
        node.fault("unknown_measure", detail, faults)
    })
}

/// Whether the plan has the question, and with codes to answer it by; said at `node` where not.
pub(super) fn coded_question(
    id: &str,
    node: &Node<'_>,
    questions: &Questions,
    faults: &mut Faults,
) -> Option<()> {
    if !questions.knows(id) {
        return node.fault("unknown_question", "is no question of this plan", faults);
    }
    let number = |question: &Question| question.kind == QuestionKind::Number;
    if questions.sound(id).is_some_and(number) {
        return node.fault(
            "question_is_number",
            "a question of type number has no codes to choose from",
            faults,
        );
    }
    Some(())
}

pub(super) fn severity(members: &Members<'_>, faults: &mut Faults) -> Option<Severity> {
    let words = [
        ("red", Severity::Red),
        ("amber", Severity::Amber),
        ("context", Severity::Context),
    ];
    members.required("severity", faults)?.word(&words, faults)
}
