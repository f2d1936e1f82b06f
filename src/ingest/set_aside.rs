//! What could not be taken in is kept whole, as bytes, and somebody is told: readings of a patient may be waiting in it.

use std::collections::HashMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::domain::alert::About;
use crate::domain::finding::{Class, Finding, FindingState, Numbers, Severity, identity};
use crate::domain::ids::{Ids, PatientId, QuarantineId, UnitId};
use crate::domain::time::Instant;
use crate::judging::alerting::News;
use crate::store::event::NewEvent;
use crate::store::finding::FindingRow;
use crate::store::quarantine::{Case, NewQuarantine};
use crate::store::{self, StoreError, Tx};
use crate::wire::session::RejectCode;
use crate::wire::topic::{self, Channel};

use super::arrival::{Arrival, Refused};

/// Whom the unit belongs to, as far as is known when its message is set aside.
#[derive(Debug, Clone)]
pub enum Whose {
    Patient(PatientId, UnitId),
    Unit(UnitId),
    /// No unit of ours: the topic is unlawful or the unit is not registered.
    Nobody(Option<UnitId>),
}

/// What a message may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Readings,
    /// How the unit is: nothing of a patient waits in it.
    Status,
}

impl Said {
    fn of(arrival: &Arrival) -> Self {
        match topic::parse(&arrival.topic) {
            Some((_, Channel::Status)) => Self::Status,
            _ => Self::Readings,
        }
    }
}

/// Keeps the messages; each that was not already waiting there makes a technical finding.
pub async fn keep(
    tx: &mut Tx,
    set_aside: Vec<(&Arrival, Refused, Whose)>,
    ids: &Ids,
    now: Instant,
) -> Result<Vec<News>, StoreError> {
    if set_aside.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = Vec::with_capacity(set_aside.len());
    let mut whose_is = HashMap::with_capacity(set_aside.len());
    for (arrival, refused, whose) in set_aside {
        let id: QuarantineId = ids.make(now);
        rows.push(NewQuarantine {
            id,
            received_at: arrival.received_at,
            topic: arrival.topic.clone(),
            unit_id: refused.unit_id.clone(),
            session_id: refused.session_id,
            patient_id: match &whose {
                Whose::Patient(patient, _) => Some(*patient),
                Whose::Unit(_) | Whose::Nobody(_) => None,
            },
            reason: refused.code.word().to_owned(),
            problems: json!(refused.problems).to_string(),
            payload: arrival.payload.to_vec(),
            says: says(&refused),
        });
        let said = Said::of(arrival);
        whose_is.insert(id, (refused, whose, said));
    }
    let new = store::quarantine::insert(tx, &rows).await?;
    let events: Vec<NewEvent> = new
        .iter()
        .map(|id| NewEvent::quarantine(*id, &Case::Waiting, now))
        .collect();
    store::event::insert(tx, &events).await?;
    let mut news = Vec::with_capacity(new.len());
    for id in new {
        if let Some((refused, whose, said)) = whose_is.remove(&id) {
            news.push(finding(id, &refused, whose, said, now));
        }
    }
    let rows: Vec<FindingRow> = news.iter().map(|news| news.finding.clone()).collect();
    store::finding::upsert(tx, &rows).await?;
    Ok(news)
}

/// A unit that has not had its receipt sends the same session again with another `sent_at`: that is the same case.
fn says(refused: &Refused) -> Option<[u8; 32]> {
    let (session_id, content_hash) = (refused.session_id?, refused.content_hash?);
    let mut hash = Sha256::new();
    hash.update(session_id);
    hash.update(content_hash);
    Some(hash.finalize().into())
}

/// Red where an assigned patient's readings are waiting in it; amber otherwise.
fn finding(id: QuarantineId, refused: &Refused, whose: Whose, said: Said, now: Instant) -> News {
    let (about, patient_id, unit_id) = match whose {
        Whose::Patient(patient, unit) => (About::Patient(patient), Some(patient), Some(unit)),
        Whose::Unit(unit) => (About::Unit(unit.clone()), None, Some(unit)),
        Whose::Nobody(unit) => (About::Service, None, unit),
    };
    let rule = if refused.code == RejectCode::SessionConflict {
        "session_conflict"
    } else {
        "quarantined"
    };
    let finding = Finding {
        rule: rule.to_owned(),
        side: None,
        kind: rule.to_owned(),
        class: Class::Technical,
        severity: if patient_id.is_some() && said == Said::Readings {
            Severity::Red
        } else {
            Severity::Amber
        },
        plan_version: None,
        session: None,
        unit_id,
        at: now,
        numbers: Numbers::default(),
        readings: Vec::new(),
        sentence: sentence(refused, said),
        reason: Some(refused.code.word().to_owned()),
    };
    let id = identity(patient_id, &finding, Some(&id.to_string()));
    let state = FindingState::Current;
    News::of(
        about,
        FindingRow {
            id,
            patient_id,
            finding,
            state,
            late: false,
            made_at: now,
        },
    )
}

fn sentence(refused: &Refused, said: Said) -> String {
    let unit = refused
        .unit_id
        .as_ref()
        .map_or_else(|| "an unknown unit".to_owned(), |unit| format!("unit {unit}"));
    let why = match refused.code {
        RejectCode::NotJson => "it is not readable JSON",
        RejectCode::BadField => "a required field is missing or wrong",
        RejectCode::TooMany => "it holds more readings or answers than a session may",
        RejectCode::TooLarge => "it is larger than a session may be",
        RejectCode::ClockFault => "the unit's clock is wrong",
        RejectCode::Unregistered => "the unit is not registered",
        RejectCode::SessionConflict => "another session with the same id and different content is stored",
        RejectCode::Poison => "the store refused it",
    };
    match said {
        Said::Readings => {
            format!(
                "A message from {unit} was set aside in quarantine because {why}; readings may be waiting in it."
            )
        }
        Said::Status => format!("A status message from {unit} was set aside in quarantine because {why}."),
    }
}
