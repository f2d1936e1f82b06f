//! What a machine can check of a payload. The decoders remain the judges, and tests hold each schema against its decoder:
//! what differs is listed in tests/wire/schema.rs and on the page of the schemas.

mod incoming;
mod outgoing;

use serde_json::{Map, Value, json};

use super::keys::Object;

/// One published schema, JSON Schema draft 2020-12.
#[derive(Debug, Clone)]
pub struct Schema {
    pub name: &'static str,
    /// The last level of the topic that it is for.
    pub topic: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    body: Value,
}

/// How much an incoming payload is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// It is taken in: what is odd is kept, and listed in the receipt.
    Taken,
    /// Nothing in it is odd.
    Sound,
}

/// The names of all schemas, in the order of the contract.
pub const NAMES: [&str; 6] = ["session", "session-sound", "status", "receipt", "plan", "request"];

/// The schema of that name.
pub fn named(name: &str) -> Option<Schema> {
    let (topic, title, about, body) = match name {
        "session" => (
            "session",
            "A session as it is taken in",
            "Valid is what the service stores: unknown measures, units and words among it, which are kept, marked and listed in the receipt. \
             Not valid is what it rejects as bad_field or too_many. Unknown keys are kept and ignored.",
            incoming::session(Held::Taken),
        ),
        "session-sound" => (
            "session",
            "A session without a fault",
            "What a unit should send: stored, and its receipt lists no problems. The readings may still prove suspect when they are judged.",
            incoming::session(Held::Sound),
        ),
        "status" => (
            "status",
            "What a unit says about itself",
            "Retained, and also the last will. The service takes any object and leaves out what it cannot read; this is what a unit should send.",
            incoming::status(),
        ),
        "receipt" => (
            "receipt",
            "What became of a session",
            "The unit's only proof. After any of the three outcomes it may forget the session.",
            outgoing::receipt(),
        ),
        "plan" => (
            "plan",
            "What the unit is to ask for, and when",
            "Retained; sent on change and whenever the unit says that it is online. It holds no limits.",
            outgoing::plan(),
        ),
        "request" => (
            "request",
            "A retest or a message",
            "The session that answers a retest carries its request_id and the trigger retest.",
            outgoing::request(),
        ),
        _ => return None,
    };
    let name = NAMES.into_iter().find(|known| *known == name)?;
    Some(Schema {
        name,
        topic,
        title,
        about,
        body,
    })
}

impl Schema {
    /// Every schema there is.
    pub fn all() -> Vec<Self> {
        NAMES.into_iter().filter_map(named).collect()
    }

    /// The whole document.
    pub fn document(&self) -> Value {
        let mut document = self.body.clone();
        if let Value::Object(keys) = &mut document {
            keys.insert(
                "$schema".to_owned(),
                "https://json-schema.org/draft/2020-12/schema".into(),
            );
            keys.insert("$id".to_owned(), format!("urn:homeward:v1:{}", self.name).into());
            keys.insert("title".to_owned(), self.title.into());
            keys.insert("description".to_owned(), self.about.into());
        }
        document
    }
}

/// An object with the keys that its decoder knows, each described.
fn object<T: Object<'static>>(required: &[&str], describe: impl Fn(&str) -> Value) -> Value {
    let properties: Map<String, Value> = T::KEYS
        .iter()
        .map(|key| ((*key).to_owned(), describe(key)))
        .collect();
    json!({"type": "object", "required": required, "properties": properties})
}

/// The schema with a word on what it is for.
fn about(text: &str, mut schema: Value) -> Value {
    if let Value::Object(keys) = &mut schema {
        keys.insert("description".to_owned(), text.into());
    }
    schema
}
