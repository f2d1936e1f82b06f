//! Answers that the plan does not know.

use homeward::domain::finding::{Class, Severity};
use homeward::domain::question::QuestionKind;
use homeward::engine::technical::unknown_answers;

use super::build::*;

#[test]
fn one_amber_finding_names_the_first_unknown_answer() {
    let mut plan = plan(Vec::new());
    let pain = homeward::domain::question::Question {
        id: "pain".to_owned(),
        kind: QuestionKind::Number,
        text: [("en".to_owned(), "How bad is it?".to_owned())].into(),
        options: Vec::new(),
    };
    plan.questions.push(pain.into());
    let base = || session("HU-1", 1, "2026-11-21T09:04:00Z");
    let known = [
        ("ankles", "yes"),
        ("ankles", "not_answered"),
        ("trend", "worse"),
        ("pain", "3"),
        ("pain", "not_answered"),
    ];
    for (question, answer) in known {
        assert_eq!(
            unknown_answers(&base().answers(question, answer), &plan),
            None,
            "{question} {answer}"
        );
    }
    let unknown = [
        ("ankles", "maybe"),
        ("trend", "yes"),
        ("pain", "bad"),
        ("pain", "inf"),
        ("mood", "yes"),
        ("mood", "not_answered"),
    ];
    for (question, answer) in unknown {
        let finding = unknown_answers(&base().answers(question, answer), &plan).expect("unknown");
        assert_eq!(
            (finding.class, finding.severity),
            (Class::Technical, Severity::Amber)
        );
        assert!(
            finding.sentence.contains(question) && finding.sentence.contains(answer),
            "{}",
            finding.sentence
        );
    }
    let several = base()
        .answers("ankles", "yes")
        .answers("mood", "low")
        .answers("trend", "so so");
    let finding = unknown_answers(&several, &plan).expect("two unknown");
    assert_eq!(
        finding.sentence,
        "The answer “low” to the question “mood” is not one that the plan knows. So is another."
    );
}
