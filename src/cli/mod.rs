//! What a person types. Answers go to standard output, everything else to standard error; 0 done, 1 failed, 2 wrong use.

mod check_config;
mod database;
mod demo;
mod doctor;
pub mod judge;
mod migrate;
mod openapi;
mod quarantine;
mod replay;
mod schema;
mod serve;
mod staff;
mod token;
mod unit;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::{Config, Faults, Log, LogFormat};
use crate::desk::Refusal;
use crate::domain::staff::Role;
use crate::store::StoreError;
use crate::telemetry;
use crate::web::docs::CommandHelp;

/// Readings from home units, judged by a nurse's parameters, brought to people who act. Not for clinical use until assessed.
#[derive(Debug, Parser)]
#[command(name = "homeward", version, about, max_term_width = 100)]
struct Line {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "Configuration file; else the one that HOMEWARD_CONFIG names, else the defaults"
    )]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    #[command(after_help = "Example:\n  homeward serve --config /etc/homeward.toml")]
    Serve,
    /// Show everything at work, with invented patients whose home units report live
    #[command(after_help = "Example:\n  homeward demo --data ./demo --patients 50")]
    Demo(demo::Demo),
    /// Judge cases, one JSON object a line, by the engine alone: no database, no clock
    #[command(after_help = "Example:\n  homeward judge cases.jsonl > verdicts.jsonl")]
    Judge {
        /// The file of cases; `-` or nothing: standard input
        file: Option<PathBuf>,
    },
    /// Bring the database's tables up to date
    #[command(
        after_help = "Example:\n  HOMEWARD_DATABASE__URL=postgres://homeward@localhost/homeward homeward migrate"
    )]
    Migrate,
    /// Show the configuration in force and where each value comes from
    #[command(after_help = "Example:\n  homeward check-config --config /etc/homeward.toml")]
    CheckConfig {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Look for what is wrong
    #[command(long_about = doctor::LONG, after_help = "Example:\n  homeward doctor --config /etc/homeward.toml")]
    Doctor {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// People who may sign in
    #[command(subcommand)]
    Staff(staff::Staff),
    /// Home units
    #[command(subcommand)]
    Unit(unit::Unit),
    /// Machine clients
    #[command(subcommand)]
    Token(token::Token),
    /// Judge what is stored again and compare with what stands
    #[command(long_about = replay::LONG, after_help = "Example:\n  homeward replay --from 2026-11-01T00:00:00Z")]
    Replay(replay::Replay),
    /// Messages that could not be taken in
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    #[command(
        about = "Print the OpenAPI document of the HTTP API",
        after_help = "Example:\n  homeward openapi > openapi.json"
    )]
    Openapi,
    #[command(
        about = "Print the JSON Schema of what units send and receive over MQTT",
        after_help = "Example:\n  homeward schema session > session.json"
    )]
    Schema(schema::Which),
}

/// Why a command failed; each is one plain sentence.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("The configuration cannot be used:\n{0}")]
    Config(#[from] Faults),
    #[error("The database could not do it: {0}.")]
    Store(#[from] StoreError),
    #[error("Refused: {0}.")]
    Refused(#[from] Refusal),
    #[error("Reading or writing failed: {0}.")]
    Io(#[from] io::Error),
    /// What clap cannot tell; exit code 2.
    #[error("{0}.")]
    Usage(String),
    #[error("{0}")]
    Other(String),
}

/// The whole program but for `main` itself.
pub fn main() -> ExitCode {
    let line = Line::parse();
    match run(line) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our answer has read enough.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            // With standard error gone too there is nobody left to tell.
            let _ = writeln!(io::stderr(), "{failure}");
            match failure {
                Failure::Usage(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(line: Line) -> Result<(), Failure> {
    match line.command {
        Command::Judge { file } => return Ok(judge::run(file.as_deref())?),
        Command::Openapi => return openapi::run(),
        Command::Schema(which) => return schema::run(&which),
        Command::Demo(demo) => {
            listen_to(LogFormat::Text, "warn")?;
            return runtime()?.block_on(demo::run(demo));
        }
        _ => {}
    }
    let config = match (Config::load(line.config.as_deref()), &line.command) {
        (Err(faults), Command::Doctor { json }) => return doctor::misconfigured(&faults, *json),
        (loaded, _) => loaded?,
    };
    if let Command::CheckConfig { json } = line.command {
        return check_config::run(&config, json);
    }
    // A command's answer is what it prints; only the service tells its story in the log.
    listen_to(
        config.log.format,
        match line.command {
            Command::Serve => &config.log.level,
            // It says itself what it finds.
            Command::Doctor { .. } => "off",
            _ => "warn",
        },
    )?;
    runtime()?.block_on(async {
        match line.command {
            Command::Serve => serve::run(&config).await,
            Command::Doctor { json } => doctor::run(&config, json).await,
            Command::Migrate => migrate::run(&config).await,
            Command::Staff(command) => staff::run(&config, command).await,
            Command::Unit(command) => unit::run(&config, command).await,
            Command::Token(command) => token::run(&config, command).await,
            Command::Quarantine(command) => quarantine::run(&config, command).await,
            Command::Replay(said) => replay::run(&config, said).await,
            Command::Demo(_)
            | Command::Judge { .. }
            | Command::Openapi
            | Command::Schema(_)
            | Command::CheckConfig { .. } => Ok(()),
        }
    })
}

fn listen_to(format: LogFormat, level: &str) -> Result<(), Failure> {
    let log = Log {
        format,
        level: level.to_owned(),
    };
    telemetry::start(&log).map_err(|error| Failure::Other(error.to_string()))
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Every command with its help, for the documentation.
pub fn commands() -> Vec<CommandHelp> {
    let mut line = Line::command();
    line.build();
    let mut all = Vec::new();
    describe(&line, &mut all);
    all
}

fn describe(command: &clap::Command, all: &mut Vec<CommandHelp>) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    all.push(CommandHelp {
        name: name.to_owned(),
        help: command.clone().render_long_help().to_string(),
    });
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
    {
        describe(inner, all);
    }
}

/// Prints one line, or one JSON document.
fn say(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.write_all(b"\n")?;
    output.flush()
}

fn say_json(view: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(view).map_err(|error| Failure::Other(error.to_string()))?;
    Ok(say(&text)?)
}

/// A role's word, for clap.
fn role(word: &str) -> Result<Role, String> {
    Role::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
        format!("the roles are {}", words.join(", "))
    })
}
