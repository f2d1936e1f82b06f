//! "Not answered" is an answer (asked, no reply); a question that is absent was not asked and fires nothing.

use super::{Fired, Firing, Scene};
use crate::domain::finding::Numbers;
use crate::domain::plan::Plan;
use crate::domain::rule::{AnswerRule, Rule};
use crate::domain::session::{Answer, NOT_ANSWERED, Session};
use crate::engine::wording;

pub(super) fn judge(
    rule: &Rule,
    asked: &AnswerRule,
    scene: &Scene<'_>,
    fired: &mut Vec<Fired>,
) -> Option<Firing> {
    let given = counting(scene.session, &asked.question)?;
    if !asked.any_of.contains(&given.answer) {
        return None;
    }
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: None,
    });
    let question = wording::question(scene.plan, &asked.question);
    let sentence = if given.answer == NOT_ANSWERED {
        format!("The question {question} was asked and not answered.")
    } else {
        let answer = wording::answer(scene.plan, &asked.question, &given.answer);
        format!("Answer to {question} was {answer}.")
    };
    Some(Firing {
        severity: asked.severity,
        side: None,
        at: scene.session.completed_at,
        numbers: Numbers::default(),
        readings: Vec::new(),
        sentence,
    })
}

/// The answer that counts where a question was answered twice: the last by (`answered_at`, index); one without a time comes
/// before those with one.
pub(in crate::engine) fn counting<'a>(session: &'a Session, question: &str) -> Option<&'a Answer> {
    let given = session
        .answers
        .iter()
        .filter(|answer| answer.question == question);
    given.max_by_key(|answer| (answer.answered_at, answer.index))
}

/// `“Are your ankles more swollen than usual?” answered yes`.
pub(super) fn meaning(asked: &AnswerRule, plan: &Plan) -> String {
    let any_of: Vec<_> = asked
        .any_of
        .iter()
        .map(|code| wording::answer(plan, &asked.question, code))
        .collect();
    let question = wording::question(plan, &asked.question);
    match any_of.as_slice() {
        [only] if asked.any_of[0] == NOT_ANSWERED => format!("{question} {only}"),
        _ => format!("{question} answered {}", wording::list(&any_of, " or ")),
    }
}
