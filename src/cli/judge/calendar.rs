//! What only compliance asks of a case. It is read, and its faults told, whether or not there is a `now` to judge by.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::case::{instant, list, object};
use crate::domain::time::Instant;
use crate::engine::compliance::Stretch;
use crate::wire::problem::Problem;

/// When the patient was with the service and the service there, as the case says it.
pub(super) struct Calendar {
    pub(super) now: Option<Instant>,
    pub(super) admitted_from: Option<Instant>,
    pub(super) discharged_at: Option<Instant>,
    pub(super) pauses: Vec<Stretch>,
    pub(super) outages: Vec<Stretch>,
}

#[derive(Deserialize)]
struct StretchBody {
    from: String,
    /// Null or absent: not over.
    #[serde(default)]
    to: Option<String>,
}

impl Calendar {
    pub(super) fn stay(&self) -> Option<Stretch> {
        let to = self.discharged_at;
        self.admitted_from.map(|from| Stretch { from, to })
    }

    /// A discharge before the admission leaves no stay to judge.
    pub(super) fn fault(&self) -> Option<Problem> {
        let detail = "must not be earlier than admitted_from";
        (self.discharged_at < self.admitted_from && self.discharged_at.is_some())
            .then(|| Problem::new("/discharged_at", "to_before_from", detail))
    }

    /// An answer without due times where some were asked for is explained.
    pub(super) fn problem(&self) -> Option<Problem> {
        let detail = "there are no due times without an admission";
        (self.now.is_some() && self.admitted_from.is_none())
            .then(|| Problem::new("/admitted_from", "not_admitted", detail))
    }
}

/// A time, or null.
pub(super) fn moment(key: &str, raw: Option<&RawValue>, faults: &mut Vec<Problem>) -> Option<Instant> {
    let at = format!("/{key}");
    let read = raw.map(|raw| match serde_json::from_str::<Option<String>>(raw.get()) {
        Ok(text) => text.map(|text| instant(&text, at)).transpose(),
        Err(fault) => Err(Problem::new(at, "bad_field", fault.to_string())),
    });
    let read = read.transpose().map(Option::flatten);
    read.unwrap_or_else(|fault| {
        faults.push(fault);
        None
    })
}

/// A list of stretches of time; null is an empty one.
pub(super) fn stretches(key: &str, raw: Option<&RawValue>, faults: &mut Vec<Problem>) -> Vec<Stretch> {
    let bodies = list(key, raw, faults);
    let mut stretches = Vec::with_capacity(bodies.len());
    for (place, body) in bodies.into_iter().enumerate() {
        match stretch(body, &format!("/{key}/{place}")) {
            Ok(stretch) => stretches.push(stretch),
            Err(fault) => faults.push(fault),
        }
    }
    stretches
}

fn stretch(body: &RawValue, at: &str) -> Result<Stretch, Problem> {
    let body: StretchBody = object(body.get(), at)?;
    let from = instant(&body.from, format!("{at}/from"))?;
    let to = body.to.map(|to| instant(&to, format!("{at}/to"))).transpose()?;
    if to.is_some_and(|to| to < from) {
        let detail = "must not be earlier than from";
        return Err(Problem::new(format!("{at}/to"), "to_before_from", detail));
    }
    Ok(Stretch { from, to })
}
