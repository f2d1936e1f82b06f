//! The `OpenAPI` document as pages that read without scripts and print: what is served is described, nothing else is.

use std::fmt::Write as _;

use serde_json::Value;

use super::markdown::plain;
use super::types;
use crate::web::openapi::document;
use crate::web::routes::routes;

// Writing to a string cannot fail: hence the `let _`.

/// Every call, by what it is about and then in the order of the table of routes.
pub(super) fn calls() -> String {
    let document = serde_json::to_value(document()).unwrap_or_default();
    let routes = routes();
    let mut groups: Vec<&str> = Vec::new();
    for route in &routes {
        let group = group_of(route.path);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    // Last, since it is for browsers and for those who watch the process.
    groups.sort_by_key(|group| *group == OUTSIDE);
    let mut text = String::new();
    for group in groups {
        let _ = write!(text, "\n## {group}\n\n");
        for route in routes.iter().filter(|route| group_of(route.path) == group) {
            let method = route.method.as_str();
            let operation = &document["paths"][route.path][method.to_ascii_lowercase()];
            call(&mut text, method, route.path, operation);
        }
    }
    text
}

/// Every type of the document, by name.
pub(super) fn types() -> String {
    let document = serde_json::to_value(document()).unwrap_or_default();
    let mut text = "What calls take and answer. A key that is there always may still be null where its type says so.\n\n".to_owned();
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        types::describe(&mut text, name, schema);
    }
    text
}

const OUTSIDE: &str = "Outside the API";

fn group_of(path: &'static str) -> &'static str {
    match path.strip_prefix("/api/v1/") {
        Some(inside) => match inside.split('/').next().unwrap_or(inside) {
            "login" | "logout" | "me" => "Signing in",
            "service" | "stream" => "The service",
            "patients" if inside.contains("/plan") => "Plans",
            "patients" => "Patients",
            "readings" | "sessions" => "Readings",
            "templates" => "Plans",
            "units" => "Units",
            "alerts" => "Alerts",
            "quarantine" => "Quarantine",
            "staff" | "teams" | "tokens" => "People and machines",
            "audit" => "Audit",
            _ => "More",
        },
        None => OUTSIDE,
    }
}

fn call(text: &mut String, method: &str, path: &str, operation: &Value) {
    let word = |key: &str| operation[key].as_str().unwrap_or_default();
    let _ = write!(
        text,
        "### `{method} {path}` {{#{}}}\n\n{}. {}\n\n",
        word("operationId"),
        plain(word("summary")),
        plain(word("description"))
    );
    // Every POST may carry a key of its own: that is said once, among the ground rules.
    let parameters: Vec<&Value> = (operation["parameters"].as_array().into_iter().flatten())
        .filter(|parameter| parameter["name"] != "Idempotency-Key")
        .collect();
    if !parameters.is_empty() {
        text.push_str("| parameter | in | what |\n|---|---|---|\n");
        for parameter in parameters {
            let of = |key: &str| parameter[key].as_str().unwrap_or_default();
            let needed = if parameter["required"] == true {
                ""
            } else {
                ", optional"
            };
            let about = types::in_a_row(of("description"));
            let _ = writeln!(
                text,
                "| `{}` | {}{needed} | {}{}{about} |",
                of("name"),
                of("in"),
                types::spelt(&parameter["schema"]),
                if about.is_empty() { "" } else { ". " },
            );
        }
        text.push('\n');
    }
    if let Some((media, body)) = content(&operation["requestBody"]) {
        let _ = write!(text, "Takes {} as `{media}`.", types::spelt(&body["schema"]));
        text.push(' ');
    }
    let mut refusals = Vec::new();
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        if content(response).is_some_and(|(media, _)| media == "application/problem+json") {
            refusals.push(status.as_str());
        } else {
            let what = content(response).map(|(_, body)| types::spelt(&body["schema"]));
            let _ = write!(
                text,
                "Answers {status}{}.",
                what.map(|what| format!(" with {what}")).unwrap_or_default()
            );
        }
    }
    if !refusals.is_empty() {
        let _ = write!(text, " [Refused](/docs/problems) with {}.", refusals.join(", "));
    }
    text.push_str("\n\n");
}

/// The media type and the description of the first content.
fn content(holder: &Value) -> Option<(&str, &Value)> {
    let (media, body) = holder["content"].as_object()?.iter().next()?;
    Some((media, body))
}
