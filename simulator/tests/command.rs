//! The command line's exit codes: what a script relies on.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn home_unit(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_home-unit"))
        .args(args)
        .env_remove("HOME_UNIT_SECRET")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn wrong_use_is_exit_code_2_and_says_what_is_wrong() {
    let cases: [(&[&str], &str, &str); 10] = [
        (&["run"], "", "--unit"),
        (&["run", "--unit", "HU-1"], "", "secret"),
        (&["run", "--unit", "HU 1", "--secret", "s"], "", "not a unit id"),
        (&["run", "--unit", "HU-1", "--cohort", "-"], "", "--cohort"),
        (
            &["run", "--unit", "HU-1", "--secret", "s", "--broker", "http://x"],
            "",
            "not a scheme",
        ),
        (
            &["run", "--unit", "HU-1", "--secret", "s", "--offline", "50..20"],
            "",
            "after the beginning",
        ),
        (
            &["run", "--unit", "HU-1", "--secret", "s", "--speed", "10"],
            "",
            "--days-back",
        ),
        (&["run", "--cohort", "-"], "unit_id,secret\n", "no unit"),
        (
            &["run", "--cohort", "-"],
            "HU-1,s1\nHU-1,s2\n",
            "line 2: unit HU-1 comes twice",
        ),
        (
            &["run", "--cohort", "-"],
            "{\"unit_id\": \"HU-1\", \"secret\": 12345}\n",
            "line 1",
        ),
    ];
    for (args, input, message) in cases {
        let output = home_unit(args, input);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(message), "{args:?}: {stderr}");
        assert!(!stderr.contains("12345"), "a secret is shown: {stderr}");
    }
}

#[test]
fn a_broker_that_is_not_there_is_exit_code_1() {
    // Nothing listens on a port that was free a moment ago; were it taken, the unit would not get an answer.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = format!("mqtt://{}", listener.local_addr().unwrap());
    drop(listener);
    let args = [
        "run", "--cohort", "-", "--broker", &broker, "--for", "0.3", "--json",
    ];
    let output = home_unit(
        &args,
        "{\"unit_id\": \"HU-1\", \"secret\": \"s\"}\nHU-2,s,copd,forgetful\n",
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("2 of 2 units never connected"), "{stderr}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["sum"]["units"], 2);
    assert_eq!(summary["units"][1]["unit_id"], "HU-2");
}
