//! Guard rails of parameters: a person who widens a red limit is asked why; a machine cannot be asked, so what it widened is
//! marked with no reason. Either waits for a second person, and neither waits to be in force.

use crate::domain::patient::Condition;
use crate::domain::plan::{Plan, in_force};
use crate::domain::review::{Mark, Widening};
use crate::domain::staff::Role;
use crate::domain::time::Instant;
use crate::engine::guard;
use crate::store::plan::PlanRow;
use crate::wire::plan::Aside;
use crate::wire::problem::Problem;

use super::{Caller, Refusal, plan, template};

/// What is marked for a second person; or every place that whoever puts the plan says nothing of.
pub(super) fn check(
    caller: &Caller,
    versions: &[PlanRow],
    conditions: &[Condition],
    (plan, aside): (&Plan, &Aside),
    now: Instant,
) -> Result<Vec<Mark>, Refusal> {
    from_known_templates(aside)?.map_err(Refusal::Invalid)?;
    let mut marks = marks(versions, conditions, plan, now)?;
    if caller.role == Role::Admin {
        return Ok(marks);
    }
    let unsaid: Vec<Problem> = marks
        .iter()
        .filter_map(|mark| question(mark, aside).map(|key| asked(mark, key)))
        .collect();
    if !unsaid.is_empty() {
        return Err(Refusal::Invalid(unsaid));
    }
    // The nurse has confirmed it by putting it so.
    marks.retain(|mark| mark.what != Widening::Scale2);
    Ok(marks)
}

fn marks(
    versions: &[PlanRow],
    conditions: &[Condition],
    plan: &Plan,
    now: Instant,
) -> Result<Vec<Mark>, Refusal> {
    let followed = followed(versions, plan, now)?;
    let templates = conditions
        .iter()
        .map(|condition| Ok((*condition, template::of(*condition)?.parsed()?.rules)))
        .collect::<Result<Vec<_>, Refusal>>()?;
    Ok(guard::marks(
        &followed.iter().collect::<Vec<_>>(),
        &templates,
        plan,
    ))
}

/// What will be marked, each with the key of the body by which it has still to be answered, whoever puts the plan.
pub(super) fn foreseen(
    versions: &[PlanRow],
    conditions: &[Condition],
    (plan, aside): (&Plan, &Aside),
    now: Instant,
) -> Result<Vec<(Mark, Option<&'static str>)>, Refusal> {
    let marks = marks(versions, conditions, plan, now)?.into_iter();
    let with_key = |mark: Mark| {
        let asks = question(&mark, aside);
        (mark, asks)
    };
    Ok(marks.map(with_key).collect())
}

/// The versions that this one follows: the one in force when it begins, and where it holds now, the one in force now.
fn followed(versions: &[PlanRow], plan: &Plan, now: Instant) -> Result<Vec<Plan>, Refusal> {
    let holds_now = plan.effective_from <= now && plan.until.is_none_or(|until| now < until);
    let times = [Some(plan.effective_from), holds_now.then_some(now)];
    let mut rows: Vec<&PlanRow> = Vec::new();
    for row in times
        .into_iter()
        .flatten()
        .filter_map(|at| in_force(versions, at))
    {
        if !rows.iter().any(|known| known.version == row.version) {
            rows.push(row);
        }
    }
    rows.into_iter().map(plan::stored).collect()
}

/// The key of the body in which something has still to be said about a mark.
fn question(mark: &Mark, aside: &Aside) -> Option<&'static str> {
    match mark.what {
        Widening::Scale2 => (!aside.confirms_scale_2).then_some("confirms_scale_2"),
        _ => aside.widening_reason.is_none().then_some("widening_reason"),
    }
}

fn asked(mark: &Mark, key: &str) -> Problem {
    let what = match mark.what {
        Widening::Scale2 => format!("confirm it with \"{key}\": true"),
        _ => format!("say why in {key}"),
    };
    Problem::new(
        mark.at.as_str(),
        mark.what.code(),
        format!("{}: {what}", mark.detail),
    )
}

/// A provenance that names what never was is none.
pub(super) fn from_known_templates(aside: &Aside) -> Result<Result<(), Vec<Problem>>, Refusal> {
    let templates = template::all()?;
    let faults: Vec<Problem> = (0_usize..)
        .zip(&aside.from_templates)
        .filter_map(
            |(place, from)| match templates.iter().find(|one| one.id == from.name) {
                None => Some(Problem::new(
                    format!("/from_templates/{place}/name"),
                    "unknown_template",
                    "is no template of this service",
                )),
                Some(known) if from.version > known.version => Some(Problem::new(
                    format!("/from_templates/{place}/version"),
                    "unknown_version",
                    format!("the template's version is {}", known.version),
                )),
                Some(_) => None,
            },
        )
        .collect();
    Ok(if faults.is_empty() { Ok(()) } else { Err(faults) })
}
