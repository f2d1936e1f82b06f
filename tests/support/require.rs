//! A test that needs a program which may be missing asks here: by default the test says that it did not run,
//! where `HOMEWARD_TEST_REQUIRE` names the program it fails.

use std::io::Write as _;

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
