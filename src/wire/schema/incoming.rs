//! One description makes both schemas of a session: what is taken is what is sound, and beside it whatever the decoder
//! keeps and marks.

use serde_json::{Value, json};

use super::{Held, about, object};
use crate::domain::measure::Measure;
use crate::domain::session::Trigger;
use crate::wire::reading::{COMPARATORS, CONTEXTS, NOT_FINITE, PeripheralKeys, ReadingKeys, SOURCES};
use crate::wire::session::{AnswerKeys, MAX_ANSWERS, MAX_READINGS, SessionKeys};
use crate::wire::status::{MAX_FIRMWARE, StatusKeys};
use crate::wire::unit;

/// RFC 3339 with an offset. That the day exists is for the decoder to see.
const TIME: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
const UUID: &str = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$";
const WITHOUT_NUL: &str = "^[^\\u0000]*$";

pub(super) fn session(held: Held) -> Value {
    let mut session = object::<SessionKeys<'static>>(
        &["session_id", "completed_at", "readings", "answers"],
        |key| match key {
            "session_id" => about(
                "Made by the unit; the same each time this session is sent.",
                uuid(),
            ),
            "seq" => about("Counts the unit's sessions.", optional(held, &whole())),
            "trigger" => about(
                "What made the unit take it. Absent: scheduled.",
                optional(held, &json!({"enum": Trigger::ALL.map(Trigger::word)})),
            ),
            "request_id" => about("Of the retest that it answers.", optional(held, &uuid())),
            "plan_version" => about("Of the plan that the unit had.", optional(held, &whole())),
            "started_at" => optional(held, &time()),
            "completed_at" => about(
                "At most 10 minutes ahead of the service's clock, and 400 days back.",
                time(),
            ),
            "sent_at" => about(
                "By the unit's clock, at each sending anew.",
                optional(held, &time()),
            ),
            "readings" => {
                json!({"type": "array", "maxItems": MAX_READINGS, "items": {"$ref": "#/$defs/reading"}})
            }
            _ => json!({"type": "array", "maxItems": MAX_ANSWERS, "items": {"$ref": "#/$defs/answer"}}),
        },
    );
    session["allOf"] = json!([{"$ref": "#/$defs/without_nul"}]);
    session["$defs"] = json!({
        "reading": reading(held),
        "answer": answer(held),
        "peripheral": peripheral(held),
        "measure": measures(),
        "without_nul": {
            "description": "No string holds a NUL character, at whatever depth, and no key.",
            "pattern": WITHOUT_NUL,
            "propertyNames": {"pattern": WITHOUT_NUL},
            "additionalProperties": {"$ref": "#/$defs/without_nul"},
            "items": {"$ref": "#/$defs/without_nul"},
        },
    });
    session
}

fn reading(held: Held) -> Value {
    let mut reading =
        object::<ReadingKeys<'static>>(&["measure", "value", "unit", "taken_at"], |key| match key {
            "measure" => open(
                held,
                json!({"$ref": "#/$defs/measure"}),
                "Any other: kept as suspect, unknown_measure.",
            ),
            "value" => match held {
                Held::Sound => json!({"type": "number"}),
                Held::Taken => json!({
                    "description": "What is no number is kept as suspect, not_finite.",
                    "anyOf": [{"type": ["number", "null"]}, {"enum": NOT_FINITE}],
                }),
            },
            "unit" => about(
                "UCUM, letter by letter.",
                open(
                    held,
                    units(&Measure::ALL),
                    "Any other: kept as suspect, unknown_unit.",
                ),
            ),
            "comparator" => about(
                "A meter's LO or HI.",
                optional(held, &json!({"enum": COMPARATORS.map(|(word, _)| word)})),
            ),
            "source" => optional(held, &json!({"enum": SOURCES})),
            "peripheral" => optional(held, &json!({"$ref": "#/$defs/peripheral"})),
            "context" => optional(held, &json!({"enum": CONTEXTS.map(|(word, ..)| word)})),
            _ => about("The two halves of one blood pressure share it.", time()),
        });
    if held == Held::Sound {
        let of_measure = |measure: Measure| {
            let words: Vec<&str> = CONTEXTS
                .iter()
                .filter(|(.., of)| *of == measure)
                .map(|(word, ..)| *word)
                .collect();
            let context = if words.is_empty() {
                json!({"type": "null"})
            } else {
                or_null(&json!({"enum": words}))
            };
            json!({"properties": {"measure": {"const": measure.code()}, "unit": units(&[measure]), "context": context}})
        };
        reading["anyOf"] = Measure::ALL.map(of_measure).into();
    }
    reading
}

fn answer(held: Held) -> Value {
    object::<AnswerKeys<'static>>(&["question", "answer"], |key| match key {
        "question" => about("Its id in the plan.", json!({"type": "string"})),
        "answer" => about(
            "A code of the question's, or not_answered; to a question of type number, a number.",
            json!({"type": ["string", "number"]}),
        ),
        _ => optional(held, &time()),
    })
}

fn peripheral(held: Held) -> Value {
    object::<PeripheralKeys<'static>>(&[], |_| optional(held, &json!({"type": "string"})))
}

pub(super) fn status() -> Value {
    object::<StatusKeys<'static>>(&[], |key| match key {
        "online" => about("false in the last will.", or_null(&json!({"type": "boolean"}))),
        "at" => about("Since when, by the unit's clock.", or_null(&time())),
        "sent_at" => about(
            "By the unit's clock; absent in the last will, which the broker sends.",
            or_null(&time()),
        ),
        "battery_pct" => or_null(&json!({"type": "number", "minimum": 0, "maximum": 100})),
        "firmware" => about(
            "At most 200 bytes.",
            or_null(&json!({"type": "string", "maxLength": MAX_FIRMWARE, "pattern": WITHOUT_NUL})),
        ),
        _ => about(
            "Sessions that wait in the unit for their receipts.",
            or_null(&json!({"type": "integer", "minimum": 0, "maximum": i64::MAX})),
        ),
    })
}

/// The measures, each with the units that it is accepted in and the names that other systems know it by.
fn measures() -> Value {
    let described = |measure: Measure| {
        let (coding, facts) = (measure.coding(), measure.facts());
        let mut text = format!("In {}", unit::accepted(measure).join(", "));
        if let Some(loinc) = coding.loinc {
            text.push_str("; LOINC ");
            text.push_str(loinc);
        }
        if let Some(snomed) = coding.snomed {
            text.push_str("; SNOMED CT ");
            text.push_str(snomed);
        }
        json!({"const": facts.code, "title": facts.spoken, "description": text})
    };
    json!({"oneOf": Measure::ALL.map(described)})
}

fn units(of: &[Measure]) -> Value {
    let mut units: Vec<&str> = of.iter().flat_map(|measure| unit::accepted(*measure)).collect();
    units.sort_unstable();
    units.dedup();
    json!({ "enum": units })
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time", "pattern": TIME})
}

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid", "pattern": UUID})
}

fn whole() -> Value {
    json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX})
}

fn or_null(sound: &Value) -> Value {
    json!({"anyOf": [sound, {"type": "null"}]})
}

/// A key that may be left out. Written unreadably it is taken as absent.
fn optional(held: Held, sound: &Value) -> Value {
    match held {
        Held::Sound => or_null(sound),
        Held::Taken => json!({"anyOf": [
            sound, {"type": "null"}, {"description": "Anything else: taken as absent, and listed in the receipt."},
        ]}),
    }
}

/// A word of ours; any other text is kept and marked.
fn open(held: Held, sound: Value, other: &str) -> Value {
    match held {
        Held::Sound => sound,
        Held::Taken => json!({"anyOf": [sound, {"type": "string", "description": other}]}),
    }
}
