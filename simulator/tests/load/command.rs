//! The flags, and a run that sends nothing.

use std::process::{Command, Output};

fn load(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_home-unit"))
        .arg("load")
        .args(args)
        .env_remove("HOME_UNIT_PASSWORD")
        .output()
        .unwrap()
}

#[test]
fn wrong_use_is_exit_code_2_and_says_what_is_wrong() {
    let cases: [(&[&str], &str); 12] = [
        (&[], "--units"),
        (&["--units", "3"], "--connections"),
        (
            &["--units", "3", "--cohort", "x", "--connections", "1"],
            "cannot be used",
        ),
        (
            &["--units", "3", "--connections", "1", "--unit-prefix", "H U"],
            "not a unit id",
        ),
        (
            &["--units", "3", "--connections", "1", "--duplicates", "5"],
            "from 0 to 1",
        ),
        (
            &[
                "--units",
                "3",
                "--connections",
                "1",
                "--duplicates",
                "60%",
                "--conflicts",
                "0.5",
            ],
            "more than all",
        ),
        (&["--units", "3", "--connections", "1", "--rate=-1"], "--rate"),
        (&["--units", "3", "--connections", "1", "--now"], "rate"),
        (
            &["--units", "3", "--connections", "1", "--username", "me"],
            "password",
        ),
        (
            &[
                "--units",
                "3",
                "--connections",
                "1",
                "--start",
                "2020-01-01T00:00:00Z",
            ],
            "the first session",
        ),
        (
            &[
                "--units",
                "3",
                "--connections",
                "1",
                "--start",
                "2100-01-01T00:00:00Z",
            ],
            "the last session",
        ),
        (&["--cohort", "/nowhere/units.csv"], "/nowhere/units.csv"),
    ];
    for (args, message) in cases {
        let output = load(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(message), "{args:?}: {stderr}");
    }
}

#[test]
fn a_dry_run_foretells_the_same_each_time_and_sends_nothing() {
    let args = [
        "--units",
        "3",
        "--connections",
        "1",
        "--sessions",
        "50",
        "--seed",
        "7",
        "--malformed",
        "10%",
        "--start",
        "2026-11-01T08:00:00Z",
        "--dry-run",
        "--expect",
        "-",
        "--broker",
        "mqtt://127.0.0.1:1",
    ];
    let (one, again) = (load(&args), load(&args));
    assert_eq!(
        one.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&one.stderr)
    );
    assert_eq!(one.stdout, again.stdout);
    let text = String::from_utf8(one.stdout).unwrap();
    assert_eq!(text.lines().count(), 50);
    assert_eq!(
        text.lines().filter(|line| line.contains("\"malformed\"")).count(),
        5
    );
}

#[test]
fn the_help_has_examples() {
    let output = load(&["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for part in ["Examples:", "--expect", "external broker", "Exit codes"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
