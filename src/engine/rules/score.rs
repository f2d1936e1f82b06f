//! A question that was not asked, or asked and not answered, gives nothing: the sentence says how many were answered.

use super::answer::counting;
use super::{Fired, Firing, Scene};
use crate::domain::finding::Numbers;
use crate::domain::number::Milli;
use crate::domain::rule::{Rule, Score};
use crate::domain::session::NOT_ANSWERED;
use crate::engine::wording;

pub(super) fn judge(rule: &Rule, score: &Score, scene: &Scene<'_>, fired: &mut Vec<Fired>) -> Option<Firing> {
    let (mut points, mut answered, mut parts) = (Milli::default(), 0, Vec::new());
    for (question, weights) in &score.weights {
        let given = counting(scene.session, question).filter(|given| given.answer != NOT_ANSWERED);
        let Some(given) = given else {
            continue;
        };
        answered += 1;
        let weight = weights.get(&given.answer).copied().unwrap_or_default();
        if weight > Milli::default() {
            points = points + weight;
            parts.push(format!(
                "{weight} for {} {}",
                wording::question(scene.plan, question),
                wording::answer(scene.plan, question, &given.answer),
            ));
        }
    }
    if points < score.at_least {
        return None;
    }
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: None,
    });
    Some(Firing {
        severity: score.severity,
        side: None,
        at: scene.session.completed_at,
        numbers: Numbers {
            bound: Some(score.at_least),
            points: Some(points),
            ..Numbers::default()
        },
        readings: Vec::new(),
        sentence: format!(
            "Answers score {points} where the plan allows less than {} ({answered} of {} answered): {}.",
            score.at_least,
            score.weights.len(),
            wording::list(&parts, " and "),
        ),
    })
}

/// `answers that score 3 or more`.
pub(super) fn meaning(score: &Score) -> String {
    format!("answers that score {} or more", score.at_least)
}
