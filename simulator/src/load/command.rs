//! `home-unit load` from its flags to an order. Whatever would make a session be refused for its time is refused
//! here already, since a run that foretells `stored` and gets `clock_fault` has tested nothing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use clap::{ArgGroup, Args};

use super::pace::Pace;
use super::recipe::{DAY, LONGEST_LAG, Recipe, Shares, Timetable};
use super::{Order, Who, bar};
use crate::address::{BrokerArgs, seconds};
use crate::cli::{Failure, interrupted};
use crate::clock::Clock;
use crate::members;
use crate::queue::Backoff;
use crate::topics::is_unit_id;

pub(crate) const EXAMPLES: &str = "\
Examples:
  100,000 sessions of the units in a file, each over its own connection, as fast as receipts come:
    for i in $(seq 100); do homeward unit add --unit-id HU-$i --json; done > units.jsonl
    home-unit load --cohort units.jsonl --sessions 100000
  200 a second, each dated when it is sent, for five minutes; latencies count from when a session was due:
    home-unit load --cohort units.jsonl --sessions 60000 --rate 200 --now
  Dirt: 5 % sent twice, 1 % in conflict, 3 % malformed, 2 % late; what should come of each goes to a file:
    home-unit load --cohort units.jsonl --sessions 20000 --duplicates 5% --conflicts 1% --malformed 3% --late 2% \\
      --expect expected.jsonl --json
  1,000 units over 4 connections of one login (external broker only):
    HOME_UNIT_PASSWORD=... home-unit load --units 1000 --connections 4 --username load --sessions 100000 \\
      --broker mqtt://broker:1883
  What would be sent, without sending it:
    home-unit load --units 3 --connections 1 --sessions 9 --seed 7 --start 2026-11-01T08:00:00Z --dry-run --expect -

One login for many units (--connections) needs an external broker whose access list lets it write
homeward/v1/units/+/session and read homeward/v1/units/+/receipt. The broker inside `homeward serve` keeps every
login to its own unit's topics, and has no list that could say otherwise; there use --cohort alone.

Each unit has to be registered. For alerts it has to be assigned to a patient with a plan since before --start
(--late reaches 11 steps, or days, further back).

Exit codes: 0 every session has exactly its receipts; 1 one is missing or wrong, or the broker could not be
reached; 2 wrong use.";

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").args(["units", "cohort"]).required(true))]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// So many units, by number behind the prefix: HU-1, HU-2 …
    #[arg(long, value_name = "N", requires = "connections", value_parser = clap::value_parser!(u32).range(1..))]
    units: Option<u32>,
    #[arg(long, value_name = "PREFIX", default_value = "HU-", conflicts_with = "cohort")]
    unit_prefix: String,
    /// Units with their secrets: CSV lines or JSON objects of `unit_id` and `secret` (- is standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "units")]
    cohort: Option<PathBuf>,
    /// One login for all units over so many connections, instead of one connection a unit (external broker only)
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u16).range(1..))]
    connections: Option<u16>,
    /// The login [default: none]
    #[arg(long, value_name = "NAME", requires = "connections")]
    username: Option<String>,
    /// Its password [default: the environment's `HOME_UNIT_PASSWORD`]
    #[arg(
        long,
        value_name = "PASSWORD",
        requires = "username",
        conflicts_with = "password_file"
    )]
    password: Option<String>,
    /// A file that holds its password (- is standard input)
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,

    /// Sessions in all; the units take turns
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    sessions: u64,
    /// Sessions a second; 0 is flat out
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = rate)]
    rate: f64,
    /// Sessions that may be without a receipt [default: 1000 flat out, no limit at a rate]
    ///
    /// More than the broker queues for the service is lost at the broker and comes again by resending only.
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u64).range(1..))]
    window: Option<u64>,

    /// Share sent twice with the same content, half of it at once, half after the receipt: 0.05 or 5%
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    duplicates: f64,
    /// Share sent again after the receipt under the same id with another content
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    conflicts: f64,
    /// Share that the contract refuses, in eight ways; two of them without an id that could be answered
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    malformed: f64,
    /// Share completed 1.5 to 10.5 steps (with --now: days) before its turn
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    late: f64,
    /// Share with one vital sign far beyond a usual limit
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    breaches: f64,
    /// Decides ids, values and which session is what
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// When the units' first sessions were completed [default: such that the last are of the last step]
    #[arg(long, value_name = "TIME", conflicts_with = "now")]
    start: Option<DateTime<Utc>>,
    /// From one session of a unit to its next [default: a day, less where the sessions would reach back too far]
    #[arg(long, value_name = "SECONDS", conflicts_with = "now", value_parser = seconds)]
    step: Option<Duration>,
    /// Each session is completed when it is due to be sent
    #[arg(long, requires = "rate")]
    now: bool,

    /// Send a session again when it has had no receipt for so long, then ever more rarely, as a unit would
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    resend: Duration,
    /// Give up after so many seconds [default: 600, beside the time that the rate needs]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// The service or the broker is going to be killed meanwhile: a `stored` receipt may be lost
    #[arg(long)]
    crashes: bool,

    /// Write what each publication should bring to this file, as lines of JSON (- is standard output)
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Send nothing
    #[arg(long)]
    dry_run: bool,
    /// The summary as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &LoadArgs) -> Result<(), Failure> {
    let order = order(args, Clock::real().now().real)?;
    if let Some(file) = &args.expect {
        write_expected(&order.recipe, file)?;
    }
    if args.dry_run {
        return Ok(());
    }
    let failed = |error: String| Failure::Failed(error);
    let mut bar = bar::Bar::default();
    let stop = async {
        if let Err(error) = interrupted().await {
            tracing::error!(%error, "signals cannot be heard");
            std::future::pending::<()>().await;
        }
    };
    let ran = super::run(&order, stop, |progress| bar.show(progress)).await;
    bar.clear();
    let summary = ran.map_err(|error| failed(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        serde_json::to_writer(&mut out, &summary)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        summary.write(&mut out)
    };
    written.map_err(|error| failed(error.to_string()))?;
    summary.failure().map_or(Ok(()), |reason| Err(failed(reason)))
}

fn order(args: &LoadArgs, now: DateTime<Utc>) -> Result<Order, Failure> {
    let usage = |fault: &dyn std::fmt::Display| Failure::Usage(fault.to_string());
    let (units, who) = who(args)?;
    let shares = Shares {
        duplicates: args.duplicates,
        conflicts: args.conflicts,
        malformed: args.malformed,
        late: args.late,
        breaches: args.breaches,
    };
    let rate = (args.rate > 0.0).then_some(args.rate);
    let time = timetable(args, units.len() as u64, rate, now)?;
    let recipe = Recipe::new(args.seed, units, args.sessions, time, shares).map_err(|fault| usage(&fault))?;
    if !args.dry_run {
        check_times(&recipe, now)?;
    }
    let first = TimeDelta::from_std(args.resend).map_err(|fault| usage(&fault))?;
    let longest = Backoff::default().longest.max(first);
    Ok(Order {
        broker: args.broker.broker()?,
        version: args.broker.mqtt,
        who,
        pace: Pace {
            rate,
            window: args
                .window
                .unwrap_or(if rate.is_some() { u64::MAX } else { 1000 }),
        },
        resend: Backoff { first, longest },
        timeout: args
            .timeout
            .unwrap_or_else(|| Duration::from_secs(600) + own_time(args.sessions, rate)),
        crashes: args.crashes,
        recipe: Arc::new(recipe),
    })
}

/// The units' names, and who signs in for them.
fn who(args: &LoadArgs) -> Result<(Vec<String>, Who), Failure> {
    let (names, secrets) = match (&args.cohort, args.units) {
        (Some(file), _) => members::credentials(file)?,
        (None, count) => {
            let names = (1..=count.unwrap_or(0)).map(|number| format!("{}{number}", args.unit_prefix));
            (names.collect(), Vec::new())
        }
    };
    if let Some(wrong) = names.iter().find(|name| !is_unit_id(name)) {
        return Err(Failure::Usage(format!("{wrong:?} is not a unit id")));
    }
    let Some(connections) = args.connections else {
        return Ok((names, Who::EachUnit(secrets)));
    };
    let login = match &args.username {
        Some(username) => Some((username.clone(), password(args)?)),
        None => None,
    };
    let connections = usize::from(connections);
    Ok((names, Who::Pool { connections, login }))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a password on the command line is seen by every process"
)]
fn password(args: &LoadArgs) -> Result<String, Failure> {
    match (&args.password, &args.password_file) {
        (Some(password), _) => Ok(password.clone()),
        (None, Some(file)) => Ok(members::text(file)?.trim().to_owned()),
        (None, None) => std::env::var("HOME_UNIT_PASSWORD").map_err(|_| {
            Failure::Usage(
                "--username needs a password: --password-file, HOME_UNIT_PASSWORD or --password".to_owned(),
            )
        }),
    }
}

fn timetable(
    args: &LoadArgs,
    units: u64,
    rate: Option<f64>,
    now: DateTime<Utc>,
) -> Result<Timetable, Failure> {
    /// A session may be 400 days old; the days between leave room for a long run.
    const REACH: i64 = 390 * DAY;
    if args.now {
        let rate = rate.ok_or_else(|| Failure::Usage("--now needs a --rate above 0".to_owned()))?;
        let gap = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
        return Ok(Timetable::Live {
            start: now.timestamp_millis(),
            gap_micros: u64::try_from(gap.as_micros()).unwrap_or(u64::MAX),
        });
    }
    let turns = i64::try_from(args.sessions.div_ceil(units.max(1))).unwrap_or(i64::MAX);
    let whole = |step: i64| (step / 1000 * 1000).max(1000);
    let step = match args.step {
        Some(step) => i64::try_from(step.as_millis()).unwrap_or(i64::MAX),
        None => whole(DAY.min(REACH / turns.saturating_add(LONGEST_LAG))),
    };
    let start = match args.start {
        Some(start) => start,
        None => {
            now.trunc_subsecs(0) - TimeDelta::milliseconds(turns.saturating_mul(step).clamp(0, 10 * REACH))
        }
    };
    let start = start.timestamp_millis();
    Ok(Timetable::Steps { start, step })
}

/// Refuses sessions that the service's clock would refuse.
fn check_times(recipe: &Recipe, now: DateTime<Utc>) -> Result<(), Failure> {
    let usage = |what: &str, at: String| {
        let advice = "another --start or a shorter --step, more units or fewer sessions";
        Err(Failure::Usage(format!(
            "{what} would be completed {at}, which no service takes: {advice}"
        )))
    };
    // A session that is sent when it is due is never of the future.
    let live = matches!(recipe.time(), Timetable::Live { .. });
    match recipe.span() {
        [None, _] => usage("the first session", "before all time".to_owned()),
        [_, None] => usage("the last session", "after all time".to_owned()),
        [Some(first), _] if first < now - TimeDelta::days(399) => {
            usage("the first session", first.to_rfc3339())
        }
        [_, Some(last)] if last > now && !live => usage("the last session", last.to_rfc3339()),
        [Some(_), Some(_)] => Ok(()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of sessions below 2^40")]
fn own_time(sessions: u64, rate: Option<f64>) -> Duration {
    const LONGEST: Duration = Duration::from_hours(24 * 365);
    let seconds = rate.map_or(0.0, |rate| sessions as f64 / rate);
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(LONGEST)
        .min(LONGEST)
}

fn write_expected(recipe: &Recipe, file: &Path) -> Result<(), Failure> {
    let written = if file == Path::new("-") {
        recipe.write_expected(std::io::BufWriter::new(std::io::stdout().lock()))
    } else {
        std::fs::File::create(file).and_then(|file| recipe.write_expected(std::io::BufWriter::new(file)))
    };
    written.map_err(|error| Failure::Failed(format!("--expect {}: {error}", file.display())))
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && (*rate == 0.0 || *rate >= 0.001))
        .ok_or_else(|| "0 or a number of sessions a second".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    number
        .trim()
        .parse()
        .ok()
        .map(|share: f64| share / whole)
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share from 0 to 1, or from 0% to 100%".to_owned())
}
