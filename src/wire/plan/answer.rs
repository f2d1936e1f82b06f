//! A code that the question does not offer would never be answered, and the rule never fire: it is refused.

use super::node::{Faults, Node};
use super::question::{Questions, codes};
use super::rule;
use crate::domain::rule::{AnswerRule, Rule, RuleKind};

pub(super) fn read(node: &Node<'_>, questions: &Questions, faults: &mut Faults) -> Option<Rule> {
    let members = rule::members(node, &["question", "any_of", "severity"], faults)?;
    let question = members.required("question", faults).and_then(|node| {
        let id = node.text(faults)?;
        rule::coded_question(&id, &node, questions, faults)?;
        Some(id.into_owned())
    });
    // Known only where the question is sound; otherwise the codes cannot be held against anything.
    let offered = question.as_deref().and_then(|id| questions.sound(id)).map(codes);
    let any_of = members.required("any_of", faults).and_then(|node| {
        let codes = node.each_once(faults, |node, faults| {
            let code = node.text(faults)?;
            match &offered {
                Some(offered) if !offered.contains(&code.as_ref()) => {
                    node.fault("unknown_answer", "is no answer to this question", faults)
                }
                _ => Some(code.into_owned()),
            }
        })?;
        if codes.is_empty() {
            node.fault("empty", "needs one answer at least", faults)
        } else {
            Some(codes)
        }
    });
    let severity = rule::severity(&members, faults);
    let answer = || {
        Some(AnswerRule {
            question: question?,
            any_of: any_of?,
            severity: severity?,
        })
    };
    rule::finish(&members, answer().map(RuleKind::Answer), faults)
}
