//! A finding that a message waits in quarantine holds until a person has dealt with the message, and no longer.

use std::collections::BTreeSet;

use crate::domain::alert::About;
use crate::domain::finding::{Class, FindingState, Severity, identity};
use crate::domain::ids::{FindingId, PatientId, QuarantineId};
use crate::domain::time::Instant;
use crate::store::event::NewEvent;
use crate::store::{self, Tx};

use super::plans::PlanShelf;
use super::rejudge::JudgingFault;
use super::{clearing, technical};

/// The rules of messages set aside: `ingest/set_aside` makes the findings.
const RULES: [&str; 2] = ["quarantined", "session_conflict"];

/// Ends the findings of messages that no longer wait, each with the patient whose readings waited in it, and tells the
/// stream of the alerts they stand on. A red alert stays open: a person closes it.
pub async fn dealt_with(
    tx: &mut Tx,
    messages: &[(QuarantineId, Option<PatientId>)],
    now: Instant,
) -> Result<(), JudgingFault> {
    let ids: Vec<FindingId> = messages
        .iter()
        .flat_map(|(message, patient)| findings_of(*message, *patient, now))
        .collect();
    let current: Vec<FindingId> = (store::finding::of(tx, &ids).await?.into_iter())
        .filter(|row| row.state == FindingState::Current)
        .map(|row| row.id)
        .collect();
    store::finding::supersede(tx, &current).await?;
    let alerts = store::alert::open_with(tx, &current).await?;
    let events: Vec<NewEvent> = alerts.iter().map(|alert| NewEvent::alert(alert, now)).collect();
    store::event::insert(tx, &events).await?;
    let concerned: Vec<(About, Class)> = (alerts.into_iter())
        .filter(|alert| alert.severity < Severity::Red)
        .map(|alert| (alert.about, alert.class))
        .collect();
    // No plan is asked for: these are technical.
    clearing::clear(tx, &PlanShelf::default(), &concerned, now).await?;
    Ok(())
}

/// Which of them was made depends on the reason and on what the message could hold; only one was.
fn findings_of(message: QuarantineId, patient: Option<PatientId>, now: Instant) -> BTreeSet<FindingId> {
    // The identity leaves the unit out.
    let Ok(unit) = "any".parse() else {
        return BTreeSet::new();
    };
    let severities = [Severity::Amber, Severity::Red];
    let each = RULES
        .into_iter()
        .flat_map(|rule| severities.map(|severity| (rule, severity)));
    each.map(|(rule, severity)| {
        let mut finding = technical::technical(rule, String::new(), now, &unit);
        finding.severity = severity;
        identity(patient, &finding, Some(&message.to_string()))
    })
    .collect()
}
