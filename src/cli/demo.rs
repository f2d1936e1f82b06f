//! `demo` reads no configuration and no environment: it is the same on every machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::app::demo::{self, Options};

use super::Failure;
use super::serve::told_to_stop;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// How many invented patients
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=500))]
    patients: u16,
    /// Where the console and the API are served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep everything in this folder, and go on from it the next time; else a temporary one that is removed at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Other patients, with other values
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop by itself after so many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    run_for: Option<u64>,
}

pub(super) async fn run(demo: Demo) -> Result<(), Failure> {
    let options = Options {
        patients: demo.patients,
        listen: demo.listen,
        data: demo.data,
        seed: demo.seed,
        run_for: demo.run_for.map(Duration::from_secs),
    };
    demo::run(&options, &mut std::io::stdout(), told_to_stop())
        .await
        .map_err(|fault| Failure::Other(format!("The demo ended: {fault}.")))
}
