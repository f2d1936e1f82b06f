//! `home-unit load` from its flags to an order. Whatever would make a session be refused for its time is refused
//! here already, since a run that foretells `stored` and gets `clock_fault` has tested nothing.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::args::LoadArgs;
use super::pace::Pace;
use super::recipe::{DAY, LONGEST_LAG, Recipe};
use super::spec::{Shares, Timetable};
use super::{Order, Who, bar};
use crate::cli::{Failure, interrupted};
use crate::clock::Clock;
use crate::members;
use crate::queue::Backoff;
use crate::topics::is_unit_id;

pub(crate) async fn run(args: &LoadArgs) -> Result<(), Failure> {
    let order = order(args, Clock::real().now().real)?;
    if let Some(file) = &args.output.expect {
        write_expected(&order.recipe, file)?;
    }
    if args.output.dry_run {
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
    let written = if args.output.json {
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
    if !args.output.dry_run {
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
            .unwrap_or_else(|| Duration::from_mins(10) + own_time(args.sessions, rate)),
        crashes: args.crashes,
        witness: None,
        released: None,
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
