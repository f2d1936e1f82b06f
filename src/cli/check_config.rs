//! Reaching this means that the configuration is sound: faults end the program before.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Failure, say, say_json};
use crate::config::Config;

#[derive(Serialize)]
struct Shown<'a> {
    value: &'a str,
    place: &'a str,
}

pub(super) fn run(config: &Config, json: bool) -> Result<(), Failure> {
    if json {
        let keys: BTreeMap<&str, Shown<'_>> = config
            .effective()
            .iter()
            .map(|key| {
                let shown = Shown {
                    value: &key.shown,
                    place: &key.place,
                };
                (key.key.as_str(), shown)
            })
            .collect();
        return say_json(&keys);
    }
    for key in config.effective() {
        say(&format!("{} = {}  ({})", key.key, key.shown, key.place))?;
    }
    Ok(say("The configuration is sound.")?)
}
