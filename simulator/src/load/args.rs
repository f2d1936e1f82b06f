//! The flags of `home-unit load`. Their help is its manual: what a run means for the broker and the service under it
//! stands there.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args};

use crate::address::{BrokerArgs, seconds};

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

Mosquitto holds a small packet back for up to 40 ms, which is then what is measured: set_tcp_nodelay true. It drops
what it cannot queue (max_queued_messages 1000), with its PUBACK given: keep --window below, or raise it.

Each unit has to be registered. For alerts it has to be assigned to a patient with a plan since before --start
(--late reaches 11 steps, or days, further back).

Exit codes: 0 every session has exactly its receipts; 1 one is missing or wrong, or the broker could not be
reached; 2 wrong use.";

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").args(["units", "cohort"]).required(true))]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(super) broker: BrokerArgs,

    /// So many units, by number behind the prefix: HU-1, HU-2 …
    #[arg(long, value_name = "N", requires = "connections", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) units: Option<u32>,
    /// What stands before the number
    #[arg(long, value_name = "PREFIX", default_value = "HU-", conflicts_with = "cohort")]
    pub(super) unit_prefix: String,
    /// Units with their secrets: CSV lines or JSON objects of `unit_id` and `secret` (- is standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "units")]
    pub(super) cohort: Option<PathBuf>,
    /// One login for all units over so many connections, instead of one connection a unit (external broker only)
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) connections: Option<u16>,
    /// The login [default: none]
    #[arg(long, value_name = "NAME", requires = "connections")]
    pub(super) username: Option<String>,
    /// Its password [default: the environment's `HOME_UNIT_PASSWORD`]
    #[arg(
        long,
        value_name = "PASSWORD",
        requires = "username",
        conflicts_with = "password_file"
    )]
    pub(super) password: Option<String>,
    /// A file that holds its password (- is standard input)
    #[arg(long, value_name = "FILE", requires = "username")]
    pub(super) password_file: Option<PathBuf>,

    /// Sessions in all; the units take turns
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) sessions: u64,
    /// Sessions a second; 0 is flat out
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = rate)]
    pub(super) rate: f64,
    /// Sessions that may be without a receipt [default: 1000 flat out, no limit at a rate]
    ///
    /// More than the broker queues for the service is lost at the broker and comes again by resending only.
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) window: Option<u64>,

    /// Share sent twice with the same content, half of it at once, half after the receipt: 0.05 or 5%
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub(super) duplicates: f64,
    /// Share sent again after the receipt under the same id with another content
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub(super) conflicts: f64,
    /// Share that the contract refuses, in eight ways; two of them without an id that could be answered
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub(super) malformed: f64,
    /// Share completed 1.5 to 10.5 steps (with --now: days) before its turn
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub(super) late: f64,
    /// Share with one vital sign far beyond a usual limit
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub(super) breaches: f64,
    /// Decides ids, values and which session is what
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,

    /// When the units' first sessions were completed [default: such that the last are of the last step]
    #[arg(long, value_name = "TIME", conflicts_with = "now")]
    pub(super) start: Option<DateTime<Utc>>,
    /// From one session of a unit to its next [default: a day, less where the sessions would reach back too far]
    #[arg(long, value_name = "SECONDS", conflicts_with = "now", value_parser = seconds)]
    pub(super) step: Option<Duration>,
    /// Each session is completed when it is due to be sent
    #[arg(long)]
    pub(super) now: bool,

    /// Send a session again when it has had no receipt for so long, then ever more rarely, as a unit would
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(super) resend: Duration,
    /// Give up after so many seconds [default: 600, beside the time that the rate needs]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) timeout: Option<Duration>,
    /// The service or the broker is going to be killed meanwhile: a `stored` receipt may be lost
    ///
    /// A session that is then receipted `duplicate` only counts as stored. What nobody can answer (malformed, without
    /// an id) may be lost with a broker, and is not looked for.
    #[arg(long)]
    pub(super) crashes: bool,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// Write what each publication should bring to this file, as lines of JSON (- is standard output)
    #[arg(long, value_name = "FILE")]
    pub(super) expect: Option<PathBuf>,
    /// Send nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// The summary as JSON
    #[arg(long)]
    pub(super) json: bool,
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
