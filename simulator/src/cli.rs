//! The command line of `home-unit`. It fails when the service does not answer for every session, because that
//! is what a unit is for: a run that ends with exit code 0 is a proof.

use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::address::{BrokerArgs, seconds};
use crate::clock::Clock;
use crate::cohort::{Cohort, Settings};
use crate::load::args::{self, LoadArgs};
use crate::load::command as load;
use crate::members;
use crate::patient::{Condition, Story};
use crate::report;

const EXAMPLES: &str = "\
Examples:
  One unit, as the patient's plan has it (the secret is what `homeward unit add` printed):
    home-unit run --unit HU-1 --secret-file hu-1.secret
  A session every 10 seconds, five in all; the patient gets worse from one to the next:
    home-unit run --unit HU-1 --secret-file hu-1.secret --every 10 --sessions 5 --story deteriorating
  A unit straight from its registration:
    homeward unit add --unit-id HU-1 --json | home-unit run --cohort - --every 10 --sessions 1
  A cohort from a file, without the network from second 20 to second 50, for two minutes:
    home-unit run --cohort units.csv --every 15 --offline 20..50 --for 120
  Two weeks of stored sessions, sent late:
    home-unit run --unit HU-1 --secret-file hu-1.secret --days-back 14 --speed 100000 --for 60

Exit codes: 0 done; 1 failed (a session without a receipt or rejected, a unit refused or never
connected, fewer sessions than asked for); 2 wrong use.";

#[derive(Debug, Parser)]
#[command(name = "home-unit", version, about = "Home units that behave like real ones.", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one unit or a cohort against a broker.
    ///
    /// A unit keeps each session until the service's receipt and sends it again after 30 s, then ever more rarely.
    /// Progress goes to standard error, the summary to standard output.
    #[command(after_help = EXAMPLES)]
    Run(Box<RunArgs>),
    /// Send many sessions, at a rate or flat out, and account for every receipt.
    ///
    /// Every message is a function of the seed, its number and the flags, so that a run can be repeated and checked.
    #[command(after_help = args::EXAMPLES)]
    Load(Box<LoadArgs>),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").args(["unit", "cohort"]).required(true))]
pub(crate) struct RunArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// One unit, by its id
    #[arg(
        long,
        value_name = "UNIT_ID",
        required_unless_present = "cohort",
        conflicts_with = "cohort"
    )]
    pub(crate) unit: Option<String>,
    /// The unit's secret [default: the environment's `HOME_UNIT_SECRET`]
    #[arg(long, value_name = "SECRET", conflicts_with_all = ["secret_file", "cohort"])]
    pub(crate) secret: Option<String>,
    /// A file that holds the unit's secret (- is standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "cohort")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Many units: CSV lines or JSON objects of `unit_id`, `secret` and, if wanted, condition and story
    /// (- is standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) cohort: Option<PathBuf>,

    /// `heart_failure`, `copd`, `diabetes` or `hypertension`, where the cohort does not say
    #[arg(long, default_value_t = Condition::HeartFailure)]
    pub(crate) condition: Condition,
    /// stable, deteriorating, forgetful or `poor_technique`, where the cohort does not say
    ///
    /// A deteriorating patient is at worst after three days, or with the fifth session of --every.
    #[arg(long, default_value_t = Story::Stable)]
    pub(crate) story: Story,
    /// Decides the patients' bodies and the session ids
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// A session each so many seconds, instead of at the plan's due times
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) every: Option<Duration>,
    /// Stop when each unit has taken so many sessions and has a receipt for all of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sessions: Option<u64>,
    /// Take sessions without waiting for a plan: the condition's usual measures and no questions
    #[arg(long, requires = "every")]
    pub(crate) unprompted: bool,
    /// From a request for a retest to its end
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = seconds)]
    pub(crate) retest_after: Duration,
    /// Without the network from second FROM to second TO after the start (may be repeated)
    #[arg(long, value_name = "FROM..TO", value_parser = span)]
    offline: Vec<Range<Duration>>,
    /// Stop after so many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    run_for: Option<Duration>,
    /// The patients' time begins so many days ago
    #[arg(long, value_name = "DAYS", default_value_t = 0, requires = "speed")]
    days_back: u16,
    /// The patients' time runs so many times as fast until it has caught up
    #[arg(long, value_name = "FACTOR", requires = "days_back", value_parser = factor)]
    speed: Option<f64>,

    /// Keep sessions without a receipt in this folder, and send them at the next start
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The summary as JSON
    #[arg(long)]
    json: bool,
}

/// Why a command did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit code 2.
    Usage(String),
    /// Exit code 1.
    Failed(String),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let result = match &command {
        Command::Run(args) => on(&mut runtime::Builder::new_multi_thread(), run(args)),
        // One thread, so that the service under test has the others.
        Command::Load(args) => on(&mut runtime::Builder::new_current_thread(), load::run(args)),
    };
    let (code, message) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => (2, message),
        Err(Failure::Failed(message)) => (1, message),
    };
    // Standard error may be closed; the exit code says it too.
    drop(writeln!(std::io::stderr(), "home-unit: {message}"));
    ExitCode::from(code)
}

fn on(
    runtime: &mut runtime::Builder,
    command: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = runtime.enable_all().build();
    runtime
        .map_err(|error| Failure::Failed(error.to_string()))?
        .block_on(command)
}

async fn run(args: &RunArgs) -> Result<(), Failure> {
    let broker = args.broker.broker()?;
    let mut clock = Clock::real();
    if let Some(speed) = args.speed {
        clock = clock.living_since(chrono::TimeDelta::days(args.days_back.into()), speed);
    }
    let members = members::read(args, &clock)?;
    let settings = Settings {
        version: args.broker.mqtt,
        offline: args.offline.clone(),
        state: args.state.clone(),
        ..Settings::new(broker)
    };
    let mut cohort = Cohort::start(members, &settings, &clock).map_err(|e| Failure::Usage(e.to_string()))?;
    let progress = tokio::spawn(report::progress(cohort.tallies(), clock.clone()));
    tokio::select! {
        () = cohort.finished() => {}
        () = after(args.run_for) => {}
        result = interrupted() => result.map_err(|error| Failure::Failed(error.to_string()))?,
    }
    let tallies = cohort.stop().await;
    progress.abort();
    report::summary(&tallies, args.json).map_err(|error| Failure::Failed(error.to_string()))?;
    match report::failure(&tallies, args.sessions) {
        Some(reason) => Err(Failure::Failed(reason)),
        None => Ok(()),
    }
}

async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Interrupt and termination both end a run in good order.
pub(crate) async fn interrupted() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    let wrong = || "a number of at least 1".to_owned();
    text.parse()
        .ok()
        .filter(|factor: &f64| factor.is_finite() && *factor >= 1.0)
        .ok_or_else(wrong)
}

fn span(text: &str) -> Result<Range<Duration>, String> {
    let wrong = || "two numbers of seconds, as in 20..50".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let second = |text: &str| {
        text.parse()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(wrong)
    };
    let span = second(from)?..second(to)?;
    if span.is_empty() {
        Err("the end must come after the beginning".to_owned())
    } else {
        Ok(span)
    }
}
