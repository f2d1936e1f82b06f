//! The only place that issues the first `admin` token: whoever has the machine has everything.

use clap::Subcommand;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::{Failure, database, role, say, say_json};
use crate::config::Config;
use crate::desk::Caller;
use crate::desk::token::issue;
use crate::domain::staff::Role;

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Issue a token for a machine client and print it
    #[command(after_help = "Example:\n  homeward token issue --name dashboard --role manager --json")]
    Issue {
        /// By which it acts, and stands in the audit
        #[arg(long)]
        name: String,
        /// admin (may do everything), or one of the roles of staff
        #[arg(long, value_parser = role)]
        role: Role,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Issued<'a> {
    token: &'a str,
}

pub(super) async fn run(config: &Config, command: Token) -> Result<(), Failure> {
    let Token::Issue { name, role, json } = command;
    let desk = database::desk(config).await?;
    let mut act = desk.begin(Caller::command("token issue")).await?;
    let (token, secret) = issue(&mut act, &name, role).await?;
    act.commit().await?;
    desk.db.close().await;
    if json {
        return say_json(&Issued {
            token: secret.expose_secret(),
        });
    }
    Ok(say(&format!(
        "Token {} for {} is issued. It is shown only here: {}",
        token.name,
        role.word(),
        secret.expose_secret()
    ))?)
}
