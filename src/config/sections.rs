//! One struct a section; each reads all its keys before it misses one.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::filter::LevelFilter;

use super::keys::Keys;
use super::recalled::Recalled;

#[derive(Debug, Clone)]
pub struct Service {
    pub name: String,
    /// For pages; the API speaks UTC.
    pub timezone: chrono_tz::Tz,
}

#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: SecretString,
    pub migrate_on_start: bool,
    pub max_connections: u32,
    pub trusted_network: bool,
}

#[derive(Debug, Clone)]
pub struct Data {
    pub dir: PathBuf,
}

#[derive(Debug, Clone)]
pub struct Mqtt {
    pub url: MqttUrl,
    /// Of the embedded broker.
    pub listen: SocketAddr,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub ca_file: Option<PathBuf>,
    /// Certificate and key, PEM.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    pub client_id: String,
    /// `None`: a single ingestor with a persistent session.
    pub group: Option<String>,
    pub receive_maximum: u16,
    pub hard_cap: usize,
    pub trusted_network: bool,
}

/// Which broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MqttUrl {
    Embedded,
    /// `mqtt://host[:port]` or `mqtts://host[:port]`.
    External(String),
}

#[derive(Debug, Clone)]
pub struct Http {
    pub listen: SocketAddr,
    pub behind_tls_proxy: bool,
    pub sign_in_hours: u32,
    pub idle_minutes: u32,
    pub sign_in_attempts: u32,
    /// Of one address.
    pub anonymous_per_minute: u32,
    pub person_per_minute: u32,
    pub token_at_once: u32,
    pub metrics: MetricsFor,
    /// Opens `/metrics` and nothing else.
    pub metrics_token: Option<SecretString>,
}

/// Who may read `/metrics` without a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsFor {
    /// Callers on this machine, not through a proxy, and whoever has the token.
    Loopback,
    Token,
    /// It does not exist.
    Nobody,
}

#[derive(Debug, Clone)]
pub struct Mail {
    /// `smtp://…`, `smtps://…` or `log:`.
    pub url: SecretString,
}

#[derive(Debug, Clone)]
pub struct Ingest {
    pub batch_max: usize,
    pub recall_sessions: Recalled,
}

/// When missing sessions are the service's own matter first.
#[derive(Debug, Clone, Copy)]
pub struct Compliance {
    pub incident_share_percent: u8,
    pub incident_at_least: u32,
}

/// How long is kept what nobody needs for ever.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub events_days: u16,
    pub notices_days: u16,
    pub answers_hours: u16,
    pub heartbeats_days: u16,
}

#[derive(Debug, Clone)]
pub struct Log {
    pub format: LogFormat,
    /// Filter directives, found sound.
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Service {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let name = keys.text("service.name");
        let timezone = keys.parsed("service.timezone", "a time zone such as Europe/London");
        Some(Self {
            name: name?,
            timezone: timezone?,
        })
    }
}

impl Data {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        Some(Self {
            dir: keys.text("data.dir")?.into(),
        })
    }
}

impl Database {
    pub(super) fn read(keys: &mut Keys<'_>, data: Option<&Data>) -> Option<Self> {
        let said = keys.secret("database.url");
        let migrate_on_start = keys.flag("database.migrate_on_start");
        let max_connections = keys.number("database.max_connections", 1..=500);
        let trusted_network = keys.flag("database.trusted_network");
        let url = match said {
            Some(url) => url,
            None => format!("sqlite:{}", data?.dir.join("homeward.db").display()).into(),
        };
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|start| url.expose_secret().starts_with(start)) {
            keys.refuse(
                "database.url",
                "is not a database that Homeward knows",
                "write sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME",
            );
            return None;
        }
        Some(Self {
            url,
            migrate_on_start: migrate_on_start?,
            max_connections: max_connections?,
            trusted_network: trusted_network?,
        })
    }
}

impl Mqtt {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let url = Self::read_url(keys);
        let listen = keys.parsed("mqtt.listen", "an address and port such as 127.0.0.1:1883");
        let username = keys.optional("mqtt.username");
        let password = keys.secret("mqtt.password");
        let ca_file = keys.optional_path("mqtt.ca_file");
        let cert = keys.optional_path("mqtt.client_cert_file");
        let key = keys.optional_path("mqtt.client_key_file");
        let client_id = keys.text("mqtt.client_id");
        let group = Self::read_group(keys);
        let receive_maximum = keys.number("mqtt.receive_maximum", 1..=u16::MAX);
        let hard_cap = keys.number("mqtt.hard_cap", 1..=1_000_000);
        let trusted_network = keys.flag("mqtt.trusted_network");
        let client_certificate = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (cert, _) => {
                let missing = if cert.is_some() {
                    "mqtt.client_key_file"
                } else {
                    "mqtt.client_cert_file"
                };
                keys.refuse(missing, "is missing: a certificate and its key go together", "");
                return None;
            }
        };
        Some(Self {
            url: url?,
            listen: listen?,
            username,
            password,
            ca_file,
            client_certificate,
            client_id: client_id?,
            group,
            receive_maximum: receive_maximum?,
            hard_cap: hard_cap?,
            trusted_network: trusted_network?,
        })
    }

    fn read_url(keys: &mut Keys<'_>) -> Option<MqttUrl> {
        let url = keys.text("mqtt.url")?;
        if url == "embedded" {
            return Some(MqttUrl::Embedded);
        }
        let hint = "write embedded, mqtt://HOST:PORT or mqtts://HOST:PORT";
        if !url.starts_with("mqtt://") && !url.starts_with("mqtts://") {
            // Not quoted: somebody may have written a password into it.
            keys.refuse("mqtt.url", "is not the address of a broker", hint);
            return None;
        }
        if url.contains('@') {
            keys.refuse(
                "mqtt.url",
                "must not hold a user name or password",
                "use mqtt.username and mqtt.password",
            );
            return None;
        }
        Some(MqttUrl::External(url))
    }

    fn read_group(keys: &mut Keys<'_>) -> Option<String> {
        let group = keys.optional("mqtt.group")?;
        if group.contains(['/', '+', '#']) {
            keys.refuse("mqtt.group", "must not contain '/', '+' or '#'", "");
        }
        Some(group)
    }
}

impl Http {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let listen = keys.parsed("http.listen", "an address and port such as 127.0.0.1:8080");
        let behind_tls_proxy = keys.flag("http.behind_tls_proxy");
        let sign_in_hours = keys.number("http.sign_in_hours", 1..=24);
        let idle_minutes = keys.number("http.idle_minutes", 5..=720);
        let sign_in_attempts = keys.number("http.sign_in_attempts", 1..=100);
        let anonymous_per_minute = keys.number("http.anonymous_per_minute", 10..=60_000);
        let person_per_minute = keys.number("http.person_per_minute", 60..=60_000);
        let token_at_once = keys.number("http.token_at_once", 1..=10_000);
        let metrics_token = keys.secret("http.metrics_token");
        let metrics = Self::read_metrics(keys, metrics_token.as_ref());
        Some(Self {
            listen: listen?,
            behind_tls_proxy: behind_tls_proxy?,
            sign_in_hours: sign_in_hours?,
            idle_minutes: idle_minutes?,
            sign_in_attempts: sign_in_attempts?,
            anonymous_per_minute: anonymous_per_minute?,
            person_per_minute: person_per_minute?,
            token_at_once: token_at_once?,
            metrics: metrics?,
            metrics_token,
        })
    }

    fn read_metrics(keys: &mut Keys<'_>, token: Option<&SecretString>) -> Option<MetricsFor> {
        if token.is_some_and(|token| token.expose_secret().chars().count() < 16) {
            keys.refuse(
                "http.metrics_token",
                "is too easy to guess",
                "use at least 16 characters, such as the output of `openssl rand -hex 32`",
            );
        }
        match keys.text("http.metrics")?.as_str() {
            "loopback" => Some(MetricsFor::Loopback),
            "token" if token.is_none() => {
                keys.refuse(
                    "http.metrics",
                    "is token, and http.metrics_token is not set",
                    "set it",
                );
                None
            }
            "token" => Some(MetricsFor::Token),
            "off" => Some(MetricsFor::Nobody),
            other => {
                keys.refuse(
                    "http.metrics",
                    format!("'{other}' is none of loopback, token and off"),
                    "",
                );
                None
            }
        }
    }
}

impl Mail {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let url = keys
            .secret("mail.url")
            .unwrap_or_else(|| "log:".to_owned().into());
        let text = url.expose_secret();
        let sound = text == "log:"
            || ["smtp://", "smtps://"]
                .iter()
                .any(|start| text.strip_prefix(start).is_some_and(|host| !host.is_empty()));
        if !sound {
            keys.refuse(
                "mail.url",
                "is not a way to send mail",
                "write smtps://USER:PASSWORD@HOST, smtp://HOST or log:",
            );
            return None;
        }
        Some(Self { url })
    }
}

impl Ingest {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        Some(Self {
            batch_max: keys.number("ingest.batch_max", 1..=5000)?,
            recall_sessions: keys.parsed(
                "ingest.recall_sessions",
                "auto, or a whole number from 0 to 100000000",
            )?,
        })
    }
}

impl Compliance {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let incident_share_percent = keys.number("compliance.incident_share_percent", 1..=100);
        let incident_at_least = keys.number("compliance.incident_at_least", 1..=1_000_000);
        Some(Self {
            incident_share_percent: incident_share_percent?,
            incident_at_least: incident_at_least?,
        })
    }
}

impl Retention {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let events_days = keys.number("retention.events_days", 1..=365);
        let notices_days = keys.number("retention.notices_days", 1..=3650);
        let answers_hours = keys.number("retention.answers_hours", 1..=720);
        let heartbeats_days = keys.number("retention.heartbeats_days", 1..=3650);
        Some(Self {
            events_days: events_days?,
            notices_days: notices_days?,
            answers_hours: answers_hours?,
            heartbeats_days: heartbeats_days?,
        })
    }
}

impl Log {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let format = match keys.text("log.format").as_deref() {
            Some("text") => Some(LogFormat::Text),
            Some("json") => Some(LogFormat::Json),
            Some(other) => {
                keys.refuse("log.format", format!("'{other}' is neither text nor json"), "");
                None
            }
            None => None,
        };
        let level = keys.text("log.level")?;
        // A bare word that is no level would be taken for the name of a module, and switch everything else off.
        let is_level = |word: &str| !word.trim().is_empty() && word.trim().parse::<LevelFilter>().is_ok();
        let sound = level.split(',').all(|directive| match directive.split_once('=') {
            Some((module, level)) => !module.trim().is_empty() && is_level(level),
            None => is_level(directive),
        });
        if !sound {
            keys.refuse(
                "log.level",
                format!("'{level}' is not a level"),
                "write error, warn, info, debug or trace, or a list such as info,homeward::ingest=debug",
            );
            return None;
        }
        Some(Self {
            format: format?,
            level,
        })
    }
}
