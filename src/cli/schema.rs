//! The same documents as `GET /docs/schema/{name}`, without a service.

use std::collections::BTreeMap;

use clap::Args;

use super::{Failure, say};
use crate::wire::schema::{NAMES, Schema, named};

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Which one: session, session-sound, status, receipt, plan or request; without: all, by name
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(NAMES), hide_possible_values = true)]
    name: Option<String>,
}

pub(super) fn run(which: &Which) -> Result<(), Failure> {
    let all = || {
        Schema::all()
            .into_iter()
            .map(|schema| (schema.name, schema.document()))
    };
    let text = match which.name.as_deref().and_then(named) {
        Some(schema) => serde_json::to_string_pretty(&schema.document()),
        None => serde_json::to_string_pretty(&all().collect::<BTreeMap<_, _>>()),
    };
    Ok(say(&text.map_err(|error| Failure::Other(error.to_string()))?)?)
}
