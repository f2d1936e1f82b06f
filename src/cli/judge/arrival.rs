//! The door of a service without clock or registry: nothing is rejected for its age, and every unit is known.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::case::{instant, object};
use crate::domain::ids::{SessionKey, UnitId};
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::wire;
use crate::wire::problem::Problem;
use crate::wire::session::RejectCode;

/// One session of the case and what became of it at the door.
pub(super) struct Arrival {
    pub(super) unit_id: UnitId,
    pub(super) admission: Admission,
}

pub(super) enum Admission {
    Stored {
        session: Session,
        problems: Vec<Problem>,
    },
    /// The same content came before.
    Duplicate(Session),
    /// Other content under an identity that came before: the first stands.
    Conflict(Session, Problem),
    Rejected {
        session_id: Option<Uuid>,
        problems: Vec<Problem>,
    },
}

/// What a case adds to a session as it is on the wire.
#[derive(Deserialize)]
struct Envelope {
    unit_id: UnitId,
    #[serde(default)]
    received_at: Option<String>,
}

/// Reads the sessions of a case in its order; an identity belongs to the first that has it.
pub(super) fn read(payloads: &[&RawValue], faults: &mut Vec<Problem>) -> Vec<Arrival> {
    let mut known: HashMap<SessionKey, [u8; 32]> = HashMap::new();
    let mut arrivals = Vec::with_capacity(payloads.len());
    for (place, payload) in payloads.iter().enumerate() {
        let at = format!("/sessions/{place}");
        match envelope(payload, &at) {
            Ok((unit_id, received_at)) => {
                let admission = admit(&unit_id, payload, received_at, &mut known);
                arrivals.push(Arrival { unit_id, admission });
            }
            Err(fault) => faults.push(fault),
        }
    }
    arrivals
}

fn envelope(payload: &RawValue, at: &str) -> Result<(UnitId, Option<Instant>), Problem> {
    let envelope: Envelope = object(payload.get(), at)?;
    let received_at = envelope
        .received_at
        .as_deref()
        .map(|text| instant(text, format!("{at}/received_at")));
    Ok((envelope.unit_id, received_at.transpose()?))
}

/// Without a time of receipt a session counts as received when it was completed: the door has no clock.
fn admit(
    unit_id: &UnitId,
    payload: &RawValue,
    received_at: Option<Instant>,
    known: &mut HashMap<SessionKey, [u8; 32]>,
) -> Admission {
    let bytes = payload.get().as_bytes();
    let mut decoded = match wire::session::decode(unit_id, bytes, received_at.unwrap_or_default()) {
        Ok(decoded) => decoded,
        Err(rejection) => {
            return Admission::Rejected {
                session_id: rejection.session_id,
                problems: rejection.problems,
            };
        }
    };
    decoded.session.received_at = received_at.unwrap_or(decoded.session.completed_at);
    match known.get(&decoded.session.key) {
        None => {
            known.insert(decoded.session.key.clone(), decoded.content_hash);
            Admission::Stored {
                session: decoded.session,
                problems: decoded.problems,
            }
        }
        Some(hash) if *hash == decoded.content_hash => Admission::Duplicate(decoded.session),
        Some(_) => {
            let detail = "another session of this identity came before, and stands";
            let problem = Problem::new("/session_id", RejectCode::SessionConflict.word(), detail);
            Admission::Conflict(decoded.session, problem)
        }
    }
}
