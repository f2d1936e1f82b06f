//! A reading belongs to whoever had the unit then: a period may be entered or corrected afterwards, and the sessions that
//! change hands are judged again, for the one who loses them and the one who gains them.

use serde_json::json;

use crate::domain::ids::{AssignmentId, PatientId, UnitId};
use crate::domain::time::Instant;
use crate::judging::{again, notice};
use crate::store;
use crate::store::StoreError;
use crate::store::assignment::Assignment;

use super::audit::{self, Subject};
use super::edit::Edit;
use super::{Act, Refusal};

/// Assigns the unit to the patient for a period; without an end, until further notice.
pub async fn assign(
    act: &mut Act,
    unit: &UnitId,
    patient: PatientId,
    from: Instant,
    to: Option<Instant>,
) -> Result<Assignment, Refusal> {
    let others = lock(act, unit, Some(patient)).await?;
    let new = Assignment {
        id: act.id(),
        unit_id: unit.clone(),
        patient_id: patient,
        from,
        to,
        version: 1,
        created_at: act.now,
    };
    check(&new, &others)?;
    store::assignment::insert(&mut act.tx, &new)
        .await
        .map_err(overlap)?;
    settle(act, &new, &[], "unit.assign").await?;
    Ok(new)
}

/// Corrects or ends a period.
pub async fn change(
    act: &mut Act,
    unit: &UnitId,
    id: AssignmentId,
    seen_version: i64,
    from: Option<Instant>,
    to: Edit<Instant>,
) -> Result<Assignment, Refusal> {
    let others = lock(act, unit, None).await?;
    let Some(before) = others.iter().find(|one| one.id == id).cloned() else {
        return Err(Refusal::NotFound("assignment"));
    };
    if before.version != seen_version {
        return Err(Refusal::Stale {
            current: before.version,
        });
    }
    let changed = Assignment {
        from: from.unwrap_or(before.from),
        to: to.over(before.to),
        version: seen_version + 1,
        ..before.clone()
    };
    check(&changed, &others)?;
    let period = (changed.from, changed.to);
    if !store::assignment::update(&mut act.tx, id, seen_version, period)
        .await
        .map_err(overlap)?
    {
        return Err(Refusal::Stale {
            current: seen_version + 1,
        });
    }
    settle(act, &changed, &[before], "unit.reassign").await?;
    Ok(changed)
}

/// Locks the unit, then everybody who has or had it, and who is to have it; gives all its periods. Ingest rests on that: of a unit whose
/// patient it knows it locks only her.
async fn lock(act: &mut Act, unit: &UnitId, newcomer: Option<PatientId>) -> Result<Vec<Assignment>, Refusal> {
    let units = std::slice::from_ref(unit);
    if store::unit::lock_for_update(&mut act.tx, units).await?.is_empty() {
        return Err(Refusal::NotFound("unit"));
    }
    let periods = store::assignment::of_units(&mut act.tx, units).await?;
    let mut patients: Vec<PatientId> = periods
        .iter()
        .map(|period| period.patient_id)
        .chain(newcomer)
        .collect();
    patients.sort_unstable();
    patients.dedup();
    let known = store::patient::lock(&mut act.tx, &patients).await?;
    if newcomer.is_some_and(|patient| !known.contains(&patient)) {
        return Err(Refusal::invalid(
            "/patient_id",
            "unknown_patient",
            "there is no such patient",
        ));
    }
    Ok(periods)
}

fn check(period: &Assignment, others: &[Assignment]) -> Result<(), Refusal> {
    if period.to.is_some_and(|to| to <= period.from) {
        return Err(Refusal::invalid(
            "/to",
            "not_after_from",
            "the period must end after it begins",
        ));
    }
    let overlaps = |other: &&Assignment| {
        other.id != period.id
            && other.to.is_none_or(|to| period.from < to)
            && period.to.is_none_or(|to| other.from < to)
    };
    match others.iter().find(overlaps) {
        None => Ok(()),
        Some(other) => Err(Refusal::Taken {
            at: "/from",
            detail: format!(
                "the unit is assigned from {} {} already",
                shown(other.from),
                other.to.map_or("until further notice".to_owned(), |to| format!(
                    "to {}",
                    shown(to)
                ))
            ),
        }),
    }
}

fn shown(at: Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn overlap(error: StoreError) -> Refusal {
    match error {
        StoreError::Taken { .. } => Refusal::Taken {
            at: "/from",
            detail: "the unit is assigned in this period already".to_owned(),
        },
        other => other.into(),
    }
}

/// Hands sessions over, has the unit told whose plan it asks by, and writes the audit.
async fn settle(
    act: &mut Act,
    period: &Assignment,
    before: &[Assignment],
    name: &'static str,
) -> Result<(), Refusal> {
    let moved = again::hand_over(&mut act.tx, &period.unit_id, &act.ids, act.now).await?;
    let mut moments: Vec<Instant> = before
        .iter()
        .chain([period])
        .flat_map(|one| [Some(one.from), one.to])
        .flatten()
        .filter(|at| act.now < *at)
        .chain([act.now])
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let notices: Vec<_> = moments
        .into_iter()
        .map(|due_at| {
            let occasion = format!(
                "assignment/{}/{}/{}",
                period.id,
                period.version,
                due_at.timestamp_micros()
            );
            notice::plan(&period.unit_id, &occasion, &act.ids, act.now, due_at)
        })
        .collect();
    store::outbox::insert(&mut act.tx, &notices).await?;
    let subject = Subject::new("assignment", period.id, Some(period.patient_id));
    let detail = json!({
        "unit_id": period.unit_id,
        "from": period.from,
        "to": period.to,
        "sessions_moved": moved,
    });
    audit::record(act, name, subject, detail).await
}
