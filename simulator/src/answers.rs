//! The patient answers by what a question's id is about, because the unit knows nothing of rules: a question
//! bank may be edited at any time, and a question about nothing we know is answered as a well person would.

use crate::patient::Condition;
use crate::plan::Question;

/// What a question asks about, found by a part of its id; with the conditions that show it, and how ill (0 … 1)
/// the patient is when it begins. Answers that would send an ambulance are never given by themselves.
const SYMPTOMS: &[(&str, &[Condition], f64)] = &[
    ("breathless", &[Condition::HeartFailure, Condition::Copd], 0.3),
    ("swell", &[Condition::HeartFailure], 0.3),
    ("swollen", &[Condition::HeartFailure], 0.3),
    ("ankle", &[Condition::HeartFailure], 0.3),
    ("oedema", &[Condition::HeartFailure], 0.3),
    ("pillow", &[Condition::HeartFailure], 0.6),
    ("woken", &[Condition::HeartFailure], 0.6),
    ("light_headed", &[Condition::HeartFailure], 0.8),
    ("dizzy", &[Condition::HeartFailure, Condition::Hypertension], 0.8),
    ("worried", &[Condition::HeartFailure], 0.7),
    ("cough", &[Condition::Copd], 0.3),
    ("phlegm", &[Condition::Copd], 0.4),
    ("sputum", &[Condition::Copd], 0.4),
    ("reliever", &[Condition::Copd], 0.4),
    ("wheez", &[Condition::Copd], 0.5),
    ("tight", &[Condition::Copd], 0.5),
    ("thirst", &[Condition::Diabetes], 0.3),
    ("headache", &[Condition::Hypertension], 0.5),
    ("vision", &[Condition::Hypertension], 0.9),
    ("worse", EVERYONE, 0.5),
    ("compared", EVERYONE, 0.5),
    ("like_a_call", EVERYONE, 0.7),
    ("want_call", EVERYONE, 0.7),
];

const EVERYONE: &[Condition] = &[
    Condition::HeartFailure,
    Condition::Copd,
    Condition::Diabetes,
    Condition::Hypertension,
];

/// Codes of a choice by how they sound, worst first.
const BAD: &[&str] = &["much_worse", "worse", "changed", "green", "yellow", "more", "yes"];
const GOOD: &[&str] = &["same", "no_change", "none", "clear", "white", "usual", "no"];

/// The code that the patient gives.
pub fn answer(question: &Question, condition: Condition, illness: f64) -> String {
    let ill = SYMPTOMS.iter().any(|(part, conditions, from)| {
        question.id.contains(part) && conditions.contains(&condition) && illness >= *from
    });
    match question.kind.as_str() {
        "choice" => choose(question, ill, illness),
        // Numbers are asked on a scale of ten (how bad?), as there is no unit to a question.
        "number" => (if ill { "8" } else { "2" }).to_owned(),
        // The one yes-or-no question to which a well person says yes: tablets taken?
        _ if question.id.contains("taken") => "yes".to_owned(),
        _ => (if ill { "yes" } else { "no" }).to_owned(),
    }
}

fn choose(question: &Question, ill: bool, illness: f64) -> String {
    let has = |code: &&&str| question.options.iter().any(|option| option.code == **code);
    let known = if ill {
        BAD.iter()
            .filter(|code| illness > 0.9 || **code != "much_worse")
            .find(has)
    } else {
        GOOD.iter().find(has)
    };
    // Question banks list the harmless answer first more often than not.
    let fallback = if ill {
        question.options.last()
    } else {
        question.options.first()
    };
    match (known, fallback) {
        (Some(code), _) => (*code).to_owned(),
        (None, Some(option)) => option.code.clone(),
        (None, None) => "not_answered".to_owned(),
    }
}
