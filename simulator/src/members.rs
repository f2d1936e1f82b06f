//! Whom the command line means: one unit, or the lines of a file as the service's own `unit add --json` writes
//! them or a spreadsheet does. Secrets are read here and shown nowhere.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use chrono::TimeDelta;
use serde::Deserialize;
use uuid::Uuid;

use crate::cli::{Failure, RunArgs};
use crate::clock::Clock;
use crate::cohort::Member;
use crate::habits::{Habits, Pace};
use crate::patient::{Condition, Course, Story};
use crate::topics::is_unit_id;

#[derive(Debug, Deserialize)]
struct Line {
    unit_id: String,
    secret: String,
    condition: Option<Condition>,
    story: Option<Story>,
}

pub(crate) fn read(args: &RunArgs, clock: &Clock) -> Result<Vec<Member>, Failure> {
    let lines = match (&args.unit, &args.cohort) {
        (Some(unit_id), _) => {
            vec![Line {
                unit_id: unit_id.clone(),
                secret: secret(args)?,
                condition: None,
                story: None,
            }]
        }
        (None, Some(file)) => lines(&text(file)?).map_err(|fault| usage(file, &fault))?,
        (None, None) => Vec::new(),
    };
    if lines.is_empty() {
        return Err(Failure::Usage("there is no unit to run".to_owned()));
    }
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    Ok((0..)
        .zip(lines)
        .map(|(place, line)| member(args, clock, line, place, count))
        .collect())
}

fn member(args: &RunArgs, clock: &Clock, line: Line, place: u32, count: u32) -> Member {
    let every = args
        .every
        .map(|every| TimeDelta::from_std(every).unwrap_or(TimeDelta::MAX));
    let course = Course {
        story: line.story.unwrap_or(args.story),
        onset: clock.start().lived,
        over: every.map_or(TimeDelta::days(3), |every| every * 4),
    };
    // A cohort's units take turns, so that the service sees a stream and not a beat.
    let first = args.every.map(|every| every / count * place);
    let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, line.unit_id.as_bytes());
    Member {
        condition: line.condition.unwrap_or(args.condition),
        course,
        habits: Habits {
            pace: Pace {
                first,
                every: args.every,
            },
            sessions: args.sessions,
            unprompted: args.unprompted,
            retest_after: args.retest_after,
            ..Habits::default()
        },
        seed: args.seed ^ name.as_u64_pair().0,
        next_seq: 1,
        unit_id: line.unit_id,
        secret: line.secret,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a secret on the command line is seen by every process"
)]
fn secret(args: &RunArgs) -> Result<String, Failure> {
    let secret = match (&args.secret, &args.secret_file) {
        (Some(secret), _) => secret.clone(),
        (None, Some(file)) => text(file)?.trim().to_owned(),
        (None, None) => std::env::var("HOME_UNIT_SECRET").map_err(|_| {
            Failure::Usage("a unit needs its secret: --secret-file, HOME_UNIT_SECRET or --secret".to_owned())
        })?,
    };
    if secret.is_empty() {
        Err(Failure::Usage("the unit's secret is empty".to_owned()))
    } else {
        Ok(secret)
    }
}

pub(crate) fn text(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map(|()| text)
        .map_err(|error| usage(file, &error.to_string()))
}

/// The unit ids of a file and their secrets, in its order.
pub(crate) fn credentials(file: &Path) -> Result<(Vec<String>, Vec<String>), Failure> {
    let lines = lines(&text(file)?).map_err(|fault| usage(file, &fault))?;
    if lines.is_empty() {
        return Err(usage(file, "there is no unit in it"));
    }
    Ok(lines.into_iter().map(|line| (line.unit_id, line.secret)).unzip())
}

fn usage(file: &Path, fault: &str) -> Failure {
    Failure::Usage(format!("{}: {fault}", file.display()))
}

/// JSON objects or CSV, line by line; a heading and empty lines are passed over.
fn lines(text: &str) -> Result<Vec<Line>, String> {
    let mut lines: Vec<Line> = Vec::new();
    let mut seen = HashSet::new();
    for (at, text) in (1..)
        .zip(text.lines())
        .filter(|(_, text)| !text.trim().is_empty())
    {
        let line = if text.trim_start().starts_with('{') {
            // The library's message could show the secret.
            serde_json::from_str(text)
                .map_err(|error| format!("not an object of unit_id and secret (column {})", error.column()))
        } else if lines.is_empty() && text.starts_with("unit_id,") {
            continue;
        } else {
            csv(text)
        };
        let line = line.map_err(|fault| format!("line {at}: {fault}"))?;
        if !is_unit_id(&line.unit_id) {
            return Err(format!("line {at}: not a unit id"));
        }
        if !seen.insert(line.unit_id.clone()) {
            return Err(format!("line {at}: unit {} comes twice", line.unit_id));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn csv(text: &str) -> Result<Line, String> {
    let mut cells = text.split(',').map(str::trim);
    let mut cell = || cells.next().filter(|cell| !cell.is_empty());
    let line = Line {
        unit_id: cell().ok_or("no unit_id")?.to_owned(),
        secret: cell().ok_or("no secret")?.to_owned(),
        condition: cell().map(str::parse).transpose()?,
        story: cell().map(str::parse).transpose()?,
    };
    if cells.next().is_some() {
        return Err("more than unit_id, secret, condition and story".to_owned());
    }
    Ok(line)
}
