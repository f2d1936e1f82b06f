//! Technical findings that the arrival of a session makes: nobody is assigned, or nobody set parameters.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::alert::About;
use crate::domain::finding::{Class, Finding, FindingState, Numbers, Severity, identity};
use crate::domain::ids::{FindingId, PatientId, UnitId};
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::store::finding::FindingRow;
use crate::store::{self, StoreError, Tx};

use super::alerting::News;
use super::verdict::LATE_AFTER;

/// The rule of a session whose unit nobody was assigned to.
pub const UNASSIGNED: &str = "unassigned";
/// The rule of a patient whose sessions nobody judges, since no parameters are set.
pub const NO_PLAN: &str = "no_plan";

/// One for each session that belongs to nobody: each waits for a person to say whose it is.
pub async fn unassigned<'a>(
    tx: &mut Tx,
    sessions: impl IntoIterator<Item = &'a Session>,
    now: Instant,
) -> Result<Vec<News>, StoreError> {
    let news: Vec<News> = sessions
        .into_iter()
        .map(|session| {
            let unit = session.key.unit_id.clone();
            let sentence =
                format!("Unit {unit} sent a session, but nobody was assigned to the unit when it was taken.");
            let finding = Finding {
                session: Some(session.key.clone()),
                ..technical(UNASSIGNED, sentence, session.completed_at, &session.key.unit_id)
            };
            row(About::Unit(unit), None, finding, now)
        })
        .collect();
    keep(tx, news).await
}

/// One a patient, however many sessions come before the first plan; the unit is one that brought them.
pub async fn no_plans<'a>(
    tx: &mut Tx,
    unplanned: impl IntoIterator<Item = (PatientId, &'a UnitId)>,
    now: Instant,
) -> Result<Vec<News>, StoreError> {
    let mut news: BTreeMap<PatientId, News> = BTreeMap::new();
    for (patient, unit) in unplanned {
        news.entry(patient).or_insert_with(|| {
            row(
                About::Patient(patient),
                Some(patient),
                nobody_judges(unit, now),
                now,
            )
        });
    }
    let ids: Vec<FindingId> = news.values().map(|news| news.finding.id).collect();
    let standing: BTreeSet<FindingId> = (store::finding::of(tx, &ids).await?.into_iter())
        .filter(|row| row.state == FindingState::Current)
        .map(|row| row.id)
        .collect();
    keep(
        tx,
        news.into_values()
            .filter(|news| !standing.contains(&news.finding.id))
            .collect(),
    )
    .await
}

async fn keep(tx: &mut Tx, news: Vec<News>) -> Result<Vec<News>, StoreError> {
    let rows: Vec<FindingRow> = news.iter().map(|news| news.finding.clone()).collect();
    store::finding::upsert(tx, &rows).await?;
    Ok(news)
}

/// Ends the finding that nobody judges these patients' sessions: they have a plan now, or no session any more.
pub async fn no_longer_unjudged(tx: &mut Tx, patients: &[PatientId], now: Instant) -> Result<(), StoreError> {
    // The identity leaves the unit out.
    let Ok(unit) = "any".parse() else { return Ok(()) };
    let finding = nobody_judges(&unit, now);
    let ids: Vec<FindingId> = patients
        .iter()
        .map(|patient| identity(Some(*patient), &finding, None))
        .collect();
    let rows = store::finding::of(tx, &ids).await?;
    let current = rows.iter().filter(|row| row.state == FindingState::Current);
    store::finding::supersede(tx, &current.map(|row| row.id).collect::<Vec<_>>()).await
}

fn nobody_judges(unit: &UnitId, now: Instant) -> Finding {
    let sentence = "Sessions arrive for this patient, but no parameters are set, so nobody judges them.";
    technical(NO_PLAN, sentence.to_owned(), now, unit)
}

pub(super) fn technical(rule: &str, sentence: String, at: Instant, unit: &UnitId) -> Finding {
    Finding {
        rule: rule.to_owned(),
        side: None,
        kind: rule.to_owned(),
        class: Class::Technical,
        severity: Severity::Amber,
        plan_version: None,
        session: None,
        unit_id: Some(unit.clone()),
        at,
        numbers: Numbers::default(),
        readings: Vec::new(),
        sentence,
        reason: None,
    }
}

fn row(about: About, patient_id: Option<PatientId>, finding: Finding, now: Instant) -> News {
    let id = identity(patient_id, &finding, None);
    let state = FindingState::Current;
    let late = now - finding.at > LATE_AFTER;
    News::of(
        about,
        FindingRow {
            id,
            patient_id,
            finding,
            state,
            late,
            made_at: now,
        },
    )
}
