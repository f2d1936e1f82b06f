//! The one place where a look goes on record: every answer passes here on its way out, and what does not say whose data it
//! holds, or cannot be put on record, is not sent.

use axum::RequestExt as _;
use axum::extract::{RawPathParams, Request};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::State;
use super::guard::Signed;
use super::problem::{Problem, UNAVAILABLE};
use super::route::OnRecord;
use crate::desk::looks::{Foreseen, Looking, Sight};
use crate::domain::ids::{PatientId, UnitId};
use crate::store::audit_read::Outcome;

/// Whose data an answer holds, said by whoever made it.
#[derive(Debug, Clone)]
pub struct Shown {
    pub patients: Vec<PatientId>,
    /// What was looked at, where the address does not name it.
    pub subject_id: Option<String>,
    pub outcome: Outcome,
}

impl Shown {
    /// Whoever was asked for, where the answer names nobody.
    fn or(mut self, asked_for: Option<PatientId>) -> Self {
        if self.patients.is_empty() {
            self.patients.extend(asked_for);
        }
        self
    }
}

/// How an answer says whose data it holds.
pub trait Showing {
    /// An empty list shows nobody, and is on record all the same.
    fn showing(self, patients: impl IntoIterator<Item = PatientId>) -> Response;
}

impl Showing for Response {
    fn showing(mut self, patients: impl IntoIterator<Item = PatientId>) -> Response {
        self.extensions_mut().insert(Shown {
            patients: patients.into_iter().collect(),
            subject_id: None,
            outcome: Outcome::Shown,
        });
        self
    }
}

/// What a request asks to see, taken down before the request is used up.
#[derive(Debug)]
pub(super) struct Asking {
    on_record: Option<OnRecord>,
    reads: bool,
    subject: Subject,
    address: String,
    foreseen: Option<Foreseen>,
}

#[derive(Debug)]
enum Subject {
    /// The address names none: a list.
    None,
    /// What has not the form of an id is nobody's.
    Unreadable,
    Id(String, Option<PatientId>),
}

impl Asking {
    pub(super) async fn of(on_record: Option<OnRecord>, request: &mut Request) -> Self {
        let target = request.uri().path_and_query();
        Self {
            reads: [Method::GET, Method::HEAD].contains(request.method()),
            address: target.map_or_else(String::new, |target| target.as_str().to_owned()),
            subject: match on_record {
                None => Subject::None,
                Some(on_record) => subject(on_record, request).await,
            },
            on_record,
            foreseen: None,
        }
    }

    /// Whoever goes on with a look is put on record while it is answered. To be called once they may look.
    pub(super) fn foresee(&mut self, state: &State, signed: Option<&Signed>) {
        let subject_id = match &self.subject {
            Subject::None => None,
            Subject::Id(id, _) => Some(id.clone()),
            Subject::Unreadable => return,
        };
        let (Some(on_record), Some(signed), true) = (self.on_record, signed, self.reads) else {
            return;
        };
        let sight = on_record.sight(subject_id);
        let now = state.desk.clock.now();
        let looking = Looking::new(
            &signed.caller,
            sight,
            &self.address,
            Outcome::Shown,
            Vec::new(),
            now,
        );
        self.foreseen = state.looks.foresee(looking);
    }

    /// The response, once it is on record who is given it; a problem in its stead where it cannot be.
    pub(super) async fn answer(
        self,
        state: &State,
        signed: Option<&Signed>,
        mut response: Response,
    ) -> Response {
        let shown = response.extensions_mut().remove::<Shown>();
        let (on_record, signed) = match (self.on_record, signed) {
            (Some(on_record), Some(signed)) => (on_record, signed),
            // Nobody who has no name is shown anybody.
            _ if shown.is_none() => return response,
            _ => {
                return Problem::internal(&"an answer shows patients, and its route does not say so")
                    .into_response();
            }
        };
        let (subject_id, asked_for) = match self.subject {
            Subject::Unreadable if !response.status().is_success() => return response,
            Subject::Unreadable | Subject::None => (None, None),
            Subject::Id(id, patient) => (Some(id), patient),
        };
        let shown = match (shown, response.status()) {
            (Some(shown), _) => shown.or(asked_for),
            (None, StatusCode::FORBIDDEN) => refused(Outcome::Forbidden, asked_for),
            (None, StatusCode::NOT_FOUND) => refused(Outcome::NotFound, asked_for),
            (None, status) if status.is_success() && self.reads => {
                return Problem::internal(&"an answer does not say whom it shows").into_response();
            }
            // An act is on record by itself, and other problems tell nothing of anybody.
            (None, _) => return response,
        };
        let sight = on_record.sight(subject_id.or(shown.subject_id));
        let now = state.desk.clock.now();
        let looking = Looking::new(
            &signed.caller,
            sight,
            &self.address,
            shown.outcome,
            shown.patients,
            now,
        );
        match state.looks.record_foreseen(looking, self.foreseen).await {
            Ok(()) => response,
            Err(_) => Problem::new(
                &UNAVAILABLE,
                "Who looks at patients' data is put on record first, and just now that cannot be done.",
            )
            .retry_after(5)
            .into_response(),
        }
    }
}

impl OnRecord {
    fn sight(self, subject_id: Option<String>) -> Sight {
        Sight {
            act: self.act,
            subject_kind: self.subject,
            subject_id,
        }
    }
}

fn refused(outcome: Outcome, patient: Option<PatientId>) -> Shown {
    Shown {
        patients: patient.into_iter().collect(),
        subject_id: None,
        outcome,
    }
}

async fn subject(on_record: OnRecord, request: &mut Request) -> Subject {
    let Ok(params) = request.extract_parts::<RawPathParams>().await else {
        return Subject::Unreadable;
    };
    let Some((_, said)) = params.iter().find(|(name, _)| *name == "id") else {
        return Subject::None;
    };
    match (said.parse::<Uuid>(), said.parse::<UnitId>()) {
        (_, Ok(unit)) if on_record.subject == "unit" => Subject::Id(unit.to_string(), None),
        (Ok(id), _) if on_record.subject == "patient" => Subject::Id(id.to_string(), Some(PatientId(id))),
        (Ok(id), _) if on_record.subject != "unit" => Subject::Id(id.to_string(), None),
        _ => Subject::Unreadable,
    }
}
