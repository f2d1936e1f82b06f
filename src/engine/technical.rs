//! Findings about the way rather than the patient. They depend on arrival, so `judge` does not make them; who stores a session does.

use std::sync::Arc;

use super::wording;
use crate::domain::finding::{Class, Finding, Numbers, Severity};
use crate::domain::plan::Plan;
use crate::domain::question::{Question, QuestionKind};
use crate::domain::session::{Answer, NOT_ANSWERED, Session};

/// The rule of the finding that a session answered what its plan does not ask, or with a code the plan does not have.
pub const UNKNOWN_ANSWER: &str = "unknown_answer";

/// One amber finding for a session whose answers the plan in force at its `completed_at` does not know; it names the first.
pub fn unknown_answers(session: &Session, plan: &Plan) -> Option<Finding> {
    let unknown = |answer: &&Answer| !is_known(answer, plan);
    let first = session.answers.iter().find(unknown)?;
    let count = session.answers.iter().filter(unknown).count();
    let others = match count - 1 {
        0 => String::new(),
        1 => " So is another.".to_owned(),
        others => format!(" So are {others} others."),
    };
    Some(Finding {
        rule: UNKNOWN_ANSWER.to_owned(),
        side: None,
        kind: UNKNOWN_ANSWER.to_owned(),
        class: Class::Technical,
        severity: Severity::Amber,
        plan_version: Some(plan.version),
        session: Some(session.key.clone()),
        unit_id: Some(session.key.unit_id.clone()),
        at: session.completed_at,
        numbers: Numbers {
            count: i64::try_from(count).ok(),
            ..Numbers::default()
        },
        readings: Vec::new(),
        sentence: format!(
            "The answer “{}” to the question “{}” is not one that the plan knows.{others}",
            wording::foreign(&first.answer),
            wording::foreign(&first.question),
        ),
        reason: None,
    })
}

/// Whether the plan has this question, with this answer.
pub(super) fn is_known(answer: &Answer, plan: &Plan) -> bool {
    let knows = |question: &Arc<Question>| question.id == answer.question && knows(question, &answer.answer);
    // Most answers stand in the order of the questions.
    plan.questions.get(usize::from(answer.index)).is_some_and(knows) || plan.questions.iter().any(knows)
}

fn knows(question: &Question, answer: &str) -> bool {
    answer == NOT_ANSWERED
        || match question.kind {
            QuestionKind::YesNo => matches!(answer, "yes" | "no"),
            QuestionKind::Choice => question.options.iter().any(|option| option.code == answer),
            QuestionKind::Number => answer.parse::<f64>().is_ok_and(f64::is_finite),
        }
}
