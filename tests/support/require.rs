//! A test that needs a program which may be missing asks here: by default the test says that it did not run,
//! where `HOMEWARD_TEST_REQUIRE` names the program it fails.

use std::io::Write as _;
use std::path::PathBuf;

/// To be called where the program was not found.
pub(crate) fn missing(program: &str) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the variable is for tests, not for the service"
    )]
    let required = std::env::var("HOMEWARD_TEST_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name.trim() == program),
        "{program} is required by HOMEWARD_TEST_REQUIRE and was not found"
    );
    // Past the capture that hides what a passing test prints.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {program} was not found");
}

/// Where the program is: in one of these folders, or where the shell would find it. What is not found is [`missing`].
pub(crate) fn program(name: &str, folders: &[&str]) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where programs are is not the service's configuration"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let known = folders.iter().map(PathBuf::from);
    let found = known
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        missing(name);
    }
    found
}
