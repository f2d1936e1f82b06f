//! Decoding never stops at the first fault: a unit gets one receipt, and it has to name everything that is wrong.

use chrono::TimeDelta;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::content::Content;
use super::document::{Document, Raw, present};
use super::faults::{Faults, Place, a_text, a_time, a_uuid, a_whole_number, an_array};
use super::json;
use super::keys::{Object as _, known_keys};
use super::number::Decimal;
use super::problem::Problem;
use super::reading;
pub use super::rejection::{RejectCode, Rejection};
use crate::domain::ids::{SessionKey, UnitId};
use crate::domain::session::{Answer, Session, Trigger};
use crate::domain::time::Instant;

/// The most readings a session may hold.
pub const MAX_READINGS: usize = 256;
/// The most answers a session may hold.
pub const MAX_ANSWERS: usize = 64;
/// The most bytes a session's payload may have.
pub const MAX_BYTES: usize = 256 * 1024;
/// A session completed later than this after our clock was dated by a wrong clock.
pub const MAX_AHEAD: TimeDelta = TimeDelta::minutes(10);
/// A session completed longer ago than this was dated by a wrong clock.
pub const MAX_AGE: TimeDelta = TimeDelta::days(400);

/// A session that can be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub session: Session,
    /// What the receipt lists: faults that mark a reading or drop an optional key.
    pub problems: Vec<Problem>,
    /// SHA-256 of what the session says, apart from `sent_at` and unknown keys: equal for the same content (contract.md, "The promise").
    pub content_hash: [u8; 32],
}

known_keys!(SessionKeys {
    session_id,
    seq,
    trigger,
    request_id,
    plan_version,
    started_at,
    completed_at,
    sent_at,
    readings,
    answers,
});
known_keys!(AnswerKeys {
    question,
    answer,
    answered_at
});

/// Reads one payload of a unit's `session` topic, received at `received_at`.
pub fn decode(unit: &UnitId, payload: &[u8], received_at: Instant) -> Result<Decoded, Rejection> {
    match std::str::from_utf8(payload) {
        Ok(document) => decode_text(unit, document, received_at),
        Err(_) if payload.len() > MAX_BYTES => Err(too_large(payload)),
        Err(_) => Err(of_whole(payload, RejectCode::NotJson, "is not UTF-8".to_owned())),
    }
}

fn too_large(payload: &[u8]) -> Rejection {
    let detail = format!("has more than {MAX_BYTES} bytes");
    of_whole(payload, RejectCode::TooLarge, detail)
}

/// A rejection that no part of the payload is more to blame for than another.
fn of_whole(payload: &[u8], code: RejectCode, detail: String) -> Rejection {
    Rejection {
        code,
        session_id: find_id(payload),
        problems: vec![Problem::new("", code.word(), detail)],
    }
}

fn decode_text(unit: &UnitId, document: &str, received_at: Instant) -> Result<Decoded, Rejection> {
    let payload = document.as_bytes();
    let reject = |code: RejectCode, problems: Vec<Problem>| Rejection {
        code,
        session_id: find_id(payload),
        problems,
    };
    if payload.len() > MAX_BYTES {
        return Err(too_large(payload));
    }
    let values = Document::read(document);
    let mut keys = SessionKeys::default();
    if !values.is_sound() || keys.fill(values.whole()).is_err() {
        // A fault of syntax is one wherever it stands; only a sound document can be of the wrong shape.
        return Err(match serde_json::from_str::<&RawValue>(document) {
            Err(fault) => of_whole(payload, RejectCode::NotJson, fault.to_string()),
            Ok(_) => of_whole(payload, RejectCode::BadField, "must be an object".to_owned()),
        });
    }
    let mut faults = Faults::default();
    let decoded = read(unit, received_at, &keys, &mut faults)
        .map_err(|too_many| reject(RejectCode::TooMany, too_many))?;
    // A raw NUL is no JSON at all, so there is one only where it is escaped.
    if values.has_escapes() {
        for at in json::nul_places(document) {
            faults.reject(at, "holds a NUL character");
        }
    }
    match decoded {
        Some((session, content_hash)) if faults.fatal.is_empty() => Ok(Decoded {
            session,
            problems: faults.minor,
            content_hash,
        }),
        _ => Err(reject(RejectCode::BadField, faults.fatal)),
    }
}

/// The same of a text, with the times in it moved by so many seconds, as a person said of a unit whose clock was wrong. What
/// identifies the content is still what was sent.
pub fn decode_moved(
    unit: &UnitId,
    document: &str,
    received_at: Instant,
    seconds: i64,
) -> Result<Decoded, Rejection> {
    let decoded = decode_text(unit, document, received_at)?;
    if seconds == 0 {
        return Ok(decoded);
    }
    let session_id = decoded.session.key.session_id;
    match decoded.session.moved(seconds) {
        Some(session) => Ok(Decoded { session, ..decoded }),
        None => Err(Rejection {
            code: RejectCode::ClockFault,
            session_id: Some(session_id),
            problems: vec![Problem::new(
                "",
                RejectCode::ClockFault.word(),
                "holds a time that cannot be moved so far",
            )],
        }),
    }
}

/// The session and its content's hash; none where a fault that rejects it was added; an error where it is too long to be gone through.
fn read(
    unit: &UnitId,
    received_at: Instant,
    keys: &SessionKeys<'_>,
    faults: &mut Faults,
) -> Result<Option<(Session, [u8; 32])>, Vec<Problem>> {
    let place = Place::Top;
    let readings = faults.required((place, "readings"), keys.readings, an_array());
    let answers = faults.required((place, "answers"), keys.answers, an_array());
    let mut too_many = Vec::new();
    for (at, list, most) in [
        ("/readings", &readings, MAX_READINGS),
        ("/answers", &answers, MAX_ANSWERS),
    ] {
        if list.as_ref().is_some_and(|list| list.len() > most) {
            too_many.push(Problem::new(
                at,
                RejectCode::TooMany.word(),
                format!("holds more than {most}"),
            ));
        }
    }
    if !too_many.is_empty() {
        return Err(too_many);
    }
    faults.twice(place, &keys.twice);
    let session_id = faults.required((place, "session_id"), keys.session_id, a_uuid());
    let seq = faults.optional((place, "seq"), keys.seq, a_whole_number());
    let trigger = trigger(keys.trigger, faults);
    let request_id = faults.optional((place, "request_id"), keys.request_id, a_uuid());
    let plan_version = faults.optional((place, "plan_version"), keys.plan_version, a_whole_number());
    let started_at = faults.optional((place, "started_at"), keys.started_at, a_time());
    let completed_at = faults.required((place, "completed_at"), keys.completed_at, a_time());
    let sent_at = faults.optional((place, "sent_at"), keys.sent_at, a_time());

    let mut content = Content::new();
    content.value(keys.seq);
    content.value(keys.trigger);
    content.id_or_value(keys.request_id, request_id);
    content.value(keys.plan_version);
    content.time_or_value(keys.started_at, started_at);
    content.time_or_value(keys.completed_at, completed_at);
    let readings = each(readings, faults, &mut content, reading::decode);
    let answers = each(answers, faults, &mut content, answer);
    let (Some(session_id), Some(completed_at), Some(readings), Some(answers)) =
        (session_id, completed_at, readings, answers)
    else {
        return Ok(None);
    };
    let key = SessionKey {
        unit_id: unit.clone(),
        session_id,
    };
    let session = Session {
        key,
        seq,
        trigger,
        request_id,
        plan_version,
        started_at,
        completed_at,
        sent_at,
        received_at,
        readings,
        answers,
    };
    Ok(Some((session, content.hash())))
}

/// Reads every element, so that each fault is found; none where one of them could not be read.
fn each<T>(
    list: Option<Vec<Raw<'_>>>,
    faults: &mut Faults,
    content: &mut Content,
    read: impl Fn(u16, Raw<'_>, &mut Faults, &mut Content) -> Option<T>,
) -> Option<Vec<T>> {
    let list = list?;
    content.list(list.len());
    let mut whole = Some(Vec::with_capacity(list.len()));
    for (index, raw) in (0..).zip(list) {
        match (read(index, raw, faults, content), &mut whole) {
            (Some(element), Some(whole)) => whole.push(element),
            _ => whole = None,
        }
    }
    whole
}

/// A session that does not say so, or says it in a word that we do not know, counts as scheduled: that way the rules
/// about missing readings apply to it, and being louder is the safe side.
fn trigger(raw: Option<Raw<'_>>, faults: &mut Faults) -> Trigger {
    let Some(raw) = present(raw) else {
        return Trigger::Scheduled;
    };
    raw.text()
        .and_then(|word| Trigger::from_word(&word))
        .unwrap_or_else(|| {
            let detail = "is none of scheduled, patient, retest, and is taken as scheduled";
            faults.mark("/trigger".to_owned(), "unknown_trigger", detail);
            Trigger::Scheduled
        })
}

fn answer(index: u16, raw: Raw<'_>, faults: &mut Faults, content: &mut Content) -> Option<Answer> {
    let place = Place::Answer(index);
    let mut keys = AnswerKeys::default();
    if keys.fill(Some(raw)).is_err() {
        faults.reject(format!("/answers/{index}"), "must be an object");
        return None;
    }
    faults.twice(place, &keys.twice);
    let question = faults.required((place, "question"), keys.question, a_text());
    let answer = faults.required(
        (place, "answer"),
        keys.answer,
        (answer_text, "must be a string or a number"),
    );
    let answered_at = faults.optional((place, "answered_at"), keys.answered_at, a_time());
    content.value(keys.question);
    content.value(keys.answer);
    content.time_or_value(keys.answered_at, answered_at);
    Some(Answer {
        index,
        question: question?.into_owned(),
        answer: answer?,
        answered_at,
    })
}

/// A code; or, since there are questions of type `number`, a number as it was written.
fn answer_text(raw: Raw<'_>) -> Option<String> {
    raw.text()
        .map(Into::into)
        .or_else(|| Decimal::parse(raw.get()).map(|_| raw.get().to_owned()))
}

/// The session's id, so far as one can be read in a payload that is refused: alone, and before what breaks it off.
fn find_id(payload: &[u8]) -> Option<Uuid> {
    let document = String::from_utf8_lossy(payload);
    let values = Document::read(&document);
    let mut keys = SessionKeys::default();
    // The fault itself is reported elsewhere; what was read before it is what is wanted here.
    let _ = keys.fill(values.whole());
    let (read, _) = a_uuid();
    read(keys.session_id.filter(|_| !keys.twice.contains(&"session_id"))?)
}

/// What speaks against the unit's clock at `now`: sessions from the future or from long ago are set aside, since
/// their readings would be judged as of a wrong time.
pub fn clock_fault(session: &Session, now: Instant) -> Option<Problem> {
    let age = now - session.completed_at;
    let detail = if age < -MAX_AHEAD {
        "lies more than 10 minutes ahead of the service's clock"
    } else if age > MAX_AGE {
        "lies more than 400 days back"
    } else {
        return None;
    };
    Some(Problem::new(
        "/completed_at",
        RejectCode::ClockFault.word(),
        detail,
    ))
}

/// What speaks against the times of a session that came at `received_at` and is looked at afterwards: nobody completes a
/// session after it was received.
pub fn after_receipt(session: &Session, received_at: Instant) -> Option<Problem> {
    let detail = "lies more than 10 minutes after the session was received";
    (session.completed_at - received_at > MAX_AHEAD)
        .then(|| Problem::new("/completed_at", RejectCode::ClockFault.word(), detail))
}
