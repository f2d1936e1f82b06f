//! Log lines go to standard error: standard output belongs to commands' answers.

use tracing_subscriber::filter::Targets;
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
    let level: Targets = log.level.parse()?;
    let to_stderr = fmt::layer().with_writer(std::io::stderr);
    let layer = match log.format {
        LogFormat::Text => to_stderr.boxed(),
        LogFormat::Json => to_stderr.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(level))
        .try_init()?;
    Ok(())
}
