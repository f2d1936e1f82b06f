//! How a command line names its broker. Certificates are the system's unless others are given.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::Failure;
use crate::link::{Broker, Version};

#[derive(Debug, Args)]
pub(crate) struct BrokerArgs {
    /// The broker: mqtt://HOST:PORT or mqtts://HOST:PORT
    #[arg(long, value_name = "URL", default_value = "mqtt://127.0.0.1:1883")]
    broker: String,
    /// Certificates to trust with mqtts, as PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The protocol's version: 3 (3.1.1) or 5
    #[arg(long, value_name = "3|5", default_value = "5", value_parser = version)]
    pub(crate) mqtt: Version,
}

impl BrokerArgs {
    pub(crate) fn broker(&self) -> Result<Broker, Failure> {
        Broker::parse(&self.broker, || self.trusted()).map_err(Failure::Usage)
    }

    fn trusted(&self) -> Result<Vec<u8>, String> {
        const SYSTEM: [&str; 3] = [
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/ssl/cert.pem",
        ];
        if let Some(file) = &self.ca {
            return std::fs::read(file).map_err(|error| format!("--ca {}: {error}", file.display()));
        }
        let found = SYSTEM.iter().find_map(|file| std::fs::read(file).ok());
        found.ok_or_else(|| "mqtts needs certificates to trust: give --ca FILE".to_owned())
    }
}

fn version(text: &str) -> Result<Version, String> {
    match text {
        "3" | "3.1.1" => Ok(Version::V311),
        "5" => Ok(Version::V5),
        _ => Err("3 or 5".to_owned()),
    }
}

/// A duration above 0, as a flag has it.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a number of seconds above 0".to_owned())
}
