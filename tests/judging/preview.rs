//! What a preview says stands in the store, and what it says of other parameters is what putting them would make stand.

use std::collections::BTreeSet;

use homeward::domain::finding::{Class, Finding, FindingState};
use homeward::domain::ids::{PatientId, SessionKey};
use homeward::domain::plan::{Plan, in_force};
use homeward::domain::session::Session;
use homeward::domain::time::Instant;
use homeward::engine::preview::{Fate, Preview};
use homeward::judging::preview::beside_those_in_force;
use proptest::prelude::*;

use super::on_the_wire;
use crate::engine::build::{self, decided};
use crate::engine::random::Record;
use crate::support::ward::Ward;

/// Tried from every session's completion on, and from before them all.
pub(crate) async fn holds(
    ward: &Ward,
    patient: PatientId,
    plans: &[Plan],
    sessions: &[Session],
    record: &Record,
) -> Result<(), TestCaseError> {
    let long_ago: Instant = "2025-01-01T00:00:00Z".parse().unwrap();
    let completed: BTreeSet<Instant> = sessions.iter().map(|session| session.completed_at).collect();
    for since in completed.into_iter().chain([long_ago]) {
        let inside: BTreeSet<&SessionKey> = sessions
            .iter()
            .filter(|session| session.completed_at >= since)
            .map(|session| &session.key)
            .collect();
        what_is_in_force_is_what_stands(ward, patient, since, &inside).await?;
        what_is_in_force_changes_nothing(ward, patient, plans, since, sessions).await?;
        other_parameters_do_what_putting_them_would(ward, patient, plans, since, (sessions, record)).await?;
    }
    Ok(())
}

async fn previewed(ward: &Ward, patient: PatientId, proposed: &Plan, since: Instant) -> Preview {
    let mut tx = ward.db.read().await.unwrap();
    beside_those_in_force(&mut tx, patient, proposed, since)
        .await
        .unwrap()
}

/// Against a plan without rules everything that stands would be gone.
async fn what_is_in_force_is_what_stands(
    ward: &Ward,
    patient: PatientId,
    since: Instant,
    inside: &BTreeSet<&SessionKey>,
) -> Result<(), TestCaseError> {
    let preview = previewed(ward, patient, &build::plan(Vec::new()), since).await;
    prop_assert!(preview.findings.iter().all(|found| found.fate == Fate::Gone));
    prop_assert_eq!(preview.sessions, inside.len());
    let stands = standing(ward, patient, inside).await;
    let found = preview.findings.into_iter().map(|found| found.finding);
    prop_assert_eq!(in_order(found), in_order(stands.into_iter()));
    Ok(())
}

async fn what_is_in_force_changes_nothing(
    ward: &Ward,
    patient: PatientId,
    plans: &[Plan],
    since: Instant,
    sessions: &[Session],
) -> Result<(), TestCaseError> {
    let inside = sessions.iter().filter(|session| session.completed_at >= since);
    let versions: Vec<&Plan> = inside
        .filter_map(|session| in_force(plans, session.completed_at))
        .collect();
    let Some(plan) = versions
        .first()
        .filter(|first| versions.iter().all(|other| other.version == first.version))
    else {
        return Ok(());
    };
    let preview = previewed(ward, patient, plan, since).await;
    prop_assert!(
        preview.findings.iter().all(|found| found.fate == Fate::Stays),
        "{:?}",
        preview.findings
    );
    prop_assert_eq!(preview.whole.findings.stays, preview.findings.len());
    prop_assert_eq!(preview.whole.alert_days.new + preview.whole.alert_days.gone, 0);
    Ok(())
}

/// As the next version from then on.
async fn other_parameters_do_what_putting_them_would(
    ward: &Ward,
    patient: PatientId,
    plans: &[Plan],
    since: Instant,
    (sessions, record): (&[Session], &Record),
) -> Result<(), TestCaseError> {
    for proposed in plans {
        let next = Plan {
            version: i64::try_from(plans.len()).unwrap() + 1,
            effective_from: since,
            until: None,
            ..proposed.clone()
        };
        // The version that begins first would judge what lies before it too.
        if plans.iter().all(|plan| plan.effective_from > since) {
            continue;
        }
        let preview = previewed(ward, patient, &next, since).await;
        let versions: Vec<Plan> = plans.iter().cloned().chain([next]).collect();
        let judged = decided(&versions, sessions, &record.decisions);
        let inside = |finding: &Finding| {
            let whose = sessions
                .iter()
                .find(|session| Some(&session.key) == finding.session.as_ref());
            whose.is_some_and(|session| session.completed_at >= since)
        };
        let would = judged.into_iter().flat_map(|judged| judged.findings);
        let would = would.filter(|finding| finding.class == Class::Clinical && inside(finding));
        let found = preview
            .findings
            .into_iter()
            .filter(|found| found.fate != Fate::Gone)
            .map(|found| found.finding);
        prop_assert_eq!(in_order(found), in_order(would));
    }
    Ok(())
}

/// Two of the plans as the next version, one from the middle and one from before everything. What stands then of the
/// sessions it covers is what the preview had said.
pub(crate) async fn putting_makes_what_was_predicted(
    ward: &Ward,
    patient: PatientId,
    plans: &[Plan],
    sessions: &[Session],
    now: Instant,
) -> Result<(), TestCaseError> {
    let long_ago: Instant = "2025-01-01T00:00:00Z".parse().unwrap();
    let mut completed: Vec<Instant> = sessions.iter().map(|session| session.completed_at).collect();
    completed.sort_unstable();
    let middle = completed.get(completed.len() / 2).copied();
    let next = i64::try_from(plans.len()).unwrap() + 1;
    let tried = plans.iter().zip([middle.unwrap_or(long_ago), long_ago]);
    for (version, (proposed, since)) in (next..).zip(tried) {
        // The version that begins first judges what lies before it too.
        let since = if plans.iter().any(|plan| plan.effective_from <= since) {
            since
        } else {
            long_ago
        };
        let next = Plan {
            version,
            effective_from: since,
            until: None,
            ..proposed.clone()
        };
        let preview = previewed(ward, patient, &next, since).await;
        let put = ward.put_plan(patient, on_the_wire::plan(&next), now).await;
        prop_assert_eq!(put, version);
        let inside: BTreeSet<&SessionKey> = sessions
            .iter()
            .filter(|session| session.completed_at >= since)
            .map(|session| &session.key)
            .collect();
        let predicted = preview.findings.into_iter();
        let predicted = predicted
            .filter(|found| found.fate != Fate::Gone)
            .map(|found| found.finding);
        let stands = standing(ward, patient, &inside).await;
        prop_assert_eq!(in_order(predicted), in_order(stands.into_iter()));
    }
    Ok(())
}

/// The current clinical findings of these sessions.
async fn standing(ward: &Ward, patient: PatientId, inside: &BTreeSet<&SessionKey>) -> Vec<Finding> {
    let rows = ward.all_findings(patient).await.into_iter();
    rows.filter(|row| row.state == FindingState::Current && row.finding.class == Class::Clinical)
        .map(|row| row.finding)
        .filter(|finding| finding.session.as_ref().is_some_and(|key| inside.contains(key)))
        .collect()
}

fn in_order(findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = findings.collect();
    findings.sort_by_key(|finding| {
        let session = finding.session.clone();
        (session, finding.rule.clone(), finding.side, finding.severity)
    });
    findings
}
