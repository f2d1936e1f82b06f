//! Tables of the documentation that the code's own tables are turned into.

use std::fmt::Write as _;

use crate::domain::alert::Outcome;
use crate::domain::measure::Measure;
use crate::wire::schema::Schema;
use crate::wire::topic::Channel;
use crate::wire::unit;

// Writing to a string cannot fail: hence the `let _`.

pub(super) fn topics() -> String {
    let mut text = "| topic | published by | what it is |\n|---|---|---|\n".to_owned();
    for channel in Channel::ALL {
        let by = if channel.is_from_unit() {
            "the unit"
        } else {
            "the service"
        };
        let what = match channel {
            Channel::Session => "one session: readings and answers",
            Channel::Status => "how the unit is; retained, and also its last will",
            Channel::Receipt => "what became of a session",
            Channel::Plan => "what to measure and ask, and when; retained",
            Channel::Request => "a retest or a message",
        };
        let _ = writeln!(
            text,
            "| `homeward/v1/units/{{unit_id}}/{}` | {by} | {what} |",
            channel.name()
        );
    }
    text
}

pub(super) fn measures() -> String {
    let mut text =
        "| measure | unit | also accepted | LOINC | SNOMED CT |\n|---|---|---|---|---|\n".to_owned();
    for measure in Measure::ALL {
        let units: Vec<String> = unit::accepted(measure)
            .iter()
            .map(|unit| format!("`{unit}`"))
            .collect();
        let (own, also) = units
            .split_first()
            .map_or(("", &[][..]), |(own, also)| (own.as_str(), also));
        let coding = measure.coding();
        let _ = writeln!(
            text,
            "| `{measure}` | {own} | {} | {} | {} |",
            also.join(", "),
            coding.loinc.unwrap_or("not checked yet"),
            coding.snomed.unwrap_or("not checked yet"),
        );
    }
    text
}

pub(super) fn possible() -> String {
    let mut text = "| measure | unit | possible | least deviation |\n|---|---|---|---|\n".to_owned();
    for measure in Measure::ALL {
        let facts = measure.facts();
        let (low, high) = facts.possible;
        let _ = writeln!(
            text,
            "| {} | {} | {low} to {high} | {} |",
            facts.spoken, facts.shown_unit, facts.min_sd
        );
    }
    text
}

pub(super) fn schemas() -> String {
    let mut text = String::new();
    for schema in Schema::all() {
        let document = serde_json::to_string_pretty(&schema.document()).unwrap_or_default();
        let _ = write!(
            text,
            "## {name}\n\n**{}.** For the topic `…/{}`. {}\n\n[`/docs/schema/{name}.json`](/docs/schema/{name}.json)\n\n\
             ```json\n{document}\n```\n\n",
            schema.title,
            schema.topic,
            schema.about,
            name = schema.name,
        );
    }
    text
}

pub(super) fn outcomes() -> String {
    let by_people = Outcome::ALL
        .into_iter()
        .filter(|outcome| *outcome != Outcome::ClearedByItself);
    let words: Vec<String> = by_people.map(|outcome| format!("`{}`", outcome.word())).collect();
    words.join(", ")
}
