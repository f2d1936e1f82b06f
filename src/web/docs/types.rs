//! A schema of the document in words: `string or null`, `list of Alert`.

use std::fmt::Write as _;

use serde_json::Value;

use super::markdown::plain;

// Writing to a string cannot fail: hence the `let _`.

/// One named type: what it is, and its keys.
pub(super) fn describe(text: &mut String, name: &str, schema: &Value) {
    let _ = write!(text, "## `{name}` {{#{}}}\n\n", id(name));
    if let Some(about) = schema["description"].as_str() {
        let _ = write!(text, "{}\n\n", in_a_row(about));
    }
    let parts: Vec<&Value> = match schema["allOf"].as_array() {
        Some(parts) => parts.iter().collect(),
        None => vec![schema],
    };
    let mut rows = String::new();
    for part in &parts {
        let required: Vec<&str> = part["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (key, value) in part["properties"].as_object().into_iter().flatten() {
            let need = if required.contains(&key.as_str()) {
                "always"
            } else {
                "optional"
            };
            let about = in_a_row(value["description"].as_str().unwrap_or_default());
            let _ = writeln!(rows, "| `{key}` | {} | {need} | {about} |", spelt(value));
        }
        if part["$ref"].is_string() {
            let _ = writeln!(rows, "| all of | {} | always | |", spelt(part));
        }
    }
    if rows.is_empty() {
        let _ = write!(text, "{}.\n\n", spelt(schema));
    } else {
        let _ = write!(
            text,
            "| key | type | there | about |\n|---|---|---|---|\n{rows}\n"
        );
    }
}

/// The type in words, with links to the named ones.
pub(super) fn spelt(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](/docs/types#{})", id(name));
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{}`", word.as_str().unwrap_or("null")))
            .collect();
        return words.join(", ");
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(several) = schema[key].as_array() {
            let join = if key == "allOf" { " and " } else { " or " };
            return several.iter().map(spelt).collect::<Vec<_>>().join(join);
        }
    }
    let one = |kind: &str| match (kind, schema["format"].as_str()) {
        ("array", _) => format!("list of {}", spelt(&schema["items"])),
        ("string", Some("date-time")) => "time".to_owned(),
        ("string", Some(format @ ("date" | "uuid"))) => format.to_owned(),
        ("integer", _) => "whole number".to_owned(),
        ("boolean", _) => "true or false".to_owned(),
        (kind, _) => kind.to_owned(),
    };
    let said = match &schema["type"] {
        Value::String(kind) => one(kind),
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .map(one)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "anything".to_owned(),
    };
    match (
        schema["minimum"].as_f64(),
        schema["maximum"].as_f64(),
        &schema["default"],
    ) {
        (Some(least), Some(most), Value::Number(default)) => {
            format!("{said}, {least} to {most}, {default} unless said")
        }
        (Some(least), Some(most), _) => format!("{said}, {least} to {most}"),
        _ => said,
    }
}

/// Text of several lines as one, for a row of a table; what stands in backticks there stays code.
pub(super) fn in_a_row(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let escaped = |(place, part): (usize, &str)| {
        if place % 2 == 1 {
            format!("`{part}`")
        } else {
            plain(part)
        }
    };
    line.split('`').enumerate().map(escaped).collect()
}

fn id(name: &str) -> String {
    name.to_ascii_lowercase()
}
