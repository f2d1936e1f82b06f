//! The plan of a patient with two conditions, proposed from both templates: a nurse sees each conflict, decides, and puts it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Refusal;
use super::template::{self, Template};
use crate::domain::ids::PatientId;
use crate::domain::patient::Condition;
use crate::domain::rule::{Limits, Rule};
use crate::engine::merge::{Merged, Pick, merge};
use crate::store::{self, Tx};

/// A plan body that lacks only a reason and a beginning, and where its templates differ.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub plan: Value,
    pub conflicts: Vec<Conflict>,
}

/// One place at which templates say different things.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// A JSON pointer into the proposed plan.
    pub at: String,
    /// What each template says.
    pub choices: Vec<(String, Value)>,
    /// What stands at the place.
    pub proposed: Value,
    pub why: String,
}

/// From the templates of a patient's conditions.
pub async fn for_patient(tx: &mut Tx, patient: PatientId) -> Result<Proposal, Refusal> {
    let person = store::patient::get(tx, patient)
        .await?
        .ok_or(Refusal::NotFound("patient"))?;
    if person.conditions.is_empty() {
        let why = "no condition of this patient is on record, so there is no template to begin with";
        return Err(Refusal::Unlawful(why.to_owned()));
    }
    merged(&person.conditions)
}

/// From the templates of these conditions, in their order; each counts once.
pub fn merged(conditions: &[Condition]) -> Result<Proposal, Refusal> {
    let mut templates: Vec<Template> = Vec::new();
    for condition in conditions {
        if templates.iter().all(|known| known.id != condition.word()) {
            templates.push(template::of(*condition)?);
        }
    }
    let written = templates
        .iter()
        .map(|template| serde_json::from_str(template.plan.get()).map_err(|error| broken(&error)))
        .collect::<Result<Vec<Map<String, Value>>, Refusal>>()?;
    let rules = templates
        .iter()
        .map(|template| Ok(template.parsed()?.rules))
        .collect::<Result<Vec<Vec<Arc<Rule>>>, Refusal>>()?;
    let sets: Vec<(&str, &[Arc<Rule>])> = (templates.iter().zip(&rules))
        .map(|(template, rules)| (template.id.as_str(), rules.as_slice()))
        .collect();
    let mut proposal = Proposal {
        plan: json!({}),
        conflicts: Vec::new(),
    };
    let names: Vec<&str> = templates.iter().map(|template| template.id.as_str()).collect();
    let plan = frame(&written, &names, &mut proposal.conflicts);
    let rules = propose(&merge(&sets), &written, &names, &mut proposal.conflicts);
    let from: Vec<Value> = templates
        .iter()
        .map(|template| json!({ "name": template.id, "version": template.version }))
        .collect();
    proposal.plan = Value::Object(plan);
    proposal.plan["rules"] = Value::Array(rules);
    proposal.plan["from_templates"] = Value::Array(from);
    Ok(proposal)
}

/// The rules as they are written, each under the name that it has in the proposal.
fn propose(
    merged: &[Merged],
    written: &[Map<String, Value>],
    names: &[&str],
    conflicts: &mut Vec<Conflict>,
) -> Vec<Value> {
    let as_written = |(set, place): (usize, usize)| written[set]["rules"][place].clone();
    // What a set calls a rule that another set's rule has taken the name of.
    let mut renamed: BTreeMap<(usize, String), String> = BTreeMap::new();
    for one in merged {
        if let Pick::Whole { set, place } = one.pick
            && let Some(was) = as_written((set, place))["id"].as_str()
            && was != one.id
        {
            renamed.insert((set, was.to_owned()), one.id.clone());
        }
    }
    let mut rules = Vec::with_capacity(merged.len());
    for (at, one) in merged.iter().enumerate() {
        let rule = match one.pick {
            Pick::Bounds(limits) => bounds(&one.id, &limits),
            Pick::Whole { set, place } => {
                let mut rule = as_written((set, place));
                rule["id"] = json!(one.id);
                for key in ["all_of", "any_of", "of"] {
                    let combines = rule["kind"] == "combination";
                    if let Some(terms) = rule.get_mut(key).filter(|_| combines) {
                        rename(terms, set, &renamed);
                    }
                }
                rule
            }
        };
        if let Some(why) = &one.why {
            let choices = one
                .choices
                .iter()
                .map(|choice| (names[choice.0].to_owned(), as_written(*choice)));
            conflicts.push(Conflict {
                at: format!("/rules/{at}"),
                choices: choices.collect(),
                proposed: rule.clone(),
                why: why.clone(),
            });
        }
        rules.push(rule);
    }
    rules
}

fn bounds(id: &str, limits: &Limits) -> Value {
    let mut rule = json!({ "id": id, "kind": "limits", "measure": limits.measure });
    let sides = [
        ("red_low", limits.red_low),
        ("amber_low", limits.amber_low),
        ("amber_high", limits.amber_high),
        ("red_high", limits.red_high),
    ];
    for (side, bound) in sides {
        if let Some(bound) = bound {
            rule[side] = json!(bound);
        }
    }
    rule
}

/// A combination goes on naming the rules of its own template.
fn rename(terms: &mut Value, set: usize, renamed: &BTreeMap<(usize, String), String>) {
    match terms {
        Value::Array(terms) => {
            for term in terms {
                rename(term, set, renamed);
            }
        }
        Value::String(name) => {
            if let Some(now) = renamed.get(&(set, name.clone())) {
                name.clone_from(now);
            }
        }
        _ => {}
    }
}

/// All but the rules: what is asked for is asked for by either, the shorter wait is proposed.
fn frame(
    written: &[Map<String, Value>],
    names: &[&str],
    conflicts: &mut Vec<Conflict>,
) -> Map<String, Value> {
    let mut plan = written.first().cloned().unwrap_or_default();
    for key in ["measures", "questions"] {
        plan.insert(key.to_owned(), union(written.iter().map(|one| &one[key])));
    }
    let mut schedule = plan["schedule"].clone();
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    for (key, order) in [("times", &[][..]), ("days", &days[..])] {
        let all = union(written.iter().map(|one| &one["schedule"][key]));
        let mut all: Vec<String> = serde_json::from_value(all).unwrap_or_default();
        all.sort_by_key(|one| (order.iter().position(|day| day == one), one.clone()));
        schedule[key] = json!(all);
    }
    for key in ["window_before_min", "grace_min"] {
        schedule[key] = least(written.iter().map(|one| &one["schedule"][key]));
    }
    plan.insert("schedule".to_owned(), schedule);
    plan.insert(
        "max_silence_hours".to_owned(),
        least(written.iter().map(|one| &one["max_silence_hours"])),
    );
    let all_close = written.iter().all(|one| one["amber_auto_close"] == true);
    plan.insert("amber_auto_close".to_owned(), json!(all_close));
    for (at, why) in [
        (
            "/schedule",
            "asked at every time that either asks, within the shorter window",
        ),
        ("/max_silence_hours", "the shorter silence"),
        ("/amber_auto_close", "nothing closes by itself unless both say so"),
    ] {
        let said = |one: &Map<String, Value>| {
            Value::Object(one.clone())
                .pointer(at)
                .cloned()
                .unwrap_or_default()
        };
        let choices: Vec<(String, Value)> = names
            .iter()
            .zip(written)
            .map(|(name, one)| ((*name).to_owned(), said(one)))
            .collect();
        if choices.windows(2).any(|pair| pair[0].1 != pair[1].1) {
            conflicts.push(Conflict {
                at: at.to_owned(),
                choices,
                proposed: said(&plan),
                why: why.to_owned(),
            });
        }
    }
    plan
}

/// Every element of the lists once, in the order in which it first comes.
fn union<'a>(lists: impl Iterator<Item = &'a Value>) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for element in lists.filter_map(Value::as_array).flatten() {
        if !all.contains(element) {
            all.push(element.clone());
        }
    }
    Value::Array(all)
}

fn least<'a>(numbers: impl Iterator<Item = &'a Value>) -> Value {
    json!(numbers.filter_map(Value::as_u64).min())
}

fn broken(error: &serde_json::Error) -> Refusal {
    Refusal::Broken(format!("a template cannot be read: {error}"))
}
