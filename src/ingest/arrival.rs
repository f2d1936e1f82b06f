//! What a frame is, before any database is asked. Whatever cannot be read goes on as `Refused` with its bytes: no frame ends here.

use std::sync::Arc;

use crate::broker::Frame;
use crate::domain::ids::UnitId;
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::wire::problem::Problem;
use crate::wire::session::Decoded;
use crate::wire::session::RejectCode;
use crate::wire::status::UnitStatus;
use crate::wire::{self, topic};
use uuid::Uuid;

/// A frame with what it turned out to be.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub topic: String,
    pub payload: Arc<[u8]>,
    pub received_at: Instant,
    /// The broker had kept it: it says nothing of now.
    pub retained: bool,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    Session {
        session: Arc<Session>,
        document: Arc<str>,
        content_hash: [u8; 32],
        problems: Vec<Problem>,
    },
    Status {
        unit_id: UnitId,
        status: UnitStatus,
        retained: bool,
    },
    Refused(Refused),
    /// A retained message that was cleared: there is nothing in it.
    Nothing,
}

/// A message that cannot be taken in, and why.
#[derive(Debug, Clone)]
pub struct Refused {
    /// `None` where the topic names no lawful unit.
    pub unit_id: Option<UnitId>,
    /// Where it could be read: then the unit gets a receipt.
    pub session_id: Option<Uuid>,
    pub code: RejectCode,
    pub problems: Vec<Problem>,
    /// When its session was completed, where that could be read and believed: it says whose readings these are.
    pub completed_at: Option<Instant>,
    /// The hash of what its session says, where it could be read: sent again it says the same, in other bytes.
    pub content_hash: Option<[u8; 32]>,
}

impl Arrival {
    /// Reads a frame that came at `received_at`.
    pub fn read(frame: &Frame, received_at: Instant) -> Self {
        let text = std::str::from_utf8(&frame.payload).ok().map(Arc::<str>::from);
        let payload = text
            .clone()
            .map_or_else(|| Arc::from(&frame.payload[..]), Arc::from);
        Self::told(&frame.topic, (payload, text), frame.retained, (received_at, 0))
    }

    /// Reads bytes that came on a topic.
    pub fn of(topic: &str, payload: Arc<[u8]>, retained: bool, received_at: Instant) -> Self {
        Self::moved(topic, payload, retained, received_at, 0)
    }

    /// The same with the times of a session moved by so many seconds: a replay from quarantine comes in here.
    pub fn moved(
        topic: &str,
        payload: Arc<[u8]>,
        retained: bool,
        received_at: Instant,
        seconds: i64,
    ) -> Self {
        let text = std::str::from_utf8(&payload).ok().map(Arc::from);
        Self::told(topic, (payload, text), retained, (received_at, seconds))
    }

    /// Of a payload and of the same as text, where it is that.
    fn told(
        topic: &str,
        (payload, text): (Arc<[u8]>, Option<Arc<str>>),
        retained: bool,
        (received_at, seconds): (Instant, i64),
    ) -> Self {
        let what = match topic::parse(topic) {
            Some((unit_id, topic::Channel::Session)) => {
                session(&unit_id, (&payload, text), received_at, seconds)
            }
            Some((unit_id, topic::Channel::Status)) => status(unit_id, &payload, retained),
            _ => refused_topic(),
        };
        Self {
            topic: topic.to_owned(),
            payload,
            received_at,
            retained,
            what,
        }
    }

    /// The unit whose lane this belongs to.
    pub fn unit_id(&self) -> Option<&UnitId> {
        match &self.what {
            What::Session { session, .. } => Some(&session.key.unit_id),
            What::Status { unit_id, .. } => Some(unit_id),
            What::Refused(refused) => refused.unit_id.as_ref(),
            What::Nothing => None,
        }
    }
}

fn session(
    unit_id: &UnitId,
    (payload, text): (&[u8], Option<Arc<str>>),
    received_at: Instant,
    seconds: i64,
) -> What {
    let (decoded, document) = match text {
        Some(text) => (
            wire::session::decode_moved(unit_id, &text, received_at, seconds),
            text,
        ),
        // Which tells why it is none.
        None => (
            wire::session::decode(unit_id, payload, received_at),
            Arc::default(),
        ),
    };
    let refused = match decoded {
        Ok(Decoded {
            session,
            problems,
            content_hash,
        }) => match wire::session::clock_fault(&session, received_at) {
            None => {
                return What::Session {
                    session: Arc::new(session),
                    document,
                    content_hash,
                    problems,
                };
            }
            Some(fault) => Refused {
                unit_id: Some(unit_id.clone()),
                session_id: Some(session.key.session_id),
                code: RejectCode::ClockFault,
                problems: vec![fault],
                completed_at: None,
                content_hash: Some(content_hash),
            },
        },
        Err(rejection) => Refused {
            unit_id: Some(unit_id.clone()),
            session_id: rejection.session_id,
            code: rejection.code,
            problems: rejection.problems,
            completed_at: None,
            content_hash: None,
        },
    };
    What::Refused(refused)
}

fn status(unit_id: UnitId, payload: &[u8], retained: bool) -> What {
    if payload.is_empty() {
        return What::Nothing;
    }
    match wire::status::decode(payload) {
        Ok(status) => What::Status {
            unit_id,
            status,
            retained,
        },
        Err(problems) => What::Refused(Refused {
            unit_id: Some(unit_id),
            session_id: None,
            code: problems
                .first()
                .and_then(|problem| RejectCode::from_word(&problem.code))
                .unwrap_or(RejectCode::NotJson),
            problems,
            completed_at: None,
            content_hash: None,
        }),
    }
}

fn refused_topic() -> What {
    let problem = Problem::new("", "bad_topic", "the topic names no home unit");
    What::Refused(Refused {
        unit_id: None,
        session_id: None,
        code: RejectCode::BadField,
        problems: vec![problem],
        completed_at: None,
        content_hash: None,
    })
}
