//! New, sent again, in conflict, refused: decided for each arrival in order, so that a batch does what one by one would do.

use std::collections::{BTreeMap, HashMap};

use crate::domain::ids::{PatientId, SessionKey, UnitId};
use crate::domain::session::Session;
use crate::judging::Incoming;
use crate::wire::problem::Problem;
use crate::wire::receipt::{self, Outcome};
use crate::wire::session::RejectCode;
use crate::wire::status::UnitStatus;

use super::arrival::{Arrival, Refused, What};
use super::batch::Owed;
use super::ground::Ground;
use super::set_aside::Whose;

/// A batch's arrivals, each in the place where it is dealt with.
#[derive(Debug, Default)]
pub struct Sorted<'a> {
    pub new: BTreeMap<PatientId, Vec<Incoming>>,
    /// Nobody was assigned to the unit.
    pub unassigned: Vec<Incoming>,
    pub set_aside: Vec<(&'a Arrival, Refused, Whose)>,
    pub statuses: Vec<Reported<'a>>,
    pub owed: Vec<Owed>,
    /// Sessions that came earlier in this same batch, of units of which more than one came.
    seen: HashMap<SessionKey, [u8; 32]>,
}

/// A unit's status as it arrived.
#[derive(Debug)]
pub struct Reported<'a> {
    pub unit_id: &'a UnitId,
    pub status: &'a UnitStatus,
    pub retained: bool,
    pub received_at: crate::domain::time::Instant,
}

impl<'a> Sorted<'a> {
    /// Sorts the arrival at that place of the batch.
    pub fn sort(&mut self, at: usize, arrival: &'a Arrival, ground: &Ground) {
        match &arrival.what {
            What::Nothing => {}
            What::Status {
                unit_id,
                status,
                retained,
            } => {
                // There is nothing to keep it for: a unit that is not registered has no record, and a status no readings.
                if !ground.is_registered(at) {
                    tracing::warn!(unit = %unit_id, "a unit that is not registered reports its status");
                    return;
                }
                let received_at = arrival.received_at;
                self.statuses.push(Reported {
                    unit_id,
                    status,
                    retained: *retained,
                    received_at,
                });
            }
            What::Refused(refused) => self.set_aside((at, arrival), refused.clone(), ground),
            What::Session {
                session,
                document,
                content_hash,
                problems,
            } => {
                let key = &session.key;
                if !ground.is_registered(at) {
                    let detail = "no unit is registered under this name".to_owned();
                    return self.refuse(
                        (at, arrival),
                        (session, content_hash),
                        RejectCode::Unregistered,
                        detail,
                        ground,
                    );
                }
                match self.seen.get(key).or_else(|| ground.stored(key)) {
                    Some(stored) if stored == content_hash => {
                        self.owe(arrival, key, Outcome::Duplicate, problems.clone());
                    }
                    Some(_) => {
                        let detail = "a session with this id and other content is stored already".to_owned();
                        self.refuse(
                            (at, arrival),
                            (session, content_hash),
                            RejectCode::SessionConflict,
                            detail,
                            ground,
                        );
                    }
                    None => {
                        if !ground.is_alone(at) {
                            self.seen.insert(key.clone(), *content_hash);
                        }
                        self.owe(arrival, key, Outcome::Stored, problems.clone());
                        let incoming = Incoming {
                            session: session.clone(),
                            document: document.clone(),
                            content_hash: *content_hash,
                        };
                        match ground.whose(at, session.completed_at) {
                            Some(patient) => self.new.entry(patient).or_default().push(incoming),
                            None => self.unassigned.push(incoming),
                        }
                    }
                }
            }
        }
    }

    fn refuse(
        &mut self,
        arrival: (usize, &'a Arrival),
        (session, content_hash): (&Session, &[u8; 32]),
        code: RejectCode,
        detail: String,
        ground: &Ground,
    ) {
        let problem = Problem::new("", code.word(), detail);
        let refused = Refused {
            unit_id: Some(session.key.unit_id.clone()),
            session_id: Some(session.key.session_id),
            code,
            problems: vec![problem],
            completed_at: Some(session.completed_at),
            content_hash: Some(*content_hash),
        };
        self.set_aside(arrival, refused, ground);
    }

    fn set_aside(&mut self, (at, arrival): (usize, &'a Arrival), refused: Refused, ground: &Ground) {
        if let (Some(unit_id), Some(session_id)) = (refused.unit_id.clone(), refused.session_id) {
            let key = SessionKey { unit_id, session_id };
            self.owe(arrival, &key, Outcome::Rejected, refused.problems.clone());
        }
        let whose = match refused.unit_id.clone() {
            Some(unit) if ground.is_registered(at) => {
                match ground.whose_set_aside(at, refused.completed_at, arrival.received_at) {
                    Some(patient) => Whose::Patient(patient, unit),
                    None => Whose::Unit(unit),
                }
            }
            unit => Whose::Nobody(unit),
        };
        self.set_aside.push((arrival, refused, whose));
    }

    fn owe(&mut self, arrival: &Arrival, key: &SessionKey, outcome: Outcome, problems: Vec<Problem>) {
        let received_at = arrival.received_at;
        self.owed.push(Owed {
            key: key.clone(),
            session_id: receipt::spelling(&arrival.payload, key.session_id),
            outcome,
            received_at,
            problems,
        });
    }
}
