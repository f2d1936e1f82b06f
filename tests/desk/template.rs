//! A template is what a patient is first judged by: each bound is tried from both sides, and nothing in it is idle.

use std::collections::{BTreeMap, BTreeSet};

use homeward::cli::judge::judge_lines;
use homeward::desk::template::{self, Template};
use homeward::domain::measure::Measure;
use homeward::domain::question::{Question, TranslationStatus};
use serde_json::{Value, json};
use uuid::Uuid;

const BOUNDS: [(&str, f64); 4] = [
    ("red_low", -0.1),
    ("amber_low", -0.1),
    ("amber_high", 0.1),
    ("red_high", 0.1),
];

/// What a template makes of sessions, as a plan that a nurse added a reason and a beginning to.
struct Judged {
    plan: Value,
    sessions: Vec<Value>,
}

impl Judged {
    fn by(template: &Template) -> Self {
        let mut plan: Value = serde_json::from_str(template.plan.get()).unwrap();
        plan["version"] = json!(1);
        plan["reason"] = json!("first parameters");
        plan["effective_from"] = json!("2026-01-01T00:00:00Z");
        Self {
            plan,
            sessions: Vec::new(),
        }
    }

    fn named(id: &str) -> Self {
        Self::by(template::all().unwrap().iter().find(|one| one.id == id).unwrap())
    }

    fn rules(&self) -> Vec<Value> {
        self.plan["rules"].as_array().unwrap().clone()
    }

    /// A session of a well patient at an hour of a day of November, but for these readings and answers.
    fn session(&mut self, day: i32, hour: u32, readings: &[(&str, f64)], answers: &[(&str, &str)]) {
        let at = format!("2026-11-{day:02}T{hour:02}:00:00Z");
        let number = u128::try_from(self.sessions.len()).unwrap() + 1;
        // As much to and fro as any well person has.
        let swing = f64::from(day % 3 - 1);
        let taken = Measure::ALL.map(|measure| {
            let code = measure.code();
            let given = readings.iter().find(|(name, _)| *name == code);
            let value = given.map_or_else(
                || well(measure) + swing * measure.facts().min_sd.to_f64() / 2.0,
                |(_, value)| *value,
            );
            json!({"measure": code, "value": value, "unit": measure.facts().unit, "taken_at": at})
        });
        let answered: Vec<Value> = self.plan["questions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|question| {
                let id = question["id"].as_str().unwrap();
                let given = answers.iter().find(|(name, _)| *name == id);
                let usual = match id {
                    "tablets_taken" => "yes",
                    "compared_with_yesterday" => "same",
                    _ => "no",
                };
                json!({"question": id, "answer": given.map_or(usual, |(_, answer)| *answer)})
            })
            .collect();
        self.sessions.push(json!({
            "unit_id": "HU-1", "session_id": Uuid::from_u128(number), "completed_at": at,
            "readings": taken, "answers": answered,
        }));
    }

    /// `rule severity`, or `rule.side severity`, of what the last session showed.
    fn found(&self) -> BTreeSet<String> {
        let case = json!({"plans": [self.plan], "sessions": self.sessions});
        let mut output = Vec::new();
        judge_lines(case.to_string().as_bytes(), &mut output).unwrap();
        let answer: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(answer["problems"], json!([]), "{answer}");
        let last = answer["sessions"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["outcome"], "stored");
        let findings = last["findings"].as_array().unwrap();
        findings
            .iter()
            .map(|finding| {
                let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
                let side = finding["side"].as_str().map(|side| format!(".{side}"));
                format!(
                    "{}{} {}",
                    word("rule"),
                    side.unwrap_or_default(),
                    word("severity")
                )
            })
            .collect()
    }

    /// What one session alone shows.
    fn alone(mut self, readings: &[(&str, f64)], answers: &[(&str, &str)]) -> BTreeSet<String> {
        self.session(20, 9, readings, answers);
        self.found()
    }
}

fn well(measure: Measure) -> f64 {
    match measure {
        Measure::SystolicBp => 125.0,
        Measure::DiastolicBp => 75.0,
        Measure::HeartRate => 70.0,
        Measure::Spo2 => 96.0,
        Measure::Weight => 80.0,
        Measure::Temperature => 36.6,
        Measure::Glucose => 7.0,
        Measure::PeakFlow => 400.0,
        Measure::Fev1 => 2.5,
        Measure::RespiratoryRate => 15.0,
    }
}

fn set(found: &[&str]) -> BTreeSet<String> {
    found.iter().map(|&one| one.to_owned()).collect()
}

#[test]
fn every_rule_has_its_source_and_every_source_its_rule() {
    let templates = template::all().unwrap();
    let ids: Vec<&str> = templates.iter().map(|template| template.id.as_str()).collect();
    assert_eq!(ids, ["heart_failure", "copd", "diabetes", "hypertension"]);
    for template in templates {
        let rules = Judged::by(&template).rules();
        let rules: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        let sourced: BTreeSet<&str> = template.sources.keys().map(String::as_str).collect();
        assert_eq!(rules, sourced, "{}", template.id);
        assert!(template.provenance.contains("confirmed by a clinician"));
        assert!(template.sources.values().all(|source| source.ends_with('.')));
    }
}

#[test]
fn what_raises_nothing_alone_is_named_by_a_combination_and_no_question_is_there_without_cause() {
    for template in template::all().unwrap() {
        let judged = Judged::by(&template);
        let rules = judged.rules();
        let combined: String = rules
            .iter()
            .filter(|rule| rule["kind"] == "combination")
            .map(Value::to_string)
            .collect();
        for rule in rules.iter().filter(|rule| rule["severity"] == "context") {
            assert!(
                combined.contains(&rule["id"].to_string()),
                "{} {rule}",
                template.id
            );
        }
        let asked: BTreeSet<&str> = rules
            .iter()
            .filter_map(|rule| rule["question"].as_str())
            .collect();
        for question in judged.plan["questions"].as_array().unwrap() {
            let id = question["id"].as_str().unwrap();
            assert!(
                asked.contains(id) || id == "hospital_or_gp",
                "{} {id}",
                template.id
            );
        }
    }
}

#[test]
fn every_text_stands_in_three_languages_and_what_was_translated_says_that_it_is_to_be_reviewed() {
    let arabic = |letter: char| ('\u{600}'..='\u{6ff}').contains(&letter);
    let gurmukhi = |letter: char| ('\u{a00}'..='\u{a7f}').contains(&letter);
    let mut bank: BTreeMap<String, Question> = BTreeMap::new();
    for template in template::all().unwrap() {
        let questions = Judged::by(&template).plan["questions"].take();
        let questions: Vec<Question> = serde_json::from_value(questions).unwrap();
        for question in questions {
            let texts = question.options.iter().map(|option| &option.text);
            for text in texts.chain([&question.text]) {
                let languages: Vec<&str> = text.keys().map(String::as_str).collect();
                assert_eq!(languages, ["en", "pa", "ur"], "{}", question.id);
                assert!(text["en"].is_ascii(), "{text:?}");
                assert!(text["ur"].chars().any(arabic) && !text["ur"].chars().any(gurmukhi));
                assert!(text["pa"].chars().any(gurmukhi) && !text["pa"].chars().any(arabic));
                let plain = |text: &String| !text.to_lowercase().contains("review");
                assert!(text.values().all(plain), "the patient reads the mark: {text:?}");
            }
            // The same id is the same question, whatever the patient's condition.
            let known = bank
                .entry(question.id.clone())
                .or_insert_with(|| question.clone());
            assert_eq!(*known, question);
        }
        let marked: Vec<&str> = template.translations.keys().map(String::as_str).collect();
        assert_eq!(marked, ["pa", "ur"]);
        for translation in template.translations.values() {
            assert_eq!(translation.status, TranslationStatus::TranslationToBeReviewed);
            assert!(translation.note.starts_with("Translation to be reviewed"));
        }
    }
}

#[test]
fn a_well_patient_raises_nothing_in_weeks() {
    for template in template::all().unwrap() {
        let mut judged = Judged::by(&template);
        for day in 1..=28 {
            for hour in [9, 18] {
                judged.session(day, hour, &[], &[]);
                assert_eq!(judged.found(), set(&[]), "{} on day {day}", template.id);
            }
        }
    }
}

#[test]
fn every_limit_is_exceeded_beyond_it_and_not_at_it() {
    for template in template::all().unwrap() {
        for rule in Judged::by(&template).rules() {
            let Some(measure) = rule["measure"].as_str().filter(|_| rule["kind"] == "limits") else {
                continue;
            };
            for (side, beyond) in BOUNDS {
                let Some(bound) = rule[side].as_f64() else {
                    continue;
                };
                let severity = &side[..side.len() - if side.ends_with("low") { 4 } else { 5 }];
                let expected = format!("limits.{measure}.{side} {severity}");
                let found = Judged::by(&template).alone(&[(measure, bound + beyond)], &[]);
                assert!(
                    found.contains(&expected),
                    "{}: {found:?}, not {expected}",
                    template.id
                );
                let found = Judged::by(&template).alone(&[(measure, bound)], &[]);
                assert!(!found.contains(&expected), "{}: {found:?}", template.id);
            }
        }
    }
}

#[test]
fn every_answer_that_a_rule_waits_for_is_found_with_its_severity() {
    for template in template::all().unwrap() {
        let rules = Judged::by(&template).rules();
        for rule in rules.iter().filter(|rule| rule["kind"] == "answer") {
            let word = |key: &str| rule[key].as_str().unwrap();
            for code in rule["any_of"].as_array().unwrap() {
                let answer = (word("question"), code.as_str().unwrap());
                let found = Judged::by(&template).alone(&[], &[answer]);
                assert_eq!(found, set(&[&format!("{} {}", word("id"), word("severity"))]));
            }
        }
    }
}

#[test]
fn weight_that_rises_is_red_in_heart_failure_once_there_is_a_symptom() {
    let risen = |by: f64, answers: &[(&str, &str)]| {
        let mut judged = Judged::named("heart_failure");
        judged.session(19, 9, &[("weight", 80.0)], &[]);
        judged.session(20, 9, &[("weight", 80.0 + by)], answers);
        judged.found()
    };
    let context = "weight_1_day_with context";
    assert_eq!(
        risen(1.35, &[("more_breathless", "yes")]),
        set(&["breathless context"])
    );
    assert_eq!(risen(1.36, &[]), set(&[context]));
    let breathless = [context, "breathless context", "weight_and_symptom red"];
    assert_eq!(risen(1.36, &[("more_breathless", "yes")]), set(&breathless));
    let worried = [context, "worried context", "weight_and_symptom red"];
    assert_eq!(risen(1.36, &[("worried_about_heart", "yes")]), set(&worried));
    let both_limits = [context, "weight_1_day amber", "weight_3_days amber"];
    assert_eq!(risen(2.0, &[]), set(&both_limits));
    let over_a_week = |by: f64| {
        let mut judged = Judged::named("heart_failure");
        for (day, part) in [(13, 0.0), (15, 0.4), (17, 0.6), (20, 1.0)] {
            judged.session(day, 9, &[("weight", 80.0 + by * part)], &[]);
        }
        judged.session(20, 12, &[("weight", 80.0 + by)], &[("woken_breathless", "yes")]);
        judged.found()
    };
    assert!(over_a_week(2.72).contains("weight_and_symptom red"));
    assert!(!over_a_week(2.71).contains("weight_and_symptom red"));
}

#[test]
fn an_amber_pressure_is_red_in_heart_failure_once_there_is_a_symptom() {
    let found = |systolic: f64| {
        Judged::named("heart_failure").alone(&[("systolic_bp", systolic)], &[("light_headed", "yes")])
    };
    for (systolic, side) in [(89.0, "amber_low"), (161.0, "amber_high")] {
        let limit = format!("limits.systolic_bp.{side} amber");
        let expected = set(&[&limit, "dizzy context", "pressure_and_symptom red"]);
        assert_eq!(found(systolic), expected);
    }
    assert_eq!(found(160.0), set(&["dizzy context"]));
}

#[test]
fn two_of_three_signs_make_an_exacerbation_of_copd() {
    let signs = [
        "more_breathless_than_usual",
        "more_phlegm",
        "phlegm_colour_changed",
    ];
    for left_out in signs {
        let two: Vec<(&str, &str)> = signs
            .into_iter()
            .filter(|sign| *sign != left_out)
            .map(|sign| (sign, "yes"))
            .collect();
        let found = Judged::named("copd").alone(&[], &two);
        assert!(found.contains("exacerbation_likely red"), "{found:?}");
        let found = Judged::named("copd").alone(&[], &two[..1]);
        assert!(found.iter().all(|one| one.ends_with(" context")), "{found:?}");
    }
}

#[test]
fn a_patient_with_copd_is_held_against_the_fortnight_before() {
    let after_a_fortnight = |readings: &[(&str, f64)]| {
        let mut judged = Judged::named("copd");
        for day in 1..=14 {
            judged.session(day, 9, &[], &[]);
        }
        judged.session(15, 9, readings, &[]);
        judged.found()
    };
    assert_eq!(after_a_fortnight(&[]), set(&[]));
    for (measure, value) in [
        ("spo2", 94.0),
        ("heart_rate", 80.0),
        ("peak_flow", 370.0),
        ("fev1", 2.3),
    ] {
        let expected = format!("{measure}_unusual amber");
        assert_eq!(after_a_fortnight(&[(measure, value)]), set(&[&expected]));
    }
    let lighter = |weight: f64| {
        let mut judged = Judged::named("copd");
        for (day, weight) in [(1, 80.0), (15, 78.5), (29, weight)] {
            judged.session(day, 9, &[("weight", weight)], &[]);
        }
        judged.found()
    };
    assert_eq!(lighter(77.0), set(&["weight_loss amber"]));
    assert_eq!(lighter(77.1), set(&[]));
}

#[test]
fn two_lows_in_a_week_are_found_beside_the_second_one() {
    let second = |day: i32| {
        let mut judged = Judged::named("diabetes");
        judged.session(10, 9, &[("glucose", 3.9)], &[]);
        judged.session(day, 9, &[("glucose", 3.9)], &[]);
        judged.found()
    };
    let low = "limits.glucose.amber_low amber";
    assert_eq!(second(17), set(&[low, "two_lows amber"]));
    assert_eq!(second(18), set(&[low]));
}

#[test]
fn a_week_of_raised_pressure_needs_mornings_and_evenings_of_four_days() {
    let raised = |days: i32, systolic: f64, diastolic: f64| {
        let mut judged = Judged::named("hypertension");
        for day in 1..=days {
            for hour in [9, 18] {
                let readings = [("systolic_bp", systolic), ("diastolic_bp", diastolic)];
                judged.session(day, hour, &readings, &[]);
            }
        }
        judged.found()
    };
    let both = set(&["systolic_of_the_week amber", "diastolic_of_the_week amber"]);
    assert_eq!(raised(4, 135.1, 85.1), both);
    assert_eq!(raised(3, 150.0, 95.0), set(&[]));
    assert_eq!(raised(7, 135.0, 85.0), set(&[]));
}
