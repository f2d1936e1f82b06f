//! Configuration: layers, faults all at once, secrets, refusals.

use std::path::Path;

use homeward::config::{Config, DEFAULTS, Faults, MqttUrl, Recalled};
use secrecy::ExposeSecret as _;

fn with(variables: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::from_parts(None, owned(variables))
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn in_file(text: &str, variables: &[(&str, &str)]) -> Result<Config, Faults> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("homeward.toml");
    std::fs::write(&path, text).unwrap();
    Config::from_parts(Some(&path), owned(variables))
}

fn lines(result: Result<Config, Faults>) -> Vec<String> {
    result
        .unwrap_err()
        .all()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_defaults_alone_are_sound_and_every_key_is_commented() {
    let config = with(&[]).unwrap();
    assert_eq!(config.mqtt.url, MqttUrl::Embedded);
    assert_eq!(config.database.url.expose_secret(), "sqlite:data/homeward.db");
    let mut before = "";
    let mut keys = 0;
    for line in DEFAULTS.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            keys += 1;
            assert!(
                before.starts_with('#') || before.contains("cert"),
                "{line} has no comment"
            );
        }
        before = line;
    }
    assert_eq!(keys, config.effective().len());
}

#[test]
fn the_environment_overrides_the_file_and_the_file_the_defaults() {
    let file = "[ingest]\nbatch_max = 200\n[http]\nlisten = \"127.0.0.1:9000\"\n";
    let config = in_file(file, &[("HOMEWARD_INGEST__BATCH_MAX", "300")]).unwrap();
    assert_eq!(config.ingest.batch_max, 300);
    assert_eq!(config.http.listen.port(), 9000);
    let batch = config
        .effective()
        .iter()
        .find(|key| key.key == "ingest.batch_max")
        .unwrap();
    assert_eq!(
        (batch.shown.as_str(), batch.place.as_str()),
        ("300", "HOMEWARD_INGEST__BATCH_MAX")
    );
}

#[test]
fn how_much_is_remembered_is_a_number_or_the_machines_matter() {
    let said = |sessions: &str| in_file("", &[("HOMEWARD_INGEST__RECALL_SESSIONS", sessions)]);
    for (text, recalled) in [
        ("auto", Recalled::ByMemory),
        ("0", Recalled::Sessions(0)),
        ("100000000", Recalled::Sessions(100_000_000)),
    ] {
        assert_eq!(said(text).unwrap().ingest.recall_sessions, recalled);
    }
    assert_eq!(
        in_file("", &[]).unwrap().ingest.recall_sessions,
        Recalled::ByMemory
    );
    for text in ["-1", "100000001", "all"] {
        let lines = lines(said(text));
        assert!(
            lines[0].contains("auto, or a whole number from 0 to 100000000"),
            "{lines:?}"
        );
    }
}

#[test]
fn homeward_config_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.toml");
    std::fs::write(&path, "[service]\nname = \"Ward 9\"\n").unwrap();
    let config = with(&[("HOMEWARD_CONFIG", path.to_str().unwrap())]).unwrap();
    assert_eq!(config.service.name, "Ward 9");
}

#[test]
fn all_faults_are_told_at_once_with_name_place_and_hint() {
    let file = "[http]\nlisten = \"nowhere\"\nlisen = \"127.0.0.1:1\"\n\n[ingest]\nbatch_max = 0\n";
    let lines = lines(in_file(
        file,
        &[
            ("HOMEWARD_MQTT__URI", "embedded"),
            ("HOMEWARD_LOG__FORMAT", "xml"),
            ("HOMEWARD_NONSENSE", "1"),
        ],
    ));
    let has = |parts: &[&str]| {
        assert!(
            lines
                .iter()
                .any(|line| parts.iter().all(|part| line.contains(part))),
            "{parts:?} in {lines:#?}"
        );
    };
    has(&["http.listen", "homeward.toml line 2", "'nowhere'"]);
    has(&["http.lisen", "line 3", "did you mean http.listen?"]);
    has(&["ingest.batch_max", "line 6", "from 1 to 5000"]);
    has(&[
        "mqtt.uri",
        "HOMEWARD_MQTT__URI",
        "did you mean HOMEWARD_MQTT__URL?",
    ]);
    has(&["log.format", "HOMEWARD_LOG__FORMAT", "neither text nor json"]);
    has(&["nonsense", "HOMEWARD_NONSENSE"]);
    assert_eq!(lines.len(), 6, "{lines:#?}");
}

#[test]
fn levels_are_words_or_modules_with_a_word() {
    for sound in ["debug", "info,homeward::ingest=debug", "off", "warn, sqlx=error"] {
        assert!(with(&[("HOMEWARD_LOG__LEVEL", sound)]).is_ok(), "{sound}");
    }
    for wrong in ["loud", "info,homeward", "homeward=loud", "=info", ","] {
        let lines = lines(with(&[("HOMEWARD_LOG__LEVEL", wrong)]));
        assert!(
            lines.len() == 1 && lines[0].starts_with("log.level"),
            "{wrong}: {lines:?}"
        );
    }
}

#[test]
fn a_list_where_one_value_belongs_is_a_fault() {
    let lines = lines(in_file("[service]\nname = [\"a\"]\n", &[]));
    assert!(
        lines[0].contains("service.name") && lines[0].contains("line 2"),
        "{lines:?}"
    );
}

#[test]
fn a_file_that_is_no_toml_is_told_without_quoting_it() {
    let lines = lines(in_file("[mqtt]\npassword = \"hunter22\n", &[]));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("line 2"), "{lines:?}");
    assert!(!lines[0].contains("hunter22"), "{lines:?}");
}

#[test]
fn a_missing_file_is_a_fault() {
    let faults = Config::from_parts(Some(Path::new("/nowhere/homeward.toml")), []).unwrap_err();
    assert!(faults.to_string().contains("/nowhere/homeward.toml"), "{faults}");
}

#[test]
fn a_secret_may_stand_in_a_file_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "correct horse\n").unwrap();
    let config = with(&[
        ("HOMEWARD_MQTT__USERNAME", "homeward"),
        ("HOMEWARD_MQTT__PASSWORD_FILE", path.to_str().unwrap()),
        (
            "HOMEWARD_DATABASE__URL",
            "postgres://homeward:battery@localhost/homeward",
        ),
    ])
    .unwrap();
    assert_eq!(
        config.mqtt.password.as_ref().unwrap().expose_secret(),
        "correct horse"
    );
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("correct horse") && !shown.contains("battery"),
        "{shown}"
    );
}

#[test]
fn a_secret_given_twice_in_one_layer_is_refused() {
    let lines = lines(with(&[
        ("HOMEWARD_MQTT__PASSWORD", "a"),
        ("HOMEWARD_MQTT__PASSWORD_FILE", "/b"),
    ]));
    assert!(
        lines.iter().any(|line| line.contains("is given twice")),
        "{lines:?}"
    );
}

#[test]
fn unsafe_settings_are_refused_with_a_way_out() {
    let refused = |variables: &[(&str, &str)], key: &str| {
        let lines = lines(with(variables));
        assert!(
            lines.len() == 1 && lines[0].starts_with(key),
            "{variables:?}: {lines:?}"
        );
    };
    refused(&[("HOMEWARD_HTTP__LISTEN", "0.0.0.0:8080")], "http.listen");
    refused(&[("HOMEWARD_MQTT__LISTEN", "0.0.0.0:1883")], "mqtt.listen");
    refused(&[("HOMEWARD_MQTT__URL", "mqtt://broker:1883")], "mqtt.url");
    refused(&[("HOMEWARD_MQTT__URL", "mqtts://broker")], "mqtt.ca_file");
    refused(&[("HOMEWARD_MQTT__HARD_CAP", "10")], "mqtt.hard_cap");
    refused(
        &[("HOMEWARD_DATABASE__URL", "postgres://h:p@db/homeward")],
        "database.url",
    );
    for variables in [
        &[
            ("HOMEWARD_HTTP__LISTEN", "0.0.0.0:8080"),
            ("HOMEWARD_HTTP__BEHIND_TLS_PROXY", "true"),
        ][..],
        &[
            ("HOMEWARD_MQTT__URL", "mqtt://broker:1883"),
            ("HOMEWARD_MQTT__TRUSTED_NETWORK", "true"),
        ],
        &[("HOMEWARD_MQTT__URL", "mqtt://localhost:1883")],
        &[("HOMEWARD_MQTT__URL", "mqtt://[::1]:1883")],
        &[(
            "HOMEWARD_DATABASE__URL",
            "postgres://h:p@db/homeward?sslmode=verify-full",
        )],
        &[(
            "HOMEWARD_DATABASE__URL",
            "postgres:///homeward?host=/var/run/postgresql",
        )],
    ] {
        assert!(
            with(variables).is_ok(),
            "{variables:?}: {:?}",
            with(variables).err()
        );
    }
}

#[test]
fn variables_of_the_tests_are_not_the_services() {
    assert!(with(&[("HOMEWARD_TEST_REQUIRE", "postgres")]).is_ok());
}

#[test]
fn the_plumbing_is_heard_only_of_what_went_wrong_unless_it_is_named() {
    use tracing::Level;
    let hears = |written: &str, target: &str, level: Level| {
        homeward::telemetry::filter(written)
            .unwrap()
            .would_enable(target, &level)
    };
    assert!(hears("info", "homeward::ingest", Level::INFO));
    for plumbing in ["mqtt5::broker::router", "sqlx::postgres::notice"] {
        assert!(!hears("info", plumbing, Level::INFO));
        assert!(!hears("trace", plumbing, Level::DEBUG));
        assert!(hears("info", plumbing, Level::WARN));
        assert!(!hears("error", plumbing, Level::WARN));
    }
    assert!(hears("info,mqtt5=debug", "mqtt5::broker", Level::DEBUG));
    assert!(hears("info,sqlx::query=debug", "sqlx::query", Level::DEBUG));
}
