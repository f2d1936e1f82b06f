//! Who may name whom, who may read the clock, and how long a file may be: read from the sources themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the root crate and foreign crates that each module may name. `std` and the module itself go without saying.
const MAY_NAME: &[(&str, &[&str], &[&str])] = &[
    ("clock", &["domain"], &["chrono"]),
    (
        "domain",
        &[],
        &["chrono", "chrono_tz", "serde", "thiserror", "utoipa", "uuid"],
    ),
    (
        "config",
        &[],
        &[
            "chrono_tz",
            "figment",
            "secrecy",
            "thiserror",
            "tracing_subscriber",
        ],
    ),
    (
        "telemetry",
        &["config"],
        &["thiserror", "tracing", "tracing_subscriber"],
    ),
    (
        "broker",
        &["domain", "wire"],
        &[
            "bytes",
            "mqtt5",
            "rand",
            "rumqttc",
            "rustls",
            "secrecy",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tracing",
            "x509_cert",
        ],
    ),
    (
        "wire",
        &["domain"],
        &[
            "chrono",
            "chrono_tz",
            "serde",
            "serde_json",
            "sha2",
            "utoipa",
            "uuid",
        ],
    ),
    (
        "engine",
        &["domain"],
        &["chrono", "chrono_tz", "serde", "smallvec", "uuid"],
    ),
    (
        "store",
        &["domain"],
        &[
            "chrono",
            "serde",
            "serde_json",
            "sha2",
            "sqlx",
            "thiserror",
            "tokio",
            "uuid",
        ],
    ),
    (
        "judging",
        &["domain", "engine", "store", "wire"],
        &["chrono", "serde_json", "thiserror"],
    ),
    (
        "ingest",
        &[
            "broker", "clock", "domain", "engine", "judging", "metrics", "store", "wire",
        ],
        &[
            "chrono",
            "futures_util",
            "serde_json",
            "sha2",
            "thiserror",
            "tokio",
            "tracing",
            "uuid",
        ],
    ),
    ("metrics", &["domain"], &["prometheus_client", "rustix"]),
    (
        "desk",
        // Of ingest only its door for a message that is replayed: see `the_desk_names_of_ingest_only_the_replay`.
        &["clock", "domain", "engine", "ingest", "judging", "store", "wire"],
        &[
            "argon2",
            "chrono",
            "rand",
            "secrecy",
            "serde",
            "serde_json",
            "sha2",
            "subtle",
            "thiserror",
            "tokio",
            "tracing",
            "uuid",
        ],
    ),
    (
        "workers",
        &[
            "broker", "clock", "domain", "ingest", "judging", "metrics", "store", "wire",
        ],
        &["chrono", "futures_util", "thiserror", "tokio", "tracing", "uuid"],
    ),
    (
        "web",
        &[
            "clock", "config", "desk", "domain", "engine", "judging", "metrics", "store", "wire",
        ],
        &[
            "askama",
            "axum",
            "chrono",
            "chrono_tz",
            "futures_util",
            "pulldown_cmark",
            "secrecy",
            "serde",
            "serde_json",
            "sha2",
            "subtle",
            "thiserror",
            "tokio",
            "tower_http",
            "tracing",
            "utoipa",
            "uuid",
        ],
    ),
];

/// Crate names are told from local modules and enums by being in this list.
fn foreign_crates() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let dependencies = manifest
        .split("[dependencies]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .expect("them");
    let names = dependencies
        .lines()
        .filter_map(|line| line.split(['=', '.', ' ']).next());
    names
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(|name| name.replace('-', "_"))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            found.push((path, text));
        }
    }
    found.sort();
    found
}

/// The top-level module that a source belongs to.
fn module_of(path: &Path) -> String {
    let inside = path
        .strip_prefix(root().join("src"))
        .expect("a source of the crate");
    let first = inside
        .components()
        .next()
        .expect("a name")
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Every `word::` of the code, comments and strings apart as far as a line tells.
fn paths_named(text: &str) -> BTreeSet<(String, Option<String>)> {
    let mut named = BTreeSet::new();
    for line in text
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
    {
        let code = line.split(" // ").next().unwrap_or_default();
        for (at, _) in code.match_indices("::") {
            let before = &code[..at];
            let word: String = before
                .chars()
                .rev()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect();
            let opens = before[..before.len() - word.len()].chars().next_back();
            if opens == Some(':') || word.is_empty() {
                continue;
            }
            let after: String = code[at + 2..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            named.insert((word, (!after.is_empty()).then_some(after)));
        }
        // `use crate::{a, b}` names a and b.
        if let Some(list) = code.strip_prefix("use crate::{") {
            for name in list.split(',') {
                let name = name
                    .trim()
                    .split("::")
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches(['}', ';']);
                named.insert(("crate".to_owned(), Some(name.to_owned())));
            }
        }
    }
    named
}

#[test]
fn modules_name_only_whom_they_may() {
    let crates = foreign_crates();
    let rules: BTreeMap<&str, (&[&str], &[&str])> = MAY_NAME
        .iter()
        .map(|(module, ours, foreign)| (*module, (*ours, *foreign)))
        .collect();
    let unruled = ["app", "cli", "lib", "main"];
    let mut faults = Vec::new();
    for (path, text) in sources(&root().join("src")) {
        let module = module_of(&path);
        if unruled.contains(&module.as_str()) {
            continue;
        }
        let Some((ours, foreign)) = rules.get(module.as_str()) else {
            faults.push(format!(
                "{}: the module {module} has no row in MAY_NAME",
                path.display()
            ));
            continue;
        };
        for (word, after) in paths_named(&text) {
            let after = after.unwrap_or_default();
            if word == "crate" && !after.is_empty() && after != module && !ours.contains(&after.as_str()) {
                faults.push(format!(
                    "{}: {module} may not name crate::{after}",
                    path.display()
                ));
            }
            if crates.contains(&word) && !foreign.contains(&word.as_str()) {
                faults.push(format!("{}: {module} may not name {word}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A replay is taken in by the same steps as what arrives; nothing else of ingest is the desk's business.
#[test]
fn the_desk_names_of_ingest_only_the_replay() {
    let of_desk = sources(&root().join("src/desk"));
    let lines = of_desk
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter(|line| line.contains("ingest::"));
    let lines: Vec<&str> = lines.collect();
    assert!(!lines.is_empty());
    for line in lines {
        assert!(line.contains("crate::ingest::replay::"), "{line}");
    }
}

#[test]
fn nothing_but_the_clock_reads_the_time_and_nothing_but_the_store_holds_sql() {
    let mut faults = Vec::new();
    for (path, text) in sources(&root().join("src")) {
        let module = module_of(&path);
        let clock = ["Utc::now()", "SystemTime::now()", "std::time::Instant"]
            .iter()
            .any(|read| text.contains(read));
        if clock && module != "clock" {
            faults.push(format!("{} reads the clock", path.display()));
        }
        if module != "store"
            && (text.contains("sqlx::")
                || text.contains("select ") && text.contains(" from ") && text.contains("where "))
        {
            faults.push(format!("{} seems to hold SQL", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_stay_short_and_begin_with_what_would_surprise() {
    let mut faults = Vec::new();
    let sources = sources(&root().join("src"))
        .into_iter()
        .chain(sources(&root().join("simulator/src")));
    for (path, text) in sources {
        let lines = text.lines().count();
        if lines > 400 {
            faults.push(format!("{} has {lines} lines", path.display()));
        }
        if !text.starts_with("//!") {
            faults.push(format!("{} does not begin with a module comment", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_main_files_stay_small() {
    for main in ["src/main.rs", "simulator/src/main.rs"] {
        let lines = fs::read_to_string(root().join(main))
            .expect("a main file")
            .lines()
            .count();
        assert!(lines <= 40, "{main} has {lines} lines");
    }
}
