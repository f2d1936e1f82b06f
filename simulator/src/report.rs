//! What a person sees of a run: one line that changes on a terminal, plain lines in a log, and at the end the
//! numbers that decide whether it was a success.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::tally::{Sum, Tallies, Tally};

/// Writes progress to standard error until it is aborted.
pub(crate) async fn progress(tallies: watch::Receiver<Tallies>, clock: Clock) {
    let terminal = std::io::stderr().is_terminal();
    let mut beat = tokio::time::interval(Duration::from_secs(if terminal { 1 } else { 10 }));
    // The first beat is at once, when there is nothing to tell.
    beat.tick().await;
    loop {
        beat.tick().await;
        let line = line(&tallies.borrow(), &clock);
        let written = if terminal {
            write!(std::io::stderr(), "\r\x1b[K{line}")
        } else {
            writeln!(std::io::stderr(), "{line}")
        };
        if written.is_err() {
            return;
        }
    }
}

fn line(tallies: &Tallies, clock: &Clock) -> String {
    let sum = tallies.sum();
    let numbers = format!(
        "{}/{} connected, {} with a plan · {} sent · {} receipted · {} waiting",
        sum.connected, sum.units, sum.with_plan, sum.sent, sum.receipted, sum.waiting
    );
    let mut away = tallies.units.iter().filter(|(_, tally)| !tally.connected);
    if let Some((unit_id, fault)) = away.find_map(|(id, tally)| Some((id, tally.fault.as_ref()?))) {
        return format!("{numbers} · {unit_id}: {fault}");
    }
    match tallies
        .units
        .iter()
        .filter_map(|(_, tally)| tally.next_session)
        .min()
    {
        Some(next) if (next - clock.now().lived).num_seconds() > 90 => {
            format!("{numbers} · next session {}", next.format("%-d %b %H:%M UTC"))
        }
        _ => numbers,
    }
}

#[derive(Serialize)]
struct Summary<'a> {
    sum: &'a Sum,
    units: Vec<UnitSummary<'a>>,
}

#[derive(Serialize)]
struct UnitSummary<'a> {
    unit_id: &'a str,
    #[serde(flatten)]
    tally: &'a Tally,
}

/// Writes the summary to standard output.
pub(crate) fn summary(tallies: &Tallies, json: bool) -> std::io::Result<()> {
    if std::io::stderr().is_terminal() {
        write!(std::io::stderr(), "\r\x1b[K")?;
    }
    let sum = &tallies.sum();
    let mut out = std::io::stdout().lock();
    if json {
        let units = tallies
            .units
            .iter()
            .map(|(unit_id, tally)| UnitSummary { unit_id, tally })
            .collect();
        serde_json::to_writer(&mut out, &Summary { sum, units })?;
        return writeln!(out);
    }
    writeln!(
        out,
        "units      {} ({} connected at least once)",
        sum.units,
        connected_once(tallies)
    )?;
    writeln!(
        out,
        "taken      {} sessions and {} retests",
        sum.taken, sum.retests
    )?;
    writeln!(out, "sent       {} times", sum.sent)?;
    writeln!(
        out,
        "receipted  {} ({} stored, {} duplicate, {} rejected)",
        sum.receipted, sum.stored, sum.duplicate, sum.rejected
    )?;
    writeln!(out, "waiting    {}", sum.waiting)?;
    for (unit_id, tally) in tallies.units.iter().filter(|(_, tally)| is_bad(tally)) {
        let fault = tally.fault.as_deref().unwrap_or("no fault seen");
        writeln!(
            out,
            "{unit_id}: {} waiting, {} rejected; last fault: {fault}",
            tally.waiting, tally.rejected
        )?;
    }
    Ok(())
}

/// Why the run failed, if it did. `sessions` is what each unit should have taken.
pub(crate) fn failure(tallies: &Tallies, sessions: Option<u64>) -> Option<String> {
    let sum = tallies.sum();
    let lacking = |(_, tally): &&(String, Tally)| sessions.is_some_and(|wanted| tally.taken < wanted);
    let lacking = tallies.units.iter().filter(lacking).count();
    let silent = tallies.units.len() - connected_once(tallies);
    let broken = tallies.units.iter().filter(|(_, tally)| tally.broken).count();
    [
        (sum.refused, "refused by the broker"),
        (silent as u64, "never connected"),
        (broken as u64, "could not keep their sessions"),
        (lacking as u64, "took fewer sessions than asked for"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} of {} units {what}", sum.units))
    .chain((sum.waiting > 0).then(|| format!("{} sessions without a receipt", sum.waiting)))
    .chain((sum.rejected > 0).then(|| format!("{} sessions rejected", sum.rejected)))
    .reduce(|all, reason| format!("{all}; {reason}"))
}

fn is_bad(tally: &Tally) -> bool {
    tally.waiting > 0 || tally.rejected > 0 || tally.refused || tally.broken || tally.connections == 0
}

fn connected_once(tallies: &Tallies) -> usize {
    tallies
        .units
        .iter()
        .filter(|(_, tally)| tally.connections > 0)
        .count()
}
