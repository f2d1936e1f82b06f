//! Log lines go to standard error: standard output belongs to commands' answers.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer as _, fmt};

use crate::config::{Log, LogFormat};

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("log.level cannot be read: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    #[error("logging was started twice: {0}")]
    Twice(#[from] TryInitError),
}

/// Starts logging for the whole process; once.
pub fn start(log: &Log) -> Result<(), TelemetryError> {
    let filter = filter(&log.level)?;
    let to_stderr = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let layer = match log.format {
        LogFormat::Text => to_stderr.boxed(),
        LogFormat::Json => to_stderr.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()?;
    Ok(())
}

/// Crates whose every line at `info` is about their own plumbing. Worse, what they say at `debug` may hold what they carry,
/// so they are heard only of what went wrong, or where the operator names them.
const PLUMBING: [&str; 2] = ["mqtt5", "sqlx"];

/// The filter that the written level stands for.
pub fn filter(written: &str) -> Result<Targets, tracing_subscriber::filter::ParseError> {
    let asked: Targets = written.parse()?;
    let named: Vec<&str> = written
        .split(',')
        .filter_map(|one| one.split_once('='))
        .map(|(name, _)| name.trim())
        .collect();
    let general = asked.default_level().unwrap_or(LevelFilter::OFF);
    Ok(PLUMBING
        .into_iter()
        .filter(|name| !named.iter().any(|one| one.split("::").next() == Some(name)))
        .fold(asked, |filter, name| {
            filter.with_target(name, general.min(LevelFilter::WARN))
        }))
}
