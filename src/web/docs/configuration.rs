//! Made from the defaults file itself, comment by comment, so that the page and what is in force cannot disagree.

use std::fmt::Write as _;

use super::types::in_a_row;
use crate::config;

// Writing to a string cannot fail: hence the `let _`.

pub(super) fn text() -> String {
    let mut text = include_str!("configuration.md").to_owned();
    let (mut section, mut comments) = (String::new(), Vec::new());
    // What stands before the first section is said by the page in its own words.
    let (_, keys) = config::DEFAULTS
        .split_once("\n\n")
        .unwrap_or(("", config::DEFAULTS));
    for line in keys.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            comments.push(comment.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            let _ = write!(text, "\n## {section}\n\n");
        } else if let Some((key, value)) = line.split_once(" = ") {
            let variable = format!("HOMEWARD_{section}__{key}").to_ascii_uppercase();
            let _ = write!(
                text,
                "### `{section}.{key}`\n\n{}\n\nDefault `{value}`. Variable `{variable}`.\n\n",
                in_a_row(&comments.join(" "))
            );
            comments.clear();
        }
    }
    text
}
