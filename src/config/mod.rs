//! All faults are reported at once, and the environment is read here and nowhere else.

mod fault;
mod keys;
mod layers;
mod recalled;
mod safety;
mod sections;

use std::path::{Path, PathBuf};

pub use fault::{Fault, Faults};
pub use recalled::Recalled;
pub use sections::{
    Compliance, Data, Database, Http, Ingest, Log, LogFormat, Mail, MetricsFor, Mqtt, MqttUrl, Retention,
    Service,
};

use keys::Keys;
use layers::Layers;

/// Every key with its default and what it means.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The configuration in force, found sound.
#[derive(Debug, Clone)]
pub struct Config {
    pub service: Service,
    pub database: Database,
    pub data: Data,
    pub mqtt: Mqtt,
    pub http: Http,
    pub mail: Mail,
    pub ingest: Ingest,
    pub compliance: Compliance,
    pub retention: Retention,
    pub log: Log,
    effective: Vec<Effective>,
    secret_files: Vec<(String, PathBuf)>,
}

/// One key as it is in force, fit to show: never a secret.
#[derive(Debug, Clone)]
pub struct Effective {
    pub key: String,
    pub shown: String,
    /// Where it was said: `default`, `homeward.toml line 3`, `HOMEWARD_MQTT__URL`.
    pub place: String,
}

impl Config {
    /// Reads defaults, then the file (`file`, or else what `HOMEWARD_CONFIG` names), then the environment.
    ///
    /// # Errors
    /// Every fault found: unknown keys, values of the wrong form, files that cannot be read, settings that are not safe.
    pub fn load(file: Option<&Path>) -> Result<Self, Faults> {
        Self::from_parts(file, environment())
    }

    /// [`Config::load`] with the environment given, so that tests need not change their own.
    pub fn from_parts(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let environment: Vec<_> = environment.into_iter().collect();
        let named = environment
            .iter()
            .find(|(name, value)| name == layers::FILE_VARIABLE && !value.is_empty())
            .map(|(_, value)| PathBuf::from(value));
        let mut layers = Layers::defaults(DEFAULTS, &mut faults);
        if let Some(path) = file.map(Path::to_path_buf).or(named) {
            layers.add_file(&path, &mut faults);
        }
        layers.add_environment(&environment, &mut faults);
        let mut keys = Keys::new(layers, &mut faults);
        let config = Self::read(&mut keys);
        if let Some(config) = &config {
            safety::check(config, &mut keys);
        }
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(faults),
        }
    }

    fn read(keys: &mut Keys<'_>) -> Option<Self> {
        // Each is read before any is required, so that one section's faults do not hide the next one's.
        let service = Service::read(keys);
        let data = Data::read(keys);
        let database = Database::read(keys, data.as_ref());
        let mqtt = Mqtt::read(keys);
        let http = Http::read(keys);
        let mail = Mail::read(keys);
        let ingest = Ingest::read(keys);
        let compliance = Compliance::read(keys);
        let retention = Retention::read(keys);
        let log = Log::read(keys);
        Some(Self {
            service: service?,
            database: database?,
            data: data?,
            mqtt: mqtt?,
            http: http?,
            mail: mail?,
            ingest: ingest?,
            compliance: compliance?,
            retention: retention?,
            log: log?,
            effective: keys.effective(),
            secret_files: keys.secret_files(),
        })
    }

    /// Files that hold a secret, with the key that it is of.
    pub fn secret_files(&self) -> &[(String, PathBuf)] {
        &self.secret_files
    }

    /// Every key as it is in force, in the order of `config/default.toml`.
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| name.starts_with(layers::PREFIX))
        .collect()
}
