//! A unit's secret is printed once and kept nowhere.

use clap::Subcommand;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::{Failure, database, say, say_json};
use crate::config::Config;
use crate::desk::Caller;
use crate::desk::unit::register;
use crate::domain::ids::UnitId;

#[derive(Debug, Subcommand)]
pub(super) enum Unit {
    /// Register a home unit and print the secret it signs in with
    #[command(after_help = "Example:\n  homeward unit add --unit-id HU-7 --json")]
    Add {
        /// The unit's name, which is also its MQTT user name
        #[arg(long)]
        unit_id: UnitId,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Registered<'a> {
    unit_id: &'a UnitId,
    secret: &'a str,
}

pub(super) async fn run(config: &Config, command: Unit) -> Result<(), Failure> {
    let Unit::Add { unit_id, json } = command;
    let desk = database::desk(config).await?;
    let mut act = desk.begin(Caller::command("unit add")).await?;
    let (unit, secret) = register(&mut act, &unit_id).await?;
    act.commit().await?;
    desk.db.close().await;
    if json {
        return say_json(&Registered {
            unit_id: &unit.unit_id,
            secret: secret.expose_secret(),
        });
    }
    Ok(say(&format!(
        "Unit {} is registered. Its secret, shown only here: {}",
        unit.unit_id,
        secret.expose_secret()
    ))?)
}
