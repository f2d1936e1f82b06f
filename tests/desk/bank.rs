//! The bank against itself and against the templates: each text once, in three languages, and used as it says it is meant.

use std::collections::BTreeSet;

use homeward::desk::bank::{Banked, bank};
use homeward::desk::template;
use homeward::domain::question::{QuestionKind, QuestionRole, TranslationStatus};
use serde_json::{Value, json};

fn questions() -> Vec<Banked> {
    bank().unwrap().questions
}

#[test]
fn every_question_is_sound_and_stands_once() {
    let (mut ids, mut texts) = (BTreeSet::new(), BTreeSet::new());
    for banked in questions() {
        assert!(ids.insert(banked.id.clone()), "{} comes twice", banked.id);
        assert!(
            texts.insert(banked.text["en"].clone()),
            "{} asks what another asks",
            banked.id
        );
        // What a plan refuses nobody may choose.
        let body = json!({"reason": "test", "effective_from": "2026-11-01T00:00:00Z", "measures": [], "rules": [
            {"id": "asked", "kind": "answer", "question": banked.id, "any_of": banked.any_of, "severity": "amber"}],
            "questions": [banked.question()]});
        homeward::wire::plan::parse(&body.to_string(), 1)
            .unwrap_or_else(|faults| panic!("{}: {faults:?}", banked.id));
        assert!(!banked.any_of.is_empty());
        assert!(
            banked.emergency.iter().all(|code| banked.any_of.contains(code)),
            "{}",
            banked.id
        );
        assert!(
            banked.emergency.is_empty() || banked.role == QuestionRole::Key,
            "{}",
            banked.id
        );
        assert!(banked.source.ends_with('.'), "{}", banked.id);
        assert_eq!(banked.kind == QuestionKind::Choice, !banked.options.is_empty());
    }
    assert!((40..=50).contains(&ids.len()), "{}", ids.len());
}

#[test]
fn every_text_stands_in_its_own_script_and_none_bears_the_mark() {
    let arabic = |letter: char| ('\u{600}'..='\u{6ff}').contains(&letter);
    let gurmukhi = |letter: char| ('\u{a00}'..='\u{a7f}').contains(&letter);
    for banked in questions() {
        for text in banked
            .options
            .iter()
            .map(|option| &option.text)
            .chain([&banked.text])
        {
            let languages: Vec<&str> = text.keys().map(String::as_str).collect();
            assert_eq!(languages, ["en", "pa", "ur"], "{}", banked.id);
            assert!(text["en"].is_ascii(), "{text:?}");
            assert!(
                text["ur"].chars().any(arabic) && !text["ur"].chars().any(gurmukhi),
                "{text:?}"
            );
            assert!(
                text["pa"].chars().any(gurmukhi) && !text["pa"].chars().any(arabic),
                "{text:?}"
            );
            assert!(
                text.values().all(|text| !text.to_lowercase().contains("review")),
                "{text:?}"
            );
        }
        let asks = |language: &str, mark: char| banked.text[language].ends_with(mark);
        assert!(
            asks("en", '?') && asks("pa", '?') && asks("ur", '؟'),
            "{}",
            banked.id
        );
    }
    let translations = bank().unwrap().translations;
    let languages: Vec<&str> = translations.keys().map(String::as_str).collect();
    assert_eq!(languages, ["pa", "ur"]);
    for translation in translations.values() {
        assert_eq!(translation.status, TranslationStatus::TranslationToBeReviewed);
    }
}

#[test]
fn templates_ask_the_questions_of_their_condition_as_the_bank_means_them() {
    let bank = questions();
    for template in template::all().unwrap() {
        let plan: Value = serde_json::from_str(template.plan.get()).unwrap();
        for asked in plan["questions"].as_array().unwrap() {
            let banked = bank
                .iter()
                .find(|banked| asked["id"] == banked.id.as_str())
                .unwrap();
            assert_eq!(
                *asked,
                serde_json::to_value(banked.question()).unwrap(),
                "the bank's own text"
            );
            let condition = template.parsed().unwrap();
            assert!(
                banked.conditions.is_empty() || banked.conditions.iter().any(|one| one.word() == template.id)
            );
            let rules = condition.rules.iter().filter_map(|rule| match &rule.kind {
                homeward::domain::rule::RuleKind::Answer(answer) if answer.question == banked.id => {
                    Some(answer)
                }
                _ => None,
            });
            for answer in rules {
                assert!(
                    answer.any_of.iter().all(|code| banked.any_of.contains(code)),
                    "{} in {}",
                    banked.id,
                    template.id
                );
                let red = answer.severity == homeward::domain::finding::Severity::Red;
                let emergency = answer.any_of.iter().any(|code| banked.emergency.contains(code));
                assert_eq!(red, emergency, "{} in {}", banked.id, template.id);
                let context = answer.severity == homeward::domain::finding::Severity::Context;
                // Where only the worse of two answers alerts alone, the question is still a key one.
                let graded = banked.id == "compared_with_yesterday";
                assert!(
                    graded || context == (banked.role == QuestionRole::Context),
                    "{} in {}",
                    banked.id,
                    template.id
                );
            }
        }
    }
}
