//! What waits for somebody, which processes speak, and what the one on this machine says of itself.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::sheet::Sheet;
use crate::config::Config;
use crate::domain::process::ProcessState;
use crate::domain::time::Instant;
use crate::store::heartbeat::OUTAGE;
use crate::store::{self, Db, StoreError};
use crate::web::standing;

const PATIENCE: Duration = Duration::from_secs(5);
/// A notice that is due for so long has found nobody to send it.
const STUCK: [TimeDelta; 2] = [TimeDelta::minutes(1), TimeDelta::minutes(10)];
/// Units report at least once a day.
const QUIET: TimeDelta = TimeDelta::hours(48);
const NAMED: usize = 5;

pub(super) async fn look(sheet: &mut Sheet, config: &Config, db: Option<&Db>, now: Instant) {
    ready(sheet, config.http.listen).await;
    let Some(db) = db else { return };
    if let Err(error) = stored(sheet, db, now).await {
        sheet.failed(
            "service",
            format!("the database could not say: {error}"),
            "see above",
        );
    }
}

async fn stored(sheet: &mut Sheet, db: &Db, now: Instant) -> Result<(), StoreError> {
    let mut tx = db.read().await?;
    let verified = store::heartbeat::newest(&mut tx).await?;
    let processes = store::process::list(&mut tx, now - TimeDelta::days(1)).await?;
    let mut running = 0;
    for process in standing::running(&processes) {
        running += 1;
        let said = process.said_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let name = &process.name;
        match standing::state_of(process, now) {
            ProcessState::Working => sheet.ok("process", format!("{name} takes sessions in, said at {said}")),
            ProcessState::Silent => sheet.failed(
                "process",
                format!("{name} has said nothing since {said}, and did not say that it ends"),
                "see whether it died, and start it again under the same mqtt.client_id",
            ),
            state => sheet.failed(
                "process",
                format!("{name} says {} at {said}", state.word().replace('_', " ")),
                "its log and its /readyz say why",
            ),
        }
    }
    let at = |at: Instant| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    match verified {
        Some(last) if last > now + TimeDelta::minutes(1) => sheet.failed(
            "clock",
            format!("the last heartbeat is of {}, which is in the future", at(last)),
            "the clock went back, or one machine's clock is wrong: run a time service on all of them",
        ),
        Some(last) if now - last <= OUTAGE => {
            sheet.ok("monitoring", format!("was last verified at {}", at(last)));
        }
        Some(last) if running > 0 => sheet.failed(
            "monitoring",
            format!("was last verified at {}: readings are not judged", at(last)),
            "the lines above say what is missing",
        ),
        last => sheet.warning(
            "monitoring",
            match last {
                Some(last) => format!("is stopped; it was last verified at {}", at(last)),
                None => "has never run on this database".to_owned(),
            },
            "start `homeward serve`",
        ),
    }
    let waiting = store::quarantine::waiting(&mut tx).await?;
    let total: i64 = waiting.iter().map(|(_, count, _)| count).sum();
    match waiting.iter().filter_map(|(.., first)| *first).min() {
        None => sheet.ok("quarantine", "is empty"),
        Some(first) => {
            let reasons: Vec<String> = waiting
                .iter()
                .map(|(reason, count, _)| format!("{count} {reason}"))
                .collect();
            sheet.warning(
                "quarantine",
                format!(
                    "{total} wait ({}), the first since {}",
                    reasons.join(", "),
                    at(first)
                ),
                "homeward quarantine list",
            );
        }
    }
    let (unsent, due) = store::outbox::waiting(&mut tx, now).await?;
    let overdue = due.map_or(TimeDelta::zero(), |due| now - due);
    let found = format!(
        "{unsent} notices wait, the first due for {} s",
        overdue.num_seconds().max(0)
    );
    let advice = "look for failures of unit_post in the log, and at the broker's access rules";
    if overdue > STUCK[1] && running > 0 {
        sheet.failed("outbox", found, advice);
    } else if overdue > STUCK[0] {
        sheet.warning("outbox", found, advice);
    } else {
        sheet.ok("outbox", found);
    }
    let limit = 1000;
    let silent = store::health::silent_units(&mut tx, now, now - QUIET, limit).await?;
    if silent.is_empty() {
        sheet.ok("units", "every assigned unit was heard of within two days");
    } else {
        let names: Vec<&str> = silent.iter().take(NAMED).map(|(unit, _)| unit.as_str()).collect();
        let more = if silent.len() > NAMED { ", …" } else { "" };
        sheet.warning(
            "units",
            format!(
                "{} assigned units were not heard of for two days: {}{more}",
                silent.len(),
                names.join(", ")
            ),
            "ring the patient, or end the assignment of a unit that was given back",
        );
    }
    Ok(())
}

#[derive(Deserialize)]
struct Ready {
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    name: String,
    works: bool,
    detail: String,
}

/// Asks the process that serves on this machine.
async fn ready(sheet: &mut Sheet, listen: SocketAddr) {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let Ok(answer) = tokio::time::timeout(PATIENCE, ask(address)).await else {
        let found = format!("what listens on {address} does not answer");
        return sheet.failed(
            "service",
            found,
            "see whether it is Homeward, and what its log says",
        );
    };
    let Ok(answer) = answer else {
        let found = format!("nobody listens on {address}");
        return sheet.warning(
            "service",
            found,
            "start `homeward serve`, unless it is meant to be stopped",
        );
    };
    let Some(Ready { parts }) = answer else {
        let found = format!("what answers on {address} is not Homeward");
        return sheet.failed("service", found, "free the port, or change http.listen");
    };
    let faults: Vec<&Part> = parts.iter().filter(|part| !part.works).collect();
    if faults.is_empty() {
        sheet.ok("service", format!("on {address} is ready"));
    }
    for part in faults {
        let found = format!("on {address} is not ready: {}: {}", part.name, part.detail);
        sheet.failed("service", found, "the check of that part says more");
    }
}

/// `None` where the answer is none of ours.
async fn ask(address: SocketAddr) -> std::io::Result<Option<Ready>> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(serde_json::from_str(body).ok())
}
