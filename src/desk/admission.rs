//! Monitoring belongs to the episode: due times exist from admission to discharge. The unit's assignment is another matter,
//! and stays until somebody ends it: what a discharged patient's unit still sends must not go unseen.

use chrono::TimeDelta;
use serde_json::json;

use crate::domain::alert::About;
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::PatientId;
use crate::domain::patient::{Episode, Patient, PatientStatus, Stage};
use crate::domain::time::Instant;
use crate::store;

use super::audit::{self, Subject};
use super::patient::{current, write};
use super::{Act, Form, Refusal};

/// As far as a session may lie back.
const PLANNED_AHEAD: TimeDelta = TimeDelta::days(400);

/// Starts monitoring. A patient who was discharged starts a new episode.
pub async fn admit(
    act: &mut Act,
    id: PatientId,
    seen_version: Option<i64>,
    from: Instant,
) -> Result<Patient, Refusal> {
    let mut patient = current(act, id, seen_version).await?;
    check(&patient, from, act.now)?;
    if patient.status == PatientStatus::Admitted {
        return Err(Refusal::Unlawful("the patient is admitted already".to_owned()));
    }
    let episode = match store::episode::running(&mut act.tx, id).await? {
        Some(episode) => episode,
        None => refer_again(act, id, from).await?,
    };
    if !store::episode::admit(&mut act.tx, episode.id, from).await? {
        return Err(Refusal::Unlawful("the patient is admitted already".to_owned()));
    }
    store::compliance::altered(&mut act.tx, &[(id, from)], act.now).await?;
    patient.status = PatientStatus::Admitted;
    let patient = write(act, patient).await?;
    audit::record(
        act,
        "patient.admit",
        Subject::patient(id),
        json!({ "from": from }),
    )
    .await?;
    Ok(patient)
}

/// Ends monitoring; never while a red alert is open.
pub async fn discharge(
    act: &mut Act,
    id: PatientId,
    seen_version: Option<i64>,
    at: Instant,
    reason: &str,
) -> Result<Patient, Refusal> {
    let mut patient = current(act, id, seen_version).await?;
    let mut form = Form::default();
    let reason = form.note("/reason", reason);
    form.check()?;
    let running = store::episode::running(&mut act.tx, id).await?;
    let Some(episode) = running else {
        return Err(Refusal::Unlawful("the patient is discharged already".to_owned()));
    };
    if let Stage::Admitted { from } = episode.stage
        && at < from
    {
        return Err(Refusal::invalid(
            "/at",
            "before_admission",
            "lies before the admission",
        ));
    }
    let classes = [Class::Clinical, Class::Compliance, Class::Technical];
    let whose = classes.map(|class| (About::Patient(id), class));
    let open = store::alert::open_for(&mut act.tx, &whose).await?;
    if open.iter().any(|alert| alert.severity == Severity::Red) {
        return Err(Refusal::Unlawful(
            "a red alert about this patient is open: close it with its outcome first".to_owned(),
        ));
    }
    if !store::episode::discharge(&mut act.tx, episode.id, at, &reason).await? {
        return Err(Refusal::Unlawful("the patient is discharged already".to_owned()));
    }
    store::compliance::altered(&mut act.tx, &[(id, at)], act.now).await?;
    patient.status = PatientStatus::Discharged;
    let patient = write(act, patient).await?;
    audit::record(
        act,
        "patient.discharge",
        Subject::patient(id),
        json!({ "at": at, "reason": reason }),
    )
    .await?;
    Ok(patient)
}

/// A slip of the pen in the year would leave a patient admitted whom nobody monitors, with no way back.
fn check(patient: &Patient, from: Instant, now: Instant) -> Result<(), Refusal> {
    let refused = |code, detail| Err(Refusal::invalid("/from", code, detail));
    if from.date_naive() < patient.birth_date {
        refused("before_birth", "lies before the patient's birth")
    } else if now + PLANNED_AHEAD < from {
        refused("too_far_ahead", "lies more than 400 days ahead")
    } else {
        Ok(())
    }
}

async fn refer_again(act: &mut Act, patient_id: PatientId, from: Instant) -> Result<Episode, Refusal> {
    let earlier = store::episode::of(&mut act.tx, &[patient_id]).await?;
    let overlaps = |episode: &Episode| matches!(&episode.stage, Stage::Discharged { at, .. } if from < *at);
    if earlier.iter().any(overlaps) {
        return Err(Refusal::invalid(
            "/from",
            "in_an_episode",
            "lies before the end of an earlier episode",
        ));
    }
    let episode = Episode {
        id: act.id(),
        patient_id,
        referred_at: act.now,
        stage: Stage::Referred,
    };
    store::episode::insert(&mut act.tx, &episode).await?;
    Ok(episode)
}
