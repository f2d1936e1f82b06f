//! The help that a command prints is its documentation; here it stands on one page.

use std::fmt::Write as _;

/// One command, as `homeward staff add`, and what `--help` says.
#[derive(Debug, Clone)]
pub struct CommandHelp {
    pub name: String,
    pub help: String,
}

pub(super) fn text(commands: &[CommandHelp]) -> String {
    let mut text = "Every command says this itself when asked with `--help`. What it answers goes to standard output, everything else to \
                    standard error. It ends with 0 when done, 1 when it failed, 2 when it was used wrongly. Lists take `--json`.\n\n"
        .to_owned();
    for CommandHelp { name, help } in commands {
        // Writing to a string cannot fail.
        let _ = write!(text, "## `{name}`\n\n```text\n{}\n```\n\n", help.trim_end());
    }
    text
}
