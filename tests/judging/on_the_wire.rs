//! Random sessions and plans as the JSON that would have made them.

use std::collections::BTreeMap;

use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::plan::Plan;
use homeward::domain::question::{Question, QuestionKind};
use homeward::domain::reading::{Comparator, Context, Reading, Suspicion};
use homeward::domain::rule::{Band, Combination, Direction, Edge, Named, OxygenScale, Rule, RuleKind};
use homeward::domain::schedule::Schedule;
use homeward::domain::session::{self, Answer};
use serde_json::{Map, Value, json};

pub(crate) fn session(session: &session::Session) -> Value {
    json!({
        "session_id": session.key.session_id, "started_at": session.started_at, "completed_at": session.completed_at,
        "readings": session.readings.iter().map(reading).collect::<Vec<_>>(),
        "answers": session.answers.iter().map(answer).collect::<Vec<_>>(),
    })
}

fn reading(reading: &Reading) -> Value {
    let fault = |wanted| reading.fault == Some(wanted);
    let value = match reading.value {
        Some(value) => number(value),
        None if fault(Suspicion::OutOfRange) => json!(1e300),
        None if fault(Suspicion::NotFinite) => json!("NaN"),
        None => json!(1),
    };
    let comparator = reading.comparator.map(|comparator| match comparator {
        Comparator::Less => "<",
        Comparator::Greater => ">",
    });
    // What stands beside a measure that does not have it is ignored, and told.
    let context = reading.context.filter(|context| match context {
        Context::ControlSolution | Context::BeforeMeal | Context::AfterMeal | Context::Fasting => {
            reading.measure == Some(Measure::Glucose)
        }
        Context::OnAir | Context::OnOxygen => reading.measure == Some(Measure::Spo2),
        _ => reading.measure == Some(Measure::RespiratoryRate),
    });
    json!({
        "measure": reading.measure.map_or("mood", |measure| measure.facts().code),
        "unit": if fault(Suspicion::UnknownUnit) { "furlong" } else { reading.measure.map_or("1", |measure| measure.facts().unit) },
        "value": value, "comparator": comparator, "taken_at": reading.taken_at,
        "context": context,
    })
}

fn answer(answer: &Answer) -> Value {
    json!({ "question": answer.question, "answer": answer.answer, "answered_at": answer.answered_at })
}

fn number(value: Milli) -> Value {
    serde_json::from_str(&value.to_string()).expect("a decimal number")
}

pub(crate) fn plan(plan: &Plan) -> Value {
    let ids: Vec<&str> = plan.rules.iter().map(|rule| rule.id.as_str()).collect();
    // Plans at random may combine rules that they do not have; one like that would be refused.
    let rules = plan.rules.iter().filter(|rule| match &rule.kind {
        RuleKind::Combination(combination) => {
            names(combination).all(|named| ids.contains(&named.rule.as_str()) && has_side(plan, named))
        }
        _ => true,
    });
    json!({
        "reason": plan.reason, "effective_from": plan.effective_from, "until": plan.until,
        "timezone": plan.timezone.name(), "measures": &plan.measures[..], "schedule": plan.schedule.as_ref().map(schedule),
        "rules": rules.map(|of| rule(of)).collect::<Vec<_>>(),
        "questions": plan.questions.iter().map(|of| question(of)).collect::<Vec<_>>(),
    })
}

fn schedule(schedule: &Schedule) -> Value {
    let times = schedule.times.iter().map(|time| time.format("%H:%M").to_string());
    let days = schedule.days.iter().map(|day| day.to_string().to_lowercase());
    json!({
        "times": times.collect::<Vec<_>>(), "days": days.collect::<Vec<_>>(),
        "window_before_min": schedule.window_before_min, "grace_min": schedule.grace_min,
    })
}

fn names(combination: &Combination) -> impl Iterator<Item = &Named> {
    combination.terms.iter().flat_map(|term| &term.0)
}

fn has_side(plan: &Plan, named: &Named) -> bool {
    use homeward::domain::finding::Side;
    let Some(side) = named.side else { return true };
    plan.rules.iter().any(|rule| match &rule.kind {
        RuleKind::Limits(limits) if rule.id == named.rule => match side {
            Side::RedLow => limits.red_low.is_some(),
            Side::AmberLow => limits.amber_low.is_some(),
            Side::AmberHigh => limits.amber_high.is_some(),
            Side::RedHigh => limits.red_high.is_some(),
        },
        _ => false,
    })
}

fn rule(rule: &Rule) -> Value {
    let mut body = match &rule.kind {
        RuleKind::Limits(limits) => json!({
            "measure": limits.measure, "red_low": limits.red_low.map(number), "amber_low": limits.amber_low.map(number),
            "amber_high": limits.amber_high.map(number), "red_high": limits.red_high.map(number),
        }),
        RuleKind::Change(change) => json!({
            "measure": change.measure, "direction": if change.direction == Direction::Rise { "rise" } else { "fall" },
            "by": number(change.by), "within_days": change.within_days, "reference": change.reference,
            "severity": change.severity,
        }),
        RuleKind::Persistence(of) => with_band(
            of.band,
            json!({
                "measure": of.measure, "at_least": of.at_least, "of_last": of.of_last, "within_days": of.within_days,
                "severity": of.severity,
            }),
        ),
        RuleKind::Count(of) => with_band(
            of.band,
            json!({
                "measure": of.measure, "at_least": of.at_least, "within_hours": of.within_hours, "severity": of.severity,
            }),
        ),
        RuleKind::Mean(of) => with_band(
            of.band,
            json!({
                "measure": of.measure, "over_days": of.over_days, "min_readings": of.min_readings, "min_days": of.min_days,
                "severity": of.severity,
            }),
        ),
        RuleKind::Baseline(of) => json!({
            "measure": of.measure, "direction": if of.edge == Edge::Low { "low" } else { "high" },
            "k": serde_json::from_str::<Value>(&of.k.to_string()).expect("a decimal number"), "over_days": of.over_days,
            "min_readings": of.min_readings, "min_sd": number(of.min_sd), "severity": of.severity,
        }),
        RuleKind::Target(of) => json!({
            "measure": of.measure, "value": number(of.value), "low_by": of.low_by.map(number),
            "high_by": of.high_by.map(number), "severity": of.severity,
        }),
        RuleKind::Trend(of) => json!({
            "measure": of.measure, "direction": of.direction, "short_days": of.short_days, "long_days": of.long_days,
            "by": number(of.by), "severity": of.severity,
        }),
        RuleKind::Score(of) => {
            let points = |points: &BTreeMap<String, Milli>| -> Map<String, Value> {
                points
                    .iter()
                    .map(|(code, points)| (code.clone(), number(*points)))
                    .collect()
            };
            let weights = of
                .weights
                .iter()
                .map(|(question, of)| (question.clone(), json!(points(of))));
            json!({ "weights": weights.collect::<Map<_, _>>(), "at_least": number(of.at_least), "severity": of.severity })
        }
        RuleKind::News2(of) => {
            let (scale, approved_by) = match &of.scale {
                OxygenScale::One => (1, None),
                OxygenScale::Two { approved_by } => (2, Some(approved_by)),
            };
            json!({
                "scale": scale, "scale_2_approved_by": approved_by, "amber_at": of.amber_at, "red_at": of.red_at,
                "single_three": if of.single_three { "amber" } else { "none" },
            })
        }
        RuleKind::Answer(answer) => json!({
            "question": answer.question, "any_of": answer.any_of, "severity": answer.severity,
        }),
        RuleKind::Combination(combination) => {
            // A list that names the same twice would be refused.
            let mut terms: Vec<Vec<String>> = Vec::new();
            for term in &combination.terms {
                let mut names: Vec<String> = term.0.iter().map(name).collect();
                names.sort();
                names.dedup();
                if !terms.contains(&names) {
                    terms.push(names);
                }
            }
            json!({
                "at_least": combination.need.min(terms.len()), "of": terms,
                "within_hours": combination.within_hours, "severity": combination.severity,
            })
        }
        RuleKind::Missed(missed) => json!({"after": missed.after, "severity": missed.severity}),
        RuleKind::Incomplete(incomplete) => json!({
            "measures": incomplete.measures, "sessions_in_row": incomplete.sessions_in_row,
            "severity": incomplete.severity,
        }),
        RuleKind::Adherence(adherence) => {
            json!({"at_least": adherence.at_least, "severity": adherence.severity})
        }
    };
    body["id"] = json!(rule.id);
    body["kind"] = json!(rule.kind.word());
    // A key that a rule does not have is refused, null or not.
    body.as_object_mut()
        .expect("an object")
        .retain(|_, value| !value.is_null());
    body
}

fn with_band(band: Band, mut body: Value) -> Value {
    body["low"] = json!(band.low.map(number));
    body["high"] = json!(band.high.map(number));
    body
}

fn name(named: &Named) -> String {
    match named.side {
        Some(side) => format!("{}.{}", named.rule, side.word()),
        None => named.rule.clone(),
    }
}

fn question(question: &Question) -> Value {
    let kind = match question.kind {
        QuestionKind::YesNo => "yes_no",
        QuestionKind::Choice => "choice",
        QuestionKind::Number => "number",
    };
    let mut body = json!({ "id": question.id, "type": kind, "text": question.text });
    if question.kind == QuestionKind::Choice {
        let options = question
            .options
            .iter()
            .map(|option| json!({ "code": option.code, "text": option.text }));
        body["options"] = options.collect();
    }
    body
}
